"""The momentum kernels against plain Python that knows nothing of the package."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.momentum.kernels import (
    confirmed_extremes,
    count_bounces,
    count_failures,
    highest_before,
    loud_bars,
    window_moves,
)
from quant_assets.momentum.patterns import Reversals, count_reversals

MINUTE = 60_000_000_000

# A kernel compiles at its first call.
unhurried = settings(deadline=None)

prices = st.integers(50, 200).map(float)
bars = st.lists(st.tuples(prices, prices, prices, prices), min_size=1, max_size=12)
gaps = st.lists(st.integers(1, 4), min_size=1, max_size=60)


@st.composite
def walks(draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw starts with gaps, log prices and whole volumes."""
    minutes = np.cumsum(draw(gaps))
    n = len(minutes)
    logs = draw(st.lists(st.integers(-20, 20), min_size=n, max_size=n))
    volume = draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    return minutes * MINUTE, np.array(logs) / 1000.0, np.array(volume, dtype=np.float64)


@unhurried
@given(bars)
def test_an_extreme_counts_only_as_far_as_another_price_confirms_it(rows):
    """A high beyond 3 % of its body and its neighbours is cut to them."""
    whole = [(o, max(o, h, low, c), min(o, h, low, c), c) for o, h, low, c in rows]
    tops, bottoms = [], []
    for at, (open_, high, low, close) in enumerate(whole):
        around = whole[max(0, at - 1) : at] + whole[at + 1 : at + 2]
        cap = max([open_, close, *(one[1] for one in around)])
        floor = min([open_, close, *(one[2] for one in around)])
        tops.append(cap if high > cap * 1.03 else high)
        bottoms.append(floor if low * 1.03 < floor else low)
    columns = (np.array(one) for one in zip(*whole, strict=True))
    assert confirmed_extremes(*columns, 0.03) == (max(tops), min(bottoms))


@unhurried
@given(walks())
def test_a_move_is_against_the_last_bar_a_window_before(market):
    """Its threshold knows only the moves before it."""
    starts, logs, _ = market
    moves, thetas = window_moves(starts, logs, least_move=0.004, window_ns=5 * MINUTE)
    seen: list[float] = []
    for at, now in enumerate(starts):
        mean = math.sqrt(sum(one**2 for one in seen) / len(seen)) if seen else 0.0
        assert math.isclose(thetas[at], max(0.004, 3 * mean), rel_tol=1e-9)
        before = [
            price for start, price in zip(starts, logs, strict=True) if start <= now - 5 * MINUTE
        ]
        if before:
            seen.append(logs[at] - before[-1])
            assert moves[at] == seen[-1]
        else:
            assert math.isnan(moves[at])


@unhurried
@given(walks())
def test_a_bar_is_loud_against_the_mean_so_far(market):
    """Its window is (t - 5 min, t]; the mean is over the bars before it."""
    starts, _, volume = market
    found = loud_bars(starts, volume, factor=2.0, window_ns=5 * MINUTE, base_ns=30 * MINUTE)
    for at, now in enumerate(starts):
        elapsed = int(now - starts[0])
        before = sum(volume[:at])
        inside = (starts > now - 5 * MINUTE) & (starts <= now)
        usual = before * (5 * MINUTE / elapsed) if elapsed else 0.0
        expected = elapsed >= 30 * MINUTE and before > 0 and sum(volume[inside]) >= 2.0 * usual
        assert found[at] == expected


@unhurried
@given(walks())
def test_the_highest_before_leaves_out_the_bar_itself(market):
    """The stretch is [t - 5 min, t)."""
    starts, logs, _ = market
    found = highest_before(starts, logs, base_ns=5 * MINUTE)
    for at, now in enumerate(starts):
        before = logs[(starts >= now - 5 * MINUTE) & (starts < now)]
        assert found[at] == before.max() if len(before) else math.isnan(found[at])


