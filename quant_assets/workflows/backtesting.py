"""Backtest from histories to trial and ladder, without lake and Dagster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quant_assets.backtests.engine import Result, run_backtest
from quant_assets.backtests.history import SymbolHistory
from quant_assets.backtests.kept import Kept, made_anew
from quant_assets.execution.costs import Realism
from quant_assets.market.instruments import Instrument
from quant_assets.optimization.trials import Trial, trial_identity
from quant_assets.signals.strategy import Strategy

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Backtest:
    """What a backtest gave: its result, and the trial to be counted."""

    result: Result
    trial: Trial


def run_trial(
    histories: Mapping[str, SymbolHistory],
    *,
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
    data_versions: Mapping[str, str],
    code_version: str,
    quality_share: float | None = None,
    sweep: str | None = None,
    with_ladder: bool = False,
    kept: Kept = made_anew,
    progress: Progress = lambda _: None,
) -> Backtest:
    """Backtest a strategy and return its trial; the run's hash is the trial's identity.

    Parameters
    ----------
    data_versions
        Name of all that was read to its data version: `workflows.histories` tells it.
    quality_share
        Share of the sessions whose data passed all checks.
    sweep
        Sweep that asks for it; None for a single backtest.
    with_ladder
        Whether the other levels of realism are run too; they are no trials of their own.
    kept
        Keeps what does not hang on the strategy; see `run_backtest`.

    Raises
    ------
    StrategyError
        If the strategy cannot be traded on what is there; see `run_backtest`.
    """
    identity = trial_identity(strategy, data_versions=data_versions, code_version=code_version)
    progress(f"trial {identity[:10]}: {', '.join(sorted(histories))}")
    result = run_backtest(histories, strategy, instruments, run_hash=identity, kept=kept)
    trial = Trial.from_result(
        result,
        strategy=strategy,
        trial_id=identity,
        symbols=tuple(histories),
        data_versions=data_versions,
        code_version=code_version,
        model_version=_model_version(histories),
        quality_share=quality_share,
        sweep=sweep,
        ladder=_ladder(result, histories, strategy, instruments) if with_ladder else None,
    )
    progress(f"{result.trades.height} trades, net {result.metrics['net']:.2f}")
    return Backtest(result, trial)


def _ladder(
    result: Result,
    histories: Mapping[str, SymbolHistory],
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
) -> dict[str, Result]:
    """Return what the same strategy gives at the other levels of realism."""
    return {
        level.value: run_backtest(histories, strategy, instruments, realism=level)
        for level in Realism
        if level is not result.realism
    }


def _model_version(histories: Mapping[str, SymbolHistory]) -> str | None:
    """Return the one model that predicted, None where several did, or none."""
    columns = [one.signals["model_version"] for one in histories.values()]
    found = {
        version
        for column in columns
        for version in ([None] if column.null_count() == column.len() else column.unique())
    }
    return found.pop() if len(found) == 1 else None
