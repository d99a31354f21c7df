"""Each kernel against plain Python that knows nothing of the package."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quant_assets.indicators.kernels import (
    FIRST,
    HIGHEST,
    LAST,
    LOWEST,
    TOTAL,
    aggregated,
    anchored_vwap,
    correlation_of,
    garman_klass_variances,
    log_returns,
    parkinson_variances,
    ratio,
    rolling_co_moments,
    rolling_mean,
    rolling_root_mean,
    rolling_trend,
    rolling_z_score,
    running_total,
    squared_returns,
)
from quant_assets.indicators.segments import unbroken_runs

NAN = float("nan")

# A kernel compiles at its first call.
unhurried = settings(deadline=None)

prices = st.floats(0.01, 1e5)
series = arrays(np.float64, st.integers(1, 40), elements=prices)
with_gaps = arrays(np.float64, st.integers(1, 40), elements=prices | st.just(NAN))
periods = st.integers(2, 12)


def same(found: np.ndarray, expected: list[float]) -> bool:
    """Whether values agree to 1e-9 and are NaN in the same places."""
    return np.allclose(found, np.array(expected), rtol=1e-9, atol=1e-12, equal_nan=True)


@unhurried
@given(with_gaps, periods)
def test_a_rolling_mean_is_the_mean_of_its_window(values, period):
    """Warm-up and windows with a gap have no mean."""
    expected = [
        sum(values[max(0, at - period + 1) : at + 1]) / period if at >= period - 1 else NAN
        for at in range(len(values))
    ]
    assert same(rolling_mean(values, period), expected)


@unhurried
@given(with_gaps, periods, st.integers(0, 20))
def test_a_rolling_mean_has_the_same_bits_wherever_its_array_starts(values, period, dropped):
    """A window is summed anew, so nothing before it leaves a trace."""
    whole = rolling_mean(values, period)[dropped + period - 1 :]
    assert rolling_mean(values[dropped:], period)[period - 1 :].tobytes() == whole.tobytes()


@unhurried
@given(arrays(np.float64, st.integers(1, 40), elements=st.integers(-20, 20)), periods)
def test_a_root_mean_is_that_of_its_window_and_there_is_none_below_zero(values, period):
    """A mean variance below zero has no root: that is no number, and no error."""
    expected = [NAN] * len(values)
    for at in range(period - 1, len(values)):
        mean = math.fsum(values[at - period + 1 : at + 1]) / period
        expected[at] = math.sqrt(mean) if mean >= 0.0 else NAN
    assert same(rolling_root_mean(values, period), expected)


numbers = st.floats(-1e5, 1e5) | st.just(NAN)


@unhurried
@given(st.lists(st.tuples(numbers, numbers), max_size=40))
def test_a_ratio_is_the_quotient_above_zero_and_else_nothing(rows):
    """To the bit, and a share of a negative price means nothing."""
    upper = np.array([one for one, _ in rows], dtype=np.float64)
    lower = np.array([one for _, one in rows], dtype=np.float64)
    expected = np.array([one / other if other > 0.0 else NAN for one, other in rows])
    assert np.array_equal(ratio(upper, lower), expected, equal_nan=True)


def test_a_ratio_of_unequal_lengths_is_refused():
    """Nothing is read beyond the end of an array."""
    with pytest.raises(ValueError, match="one length"):
        ratio(np.ones(3), np.ones(2))


def z_score(window: list[float]) -> float:
    """Return the standard score of the last of some values."""
    mean = math.fsum(window) / len(window)
    deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in window) / (len(window) - 1))
    return (window[-1] - mean) / deviation if deviation > 0.0 else NAN


@unhurried
@given(arrays(np.float64, st.integers(1, 40), elements=st.integers(0, 1000)), periods)
def test_a_z_score_is_the_standard_score_in_its_window(values, period):
    """An even window has no score."""
    expected = [
        z_score(list(values[at - period + 1 : at + 1])) if at >= period - 1 else NAN
        for at in range(len(values))
    ]
    assert same(rolling_z_score(values, period), expected)


def co_moments(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return sums of squares and products about the means."""
    mean_x = math.fsum(x for x, _ in pairs) / len(pairs)
    mean_y = math.fsum(y for _, y in pairs) / len(pairs)
    xx = math.fsum((x - mean_x) ** 2 for x, _ in pairs)
    yy = math.fsum((y - mean_y) ** 2 for _, y in pairs)
    return xx, yy, math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs)


