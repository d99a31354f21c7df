"""The event loop on precomputed signals: bars a second on one core, and beside it a callback."""

import gc
import time
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from quant_assets.backtests.columns import N_RULES
from quant_assets.backtests.history import SymbolHistory
from quant_assets.backtests.kernels import walk_bars
from quant_assets.backtests.market_arrays import cost_array, market_arrays, rule_array
from quant_assets.backtests.timeline import build_timeline
from quant_assets.execution.costs import Realism, costs_of
from quant_assets.market.timeframes import Timeframe
from quant_assets.signals.build import rule_signals, sma_cross_sides
from quant_assets.signals.python_rule import Bar, rule_sides
from quant_assets.signals.sources import SmaCross
from quant_assets_tests.benchmarks.backtest_bars import cross, pair, walk_of_minutes
from quant_assets_tests.benchmarks.measure import equal, say

TARGET = 1_000_000.0
_BARS, _QUICK_BARS = 1_000_000, 200_000
_CALLED_BARS = 50_000
_FAST, _SLOW = 20, 100


class Cross:
    """The same rule as a class of the user's."""

    warm_up_bars = 0

    def __init__(self) -> None:
        """Remember the last closes."""
        self.closes: list[int] = []

    def decide(self, bar: Bar) -> int:
        """Return the side of the longer mean."""
        self.closes = [*self.closes[-_SLOW + 1 :], round(bar.close * 1e9)]
        if len(self.closes) < _SLOW:
            return 0
        fast, slow = sum(self.closes[-_FAST:]) / _FAST, sum(self.closes) / _SLOW
        return (fast > slow) - (fast < slow)


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Time the walk at realism `spread` and `full`; return whether both are fast enough."""
    del folder
    count = _QUICK_BARS if quick else _BARS
    bars = walk_of_minutes(count, seed)
    rule = SmaCross(kind="sma_cross", fast=_FAST, slow=_SLOW)
    history = SymbolHistory(bars, rule_signals(bars, sma_cross_sides(bars, rule)))
    say(f"event loop on precomputed signals, {count:,} bars, always in the market, CPU time")
    met = True
    for level in (Realism.SPREAD, Realism.FULL):
        rate = count / median(_walk(history, level) for _ in range(pairs + 1))
        met &= rate >= TARGET
        verdict = "pass" if rate >= TARGET else "SHORT"
        say(f"  {level.value:10}{rate:14,.0f} bars/s a core  target {TARGET:,.0f}  {verdict}")
    _call(bars.head(_CALLED_BARS), rule)
    return met


def _walk(history: SymbolHistory, level: Realism) -> float:
    """Return the CPU seconds of one walk."""
    symbol = pair().symbol
    exits = {"on_signal": True, "stop": 0.002, "target": 0.004}
    plan = cross(_FAST, _SLOW, exits=exits, execution={"realism": level.value})
    timeline = build_timeline(
        {symbol: history}, timeframe=Timeframe.parse("1m"), crosses={symbol: True}
    )
    closes = history.bars["close"].to_numpy()
    costs = {symbol: costs_of(pair(), plan.execution, closes=closes, realism=level)}
    given = (
        timeline.rows["symbol_number"].to_numpy(),
        timeline.group,
        market_arrays(
            timeline, {symbol: history}, plan, realism=level, sessions_per_year={symbol: 260.0}
        ),
        cost_array([symbol], costs, {symbol: pair()}),
        rule_array(plan, level),
    )
    equal("rules", given[-1].shape, (N_RULES,))
    gc.collect()
    began = time.process_time()
    walk_bars(*given)
    return time.process_time() - began


def _call(bars: pl.DataFrame, rule: SmaCross) -> None:
    """Say how fast a rule is that is asked in Python at each bar; it is another thing."""
    began = time.process_time()
    sides = rule_sides(Cross, bars, n_before=0, params={})
    spent = time.process_time() - began
    equal("sides of the callback", int(np.sum(sides != sma_cross_sides(bars, rule))), 0)
    say(f"  a rule in Python, asked at each bar: {len(sides) / spent:,.0f} bars/s; no target\n")
