"""What the pages are tested on: backtests through the engine, sweeps and leaderboards."""

from functools import cache

import numpy as np
import polars as pl

from quant_assets.backtests.engine import Result, run_backtest
from quant_assets.optimization.cscv import Overfitting
from quant_assets.optimization.leaderboard import build_leaderboard
from quant_assets.reports.stability import Stability
from quant_assets.reports.sweep_page import build_sweep_report
from quant_assets.reports.tear_sheet import Provenance, build_tear_sheet
from quant_assets.signals.strategy import Strategy
from quant_assets_tests.backtests.market import (
    histories_of,
    instrument,
    random_bars,
    random_predictions,
    strategy,
)
from quant_assets_tests.optimization.test_overfitting import trial

PROVENANCE = Provenance(
    data_versions={"bars/ES": "1" * 64, "predictions/ES": "2" * 64},
    code_version="c" * 64,
    model_version="e" * 64,
    command="quant backtest trial",
    synthetic=True,
    market_seed=11,
)
VARIED = ("fast", "slow", "exit")


@cache
def backtest(
    *, n_sessions: int = 44, seed: int = 7, **changes: object
) -> tuple[Result, Strategy, dict[str, pl.DataFrame]]:
    """Return a backtest of two symbols over a few weeks, its strategy and its bars."""
    rng = np.random.default_rng(seed)
    bars = {name: random_bars(rng, n_sessions=n_sessions) for name in ("ES", "NQ")}
    told = {name: random_predictions(rng, bars[name], first_oos=15) for name in bars}
    plan = strategy(decision={"threshold": 0.85, "side": "both"}, **changes)
    instruments = {name: instrument(name) for name in bars}
    return run_backtest(histories_of(bars, told, plan), plan, instruments), plan, bars


def regimes_of(result: Result) -> pl.DataFrame:
    """Return a label for all trades but every seventh."""
    names = ("calm", "wild", "trend")
    rows = [
        (trade_id, names[place % 3])
        for place, trade_id in enumerate(result.trades["trade_id"])
        if place % 7
    ]
    return pl.DataFrame(rows, schema=["trade_id", "regime"], orient="row")


LADDER = {
    "ideal": {"sharpe": 1.9, "net": 9100.0, "n_trades": 300.0},
    "spread": {"sharpe": 0.7, "net": 3000.5, "n_trades": 300.0},
    "full": {"sharpe": None, "net": -1200.0, "n_trades": 298.0},
}


def stability() -> Stability:
    """Return the neighbours of a strategy in a grid of two keys."""
    rows = [(fast, slow, 1.0 - abs(fast - 5) / 9 - abs(slow - 30) / 99) for fast in (3, 5, 8)
            for slow in (20, 30, 40)]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["fast", "slow", "sharpe"], orient="row")
    return Stability(frame, ("fast", "slow"), "sharpe", {"fast": 5, "slow": 30}, plateau=0.87)


def whole_tear_sheet() -> str:
    """Return a page with all that it can show."""
    result, plan, bars = backtest()
    return build_tear_sheet(
        result,
        strategy=plan,
        provenance=PROVENANCE,
        prices=bars,
        regimes=regimes_of(result),
        ladder=LADDER,
        stability=stability(),
    )


def quiet_tear_sheet() -> str:
    """Return the page of a strategy that never trades."""
    result, plan, bars = backtest(n_sessions=4, max_leverage=10.0)
    none = result.trades.head(0)
    flat = pl.lit(plan.capital)
    equity = result.equity.with_columns(
        equity=flat, cash=flat, position=pl.lit(0.0), drawdown=pl.lit(0.0)
    )
    metrics = dict.fromkeys(result.metrics) | {"n_trades": 0.0, "net": 0.0}
    quiet = Result(none, equity, metrics, result.run_hash, result.realism, result.costs)
    return build_tear_sheet(quiet, strategy=plan, provenance=PROVENANCE, prices=bars)


def sweep_trials(seed: int = 3) -> pl.DataFrame:
    """Return a grid of three keys, a tenth of whose cells gave no result."""
    rng = np.random.default_rng(seed)
    rows = []
    for fast in range(3, 15):
        for slow in (20, 30, 40, 60, 90):
            for leave in ("signal", "stop"):
                good = np.exp(-((fast - 8) ** 2) / 20 - (slow - 40) ** 2 / 900) - 0.3
                state, reason, sharpe = "completed", None, float(good + 0.2 * rng.normal())
                if fast == 14:
                    state, reason, sharpe = "invalid", "signal.fast < signal.slow / 2 fails", None
                elif rng.random() < 0.03:
                    state, reason, sharpe = "failed", "the worker was killed 3 times", None
                rows.append((fast, slow, leave, state, reason, sharpe))
    schema = [*VARIED, "state", "reason", "sharpe"]
    frame = pl.DataFrame(rows, schema=schema, orient="row", infer_schema_length=None)
    return frame.with_columns(
        trial_id=pl.Series([f"{place:02x}" * 32 for place in range(frame.height)]),
        net=pl.col("sharpe") * 10_000.0,
        n_trades=pl.when(pl.col("sharpe").is_not_null()).then(40 + pl.col("fast")),
        plateau=pl.col("sharpe") * 0.8,
    )


def overfitting() -> Overfitting:
    """Return logits of 500 splits, some of them exactly 0 and some infinite."""
    logits = np.random.default_rng(5).normal(0.6, 1.0, 500)
    logits[:5], logits[5:7] = 0.0, np.inf
    return Overfitting(float(np.mean(logits <= 0.0)), logits, 106, 120, 12)


def sweep_report() -> str:
    """Return the report of that grid."""
    return build_sweep_report(
        sweep_trials(),
        varied=VARIED,
        metric="sharpe",
        title="Sweep: sma_grid",
        synthetic=True,
        pbo=overfitting(),
        command="quant sweep data/strategies/sma_grid.yaml",
    )


def board(n_trials: int = 12) -> pl.DataFrame:
    """Return a leaderboard; its first trial is stale and its second has no Sharpe ratio."""
    values = [0.02 * (place * 7 % n_trials) - 0.05 for place in range(n_trials)]
    rows = [trial(place, None if place == 1 else value) for place, value in enumerate(values)]
    return build_leaderboard(rows, stale={f"{0:064x}"})
