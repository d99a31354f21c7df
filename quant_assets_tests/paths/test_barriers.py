"""Triple barriers: equal to their definition, entry by entry."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import InputError
from quant_assets.paths.barriers import label_barriers


def oracle(high, low, close, *, entry, stop_ratio, target_ratio, horizon_bars, last_bar, is_short):
    """Return label, deciding bar and return of one entry, bar by bar."""
    price = close[entry]
    end = max(entry, min(entry + horizon_bars, last_bar, len(close) - 1))
    for bar in range(entry + 1, end + 1):
        stopped = low[bar] <= price * (1.0 - stop_ratio)
        met = high[bar] >= price * (1.0 + target_ratio)
        if is_short:
            stopped = high[bar] >= price * (1.0 + stop_ratio)
            met = low[bar] <= price * (1.0 - target_ratio)
        if stopped:
            return -1, bar, -stop_ratio
        if met:
            return 1, bar, target_ratio
    gain = close[end] / price - 1.0
    return 0, end, -gain if is_short else gain


@st.composite
def paths(draw):
    """Draw bars in steps of 1/8 about 16, now and then with a NaN."""
    n = draw(st.integers(1, 30))
    close = 16.0 + np.cumsum(draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n))) / 8
    high = close + np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))) / 8
    low = close - np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))) / 8
    for column in (high, low, close):
        for place in draw(st.lists(st.integers(0, n - 1), max_size=1)):
            column[place] = math.nan
    return high, low, close


@settings(max_examples=200, deadline=None)
@given(
    paths(),
    st.sampled_from([1 / 128, 1 / 64, 1 / 32]),
    st.sampled_from([1 / 128, 1 / 64, 1 / 32]),
    st.integers(1, 35),
    st.booleans(),
    st.data(),
)
def test_labels_are_those_of_the_definition(market, stop, target, horizon, is_short, data):
    """Ties, NaN, session cuts and short data, on either side."""
    high, low, close = market
    n_entries = data.draw(st.integers(0, len(close)))
    last_bar = data.draw(st.lists(st.integers(0, 40), min_size=n_entries, max_size=n_entries))
    rules = {
        "stop_ratio": stop,
        "target_ratio": target,
        "horizon_bars": horizon,
        "is_short": is_short,
    }
    label, end_idx, value = label_barriers(
        high, low, close, n_entries=n_entries, last_bar=np.array(last_bar, dtype=np.int64), **rules
    )
    for entry in range(n_entries):
        expected = oracle(high, low, close, entry=entry, last_bar=last_bar[entry], **rules)
        assert (label[entry], end_idx[entry]) == expected[:2]
        assert value[entry] == expected[2] or (math.isnan(value[entry]) and math.isnan(expected[2]))


@pytest.mark.parametrize(
    ("high", "low", "last", "expected"),
    [
        pytest.param([100, 101], [100, 99], 1, (-1, 1, -0.01), id="both_in_one_bar_is_a_stop"),
        pytest.param([100, 101], [100, 100], 1, (1, 1, 0.01), id="a_touch_is_a_hit"),
        pytest.param([105, 100], [95, 100], 1, (0, 1, 0.0), id="the_entry_bar_does_not_count"),
        pytest.param([100, 100, 102], [100] * 3, 1, (0, 1, 0.0), id="the_session_cuts_it"),
        pytest.param([100, 100, 100, 102], [100] * 4, 9, (0, 2, 0.0), id="the_horizon_ends_it"),
        pytest.param([100], [100], 0, (0, 0, 0.0), id="nothing_to_look_at"),
        pytest.param([100, 150], [100, 150], 1, (1, 1, 0.01), id="a_gap_counts_as_its_barrier"),
    ],
)
def test_an_entry_is_labelled_by_rule(high, low, last, expected):
    """One entry at 100, two bars ahead, by hand."""
    found = label_barriers(
        np.array(high, float),
        np.array(low, float),
        np.full(len(high), 100.0),
        n_entries=1,
        stop_ratio=0.01,
        target_ratio=0.01,
        horizon_bars=2,
        last_bar=np.array([last]),
    )
    assert tuple(column[0] for column in found) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"stop_ratio": 0.0},
        {"target_ratio": -0.1},
        {"target_ratio": math.nan},
        {"horizon_bars": 0},
        {"n_entries": 3},
        {"last_bar": np.array([1])},
        {"n_entries": 3, "last_bar": np.array([1, 1, 1])},
    ],
)
def test_barriers_that_cannot_be_searched_are_refused(change):
    """A kernel that read past its arrays would answer from foreign memory."""
    rules = {
        "n_entries": 2,
        "stop_ratio": 0.01,
        "target_ratio": 0.01,
        "horizon_bars": 2,
        "last_bar": np.array([1, 1]),
    }
    flat = np.array([1.0, 1.0])
    with pytest.raises(InputError):
        label_barriers(flat, flat, flat, **(rules | change))


def test_a_price_of_zero_does_not_stop_the_rest():
    """Its return is no number; the next entry is labelled."""
    prices = np.array([0.0, 1.0, 1.5])
    label, _, value = label_barriers(
        prices,
        prices,
        prices,
        n_entries=2,
        stop_ratio=0.1,
        target_ratio=0.1,
        horizon_bars=1,
        last_bar=np.array([0, 2]),
    )
    assert math.isnan(value[0])
    assert label[1] == 1
