"""What a request runs: waves of assets, ranges of sessions."""

from datetime import date, timedelta
from pathlib import Path

from quant_assets.defs.selection import (
    SessionRange,
    Wave,
    clusters,
    parts_of,
    ranges_of,
    turns_of,
)
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.bars import BarsRecipe
from quant_assets.workflows.workspace import Workspace

UPPER, MIDDLE = ("roll_map", "clean_ticks", "bars"), ("bronze_trades", "footprint")
LOWER = ("levels", "features", "training_set")
WAVE = Wave((*UPPER, *MIDDLE, *LOWER), "ranges")
START = date(2024, 1, 1)


def _range(symbol: str, first: int, last: int) -> SessionRange:
    return SessionRange(symbol, START + timedelta(days=first), START + timedelta(days=last))


def test_one_range_a_symbol_runs_as_one_wave():
    """Bars and what hangs on them run together where no neighbour is missing."""
    assert parts_of(WAVE, [_range("ES", 0, 9), _range("GC", 0, 9)]) == [WAVE]


def test_bars_and_profiles_of_all_ranges_come_before_what_looks_on_them():
    """With two ranges of a symbol the bars of both are made first, and then both footprints."""
    parts = parts_of(WAVE, [_range("ES", 0, 249), _range("ES", 250, 300)])
    assert [part.assets for part in parts] == [UPPER, MIDDLE, LOWER]


def test_ranges_of_what_reads_its_own_past_run_one_after_the_other():
    """It stands alone, and of a symbol one range runs at a time, the oldest first."""
    wave = Wave((*UPPER, "bronze_trades", "regimes", "features"), "ranges")
    ranges = [_range("GC", 0, 9), _range("ES", 250, 300), _range("ES", 0, 249)]
    parts = parts_of(wave, ranges)
    assert [part.assets for part in parts] == [
        UPPER,
        ("bronze_trades",),
        ("regimes",),
        ("features",),
    ]
    turns = [turns_of(part, ranges) for part in parts]
    assert turns[0] == turns[1] == turns[3] == [ranges]
    assert turns[2] == [[ranges[2], ranges[0]], [ranges[1]]]
    assert turns_of(wave, ranges[:1]) == [ranges[:1]]


def test_sessions_near_each_other_are_one_range_of_at_most_250_days():
    """A long weekend is bridged, a longer gap is not, and no run is longer than it may be."""
    days = [START, START + timedelta(days=4), START + timedelta(days=9)]
    assert [(one.first, one.last) for one in clusters("ES", days)] == [
        (days[0], days[1]),
        (days[2], days[2]),
    ]
    daily = [START + timedelta(days=n) for n in range(600)]
    assert [len(one.days) for one in clusters("ES", daily)] == [250, 250, 100]


def test_a_request_reaches_what_was_made_of_landed_data_that_is_gone(tmp_path: Path):
    """The last landed session goes: the range still ends with it, until its bars are gone too."""
    workspace = Workspace.open(tmp_path)
    days = [date(2024, 3, day) for day in (4, 5, 6)]
    file = tmp_path / "raw" / "EURUSD60.csv"
    file.parent.mkdir()
    bars = [f"{day:%Y.%m.%d},{h:02d}:00,1.1,1.2,1.0,1.1,5" for day in days for h in range(24)]
    file.write_text("\n".join(bars) + "\n")
    list(ingest_files(workspace, [file]))
    keys = [Key("EURUSD", day) for day in days]
    list(make_range(workspace, BarsRecipe(), keys))
    assert ranges_of(workspace) == [SessionRange("EURUSD", days[0], days[2])]
    for entry in workspace.lake.index.entries("raw_bars", session=str(days[2])):
        workspace.lake.drop(entry)
    assert ranges_of(workspace) == [SessionRange("EURUSD", days[0], days[2])]
    list(make_range(workspace, BarsRecipe(), keys))
    assert ranges_of(workspace) == [SessionRange("EURUSD", days[0], days[1])]
