"""Real market files through the whole graph, twice: from ingest to leaderboard and tear sheet."""

import csv
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from quant_assets.market.sessions import SessionCalendar
from quant_assets_tests.integration.command import Root
from quant_assets_tests.integration.real_files import (
    CUT,
    FILES,
    STRATEGIES,
    SWEEPS,
    cut_files,
    write_wishes,
)
from quant_assets_tests.integration.research import sweep_all

pytestmark = [pytest.mark.shared, pytest.mark.slow, pytest.mark.timeout(900)]

EQUITIES = ("AIG", "BAC", "SPY")
OTHERS = (*EQUITIES, "ES", "GC", "equity_1m", "future_1m")
"""Words in the names of what the second root does not hold."""

SYMBOLS = (*EQUITIES, "BTCUSD", "ES", "EURUSD", "GBPUSD", "GC")
ROWS = 92514 + 14739 + 648 + sum(CUT.values()) + 116426 + 16636
STAGES = (
    "bars",
    "profiles",
    "levels",
    "contract_table",
    "bronze_trades",
    "bronze_stats",
    "regimes",
    "features",
    "momentum_days",
    "training_set",
    "predictions",
    "signals",
)


MODELS = {
    *STRATEGIES,
    "crypto_15m_barriers",
    "equity_1m_barriers",
    "future_1m_barriers",
    "fx_15m_barriers",
}

RULES = {name for name, wishes in STRATEGIES.items() if "signal" in wishes}


class Built:
    """Two data roots of the same files: one worker, two workers, other hash seeds.

    The second one holds currencies and crypto alone, and ends with predictions: what is made of
    them is the same without the others, models too.
    """

    def __init__(self, folder: Path, shared: Path) -> None:
        self.roots = (Root(folder / "one" / "data", 1), Root(folder / "two" / "data", 2))
        self.landed = []
        self.runs = []
        for workers, root in enumerate(self.roots, start=1):
            write_wishes(root.folder)
            files = [name for name in FILES if workers == 1 or name.startswith("ohlcv")]
            paths = [*(shared / name for name in files), *cut_files(shared, root.folder.parent)]
            self.landed.append(root.rows("ingest", *(str(path) for path in paths)))
            if workers == 1:
                self.cells = sweep_all(root, most=2)
            selection = "*" if workers == 1 else "predictions"
            self.runs.append(root.rows("materialize", selection, "--workers", str(workers)))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Built:
    """Build both roots once."""
    return Built(tmp_path_factory.mktemp("real"), shared_data)


def test_every_file_is_landed_whole(built):
    """Real files end as accept, and the rows committed are the rows read."""
    (reports, _) = built.landed
    assert [report["status"] for report in reports] == ["accept"] * (len(FILES) + len(CUT))
    assert all(report["rows_in"] == report["committed"] for report in reports)
    assert sum(report["rows_in"] for report in reports) == ROWS


def test_every_stage_is_reached_for_every_symbol(built):
    """From landed files to predictions, each symbol has its partitions; each strategy a trial."""
    lake = built.roots[0].open().lake
    assert all(row["success"] for row in built.runs[0])
    for stage in STAGES:
        assert sorted({entry.symbol for entry in lake.index.entries(stage)}) == sorted(SYMBOLS)
    assert sorted({entry.symbol for entry in lake.index.entries("roll_map")}) == ["ES", "GC"]
    for table in ("clean_ticks", "footprint", "footprint_bars"):
        assert {entry.symbol for entry in lake.index.entries(table)} == {"GC"}
    board = lake.read(lake.index.entries("leaderboard")[0])
    assert set(board.filter(board["sweep"].is_null())["strategy"]) == MODELS
    assert not board["is_stale"].any()


def test_sweeps_go_from_landed_files_to_the_leaderboard_in_one_command(built):
    """Each cell is a trial, none failed, and all of them stand on the leaderboard."""
    assert {cell["state"] for cell in built.cells} == {"completed"}
    lake = built.roots[0].open().lake
    board = lake.read(lake.index.entries("leaderboard")[0])
    assert {cell["trial_id"] for cell in built.cells} <= set(board["trial_id"])
    assert set(board["sweep"].drop_nulls()) == set(SWEEPS)
    assert len(built.cells) == 8 + 8 + 4 + 4
    assert {row["realism"] for row in board.to_dicts()} == {"ideal", "spread", "full"}


