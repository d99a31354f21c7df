"""What was made of landed data that is gone: no later stage reads it, and the run says so."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from quant_assets.settings.model import RollSettings
from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite
from quant_assets.workflows.changes import pending_partitions
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.plan import INPUT, LEFT, PlanLine, plan_assets
from quant_assets.workflows.ranges import DROPPED, Outcome, make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.register import made_sessions, recipes
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows import toy

DAYS = [date(2024, 3, day) for day in (4, 5, 6)]
BELOW = ("bars", "bronze_trades", "features", "momentum_days", "training_set")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return an empty data root."""
    return Workspace.open(tmp_path / "data")


def _land_bars(workspace: Workspace) -> None:
    """Land three sessions of hourly bars."""
    lines = [
        f"{day:%Y.%m.%d},{h:02d}:00,1.1,1.2,1.0,{1.1 + h / 1000:.4f},5"
        for day in DAYS
        for h in range(24)
    ]
    file = workspace.root / "raw" / "EURUSD60.csv"
    file.parent.mkdir()
    file.write_text("\n".join(lines) + "\n")
    assert next(report.status for report in ingest_files(workspace, [file])) != "reject"


def _lose(workspace: Workspace, symbol: str, day: date) -> None:
    """Let the landed bars of a session be gone: the file, and by a reindex the entry."""
    for entry in workspace.lake.index.entries("raw_bars", symbol=symbol, session=str(day)):
        (workspace.lake.root / entry.path).unlink()
    workspace.lake.reindex()


def _make(
    workspace: Workspace, symbol: str, assets: Iterable[str] = tuple(recipes())
) -> dict[str, dict[date, Outcome]]:
    """Make tables of all days; return the outcomes by asset and day."""
    keys = [Key(symbol, day) for day in DAYS]
    return {
        asset: {o.key.session: o for o in make_range(workspace, recipes()[asset], keys)}
        for asset in assets
    }


def _plan(workspace: Workspace, symbol: str) -> dict[str, PlanLine]:
    """Plan all tables of all days."""
    keys = [Key(symbol, day) for day in DAYS]
    return {line.asset: line for line in plan_assets(workspace, tuple(recipes()), keys)}


def _stored(workspace: Workspace, table: str, day: date) -> list[Path]:
    """Return the files of a table and session by the index, each of which must be there."""
    entries = workspace.lake.index.entries(table, session=str(day))
    files = [workspace.lake.root / entry.path for entry in entries]
    assert all(file.is_file() for file in files)
    return files


@pytest.mark.parametrize("lost", [DAYS[1], DAYS[2]], ids=["inside", "at_the_end"])
def test_a_session_whose_landed_bars_are_gone_is_gone_to_the_last_table(workspace, lost):
    """Its files and entries go; what looked back on it is made again without it."""
    _land_bars(workspace)
    _make(workspace, "EURUSD")
    files = [file for table in BELOW for file in _stored(workspace, table, lost)]
    assert len(files) >= len(BELOW)
    _lose(workspace, "EURUSD", lost)
    plan = _plan(workspace, "EURUSD")
    assert plan["bars"].reasons == {LEFT: 1}
    assert plan["features"].reasons[INPUT] >= 1
    outcomes = _make(workspace, "EURUSD")
    assert [file for file in files if file.exists()] == [file for file in files if _is_shared(file)]
    for table in BELOW:
        assert _stored(workspace, table, lost) == []
        assert outcomes[table][lost].counts == {DROPPED: 1.0}
        assert outcomes[table][lost].status in {Status.MISSING, Status.NOT_DUE}
        assert not outcomes[table][lost].entries
    if lost == DAYS[1]:
        assert outcomes["features"][DAYS[2]].status is Status.MADE
    assert [line.would_run for line in _plan(workspace, "EURUSD").values()] == [0] * len(recipes())
    again = _make(workspace, "EURUSD")
    assert not any(one.counts.get(DROPPED) for made in again.values() for one in made.values())


def _is_shared(file: Path) -> bool:
    """Whether a file holds other sessions too."""
    return not file.parent.name.startswith("day=")


