"""Wins found anew from bars, wins stored, and outcomes counted: three ways to the same trades."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from quant_assets.bronze.presets import Grid
from quant_assets.bronze.schema import BRONZE_TRADES
from quant_assets.market.errors import InputError
from quant_assets.settings.model import BronzeSettings, Member, Settings
from quant_assets.storage import commit
from quant_assets.workflows import wins as wins_module
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.wins import Slice, read_stored_wins, read_wins, scan_wins
from quant_assets.workflows.workspace import Workspace

ASSETS = ("bars", "bronze_trades", "bronze_stats")


def make(workspace: Workspace, symbol: str, days: list[date]) -> None:
    """Make bars and bronze of some sessions."""
    keys = [Key(symbol, day) for day in days]
    for asset in ASSETS:
        for outcome in make_range(workspace, recipes()[asset], keys):
            assert outcome.status in {Status.MADE, Status.KEPT}, outcome


def sessions_of(workspace: Workspace, symbol: str) -> list[date]:
    """Return the sessions that bars were landed for."""
    return LakeView(workspace).sessions("raw_bars", symbol)


@pytest.fixture(scope="module")
def landed(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Return a data root with a week of real quarter hours, bronze and all."""
    workspace = Workspace.open(tmp_path_factory.mktemp("wins") / "data")
    (report,) = ingest_files(workspace, [shared_data / "ohlcv" / "EURUSD15.csv"])
    assert report.status == "accept"
    make(workspace, "EURUSD", sessions_of(workspace, "EURUSD"))
    yield workspace
    workspace.state.close()


def stored(workspace: Workspace, symbol: str = "EURUSD") -> pl.DataFrame:
    """Return all stored wins of a symbol, in order of their sessions."""
    entries = workspace.lake.index.entries("bronze_trades", symbol=symbol)
    return pl.concat([workspace.lake.read(e) for e in sorted(entries, key=lambda e: e.session)])


def whole(workspace: Workspace) -> Slice:
    """Return the slice of everything."""
    days = sessions_of(workspace, "EURUSD")
    return Slice("EURUSD", days[0], days[-1])


@pytest.mark.shared
def test_a_lazy_scan_gives_the_stored_rows_to_the_bit(landed: Workspace):
    """All sessions, in the stored order; Polars and DuckDB read the same."""
    rows = stored(landed)
    assert rows.height > 10_000
    assert scan_wins(landed, whole(landed)).collect().equals(rows)
    wins = read_wins(landed, whole(landed), batch_rows=10_000)  # noqa: F841 -- DuckDB finds it by name
    by_target = duckdb.sql("SELECT tp_ratio, count(*) AS n FROM wins GROUP BY 1 ORDER BY 1").pl()
    expected = rows.group_by("tp_ratio").len("n").sort("tp_ratio").cast({"n": pl.Int64})
    assert by_target.equals(expected)


@pytest.mark.shared
def test_a_slice_is_that_of_the_stored_rows(landed: Workspace):
    """Sessions, direction and levels are chosen before the search, filters after it."""
    days = sessions_of(landed, "EURUSD")
    wanted = Slice(
        "EURUSD", days[1], days[4], direction="sell", sl=(0.005, 0.02), tp=(0.0015, 0.01)
    )
    late = pl.col("entry_time").dt.hour() >= 12
    found = scan_wins(landed, wanted).filter(late).select("exit_time", "tp_ratio").collect()
    rows = stored(landed).filter(
        pl.col("entry_time").dt.date().is_between(days[1], days[4]),
        pl.col("trade_type") == "sell",
        pl.col("sl_ratio").is_between(0.005, 0.02),
        pl.col("tp_ratio").is_between(0.0015, 0.01),
        late,
    )
    assert rows.height > 100
    assert found.equals(rows.select("exit_time", "tp_ratio"))


@pytest.mark.shared
def test_a_head_searches_no_further_than_it_must(
    landed: Workspace, monkeypatch: pytest.MonkeyPatch
):
    """Ten rows of the first session need its bars alone."""
    searched: list[date] = []
    search_of = wins_module.search_of

    def watched(view, window, **more):
        searched.append(window.here.day)
        return search_of(view, window, **more)

    monkeypatch.setattr(wins_module, "search_of", watched)
    assert scan_wins(landed, whole(landed)).head(10).collect().equals(stored(landed).head(10))
    assert len(searched) == 1


