"""What a request runs: waves of assets, ranges of sessions."""

from datetime import date, timedelta

from quant_assets.defs.selection import SessionRange, Wave, clusters, parts_of

LOWER = ("features", "training_set")
WAVE = Wave(("roll_map", "clean_ticks", "bars", *LOWER), "ranges")
START = date(2024, 1, 1)


def _range(symbol: str, first: int, last: int) -> SessionRange:
    return SessionRange(symbol, START + timedelta(days=first), START + timedelta(days=last))


def test_one_range_a_symbol_runs_as_one_wave():
    """Bars and what hangs on them run together where no neighbour is missing."""
    assert parts_of(WAVE, [_range("ES", 0, 9), _range("GC", 0, 9)]) == [WAVE]


def test_bars_of_all_ranges_come_before_what_looks_back_and_forward_on_them():
    """With two ranges of a symbol the bars of both are made first."""
    parts = parts_of(WAVE, [_range("ES", 0, 249), _range("ES", 250, 300)])
    assert [part.assets for part in parts] == [("roll_map", "clean_ticks", "bars"), LOWER]


def test_sessions_near_each_other_are_one_range_of_at_most_250_days():
    """A long weekend is bridged, a longer gap is not, and no run is longer than it may be."""
    days = [START, START + timedelta(days=4), START + timedelta(days=9)]
    assert [(one.first, one.last) for one in clusters("ES", days)] == [
        (days[0], days[1]),
        (days[2], days[2]),
    ]
    daily = [START + timedelta(days=n) for n in range(600)]
    assert [len(one.days) for one in clusters("ES", daily)] == [250, 250, 100]
