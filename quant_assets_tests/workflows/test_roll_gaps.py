"""Gaps of rolls from landed data, and the views that they make: export and warehouse."""

import csv
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from quant_assets.cli.main import app
from quant_assets.market.errors import InputError
from quant_assets.settings.model import RollSettings
from quant_assets.storage.warehouse import create_views, views_version
from quant_assets.workflows.bars_export import derive_adjusted_bars, derive_bars
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.roll_gaps import roll_gaps
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.warehouse import warehouse_views
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.storage.readers import sqlite_files

DAYS = [date(2024, 3, day) for day in (4, 5, 6, 7)]


def _ticks(prices: dict[date, list[tuple[float, int]]]) -> list[tuple]:
    """Return trades of some days by price and quantity, an hour apart from 14:00 UTC."""
    return [
        (f"{day} {14 + n}:00:00.000000", price, qty, price - 0.25, price, 3, 4)
        for day, trades in prices.items()
        for n, (price, qty) in enumerate(trades)
    ]


def _workspace(root: Path, tables: dict[str, list[tuple]]) -> Workspace:
    """Return a data root in which ticks are landed, and all up to bars made."""
    root.mkdir()
    opened = Workspace.open(root)
    file = sqlite_files.make(root / "es.sqlite", tables)
    (report,) = ingest_files(opened, [file], zone="UTC")
    assert report.quarantined == 0
    _make(opened, DAYS)
    return opened


def _make(workspace: Workspace, days: list[date]) -> None:
    """Make roll map, ticks and bars of ES."""
    for asset in ("roll_map", "clean_ticks", "bars"):
        list(make_range(workspace, recipes()[asset], [Key("ES", day) for day in days]))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return four sessions, on the last two of which another contract is read.

    On the day before the roll the new contract's last row has no quantity; on the one before that
    both trade.
    """
    old = {day: [(5000.0 + n, 9), (5001.0 + n, 9)] for n, day in enumerate(DAYS)}
    new = {
        DAYS[0]: [(5050.0, 1)],
        DAYS[1]: [(5050.0, 20), (5060.0, 2), (5999.0, 0)],
        DAYS[2]: [(5070.0, 50)],
        DAYS[3]: [(5080.0, 50)],
    }
    return _workspace(tmp_path / "data", {"ESH24_TICK": _ticks(old), "ESM24_TICK": _ticks(new)})


def _series(*contracts: str) -> pl.DataFrame:
    """Return a continuous series of the days."""
    return pl.DataFrame({"session": DAYS[: len(contracts)], "contract": contracts})


def test_a_gap_is_between_the_last_trades_of_the_last_session_with_both(workspace):
    """Before the roll alone; a row without quantity is no trade."""
    found = roll_gaps(LakeView(workspace), "ES", _series("ESH24", "ESH24", "ESM24", "ESM24"))
    assert found.rows() == [(DAYS[2], "ESH24", "ESM24", DAYS[1], 5002.0, 5060.0)]


def test_a_session_in_which_one_does_not_trade_is_passed_over(tmp_path):
    """The gap comes from the session before it; without any it has no prices."""
    old = _ticks({DAYS[0]: [(5000.0, 9)], DAYS[1]: [(5100.0, 9)]})
    new = _ticks({DAYS[0]: [(5050.0, 1)], DAYS[2]: [(5200.0, 1)]})
    never = _ticks({DAYS[3]: [(5300.0, 99)]})
    tables = {"ESH24_TICK": old, "ESM24_TICK": new, "ESU24_TICK": never}
    opened = _workspace(tmp_path / "data", tables)
    found = roll_gaps(LakeView(opened), "ES", _series("ESH24", "ESH24", "ESM24", "ESU24"))
    assert found.rows() == [
        (DAYS[2], "ESH24", "ESM24", DAYS[0], 5000.0, 5050.0),
        (DAYS[3], "ESM24", "ESU24", None, None, None),
    ]


@pytest.mark.parametrize(("by", "step"), [("difference", 58.0), ("ratio", 5060.0 / 5002.0)])
def test_exported_bars_hold_raw_and_adjusted_prices(workspace, by, step):
    """What is landed, cleaned and stored as bars stays as it was."""
    raw = derive_bars(workspace, "ES", timeframe="1h")
    made = derive_adjusted_bars(workspace, "ES", timeframe="1h", adjust=by)
    assert made.bars.select(raw.columns).equals(raw)
    assert made.remarks == []
    old = made.bars.filter(contract="ESH24")
    assert old["adjustment"].unique().to_list() == [step]
    last = old["adjusted_close"][-1]
    assert last == pytest.approx(5060.0, rel=1e-15)
    cut = derive_adjusted_bars(workspace, "ES", timeframe="1h", adjust=by, last=DAYS[1])
    assert cut.bars["adjusted_close"].equals(cut.bars["close"], check_names=False)


def test_the_command_writes_adjusted_bars_and_says_where_there_is_no_gap(
    tmp_path, workspace, monkeypatch
):
    """Empty before such a roll, which stands on stderr; an unknown way is refused."""
    monkeypatch.setenv("QUANT_DATA", str(workspace.root))
    runner, out = CliRunner(), tmp_path / "bars.csv"
    call = ["bars", "ES", "--timeframe", "1d", "--out", str(out), "--adjust"]
    found = runner.invoke(app, [*call, "ratio"])
    assert (found.exit_code, found.stderr) == (0, "")
    with out.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["contract"] for row in rows] == ["ESH24", "ESH24", "ESM24", "ESM24"]
    assert [float(row["close"]) for row in rows] == [5001.0, 5002.0, 5070.0, 5080.0]
    assert float(rows[1]["adjusted_close"]) == pytest.approx(5060.0)
    assert isinstance(runner.invoke(app, [*call, "panama"]).exception, InputError)
    file = sqlite_files.make(
        workspace.root / "late.sqlite", {"ESU24_TICK": _ticks({DAYS[2]: [(5300.0, 99)]})}
    )
    tuple(ingest_files(workspace, [file], zone="UTC"))
    for entry in workspace.lake.index.entries("raw_ticks", session=str(DAYS[3])):
        assert entry.levels["contract"] != "ESU24"
    _make(_same_day(workspace), DAYS)
    monkeypatch.setenv("QUANT_ROLL__MODE", "same_day")
    found = runner.invoke(app, [*call, "ratio"])
    assert "ESM24 and ESU24, which never traded in one session" in found.stderr


def _same_day(workspace: Workspace) -> Workspace:
    """Return the data root with a map of each day's own leader."""
    roll = RollSettings(mode="same_day")
    return replace(workspace, settings=workspace.settings.model_copy(update={"roll": roll}))