@pytest.mark.shared
def test_a_grid_that_nobody_stored_is_searched_as_well(landed: Workspace):
    """Research does not depend on a stored grid: half of the stored one gives half its rows."""
    rows = stored(landed)
    stops = tuple(rows["sl_ratio"].unique().sort().cast(pl.Float64))
    view = LakeView(landed)
    window = wins_module.bronze_window(view, "EURUSD", sessions_of(landed, "EURUSD")[0])
    assert window is not None
    half = replace(window.grid, sl_ratios=window.grid.sl_ratios[::2])
    assert len(half.sl_ratios) == 10
    assert len(stops) == 20
    found = scan_wins(landed, replace(whole(landed), grid=half)).collect()
    kept = pl.col("sl_ratio").is_in(rows["sl_ratio"].unique().sort().gather_every(2).implode())
    assert found.equals(rows.filter(kept))


@pytest.mark.shared
def test_statistics_agree_with_the_rows(landed: Workspace):
    """Wins and times of every pair and hour are those of the rows; outcomes sum to the entries."""
    entries = landed.lake.index.entries("bronze_stats", symbol="EURUSD")
    stats = pl.concat([landed.lake.read(entry) for entry in entries])
    keys = ["direction", "sl", "tp", "weekday", "hour"]
    rows = stored(landed).select(
        direction="trade_type",
        sl="sl_ratio",
        tp="tp_ratio",
        weekday=pl.col("entry_time").dt.weekday().cast(pl.UInt8),
        hour=pl.col("entry_time").dt.hour().cast(pl.UInt8),
    )
    counted = rows.group_by(keys).len("wins").cast({"wins": pl.Int64}).sort(keys)
    summed = stats.group_by(keys).agg(pl.col("wins").sum()).filter(pl.col("wins") > 0)
    assert summed.cast({"sl": pl.Float32, "tp": pl.Float32}).sort(keys).equals(counted)
    totals = stats.select("wins", "losses", "timeouts").sum().row(0)
    bars = landed.lake.index.entries("bars", symbol="EURUSD")
    candles = sum(entry.rows for entry in bars if entry.stats.get("research"))
    assert sum(totals) == candles * 2 * 20 * 40