def test_every_trade_is_walked_back_to_its_row_of_a_file(built, shared_data):
    """Of each stored backtest, and of a trial of each sweep: the price is in the file."""
    root = built.roots[0]
    lake = root.open().lake
    stored = [entry for entry in lake.index.entries("trades") if entry.rows]
    runs = {entry.levels["run"] for entry in stored}
    by_sweep = {cell["trial_id"][:10] for cell in built.cells if cell["cell"] == 1}
    places = ("--raw", str(shared_data), "--raw", str(root.folder.parent))
    told = root.rows("explain", *sorted(runs | by_sweep), *places)
    assert len(told) >= sum(entry.rows for entry in stored) > 100
    assert [one["trade_id"] for one in told if not one["resolved"]] == []


def test_volume_is_kept_from_ticks_to_the_flat_table(built):
    """Whatever was landed of the active contract stands in bars, rows, profile and flat rows."""
    lake = built.roots[0].open().lake

    def totals(table: str, column: str) -> dict[tuple[str, str], float]:
        return {
            (entry.symbol, entry.session): float(lake.read(entry)[column].sum())
            for entry in lake.index.entries(table)
            if entry.stats.get("research", True)
        }

    ticks = totals("clean_ticks", "qty")
    bars = totals("bars", "volume")
    assert len(ticks) == 3
    assert ticks.items() <= bars.items()
    assert totals("footprint_bars", "volume") == ticks
    assert totals("contract_table", "volume") == bars
    assert totals("profiles", "volume") == pytest.approx(bars, rel=1e-12)


def test_each_strategy_has_a_tear_sheet_that_makes_no_request(built):
    """A page stands for each strategy, forbids requests, and loads nothing from elsewhere."""
    pages = sorted((built.roots[0].folder / "reports").glob("*.html"))
    swept = {f"sweep_{name}" for name in SWEEPS}
    assert {page.stem for page in pages} == MODELS | swept | {"leaderboard"}
    for page in pages:
        reader = _References()
        reader.feed(page.read_text(encoding="utf-8"))
        assert "default-src 'none'" in reader.policy
        assert reader.found == []


class _References(HTMLParser):
    """Collects the page's content policy and whatever its tags would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that names another place."""
        named = dict(attrs)
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"] or ""
        places = [named.get("src"), named.get("href") if tag == "link" else None]
        self.found += [place for place in places if place and not place.startswith("data:")]


def test_two_builds_end_with_the_same_versions_and_partitions(built):
    """Another process, hash seed and number of workers: the same content, models too."""
    one, two = (root.versions() for root in built.roots)
    apart = {name for name in one if any(word in name for word in OTHERS)}
    tables = {name.split("/", 1)[0] for name in two}
    shared = {name for name in set(one) - apart if name.split("/", 1)[0] in tables}
    assert {name: one[name] for name in shared} == two
    assert {"features", "regimes", "models", "predictions"} <= tables
    assert len(two) > 250
    assert sum(name.startswith("models/") for name in two) == len(MODELS) - len(RULES) - 2


def test_nothing_fell_into_the_pickle_manager(built):
    """Dagster's own storage holds no value of any asset."""
    for root in built.roots:
        storage = root.folder / "dagster_home" / "storage"
        assets = {*STAGES, "model", "backtest", "leaderboard", "warehouse"}
        assert [
            path for path in storage.rglob("*") if path.is_file() and path.parts[-2] in assets
        ] == []


def test_a_second_run_makes_nothing_anew(built):
    """Everything is fresh: no partition is made, and the command says so."""
    before = built.roots[0].versions()
    assert "Nothing was made anew" in built.roots[0].run("materialize", "*")
    assert built.roots[0].versions() == before


@pytest.mark.parametrize("basis", ["session", "utc", "ist"])
@pytest.mark.parametrize("name", ["ticks", "minutes"])
def test_roll_maps_equal_the_expected_ones(tmp_path, shared_data, name, basis):
    """Leader, volumes and rolls of each day are those computed apart, by each basis of a day."""
    root = Root(tmp_path / "data")
    root.folder.mkdir()
    database = shared_data / "futures" / f"futures_{name}.sqlite"
    out = tmp_path / "roll.csv"
    options = ("--mode", "same_day", "--date-basis", basis, "--raw-leader", "--out", str(out))
    root.run("roll-map", str(database), *options)
    with (database.parent / f"futures_{name}.expected_roll.csv").open() as handle:
        expected = [row for row in csv.DictReader(handle) if row["day_basis"] == basis]
    with out.open() as handle:
        mine = list(csv.DictReader(handle))
    keys = ("contract", "volume", "runner_up", "runner_up_volume")
    assert [(row["date"], *(_plain(row[k]) for k in keys)) for row in mine] == [
        (row["day"], *(_plain(row[k]) for k in keys)) for row in expected
    ]
    assert [row["rolled"] == "true" for row in mine] == [row["rolled"] == "1" for row in expected]


