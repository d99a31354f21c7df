"""Open interest from landed files to the roll map, and what makes a row of the map stale."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import databento_dbn  # noqa: TID253 -- the vendor's encoder and record types are the oracle
import polars as pl
import pytest

from quant_assets.settings.model import RollSettings
from quant_assets.ticks.roll_dates import DateBasis, date_bounds
from quant_assets.ticks.roll_map import build_roll_map
from quant_assets.ticks.roll_modes import RollMode
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.report import FileReport
from quant_assets.workflows.plan import plan_assets
from quant_assets.workflows.ranges import Outcome, make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.roll_history import (
    BUSINESS_DAYS,
    landed_open_interest,
    landed_volumes,
)
from quant_assets.workflows.recipes.roll_map import RollMapRecipe
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.storage.readers import dbn_files, sqlite_files

# ESH24 expires on Friday 15; five sessions before it is Friday 8.
DAYS = [date(2024, 3, day) for day in (4, 5, 6, 7, 8, 11, 12)]
KEYS = [Key("ES", day) for day in DAYS]
VOLUMES = {"ESH24": [9, 9, 9, 1, 1, 1, 1], "ESM24": [1, 1, 1, 9, 9, 9, 9]}
INTEREST = {"ESH24": [8, 4, 4, 4, 4, 4, 4], "ESM24": [5, 5, 5, 5, 5, 5, 5]}
COLUMNS = f"{sqlite_files.TICK_COLUMNS}, oi"


def _rows(contract: str, interest: dict[str, list]) -> Iterable[tuple]:
    """Yield trades at 14:00 and 19:00 UTC of each day; between them its figure arrives."""
    for n, day in enumerate(DAYS):
        volume, figure = VOLUMES[contract][n], interest.get(contract, [None] * len(DAYS))[n]
        for hour, held in ((14, 1_000 if figure is not None else None), (19, figure)):
            yield (f"{day} {hour}:00:00.000000", 5000.0, volume, 4999.75, 5000.0, 3, 4, held)


def _land(
    workspace: Workspace, name: str, tables: dict[str, Iterable[tuple]], columns: str = COLUMNS
) -> FileReport:
    """Land a database whose stamps are UTC."""
    file = sqlite_files.make(workspace.root / name, tables, columns=columns)
    (report,) = ingest_files(workspace, [file], zone="UTC")
    return report


def _land_ticks(workspace: Workspace, interest: dict[str, list]) -> FileReport:
    """Land both contracts."""
    tables = {f"{code}_TICK": _rows(code, interest) for code in VOLUMES}
    return _land(workspace, f"{len(interest)}.sqlite", tables)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a data root with two contracts and their open interest."""
    (tmp_path / "data").mkdir()
    opened = _with(Workspace.open(tmp_path / "data"), mode="open_interest")
    report = _land_ticks(opened, INTEREST)
    assert (report.status, report.quarantined) == ("accept", 0)
    return opened


def _with(workspace: Workspace, **roll) -> Workspace:
    """Return the data root with other settings of the roll map."""
    settings = workspace.settings.model_copy(update={"roll": RollSettings(**roll)})
    return replace(workspace, settings=settings)


def _make(workspace: Workspace) -> list[Outcome]:
    """Make the roll map of all days."""
    return list(make_range(workspace, RollMapRecipe(), KEYS))


def _stale(workspace: Workspace) -> list[date]:
    """Return the sessions of the roll map that would be made anew."""
    lines = ((key.session, plan_assets(workspace, ("roll_map",), [key])[0]) for key in KEYS)
    return [day for day, line in lines if line.would_run]


def test_a_column_lands_beside_the_trades_and_every_row_is_accounted_for(tmp_path):
    """One record a half hour with a figure: the trades are as many as without the column."""
    (tmp_path / "data").mkdir()
    workspace = Workspace.open(tmp_path / "data")
    report = _land_ticks(workspace, INTEREST)
    trades = 2 * 2 * len(DAYS)
    assert (report.rows_in, report.committed) == (2 * trades, 2 * trades)
    entries = workspace.lake.index.entries("raw_definitions", symbol="ES")
    assert [entry.day for entry in entries] == DAYS
    assert sum(e.rows for e in workspace.lake.index.entries("raw_ticks")) == trades
    again = ingest_files(workspace, [workspace.root / "2.sqlite"], zone="UTC")
    assert next(again).duplicates == 2 * trades


@pytest.mark.parametrize("basis", list(DateBasis))
def test_the_last_figure_of_a_date_is_its_open_interest(workspace, basis):
    """19:00 UTC is after midnight in India: there the figure of the next afternoon follows it."""
    found = landed_open_interest(LakeView(workspace), "ES", basis)
    last = dict(found.filter(contract="ESH24").select("date", "open_interest").rows())
    if basis is DateBasis.IST:
        assert last[DAYS[0]] == 1_000
        assert last[date(2024, 3, 9)] == 4
        return
    assert last == dict(zip(DAYS, INTEREST["ESH24"], strict=True))


def test_the_asset_goes_by_open_interest_and_counts_where_it_cannot(workspace):
    """The figures of the 5th are read on the 6th; volume would have rolled on the 8th."""
    made = _make(workspace)
    assert [one.status for one in made] == [Status.MADE] * len(DAYS)
    rows = pl.concat([workspace.lake.read(one.entries[0]) for one in made])
    assert rows.filter("rolled")["date"].to_list() == [DAYS[2]]
    assert rows["known_at"].to_list()[2] == datetime(2024, 3, 5, 23, tzinfo=UTC)
    assert sum(one.counts["without_open_interest"] for one in made) == 0
    assert [one.entries[0].stats["rests_on"] for one in made[:2]] == ["expiry", "open_interest"]