@pytest.mark.shared
def test_only_row_groups_and_columns_that_are_asked_for_are_read(
    landed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A file of many row groups; one hour of it touches few of them, and two columns."""
    rows = stored(landed)
    day = rows["entry_time"].dt.date()[0]
    (entry,) = landed.lake.index.entries("bronze_trades", symbol="EURUSD", session=str(day))
    session = landed.lake.read(entry)
    whole_file = landed.lake.root / entry.path
    before = whole_file.read_bytes()
    footer = commit.read_footer(whole_file)
    try:
        metadata = {commit.FOOTER_KEY: commit.canonical_json(footer)}
        session.write_parquet(whole_file, row_group_size=500, metadata=metadata)
        read: list[tuple[list[int], list[str]]] = []
        original = pq.ParquetFile.read_row_groups

        def watched(self, row_groups, columns=None, **more):
            read.append((list(row_groups), list(columns)))
            return original(self, row_groups, columns=columns, **more)

        monkeypatch.setattr(pq.ParquetFile, "read_row_groups", watched)
        start = datetime.combine(day, datetime.min.time()) + timedelta(hours=8)
        found = read_stored_wins(
            landed,
            [entry],
            columns=["tp_ratio"],
            entered_from=start,
            entered_before=start + timedelta(hours=1),
        )
    finally:
        whole_file.write_bytes(before)
    inside = pl.col("entry_time").is_between(start, start + timedelta(hours=1), closed="left")
    assert found.rows.equals(session.filter(inside).select("tp_ratio"))
    assert found.rows.height > 0
    ((groups, columns),) = read
    n_groups = -(-session.height // 500)
    assert found.row_groups == n_groups
    assert found.row_groups_read == len(groups)
    assert len(groups) <= found.rows.height // 500 + 2 < n_groups
    assert columns == ["tp_ratio", "entry_time"]


def test_a_symbol_without_bars_is_an_error_that_says_what_to_do(tmp_path: Path):
    """Not an empty table, which would say that nothing ever wins."""
    workspace = Workspace.open(tmp_path / "data")
    wanted = Slice("EURUSD", date(2024, 1, 1), date(2024, 1, 2))
    with pytest.raises(InputError, match="quant materialize bars --symbol EURUSD"):
        next(iter(read_wins(workspace, wanted)))


def _minutes(path: Path, day: date, hour: int, prices: list[float]) -> None:
    """Write bars of a minute, flat each."""
    lines = [
        f"{day:%Y.%m.%d},{hour:02d}:{place:02d},{p},{p},{p},{p},5" for place, p in enumerate(prices)
    ]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(("first", "wins"), [(1.2, True), (1.0, False)])
def test_finer_bars_of_the_same_session_decide_a_tie(tmp_path: Path, first: float, wins: bool):
    """An hour that reaches both levels: its minutes say which came first."""
    workspace = Workspace.open(tmp_path / "data")
    day = date(2024, 3, 5)
    minutes = tmp_path / "EURUSD1.csv"
    _minutes(minutes, day, 9, [1.1] * 60)
    text = minutes.read_text()
    second = 1.0 if first == 1.2 else 1.2
    _minutes(minutes, day, 10, [1.1, first, second] + [1.1] * 57)
    minutes.write_text(text + minutes.read_text())
    drilled = Settings(
        bronze=BronzeSettings(tie="drill_down"),
        universe=(Member(symbol="EURUSD", timeframe="1h"),),
    )
    workspace = replace(workspace, settings=drilled)
    (report,) = ingest_files(workspace, [minutes])
    assert report.committed == 120
    make(workspace, "EURUSD", [day])
    grid = Grid((0.05,), (0.05,), 5, tie="drill_down")
    wanted = Slice("EURUSD", day, day, grid=grid)
    found = scan_wins(workspace, wanted).collect()
    assert found["trade_type"].to_list() == (["buy"] if wins else ["sell"])
    lost = scan_wins(workspace, replace(wanted, grid=replace(grid, tie="loss"))).collect()
    assert lost.is_empty()
    (entry,) = workspace.lake.index.entries("bronze_trades", symbol="EURUSD")
    assert entry.stats["ambiguous_entries"] == 1
    assert BRONZE_TRADES.check(workspace.lake.read(entry)).height == entry.rows


@pytest.mark.parametrize(("first", "side"), [(110.0, "buy"), (90.0, "sell")])
def test_ticks_of_the_same_session_decide_a_tie(tmp_path: Path, first: float, side: str):
    """An hour made of trades that reaches both levels: the trades say which came first."""
    settings = Settings(
        bronze=BronzeSettings(tie="drill_down"),
        universe=(Member(symbol="BTCUSDT", timeframe="1h"),),
    )
    workspace = replace(Workspace.open(tmp_path / "data"), settings=settings)
    prices = [(9, 100.0), (10, first), (10, 200.0 - first)]
    lines = [
        f"2024-03-05T{hour:02d}:{place:02d}:00Z,{price},1,buy"
        for place, (hour, price) in enumerate(prices)
    ]
    file = tmp_path / "BTCUSDT.trades.csv"
    file.write_text("timestamp,price,quantity,side\n" + "\n".join(lines) + "\n")
    (report,) = ingest_files(workspace, [file])
    assert report.committed == 3, report
    day = date(2024, 3, 5)
    key = [Key("BTCUSDT", day)]
    assert [o.status for o in make_range(workspace, recipes()["clean_ticks"], key)] == ["made"]
    make(workspace, "BTCUSDT", [day])
    grid = Grid((0.05,), (0.05,), 5, tie="drill_down")
    found = scan_wins(workspace, Slice("BTCUSDT", day, day, grid=grid)).collect()
    assert found["trade_type"].to_list() == [side]
    (entry,) = workspace.lake.index.entries("bronze_trades", symbol="BTCUSDT")
    assert entry.stats["ambiguous_entries"] == 1