def test_a_flush_bounces_where_half_of_it_is_regained_in_time():
    """Ten minutes after the flush it is too late."""
    starts = np.arange(14) * MINUTE
    moves = np.full(14, -0.02)
    is_flush = np.arange(14) == 0

    def bounces(logs: list[float]) -> int:
        return count_bounces(starts, np.array(logs), moves, is_flush, 5 * MINUTE)

    fallen = [-0.02]
    assert bounces([*fallen, *[-0.02] * 9, *[-0.01] * 4]) == 1
    assert bounces([*fallen, *[-0.02] * 10, *[-0.01] * 3]) == 0
    assert bounces([*fallen, *[-0.0101] * 13]) == 0
    assert bounces([*fallen, -0.04, *[-0.0201] * 12]) == 0
    assert bounces([*fallen, -0.04, *[-0.0199] * 12]) == 1


def test_a_breakout_fails_where_it_is_back_through_its_level_in_time():
    """Within five minutes of one, no other is looked at."""
    starts = np.arange(40) * MINUTE
    starts.flags.writeable = False  # as a column of polars is: a kernel is compiled for each kind
    slacks = np.full(40, 0.001)
    spans = np.array([5 * MINUTE, 30 * MINUTE])

    def failures(logs: dict[int, float], levels: dict[int, float]) -> int:
        path = np.array([logs.get(at, 0.01) for at in range(40)])
        broken = np.array([levels.get(at, math.nan) for at in range(40)])
        return count_failures(starts, path, broken, slacks, spans)

    assert failures({}, {0: 0.0}) == 0
    assert failures({30: -0.0011}, {0: 0.0}) == 1
    assert failures({31: -0.0011}, {0: 0.0}) == 0
    assert failures({10: -0.0009}, {0: 0.0}) == 0
    assert failures({10: -0.0011, 20: -0.0011}, {0: 0.0}) == 1
    assert failures({2: -0.0011, 4: -0.0011}, {0: 0.0, 3: 0.0}) == 1
    assert failures({2: -0.0011, 8: -0.0011}, {0: 0.0, 5: 0.0}) == 2


@unhurried
@given(walks(), st.integers(1, 59))
def test_counts_so_far_never_depend_on_later_bars(market, n_known):
    """Other bars behind the cut, the same counts up to it, so counts only grow."""
    starts, logs, volume = market
    close = 100.0 * np.exp(logs)

    def counts(n_bars: int) -> Reversals:
        return count_reversals(starts[:n_bars], close[:n_bars], volume[:n_bars], least_move=0.004)

    early, late = counts(min(n_known, len(starts))), counts(len(starts))
    assert early.failed_breakouts <= late.failed_breakouts
    assert early.bounces <= late.bounces


def planted(*, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two hours of minutes: quiet, then a loud break of 1 % that comes back within 5."""
    logs = 0.0005 * (np.arange(120) % 2)
    logs[60:63] = 0.01
    logs[63:] = -0.004
    volume = np.full(120, 100.0)
    volume[58:66] = 1000.0
    return np.arange(120) * MINUTE, 100.0 * np.exp(-logs if mirrored else logs), volume


def test_a_planted_failed_breakout_is_found_on_both_sides():
    """Loudness is needed: the same path on even volume is no breakout."""
    for mirrored in (False, True):
        starts, close, volume = planted(mirrored=mirrored)
        assert count_reversals(starts, close, volume, least_move=0.004).failed_breakouts == 1
        quiet = np.full(120, 100.0)
        assert count_reversals(starts, close, quiet, least_move=0.004).failed_breakouts == 0


def test_a_break_out_of_a_wide_range_is_no_breakout():
    """What it left spanned more than twice the threshold: that was a trend already."""
    starts, close, volume = planted()
    for height, expected in ((0.004, 1), (0.012, 0)):
        climb = np.append(np.full(30, -height), np.linspace(-height, 0.0, 30))
        path = np.append(100.0 * np.exp(climb), close[60:])
        found = count_reversals(starts, path, volume, least_move=0.004)
        assert found.failed_breakouts == expected


def test_a_planted_flush_that_is_bought_back_is_found():
    """The mirrored spike is no flush."""
    starts, close, volume = planted(mirrored=True)
    assert count_reversals(starts, close, volume, least_move=0.004).bounces == 1
    assert count_reversals(starts, close, volume, least_move=0.02).bounces == 0
