"""The walk against a slow backtest: every rule at once, at each level of realism."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.backtests.engine import run_backtest
from quant_assets.market.instruments import AssetClass
from quant_assets_tests.backtests.cases import random_case, real_case, slowly
from quant_assets_tests.backtests.oracle import SlowBacktest

LEVELS = ("ideal", "spread", "latency", "full")
KINDS = (AssetClass.FUTURE, AssetClass.EQUITY)
RISKS = (
    {"kind": "fixed"},
    {"kind": "volatility_target", "annual": 0.3, "sessions": 2},
    {"kind": "risk_per_trade", "share": 0.02},
    {"kind": "kelly", "fraction": 0.5, "cap": 3.0},
)

exits = st.fixed_dictionaries(
    {
        "stop": st.sampled_from([None, 0.003, 0.01]),
        "target": st.sampled_from([None, 0.003, 0.01]),
        "horizon_bars": st.sampled_from([None, 1, 3, 7]),
        "on_signal": st.booleans(),
    }
)


def assert_equal(made, slow: SlowBacktest) -> None:
    """Compare trade by trade, bar by bar, and what was not filled."""
    assert dict(made.unfilled) == slow.unfilled
    bar_ns = 900 * 10**9
    found = made.trades.with_columns(
        pl.col("signal_ts").to_physical() - bar_ns,
        pl.col("entry_ts").to_physical(),
        pl.col("exit_ts").to_physical(),
        pl.col("side", "exit_reason").cast(pl.String),
    )
    assert found.height == len(slow.trades)
    for name in ("symbol", "side", "signal_ts", "entry_ts", "exit_ts", "exit_reason"):
        assert found[name].to_list() == [trade[name] for trade in slow.trades]
    money = ("qty", "entry_price", "exit_price", "gross", "spread_cost", "fees", "latency_cost",
             "slippage", "net", "mae", "mfe")  # fmt: skip
    for name in money:
        expected = [trade[name] for trade in slow.trades]
        assert found[name].to_list() == pytest.approx(expected, rel=1e-9, abs=1e-6)
    levels = [value for _, value in slow.equity][: made.equity.height]
    assert made.equity["equity"].to_list() == pytest.approx(levels, rel=1e-9, abs=1e-6)


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    capital=st.sampled_from([2000.0, 100_000.0]),
    spread=st.sampled_from([0.0, 1.0, 6.0]),
    rules=exits,
)
def test_trades_and_equity_equal_a_slow_backtest(seed, kind, capital, spread, rules):
    """Two symbols, contract changes and missing bars, under any exits."""
    costs = {"spread_ticks": spread, "fee_per_unit": 1.5}
    case = random_case(seed, kind, capital=capital, exits=rules, execution=costs)
    assert_equal(run_backtest(*case), slowly(*case))


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    level=st.sampled_from(LEVELS),
    qty=st.sampled_from([1.0, 6.0, 30.0]),
    way_ms=st.sampled_from([1.0, 20_000.0, 60_000.0]),
    finer=st.booleans(),
    halts=st.booleans(),
    unit=st.sampled_from(["size", "size", "ticks"]),
    rules=exits,
)
def test_every_level_of_realism_equals_a_slow_backtest(
    seed, kind, level, qty, way_ms, finer, halts, unit, rules
):
    """Latency, parts of orders, impact, halts and finer bars, all as a plain loop has them."""
    costs = {
        "realism": level,
        "spread_ticks": 2.0,
        "fee_per_unit": 1.5,
        "latency": {"kind": "constant", "arrival_ms": way_ms},
    }
    case = real_case(
        seed, kind, finer=finer, halts=halts, unit=unit, qty=qty, exits=rules, execution=costs
    )
    assert_equal(run_backtest(*case), slowly(*case))


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 10**6),
    level=st.sampled_from(LEVELS),
    risk=st.sampled_from(RISKS),
    leverage=st.sampled_from([0.7, 2.0, 20.0]),
    on_signal=st.booleans(),
)
def test_every_size_equals_a_slow_backtest(seed, level, risk, leverage, on_signal):
    """Sizes of the account as it then is, and orders that are refused."""
    rules = {"stop": 0.004, "target": 0.006, "horizon_bars": 5, "on_signal": on_signal}
    costs = {"realism": level, "spread_ticks": 2.0, "fee_per_unit": 1.5,
             "latency": {"kind": "constant", "arrival_ms": 100.0}}  # fmt: skip
    case = random_case(
        seed,
        risk=risk,
        qty=1.0 if risk["kind"] == "fixed" else None,
        max_leverage=leverage,
        exits=rules,
        execution=costs,
    )
    assert_equal(run_backtest(*case), slowly(*case))
