"""The vectorized path equals the event path, trade by trade and to the bit."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.backtests.engine import run_backtest
from quant_assets.backtests.grid import run_random_grid, run_sma_grid
from quant_assets.backtests.history import SymbolHistory
from quant_assets.backtests.metrics import session_returns
from quant_assets.market.errors import StrategyError
from quant_assets.market.instruments import AssetClass
from quant_assets.signals.build import draw_sides, rule_signals, sma_cross_sides
from quant_assets.signals.sources import RandomSignal, SmaCross
from quant_assets.signals.strategy import Strategy
from quant_assets_tests.backtests.market import instrument, random_bars

KINDS = (AssetClass.FUTURE, AssetClass.EQUITY)
rules = st.fixed_dictionaries(
    {
        "stop": st.sampled_from([None, 0.004, 0.02]),
        "target": st.sampled_from([None, 0.004, 0.02]),
        "horizon_bars": st.sampled_from([None, 1, 4, 15]),
        "on_signal": st.booleans(),
    }
)


def rule_strategy(signal: dict, **changes: object) -> Strategy:
    """Return a strategy of a rule."""
    values: dict = {
        "name": "rule",
        "timeframe": "15m",
        "signal": signal,
        "exits": {"on_signal": True},
        "execution": {"spread_ticks": 1.0, "fee_per_unit": 1.5},
        "capital": 100_000.0,
        "max_leverage": 1000.0,
        "qty": 2.0,
    }
    return Strategy.parse(values | changes)


def assert_same(made, number: int, events, *, capital: float) -> None:
    """Compare one set with the event path's result: trades to the bit, equity, net, Sharpe."""
    trades = made.trades_of(number, run_hash=events.run_hash)
    assert trades.equals(events.trades)
    assert made.n_trades[number] == events.trades.height
    assert made.net[number] == pytest.approx(events.metrics["net"], rel=1e-14, abs=1e-12)
    n = made.n_sessions[number]
    returns = session_returns(events.equity, capital=capital)
    assert made.session_returns[number, :n].tobytes() == returns.tobytes()
    assert made.sharpe()[number] == events.metrics["sharpe"]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    side=st.sampled_from(["long", "both"]),
    level=st.sampled_from(["ideal", "spread"]),
    exits=rules,
    pairs=st.lists(st.tuples(st.integers(1, 8), st.integers(1, 12)), min_size=1, max_size=3),
    capital=st.sampled_from([2000.0, 100_000.0]),
    unread=st.sampled_from([0, 0, 13]),
)
def test_a_cross_of_means_trades_as_in_the_event_path(
    seed, kind, side, level, exits, pairs, capital, unread
):
    """Any windows, exits and costs, over contracts, gaps and bars that ask for nothing."""
    rng = np.random.default_rng(seed)
    bars = random_bars(rng, n_sessions=5, contracts=True, missing=0.1)
    costs = {"realism": level, "spread_ticks": 1.0, "fee_per_unit": 1.5}
    fast = np.array([a for a, _ in pairs])
    slow = np.array([a + b for a, b in pairs])
    instruments = {"ES": instrument("ES", asset_class=kind, fee_bps=0.5)}
    for number in range(len(pairs)):
        rule = {
            "kind": "sma_cross", "fast": int(fast[number]), "slow": int(slow[number]), "side": side
        }  # fmt: skip
        plan = rule_strategy(rule, exits=exits, execution=costs, capital=capital)
        signals = rule_signals(bars, sma_cross_sides(bars, SmaCross(**rule)))
        history = SymbolHistory(bars, signals[unread : signals.height - unread])
        events = run_backtest({"ES": history}, plan, instruments)
        made = run_sma_grid(history, plan, instruments, fast, slow)
        assert_same(made, number, events, capital=capital)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    side=st.sampled_from(["long", "both"]),
    chance=st.sampled_from([0.02, 0.3, 1.0]),
    exits=rules,
)
def test_random_rules_trade_as_in_the_event_path(seed, kind, side, chance, exits):
    """Each seed is a set."""
    bars = random_bars(np.random.default_rng(seed), n_sessions=5, contracts=True)
    instruments = {"ES": instrument("ES", asset_class=kind)}
    seeds = np.array([seed, seed + 1])
    for number, drawn in enumerate(seeds.tolist()):
        rule = {"kind": "random", "chance": chance, "seed": drawn, "side": side}
        plan = rule_strategy(rule, exits=exits)
        history = SymbolHistory(bars, rule_signals(bars, draw_sides(bars, RandomSignal(**rule))))
        events = run_backtest({"ES": history}, plan, instruments)
        made = run_random_grid(history, plan, instruments, seeds, chance=chance)
        assert_same(made, number, events, capital=plan.capital)


def test_means_that_are_equal_ask_for_nothing():
    """Where products cannot tell two means apart, the exact rule decides, as in the event path."""
    bars = random_bars(np.random.default_rng(3), n_sessions=3)
    ramp = pl.Series(400.0 + (np.arange(bars.height) // 9 % 3) * 0.25)
    bars = bars.with_columns(open=ramp, high=ramp, low=ramp, close=ramp)
    rule = {"kind": "sma_cross", "fast": 2, "slow": 4}
    sides = sma_cross_sides(bars, SmaCross(**rule))
    assert (sides[4:] == 0).any()
    plan, instruments = rule_strategy(rule), {"ES": instrument("ES")}
    history = SymbolHistory(bars, rule_signals(bars, sides))
    events = run_backtest({"ES": history}, plan, instruments)
    made = run_sma_grid(history, plan, instruments, np.array([2]), np.array([4]))
    assert events.trades.height > 2
    assert_same(made, 0, events, capital=plan.capital)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"execution": {"realism": "full"}}, "realism full"),
        ({"risk": {"kind": "risk_per_trade", "share": 0.1}, "qty": None, "exits": {"stop": 0.01}},
         "risk risk_per_trade"),
    ],
)  # fmt: skip
def test_what_needs_the_event_path_is_refused(changes, says):
    """Rather an error than a result that the event path would not give."""
    bars = random_bars(np.random.default_rng(3))
    history = SymbolHistory(bars, rule_signals(bars, np.zeros(bars.height, dtype=np.int8)))
    plan = rule_strategy({"kind": "sma_cross", "fast": 2, "slow": 4}, **changes)
    with pytest.raises(StrategyError, match=says):
        run_sma_grid(history, plan, {"ES": instrument("ES")}, np.array([2]), np.array([4]))
    fine = rule_strategy({"kind": "sma_cross", "fast": 2, "slow": 4})
    with pytest.raises(StrategyError, match="finer bars"):
        run_sma_grid(
            replace(history, finer=bars), fine, {"ES": instrument("ES")}, np.array([2]),
            np.array([4]),
        )  # fmt: skip
    with pytest.raises(StrategyError, match="fast window"):
        run_sma_grid(history, fine, {"ES": instrument("ES")}, np.array([4]), np.array([4]))
