"""Fills on bars: rule by rule, and laws that hold for any bar."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.execution.costs import Costs, costs_of
from quant_assets.execution.fills import Barriers, enter_at_open, leave_inside
from quant_assets.market.errors import StrategyError
from quant_assets.market.instruments import AssetClass, Instrument
from quant_assets.signals.execution_spec import ExecutionSpec


def instrument(**changes: object) -> Instrument:
    """Return a future with a tick of 0.25 and a spread of two ticks."""
    values: dict = {
        "symbol": "ES",
        "asset_class": AssetClass.FUTURE,
        "calendar": "CME_EQUITY",
        "tick_size": 0.25,
        "pip_size": None,
        "multiplier": 50.0,
        "currency": "USD",
        "qty_scale": 1.0,
        "known": True,
        "spread_ticks": 2.0,
        "fee_per_unit": 2.0,
        "fee_bps": 1.0,
    }
    return Instrument(**(values | changes))


def leave(bar, side, stop, target, half=0.0):
    """Return price and reason of leaving in a bar given as open, high, low."""
    fill = leave_inside(
        open_price=bar[0],
        high=bar[1],
        low=bar[2],
        side=side,
        barriers=Barriers(stop=stop, target=target),
        half_spread=half,
    )
    return None if fill is None else (fill.price, fill.reason)


@pytest.mark.parametrize(
    ("bar", "side", "stop", "target", "half", "expected"),
    [
        pytest.param((100, 102, 99), 1, 98, 103, 0, None, id="nothing_met"),
        pytest.param((100, 103, 99), 1, 98, 103, 0, (103, "target"), id="target_touched"),
        pytest.param((100, 102, 98), 1, 98, 103, 0, (98, "stop"), id="stop_touched"),
        pytest.param((100, 104, 97), 1, 98, 103, 0, (98, "stop"), id="both_met_is_a_stop"),
        pytest.param((95, 104, 94), 1, 98, 103, 0, (95, "stop"), id="a_gap_fills_at_the_open"),
        pytest.param((105, 106, 101), 1, 98, 103, 0, (103, "target"), id="a_gap_up_is_no_gift"),
        pytest.param((100, 103, 99), 1, 98, 103, 0.5, None, id="the_bid_falls_short"),
        pytest.param((100, 102, 98.5), 1, 98, 103, 0.5, (98, "stop"), id="the_bid_meets_the_stop"),
        pytest.param((95, 99, 94), 1, 98, 103, 0.5, (94.5, "stop"), id="a_gap_pays_the_spread"),
        pytest.param((100, 102, 97), -1, 102, 97, 0, (102, "stop"), id="short_both_is_a_stop"),
        pytest.param((100, 101, 97), -1, 102, 97, 0, (97, "target"), id="short_target"),
        pytest.param((104, 105, 96), -1, 102, 97, 0.5, (104.5, "stop"), id="short_gap"),
        pytest.param((100, 101, 97), -1, 102, 97, 0.5, None, id="the_ask_falls_short"),
    ],
)
def test_a_position_leaves_by_rule(bar, side, stop, target, half, expected):
    """Each rule of leaving inside a bar, on either side."""
    assert leave(bar, side, stop, target, half) == expected


def test_an_entry_pays_half_the_spread():
    """A buy pays the ask, a short sale gets the bid."""
    assert enter_at_open(100.0, side=1, half_spread=0.25).price == 100.25
    assert enter_at_open(100.0, side=-1, half_spread=0.25).price == 99.75


prices = st.integers(50, 150)


@settings(deadline=None)
@given(prices, prices, prices, st.integers(1, 30), st.integers(1, 30), st.sampled_from([0, 1, 4]))
def test_a_short_is_a_long_in_mirrored_prices(a, b, c, down, up, half):
    """Negating all prices turns a long's exit into a short's, to the bit."""
    low, open_, high = sorted((a, b, c))
    long = leave((open_, high, low), 1, open_ - down, open_ + up, half)
    short = leave((-open_, -low, -high), -1, -open_ + down, -open_ - up, half)
    assert (long is None) == (short is None)
    if long is not None and short is not None:
        assert short == (-long[0], long[1])


@settings(deadline=None)
@given(prices, prices, prices, st.integers(1, 30), st.integers(1, 30), st.integers(0, 5))
def test_a_wider_spread_never_helps(a, b, c, down, up, half):
    """With a wider spread a stop stays a stop, and no price gets better."""
    low, open_, high = sorted((a, b, c))
    narrow = leave((open_, high, low), 1, open_ - down, open_ + up, half)
    wide = leave((open_, high, low), 1, open_ - down, open_ + up, half + 1)
    if narrow is not None and narrow[1] == "stop":
        assert wide is not None
        assert wide[1] == "stop"
        assert wide[0] <= narrow[0]
    if wide is not None and wide[1] == "target":
        assert narrow == wide


def test_costs_come_from_the_strategy_where_it_names_them():
    """None takes the instrument's; a fee that is given replaces all its fees."""
    closes = np.array([100.0])
    own = costs_of(instrument(), ExecutionSpec(), closes=closes)
    assert own == Costs(half_spread=0.25, fee_per_unit=2.0, fee_ratio=0.0001)
    given_ones = ExecutionSpec(spread_ticks=4.0, fee_per_unit=0.0)
    assert costs_of(instrument(), given_ones, closes=closes) == Costs(0.5, 0.0, 0.0)
    assert own.fees(price=100.0, qty=2.0, multiplier=50.0) == pytest.approx(4.0 + 1.0)


def test_an_unknown_tick_is_read_off_the_prices_or_refused():
    """Without tick size and without prices there is no spread to charge."""
    closes = np.round(np.arange(100.0, 101.0, 0.01), 2)
    made = costs_of(instrument(tick_size=None), ExecutionSpec(spread_ticks=2), closes=closes)
    assert made.half_spread == pytest.approx(0.01)
    with pytest.raises(StrategyError, match="tick"):
        costs_of(instrument(tick_size=None), ExecutionSpec(), closes=np.array([]))
