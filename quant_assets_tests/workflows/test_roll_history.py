"""The history of a root is read once for a range, and anew as soon as its landed data changes."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from quant_assets.lineage.records import Lineage
from quant_assets.settings.model import RollSettings
from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite
from quant_assets.ticks.roll_dates import DateBasis, date_bounds
from quant_assets.ticks.roll_map import build_roll_map
from quant_assets.ticks.schema import RAW_BARS
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.partition import TABLES
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes import roll_history as history_module
from quant_assets.workflows.recipes.roll_history import (
    BUSINESS_DAYS,
    landed_by_contract,
    landed_volumes,
    roll_history,
)
from quant_assets.workflows.recipes.roll_map import RollMapRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows import toy

DAYS = [date(2024, 3, day) for day in (4, 5, 6, 7, 8, 11, 12)]
KEYS = [Key("ES", day) for day in DAYS]
VOLUMES = {
    "ESH24": [400.0, 400.0, 300.0, 120.0, 40.0, 40.0, 8.0],
    "ESM24": [40.0, 80.0, 320.0, 400.0, 200.0, 800.0, 800.0],
    "ESU24": [4.0, 4.0, 0.0, 0.0, 400.0, 4.0, 4.0],
}


def _trades(volumes: list[float], *, at_hour: int) -> pl.DataFrame:
    """Return four trades a day that have a volume in sum; none where it is 0."""
    traded = [(day, volume) for day, volume in zip(DAYS, volumes, strict=True) if volume]
    stamps = [
        datetime(day.year, day.month, day.day, at_hour, minute, tzinfo=UTC)
        for day, _ in traded
        for minute in range(4)
    ]
    price = [5_000_000_000_000] * len(stamps)
    return pl.DataFrame(
        {
            "ts": pl.Series(stamps).cast(pl.Datetime("ns", "UTC")),
            "price": price,
            "bid": price,
            "ask": price,
            "qty": [volume / 4 for _, volume in traded for _ in range(4)],
            "bid_qty": [1.0] * len(stamps),
            "ask_qty": [1.0] * len(stamps),
        }
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a data root with three contracts of a root, which rolls twice."""
    opened = Workspace.open(tmp_path / "data")
    raw = opened.root / "raw"
    raw.mkdir()
    # At 23:00 UTC a session is the next day's: by session and by UTC the dates differ.
    trades = {
        code: _trades(volumes, at_hour=23 if code == "ESM24" else 15)
        for code, volumes in VOLUMES.items()
    }
    write_tick_sqlite(raw / "ES.sqlite", trades)
    assert next(report.status for report in ingest_files(opened, [raw])) != "reject"
    return opened


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the roots whose landed volumes are read, as they are read."""
    roots: list[str] = []

    def noted(view: LakeView, root: str, basis: DateBasis) -> pl.DataFrame:
        roots.append(root)
        return landed_volumes(view, root, basis)

    monkeypatch.setattr(history_module, "landed_volumes", noted)
    return roots


def _make(workspace: Workspace, view: LakeView | None = None) -> list[Outcome]:
    """Make the roll map of all days."""
    return list(make_range(workspace, RollMapRecipe(), KEYS, view=view))


@pytest.mark.parametrize("basis", list(DateBasis))
@pytest.mark.parametrize("mode", ["previous_day", "same_day"])
def test_each_row_is_that_of_a_map_up_to_its_date(workspace, mode, basis):
    """One map of all dates gives what a map of its own would give each of them."""
    roll = RollSettings(mode=mode, date_basis=basis.value)
    settings = workspace.settings.model_copy(update={"roll": roll})
    opened = replace(workspace, settings=settings)
    volumes = landed_volumes(LakeView(opened), "ES", basis)
    calendar = opened.calendar("ES")
    made = [one for one in _make(opened) if one.entries]
    assert len(made) >= len(DAYS) - 1
    for outcome in made:
        up_to = build_roll_map(
            volumes.filter(pl.col("date") <= outcome.key.session),
            mode=mode,
            bounds=date_bounds(basis, bounds=calendar.bounds),
            sessions_after=calendar.next,
            business_days=opened.calendars[BUSINESS_DAYS],
        )
        assert opened.lake.read(outcome.entries[0]).equals(up_to.tail(1))


def test_a_version_says_all_volumes_up_to_its_date_and_no_later_one(workspace):
    """Another volume on a date changes its version and those after it."""
    view = LakeView(workspace)
    before = roll_history(view, "ES", DateBasis.SESSION).versions
    (entry,) = view.at("raw_ticks", "ES", DAYS[3], contract="ESH24")
    rows = workspace.lake.read(entry).with_columns(pl.col("qty") * 2)
    stats = entry.stats | {"volume": entry.stats["volume"] * 2}
    committed = workspace.lake.commit(
        TABLES["raw_ticks"], entry.levels, rows, Lineage("landed", stats=stats), session=DAYS[3]
    )
    view.note(committed)
    after = roll_history(view, "ES", DateBasis.SESSION).versions
    assert list(after) == list(before)
    changed = [day for day in after if after[day] != before[day]]
    assert changed == [day for day in before if day >= DAYS[3]]
    assert len(set(after.values())) == len(after)


def test_a_range_reads_the_history_once(workspace, readings):
    """However many sessions it has, made or kept; a range of its own reads it for itself."""
    assert {one.status for one in _make(workspace)} == {"made"}
    assert readings == ["ES"]
    assert {one.status for one in _make(workspace)} == {"kept"}
    assert readings == ["ES"] * 2


def test_landed_data_that_changes_is_read_anew_and_other_data_is_not(workspace, readings):
    """A commit or a drop of the root's landed tables counts, and so does another writer's."""
    view = LakeView(workspace)

    def reads() -> int:
        before = len(readings)
        roll_history(view, "ES", DateBasis.SESSION)
        roll_history(view, "ES", DateBasis.SESSION)
        return len(readings) - before

    assert reads() == 1
    _make(workspace, view)
    toy.land(workspace, "ES", {DAYS[0]: 1.0})
    (other,) = workspace.lake.index.entries(toy.LANDED.name, symbol="ES")
    view.forget(other)
    assert reads() == 0
    (landed,) = view.at("raw_ticks", "ES", DAYS[6], contract="ESH24")
    view.forget(landed)
    assert reads() == 1
    view.reload()
    assert reads() == 1


def test_the_finest_bars_speak_for_a_contract_and_ticks_before_them(workspace):
    """By length and not by name: `1d` comes first in the alphabet, a minute is finer."""
    day = DAYS[0]
    prices = dict.fromkeys(("open", "high", "low", "close"), 5_000.0)
    start = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    bar = {"session": day, "bar_start": start, **prices, "volume": 7.0, "bid": None, "ask": None}
    frame = pl.DataFrame([bar], schema=RAW_BARS.empty().schema)
    for schema in ("ohlcv-1d", "ohlcv-1m", "ohlcv-15m"):
        for code in ("ESH24", "ESZ24"):
            levels = {"schema": schema, "symbol": "ES", "contract": code}
            workspace.lake.commit(RAW_BARS, levels, frame, Lineage("landed"), session=day)
    chosen = landed_by_contract(LakeView(workspace), "ES", day)
    assert chosen["ESZ24"].levels["schema"] == "ohlcv-1m"
    assert chosen["ESH24"].table == "raw_ticks"
