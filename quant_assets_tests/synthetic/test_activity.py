"""How busy a session is, second by second."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.timeframes import NS_PER_HOUR, NS_PER_SECOND
from quant_assets.synthetic.activity import (
    NS_PER_MILLISECOND,
    draw_stamps,
    equity_activity,
    future_activity,
    fx_activity,
)

OPEN_NS = 1_709_528_400 * NS_PER_SECOND


@given(
    st.lists(st.floats(1e-3, 10), min_size=1, max_size=50),
    st.integers(0, 200),
    st.integers(0, 2**32),
)
def test_stamps_are_in_order_inside_the_session_and_on_whole_milliseconds(weights, count, seed):
    """No stamp leaves `[open, open + n seconds)`."""
    rng = np.random.default_rng(seed)
    stamps = draw_stamps(rng, np.array(weights), open_ns=OPEN_NS, count=count)
    assert stamps.size == count
    assert (np.diff(stamps) >= 0).all()
    assert (stamps % NS_PER_MILLISECOND == 0).all()
    assert ((stamps >= OPEN_NS) & (stamps < OPEN_NS + len(weights) * NS_PER_SECOND)).all()


def test_stamps_follow_the_weights():
    """A second that weighs three times as much gets three times as many events."""
    stamps = draw_stamps(
        np.random.default_rng(1), np.array([1.0, 3.0]), open_ns=OPEN_NS, count=20_000
    )
    assert abs(np.mean(stamps >= OPEN_NS + NS_PER_SECOND) - 0.75) < 0.02


def test_a_futures_session_has_a_quiet_night_and_a_u_over_the_day():
    """From 17:00 Chicago: 03:00 is quiet, 08:30 and 15:00 are busier than noon."""
    weights = future_activity(23 * 3_600)
    night, opening, noon, closing = (
        weights[round(hours * 3_600)] for hours in (10, 15.5, 18.9, 22.2)
    )
    assert night < noon < min(opening, closing)


def test_a_stock_trades_thinly_outside_a_u_shaped_day():
    """Before the open and after the close is thin; open and close are busier than midday."""
    seconds = np.arange(-19_800, 37_800)
    weights = equity_activity(seconds, 23_400)
    pre, opening, midday, closing, after = (
        weights[np.searchsorted(seconds, at)] for at in (-3_600, 0, 11_700, 23_399, 30_000)
    )
    assert max(pre, after) < midday < min(opening, closing)


def test_fx_is_busiest_when_london_and_new_york_trade():
    """The busiest hour is 14 UTC, wherever the session starts."""
    for start_hour in (0, 22):
        open_ns = (19_786 * 24 + start_hour) * NS_PER_HOUR
        hours = fx_activity(open_ns, 86_400).reshape(24, 3_600).mean(axis=1)
        assert (np.argmax(hours) + start_hour) % 24 == 14