def _plain(text: str) -> str | float:
    """Return a number where the text is one."""
    try:
        return float(text)
    except ValueError:
        return text


def test_daily_aggregates_of_landed_bars_equal_the_expected_ones(tmp_path, shared_data):
    """Each DBN file's bars, by symbol and local day, whole day and regular hours."""
    root = Root(tmp_path / "data")
    root.folder.mkdir()
    with (shared_data / "dbn" / "expected_days.csv").open() as handle:
        expected = list(csv.DictReader(handle))
    names = sorted({row["file"] for row in expected})
    reports = root.rows("ingest", *(str(shared_data / "dbn" / name) for name in names))
    assert {report["status"] for report in reports} <= {"accept", "warn"}
    workspace = root.open()
    checked = 0
    for row in expected:
        schema = next(part for part in row["file"].split(".") if part.startswith("ohlcv"))
        found = workspace.lake.index.entries(
            "raw_bars", symbol=row["symbol"], session=row["local_day"]
        )
        entry = next(one for one in found if one.levels["schema"] == schema)
        bars = workspace.lake.read(entry)
        assert _aggregate(bars) == _like(_figures(row, ""))
        regular = _regular(bars, workspace.calendar(row["symbol"]), entry.day)
        if row["rth_bars"] not in {"", "0"} and schema not in {"ohlcv-1h", "ohlcv-1d"}:
            assert _aggregate(regular) == _like(_figures(row, "rth_"))
        checked += 1
    assert checked == len(expected) == 180


def _aggregate(bars: pl.DataFrame) -> list[float]:
    """Return open, high, low, close, volume and count of bars."""
    volume = float(bars["volume"].sum())
    prices = [bars["open"][0], bars["high"].max(), bars["low"].min(), bars["close"][-1]]
    return [*prices, volume, float(bars.height)]


def _like(figures: list[float]) -> list[object]:
    """Return expected figures: prices and counts exact, volumes as the file writes them."""
    *prices, volume, bars = figures
    return [*prices, pytest.approx(volume, abs=5e-4), bars]


def _figures(row: dict[str, str], prefix: str) -> list[float]:
    """Return the expected figures of a row."""
    names = ("open", "high", "low", "close", "volume", "bars")
    return [float(row[f"{prefix}{name}"]) for name in names]


def _regular(bars: pl.DataFrame, calendar: SessionCalendar, session: object) -> pl.DataFrame:
    """Return the bars that start within [open, close)."""
    bounds = calendar.bounds(session)
    stamp = pl.col("bar_start").dt.epoch("ns")
    return bars.filter((stamp >= bounds.open_ns) & (stamp < bounds.close_ns))


@pytest.mark.parametrize("minutes", [5, 15, 60])
def test_exported_bars_equal_the_shipped_files(tmp_path_factory, shared_data, minutes, m1_root):
    """Bars regrouped from one-minute files are those that ship beside them."""
    out = m1_root.folder.parent / f"bars{minutes}.csv"
    name = {5: "5m", 15: "15m", 60: "1h"}[minutes]
    for symbol in ("EURUSD", "GBPUSD"):
        m1_root.run("bars", symbol, "--timeframe", name, "--out", str(out))
        mine = pl.read_csv(out, try_parse_dates=False)
        shipped = pl.read_csv(
            shared_data / "ohlcv" / f"{symbol}{minutes}.csv",
            has_header=False,
            new_columns=["day", "time", "open", "high", "low", "close", "volume"],
        )
        stamps = shipped["day"].str.replace_all(".", "-", literal=True) + "T" + shipped["time"]
        assert mine["bar_start"].str.slice(0, 16).to_list() == stamps.to_list()
        for column in ("open", "high", "low", "close", "volume"):
            assert mine[column].cast(pl.Float64).to_list() == pytest.approx(
                shipped[column].cast(pl.Float64).to_list(), abs=1e-12
            )


@pytest.fixture(scope="module")
def m1_root(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Root:
    """Return a data root that holds one-minute bars of two pairs."""
    root = Root(tmp_path_factory.mktemp("minutes") / "data")
    root.folder.mkdir()
    files = [str(shared_data / "ohlcv" / f"{symbol}1.csv") for symbol in ("EURUSD", "GBPUSD")]
    root.rows("ingest", *files)
    return root