@pytest.mark.parametrize("by", ["difference", "ratio"])
def test_the_warehouse_shows_what_the_export_writes(tmp_path, workspace, by):
    """Column by column to the bit, beside the raw view, which has no adjusted column."""
    views = warehouse_views(workspace)
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        create_views(connection, views)
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        shown = connection.table(f"ohlcv_ES_adjusted_{by}").order("bar_start").pl()
        raw = connection.table("ohlcv_ES").order("bar_start").pl()
    made = derive_adjusted_bars(workspace, "ES", timeframe="1m", adjust=by).bars
    names = ["contract", "close", "adjustment", *(f"adjusted_{n}" for n in ("open", "low"))]
    assert shown.select(names).equals(made.select(names))
    assert shown.height == raw.height > 0
    assert not [name for name in raw.columns if name.startswith("adjust")]


def test_another_gap_is_another_warehouse(workspace):
    """The views' files are the same; a restated last trade before the roll counts."""
    before = views_version(workspace.root, warehouse_views(workspace))
    assert views_version(workspace.root, warehouse_views(workspace)) == before
    trade = (f"{DAYS[1]} 20:00:00.000000", 5061.0, 1, 5060.75, 5061.0, 3, 4)
    file = sqlite_files.make(workspace.root / "late.sqlite", {"ESM24_TICK": [trade]})
    tuple(ingest_files(workspace, [file], zone="UTC"))
    assert views_version(workspace.root, warehouse_views(workspace)) != before


def _last_prices(file: Path, until: str) -> dict[str, float]:
    """Return the last traded price of each contract before an Indian stamp."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as connection:
        return {
            code: connection.execute(
                f'SELECT price FROM "{code}_MIN" WHERE timestamp < ? AND volume > 0 '
                "ORDER BY timestamp DESC LIMIT 1",
                [until],
            ).fetchone()[0]
            for code in ("ESZ13", "ESH14")
        }


@pytest.mark.shared
@pytest.mark.parametrize("by", ["difference", "ratio"])
def test_real_minutes_of_es_step_over_their_roll_as_the_new_contract_does(
    tmp_path, shared_data, by
):
    """ESZ13 to ESH14 on 2013-12-19, measured on the 18th, against plain SQL on the file."""
    file = shared_data / "futures" / "futures_minutes.sqlite"
    (tmp_path / "data").mkdir()
    workspace = Workspace.open(tmp_path / "data")
    tuple(ingest_files(workspace, [file]))
    _make(workspace, [date(2013, 12, 3), date(2013, 12, 18), date(2013, 12, 19)])
    first = date(2013, 12, 3)
    made = derive_adjusted_bars(workspace, "ES", timeframe="1d", adjust=by, first=first)
    # A session ends at 17:00 in Chicago, which is 04:30 of the next day in India.
    last = _last_prices(file, "2013-12-19 04:30:00")
    (gap,) = made.gaps.rows()
    session, measured = date(2013, 12, 19), date(2013, 12, 18)
    assert gap == (session, "ESZ13", "ESH14", measured, last["ESZ13"], last["ESH14"])
    end = _last_prices(file, "2013-12-20 04:30:00")["ESH14"]
    before, after = made.bars["adjusted_close"].to_list()[-2:]
    assert after == made.bars["close"][-1] == end
    step = after - before if by == "difference" else after / before
    own = end - last["ESH14"] if by == "difference" else end / last["ESH14"]
    assert step == pytest.approx(own, rel=1e-12)
    raw = made.bars["close"].to_list()[-2:]
    assert raw[1] - raw[0] != pytest.approx(own)
