"""Backtest from frames to trial and picture, without lake and Dagster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from quant_assets.backtests.engine import Result, run_backtest
from quant_assets.market.instruments import Instrument
from quant_assets.optimization.trials import Trial, trial_identity
from quant_assets.reports.pictures import draw_equity
from quant_assets.signals.strategy import Strategy

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Backtest:
    """What a backtest gave: its result, the trial to be counted, and the equity as a picture."""

    result: Result
    trial: Trial
    equity_png: bytes


def run_trial(
    bars: Mapping[str, pl.DataFrame],
    predictions: Mapping[str, pl.DataFrame],
    *,
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
    closes: Mapping[str, Mapping[date, int]],
    data_versions: Mapping[str, str],
    code_version: str,
    quality_share: float | None = None,
    progress: Progress = lambda _: None,
) -> Backtest:
    """Backtest a strategy and return its trial; the run's hash is the trial's identity.

    Parameters
    ----------
    data_versions
        Name of each partition that was read (bars and predictions) to its data version.
    quality_share
        Share of the sessions whose data passed all checks.

    Raises
    ------
    StrategyError
        If the strategy cannot be traded on what is there; see `run_backtest`.
    """
    identity = trial_identity(strategy, data_versions=data_versions, code_version=code_version)
    progress(f"trial {identity[:10]}: {', '.join(sorted(predictions))}")
    result = run_backtest(
        bars, predictions, strategy, instruments, closes=closes, run_hash=identity
    )
    trial = Trial.from_result(
        result,
        strategy=strategy,
        symbols=tuple(predictions),
        data_versions=data_versions,
        code_version=code_version,
        model_version=_model_version(predictions),
        quality_share=quality_share,
    )
    progress(f"{result.trades.height} trades, net {result.metrics['net']:.2f}")
    picture = draw_equity(result.equity, title=f"{strategy.name}: equity out of sample")
    return Backtest(result, trial, picture)


def _model_version(predictions: Mapping[str, pl.DataFrame]) -> str | None:
    """Return the one model that predicted, None where several did."""
    versions = {v for frame in predictions.values() for v in frame["model_version"].unique()}
    return versions.pop() if len(versions) == 1 else None