counts = st.integers(-1000, 1000)
rows_of_two = st.lists(st.tuples(counts, counts), min_size=1, max_size=40)


@unhurried
@given(rows_of_two, periods)
def test_co_moments_are_those_of_each_window(rows, period):
    """Sums of squares and of products about the windows' own means."""
    x, y = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    found = rolling_co_moments(x, y, period)
    for side in range(3):
        expected = [
            co_moments(rows[at - period + 1 : at + 1])[side] if at >= period - 1 else NAN
            for at in range(len(rows))
        ]
        assert np.allclose(found[side], expected, rtol=1e-9, atol=1e-6, equal_nan=True)


@unhurried
@given(rows_of_two, periods, st.integers(0, 20))
def test_co_moments_have_the_same_bits_wherever_their_arrays_start(rows, period, dropped):
    """A window is summed anew, so nothing before it leaves a trace."""
    x, y = (np.array(column, dtype=np.float64) / 7.0 for column in zip(*rows, strict=True))
    whole = rolling_co_moments(x, y, period)
    later = rolling_co_moments(x[dropped:], y[dropped:], period)
    for one, other in zip(whole, later, strict=True):
        assert one[dropped + period - 1 :].tobytes() == other[period - 1 :].tobytes()


@unhurried
@given(st.lists(counts, min_size=1, max_size=60), periods, st.integers(0, 20))
def test_a_trend_has_the_same_bits_wherever_its_array_starts(values, period, dropped):
    """Time counts from the middle of a window, not from the first row."""
    numbers = np.array(values, dtype=np.float64) / 7.0
    whole = rolling_trend(numbers, period)[dropped + period - 1 :]
    assert rolling_trend(numbers[dropped:], period)[period - 1 :].tobytes() == whole.tobytes()


@unhurried
@given(rows_of_two, periods)
def test_a_correlation_is_pearsons_and_a_flat_series_has_none(rows, period):
    """Never outside -1 to 1, whatever the rounding."""
    x, y = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    found = correlation_of(*rolling_co_moments(x, y, period))
    expected = [NAN] * len(rows)
    for at in range(period - 1, len(rows)):
        xx, yy, xy = co_moments(rows[at - period + 1 : at + 1])
        expected[at] = xy / math.sqrt(xx * yy) if xx > 0 and yy > 0 else NAN
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
    assert not (np.abs(found) > 1.0).any()


@pytest.mark.parametrize("flat", [0.1, 61_234.567, 1e-9])
def test_a_flat_price_has_no_correlation_whatever_its_rounding(flat):
    """Its mean is exactly itself, so that no noise is taken for a move."""
    still, moving = np.full(60, flat), np.arange(60) ** 2.0
    assert np.isnan(correlation_of(*rolling_co_moments(still, moving, 50))).all()
    assert np.isnan(rolling_trend(still, 20)).all()


@unhurried
@given(st.lists(counts, min_size=1, max_size=40), periods)
def test_a_trend_is_the_slope_of_standard_scores_on_time(values, period):
    """A straight line has trend 1, a falling one -1."""
    expected = [NAN] * len(values)
    for at in range(period - 1, len(values)):
        tt, vv, tv = co_moments(list(enumerate(values[at - period + 1 : at + 1])))
        expected[at] = tv / math.sqrt(tt * vv) if vv > 0 else NAN
    found = rolling_trend(np.array(values, dtype=np.float64), period)
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
    line = rolling_trend(3.0 * np.arange(30.0), period)
    assert np.allclose(line[period - 1 :], 1.0)