def test_the_sensor_s_question_finds_it(workspace):
    """A session that is no longer landed is pending as long as anything of it stands."""
    _land_bars(workspace)
    _make(workspace, "EURUSD")
    _lose(workspace, "EURUSD", DAYS[2])
    view = LakeView(workspace)
    assert made_sessions(view, "EURUSD") == DAYS
    pending = pending_partitions(view, "EURUSD", made_sessions(view, "EURUSD"))
    assert {asset for asset, key in pending if key.session == DAYS[2]} >= set(BELOW)
    _make(workspace, "EURUSD")
    view = LakeView(workspace)
    assert made_sessions(view, "EURUSD") == DAYS[:2]
    assert pending_partitions(view, "EURUSD", DAYS) == []


def _ticks(quantities: dict[date, float]) -> pl.DataFrame:
    """Return four trades a session that have a quantity in sum."""
    stamps = [
        datetime(day.year, day.month, day.day, 15, minute, tzinfo=UTC)
        for day in quantities
        for minute in range(4)
    ]
    prices = [5_000_000_000_000 + 250_000_000 * n for n in range(len(stamps))]
    return pl.DataFrame(
        {
            "ts": pl.Series(stamps).cast(pl.Datetime("ns", "UTC")),
            "price": prices,
            "bid": [price - 250_000_000 for price in prices],
            "ask": [price + 250_000_000 for price in prices],
            "qty": [quantity / 4 for quantity in quantities.values() for _ in range(4)],
            "bid_qty": [1.0] * len(stamps),
            "ask_qty": [1.0] * len(stamps),
        }
    )


def _land_ticks(workspace: Workspace, name: str, contracts: dict[str, dict[date, float]]) -> None:
    """Land a tick database."""
    file = workspace.root / "raw" / name
    file.parent.mkdir(exist_ok=True)
    write_tick_sqlite(file, {code: _ticks(found) for code, found in contracts.items()})
    assert next(report.status for report in ingest_files(workspace, [file])) != "reject"


def _futures(workspace: Workspace) -> None:
    """Land two contracts of a root, of which the first is read on every session, and make all."""
    both = {"ESH24": dict.fromkeys(DAYS, 400.0), "ESM24": {DAYS[0]: 40.0}}
    _land_ticks(workspace, "first.sqlite", both)
    made = _make(workspace, "ES")["bars"]
    assert [one.status for one in made.values()] == [Status.MADE] * 3


def test_bars_of_a_contract_that_is_not_read_any_more_go(workspace):
    """A restated volume rolls to a contract without data: the other one's bars are not read on."""
    _futures(workspace)
    _land_ticks(workspace, "second.sqlite", {"ESM24": {DAYS[0]: 4000.0}})
    outcomes = _make(workspace, "ES")
    for table in ("clean_ticks", "bars"):
        assert all(outcomes[table][day].counts == {DROPPED: 1.0} for day in DAYS[1:])
        assert [_stored(workspace, table, day) for day in DAYS[1:]] == [[], []]
    assert len(_stored(workspace, "roll_map", DAYS[1])) == 1


def test_bars_stay_while_only_the_roll_map_of_another_mode_is_not_made_yet(workspace):
    """All that they were made from still stands: half of a selection must not empty the lake."""
    _futures(workspace)
    settings = workspace.settings.model_copy(update={"roll": RollSettings(mode="same_day")})
    other = replace(workspace, settings=settings)
    outcomes = _make(other, "ES", ["clean_ticks", "bars"])
    for table in ("clean_ticks", "bars"):
        assert [one.status for one in outcomes[table].values()] == [Status.MISSING] * 3
        assert all(len(_stored(workspace, table, day)) == 1 for day in DAYS)
    assert _plan(other, "ES")["roll_map"].reasons == {"parameters changed": 3}
    assert [one.status for one in _make(other, "ES")["bars"].values()] == [Status.MADE] * 3


def test_an_index_read_a_while_ago_takes_nothing_away(workspace):
    """What another writer has landed meanwhile is seen before anything is dropped."""
    toy.land(workspace, "BTCUSD", dict.fromkeys(DAYS, 1.0))
    keys = [Key("BTCUSD", day) for day in DAYS]
    list(make_range(workspace, toy.Numbers(), keys))
    (landed,) = workspace.lake.index.entries(toy.LANDED.name, session=str(DAYS[0]))
    workspace.lake.drop(landed)
    view = LakeView(workspace)
    assert view.at(toy.LANDED.name, "BTCUSD", DAYS[0]) == []
    toy.land(workspace, "BTCUSD", {DAYS[0]: 7.0})
    (outcome,) = make_range(workspace, toy.Numbers(), keys[:1], view=view)
    assert outcome.status is Status.MADE
    assert workspace.lake.read(outcome.entries[0])["value"].to_list() == [7.0]
