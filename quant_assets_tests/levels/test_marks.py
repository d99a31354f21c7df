"""Opening range, session open, marks of earlier sessions; distances; when a row is known."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.levels.build import Earlier, build_levels
from quant_assets.levels.marks import Marks, opening_marks
from quant_assets.levels.schema import LEVEL_NAMES, LEVELS
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE, Timeframe
from quant_assets_tests.levels.markets import (
    DAY,
    TICK,
    TICK_UNITS,
    bars_of,
    days_before,
    footprint_of,
    midnight_ns,
    opening_of,
    random_rows,
)

ROWS = random_rows(60, seed=11)
ATR_WARM_UP = 14


def build(bars: pl.DataFrame, **changed: Any) -> pl.DataFrame:
    """Return the levels of a session, with some arguments in place of the usual ones."""
    usual: Mapping[str, Any] = {
        "before": bars[:0],
        "footprint": None,
        "opening": opening_of(),
        "tick": TICK_UNITS,
        "tick_size": TICK,
        "earlier": Earlier(),
    }
    return build_levels(bars, **{**usual, **changed})


@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=60, unique=True),
    st.integers(0, 59),
    st.integers(1, 59),
)
def test_the_opening_range_is_told_when_it_is_over(places: list[int], first: int, minutes: int):
    """Extremes of the bars inside it, null up to its end; the open from its first bar on."""
    bars = bars_of(ROWS)[sorted(places)]
    marks = opening_marks(bars, opening_of(open_minute=first, minutes=minutes))
    stamps = [row["bar_start"].hour * 60 + row["bar_start"].minute for row in bars.to_dicts()]
    rows = bars.to_dicts()
    inside = [row for row, at in zip(rows, stamps, strict=True) if first <= at < first + minutes]
    opened = [row["open"] for row, at in zip(rows, stamps, strict=True) if at >= first]
    for bar, at in enumerate(stamps):
        over = bool(inside) and at >= first + minutes
        expected = (
            max(row["high"] for row in inside) if over else np.nan,
            min(row["low"] for row in inside) if over else np.nan,
            opened[0] if at >= first else np.nan,
        )
        names = ("opening_range_high", "opening_range_low", "session_open")
        np.testing.assert_array_equal([marks[name][bar] for name in names], expected)


@pytest.mark.parametrize(
    ("timeframe", "open_minute", "minutes", "sees_open", "sees_range"),
    [
        pytest.param("15m", 30, 30, True, True, id="bars_fit_both"),
        pytest.param("1h", 30, 30, False, False, id="open_lies_inside_a_bar"),
        pytest.param("1h", 60, 30, True, False, id="range_ends_inside_a_bar"),
        pytest.param("1h", 60, 60, True, True, id="one_bar_is_the_range"),
        pytest.param("1d", 30, 30, True, False, id="a_daily_bar_opens_with_its_session"),
    ],
)
def test_what_bars_cannot_tell_is_null(
    timeframe: str, open_minute: int, minutes: int, *, sees_open: bool, sees_range: bool
):
    """A bar that holds trades from before the open, or from after the range, tells neither."""
    length = Timeframe.parse(timeframe)
    opening = opening_of(timeframe=length, open_minute=open_minute, minutes=minutes)
    starts = range(midnight_ns(DAY), midnight_ns(DAY) + NS_PER_DAY, length.ns)
    bars = bars_of([[(100 + at, 1)] for at in range(len(starts))]).with_columns(
        bar_start=pl.Series(list(starts)).cast(pl.Datetime("ns", "UTC"))
    )
    marks = opening_marks(bars, opening)
    assert np.isfinite(marks["session_open"]).any() == sees_open
    assert np.isfinite(marks["opening_range_high"]).any() == sees_range


def test_a_row_is_known_at_its_bars_end_a_daily_one_when_the_next_session_starts():
    """A minute after the bar's start; for a session the calendar's next start."""
    bars = bars_of(ROWS)
    assert build(bars)["known_at"].to_list() == [
        start + timedelta(minutes=1) for start in bars["bar_start"]
    ]
    opening = opening_of(timeframe=Timeframe.parse("1d"))
    evening = midnight_ns(DAY) + 22 * 60 * NS_PER_MINUTE
    bounds = replace(opening.bounds, next_start_ns=evening)
    daily = build(bars[:1], opening=replace(opening, bounds=bounds))
    assert daily["known_at"].to_physical().to_list() == [evening]


def test_distances_are_close_less_level_in_ticks_and_average_true_ranges():
    """Each level's two distances, and null where the level or the measure is."""
    before = pl.concat(
        [bars_of(random_rows(70, seed=at), day) for at, day in enumerate(days_before(2))]
    )
    bars = bars_of(ROWS)
    earlier = Earlier(previous_day=Marks(5100.0, 4900.0, 5000.0))
    levels = build(bars, before=before, footprint=footprint_of(ROWS), earlier=earlier)
    close, atr = bars["close"], levels["atr"]
    assert atr.null_count() == 0
    for name in LEVEL_NAMES:
        away = close - levels[name]
        assert levels[f"{name}_dist_ticks"].equals((away / TICK).alias("")), name
        assert levels[f"{name}_dist_atr"].equals((away / atr).alias("")), name
    assert levels["previous_day_high"].unique().to_list() == [5100.0]
    assert levels["previous_week_high"].null_count() == levels.height


def test_no_tick_size_and_no_movement_give_no_distance():
    """Without a step no distance in ticks; where the average true range is 0 none in it."""
    bars = bars_of([[(400, 2)]] * 40)
    levels = build(bars, tick_size=None)
    assert levels["atr"].to_list() == [None] * ATR_WARM_UP + [0.0] * (40 - ATR_WARM_UP)
    assert levels["session_vwap"].null_count() == 0
    for name in ("session_vwap", "session_poc"):
        assert levels[f"{name}_dist_ticks"].null_count() == 40
        assert levels[f"{name}_dist_atr"].null_count() == 40


def test_before_its_anchor_a_session_has_no_anchored_mean():
    """The levels of the week and of the contract are there all the same."""
    levels = build(bars_of(ROWS), earlier=Earlier(anchored=None))
    anchored = [name for name in LEVEL_NAMES if name.startswith("anchored_vwap")]
    assert len(anchored) == 5
    assert all(levels[name].null_count() == levels.height for name in anchored)
    assert levels["week_vwap"].null_count() == 0


def test_a_session_without_bars_has_no_rows():
    """An empty table, in the columns of levels."""
    empty = build(bars_of(ROWS)[:0])
    assert empty.height == 0
    assert empty.columns == LEVELS.empty().columns
    assert len(LEVEL_NAMES) == 36