def test_without_landed_open_interest_volume_decides_and_is_counted(tmp_path):
    """Every row but the first, which has nothing at all to go by."""
    (tmp_path / "data").mkdir()
    workspace = _with(Workspace.open(tmp_path / "data"), mode="open_interest")
    _land_ticks(workspace, {})
    made = _make(workspace)
    assert [one.counts["without_open_interest"] for one in made] == [0, *[1] * (len(DAYS) - 1)]
    assert [one.entries[0].stats["rolled"] for one in made].index(True) == 4


@pytest.mark.parametrize("basis", list(DateBasis))
@pytest.mark.parametrize("mode", list(RollMode))
def test_each_row_of_each_mode_is_that_of_a_map_up_to_its_date(workspace, mode, basis):
    """One map of all dates gives what a map of its own would give each of them."""
    days = 3 if mode is RollMode.DAYS_BEFORE_EXPIRY else None
    opened = _with(workspace, mode=mode, date_basis=basis, days_before_expiry=3)
    view, calendar = LakeView(opened), opened.calendar("ES")
    volumes, interest = (of(view, "ES", basis) for of in (landed_volumes, landed_open_interest))
    made = _make(opened)
    assert {one.entries[0].stats["contract"] for one in made} == set(VOLUMES)
    for outcome in made:
        until = pl.col("date") <= outcome.key.session
        up_to = build_roll_map(
            volumes.filter(until),
            mode=mode,
            bounds=date_bounds(basis, bounds=calendar.bounds),
            sessions_after=calendar.next,
            business_days=opened.calendars[BUSINESS_DAYS],
            days=days,
            open_interest=interest.filter(until),
        )
        assert opened.lake.read(outcome.entries[0]).equals(up_to.tail(1))


@pytest.mark.parametrize("mode", list(RollMode))
def test_open_interest_makes_stale_what_rests_on_it_and_nothing_else(workspace, mode):
    """A restated figure of the 7th concerns the rows from the 8th on, in one mode alone."""
    opened = _with(workspace, mode=mode)
    _make(opened)
    assert _stale(opened) == []
    restated = INTEREST | {"ESM24": [5, 5, 5, 6, 5, 5, 5]}
    file = _land(workspace, "restated.sqlite", {"ESM24_TICK": _rows("ESM24", restated)})
    assert file.committed == 1
    assert _stale(opened) == (DAYS[4:] if mode is RollMode.OPEN_INTEREST else [])


def test_the_number_of_sessions_makes_stale_in_its_own_mode_alone(workspace):
    """`calendar` is five, whatever is set."""
    for mode, stale in (("days_before_expiry", DAYS), ("calendar", []), ("previous_day", [])):
        _make(_with(workspace, mode=mode, days_before_expiry=5))
        assert _stale(_with(workspace, mode=mode, days_before_expiry=5)) == []
        assert _stale(_with(workspace, mode=mode, days_before_expiry=2)) == stale


def test_statistics_of_a_dbn_file_are_open_interest(tmp_path):
    """By their own stamp of arrival; other statistics, and figures taken back, are none."""
    (tmp_path / "data").mkdir()
    workspace = Workspace.open(tmp_path / "data")
    at = [int(datetime(2024, 3, 5, 14, n, tzinfo=UTC).timestamp()) * 10**9 for n in range(5)]
    kinds = [(9, 70, 1), (6, 99, 1), (9, 80, 1), (9, 90, 2), (9, 2**63 - 1, 1)]
    records = b"".join(
        bytes(
            databento_dbn.StatMsg(
                publisher_id=1,
                instrument_id=1,
                ts_event=stamp,
                ts_recv=stamp,
                ts_ref=stamp,
                price=2**63 - 1,
                quantity=quantity,
                stat_type=databento_dbn.StatType.from_int(kind),
                update_action=databento_dbn.StatUpdateAction.from_int(action),
            )
        )[:80]
        for stamp, (kind, quantity, action) in zip(at, kinds, strict=True)
    )
    named = {"ESH4": [(date(2024, 3, 1), date(2024, 3, 31), "1")]}
    header = dbn_files.header("statistics", named)
    dbn_files.write(tmp_path / "es.statistics.dbn.zst", header + records)
    (report,) = ingest_files(workspace, [tmp_path / "es.statistics.dbn.zst"])
    assert (report.status, report.committed) == ("accept", 5)
    found = landed_open_interest(LakeView(workspace), "ES", DateBasis.SESSION)
    assert found.rows() == [("ESH24", date(2024, 3, 5), 80.0)]


def test_a_table_whose_contract_cannot_be_read_is_set_aside_and_the_others_go_on(tmp_path):
    """No month has the letter A, and GOLD has no year: their rows are counted, the rest lands."""
    (tmp_path / "data").mkdir()
    workspace = _with(Workspace.open(tmp_path / "data"), mode="previous_day")
    tables = {f"{code}_TICK": list(_rows(code, {})) for code in VOLUMES}
    bad = {"ESA24_TICK": tables["ESH24_TICK"], "GOLD_TICK": tables["ESH24_TICK"][:3]}
    report = _land(workspace, "mixed.sqlite", tables | bad)
    assert (report.status, report.quarantined) == ("quarantine", 2 * len(DAYS) + 3)
    assert {reason.rule for reason in report.reasons} == {"table_name"}
    assert report.committed == 2 * 2 * len(DAYS)
    made = _make(workspace)
    assert [one.status for one in made] == [Status.MADE] * len(DAYS)
    assert {one.entries[0].stats["contract"] for one in made} == set(VOLUMES)