@unhurried
@given(st.lists(prices, min_size=1, max_size=40))
def test_a_running_total_adds_in_row_order(values):
    """The same additions as a loop's."""
    expected, total = [], 0.0
    for value in values:
        total += value
        expected.append(total)
    assert running_total(np.array(values)).tolist() == expected


@pytest.mark.parametrize(
    ("how", "one"),
    [
        (FIRST, lambda rows: rows[0]),
        (HIGHEST, max),
        (LOWEST, min),
        (LAST, lambda rows: rows[-1]),
        (TOTAL, lambda rows: sum(rows, start=0.0)),
    ],
    ids=["first", "highest", "lowest", "last", "total"],
)
@unhurried
@given(values=st.lists(prices, min_size=1, max_size=40), data=st.data())
def test_several_bars_become_one(how, one, values, data):
    """Between each two edges, in row order; what lies outside the edges does not count."""
    cuts = data.draw(st.sets(st.integers(0, len(values)), min_size=1, max_size=9))
    edges = sorted(cuts)
    expected = [one(values[first:stop]) for first, stop in pairwise(edges)]
    assert aggregated(np.array(values), np.array(edges), how).tolist() == expected


@unhurried
@given(series)
def test_log_returns_are_those_of_neighbouring_closes(close):
    """The first bar has no return."""
    assert same(log_returns(close), [NAN, *(math.log(b / a) for a, b in pairwise(close))])


@unhurried
@given(series)
def test_squared_returns_are_those_of_neighbouring_closes(close):
    """The first bar has no return."""
    assert same(squared_returns(close), [NAN, *(math.log(b / a) ** 2 for a, b in pairwise(close))])


def test_a_price_not_above_zero_has_no_logarithm():
    """Oil at -37 makes neither an error nor a number."""
    close = np.array([10.0, -37.0, 10.0, 0.0])
    one = np.ones(4)
    assert np.isnan(squared_returns(close)).all()
    assert np.isnan(parkinson_variances(one, close)).tolist() == [False, True, False, True]
    assert np.isnan(garman_klass_variances(one, one, close, one)).tolist() == [
        False,
        True,
        False,
        True,
    ]


def test_range_variances_follow_their_published_formulas():
    """A bar from 100 to 110 that opens at 101 and closes at 108."""
    open_, high, low, close = (np.array([one]) for one in (101.0, 110.0, 100.0, 108.0))
    parkinson = math.log(1.1) ** 2 / (4 * math.log(2))
    garman_klass = math.log(1.1) ** 2 / 2 - (2 * math.log(2) - 1) * math.log(108 / 101) ** 2
    assert parkinson_variances(high, low)[0] == pytest.approx(parkinson)
    assert garman_klass_variances(open_, high, low, close)[0] == pytest.approx(garman_klass)


@unhurried
@given(st.lists(st.tuples(prices | st.just(NAN), st.integers(0, 50)), min_size=1, max_size=40))
def test_an_anchored_vwap_is_value_over_volume_so_far(rows):
    """Rows without a price are passed over, and before any volume there is no mean."""
    expected, value, volume = [], 0.0, 0.0
    for price, qty in rows:
        if not math.isnan(price):
            value, volume = value + price * qty, volume + qty
        expected.append(NAN if math.isnan(price) or volume == 0 else value / volume)
    price, qty = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    assert same(anchored_vwap(price, qty), expected)


@unhurried
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_runs_hold_every_usable_row_once_and_no_other(rows):
    """A run ends before a missing row and before a row that begins something new."""
    expected, run = [], []
    for at, (is_missing, is_start) in enumerate(rows):
        if (is_missing or is_start) and run:
            expected.append((run[0], run[-1] + 1))
            run = []
        if not is_missing:
            run.append(at)
    expected += [(run[0], run[-1] + 1)] if run else []
    missing, starts = (np.array([row[side] for row in rows], dtype=np.bool_) for side in (0, 1))
    assert list(unbroken_runs(missing, starts)) == expected
