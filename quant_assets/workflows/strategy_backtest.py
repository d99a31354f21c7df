"""The backtest of a strategy: out-of-sample predictions traded, stored and counted as a trial."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from quant_assets.backtests.engine import Result
from quant_assets.backtests.schema import EQUITY, TRADES
from quant_assets.execution.costs import Realism, costs_of
from quant_assets.lineage.records import Lineage, Origin
from quant_assets.market.errors import StrategyError
from quant_assets.models.schema import PREDICTIONS
from quant_assets.optimization.trials import Trial, trial_identity
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.storage.source_code import code_version
from quant_assets.storage.state_tables import FAILURES, TRIALS
from quant_assets.workflows.backtesting import Progress, run_trial
from quant_assets.workflows.recipes.neighbours import research_bars
from quant_assets.workflows.session_closes import closes_versions
from quant_assets.workflows.view import LakeView, versions
from quant_assets.workflows.workspace import Workspace

CODE = (__name__, "quant_assets.workflows.backtesting", "quant_assets.backtests.engine")

RUN_DIGITS = 10


@dataclass(frozen=True)
class StoredBacktest:
    """A backtest as the lake holds it."""

    trial: Trial
    trades: Entry
    equity: Entry
    is_new: bool

    @property
    def run(self) -> str:
        """Folder of the run: the first digits of its trial's id."""
        return self.trial.trial_id[:RUN_DIGITS]


@dataclass(frozen=True)
class _Inputs:
    """What a backtest reads: entries by symbol, and the closes of their sessions."""

    bars: dict[str, list[Entry]]
    predictions: dict[str, list[Entry]]
    closes: dict[str, str]
    """Versions of the closes that positions end at."""

    @property
    def versions(self) -> dict[str, str]:
        """Names and versions of all that it reads."""
        groups = [*self.bars.values(), *self.predictions.values()]
        return versions(entry for group in groups for entry in group) | self.closes

    @staticmethod
    def frames(view: LakeView, groups: dict[str, list[Entry]]) -> dict[str, pl.DataFrame]:
        """Return the rows of each symbol, in order of its sessions."""
        return {s: pl.concat([view.read(entry) for entry in groups[s]]) for s in sorted(groups)}


def backtest_code_version() -> str:
    """Return the code version of backtests."""
    return code_version(CODE, ((TRADES.name, TRADES.version), (EQUITY.name, EQUITY.version)))


def backtest_strategy(
    workspace: Workspace, strategy: Strategy, *, progress: Progress = lambda _: None
) -> StoredBacktest:
    """Backtest a strategy on its out-of-sample predictions, or return the stored result.

    Every new result is a trial in the state database: it counts against all others on its data.

    Raises
    ------
    StrategyError
        If there are no predictions, or none that is out of sample.
    """
    view = LakeView(workspace)
    inputs = _inputs(view, strategy)
    trial_id = _identity(strategy, inputs)
    if (stored := _stored(workspace, strategy, trial_id)) is not None:
        return stored
    symbols = sorted(inputs.predictions)
    made = run_trial(
        inputs.frames(view, inputs.bars),
        inputs.frames(view, inputs.predictions),
        strategy=strategy,
        instruments={s: workspace.instrument(s) for s in symbols},
        closes={s: _closes(workspace, s, inputs.bars[s]) for s in symbols},
        data_versions=inputs.versions,
        code_version=backtest_code_version(),
        quality_share=_quality_share(view, inputs),
        progress=progress,
    )
    lineage = Lineage(
        code_version=made.trial.code_version,
        parameters=strategy.to_mapping(),
        inputs=inputs.versions,
        origin=Origin.of(e.origin for group in inputs.bars.values() for e in group),
    )
    levels = {"strategy": strategy.name, "run": trial_id[:RUN_DIGITS]}
    trades = workspace.lake.commit(TRADES, levels, made.result.trades, lineage)
    equity = workspace.lake.commit(EQUITY, levels, made.result.equity, lineage)
    workspace.state.upsert(TRIALS, [made.trial.to_row()])
    return StoredBacktest(made.trial, trades.entry, equity.entry, is_new=True)


def backtest_inputs(workspace: Workspace, strategy: Strategy) -> dict[str, str]:
    """Return names and versions of what a backtest would read; raises as `backtest_strategy`."""
    return _inputs(LakeView(workspace), strategy).versions


def stored_backtest(workspace: Workspace, strategy: Strategy) -> StoredBacktest | None:
    """Return the backtest of what the lake holds now, None where it was never computed.

    Raises as `backtest_strategy`.
    """
    trial_id = _identity(strategy, _inputs(LakeView(workspace), strategy))
    return _stored(workspace, strategy, trial_id)


def _identity(strategy: Strategy, inputs: _Inputs) -> str:
    """Return the identity of the trial that a strategy is on some data, by the code of now."""
    return trial_identity(
        strategy, data_versions=inputs.versions, code_version=backtest_code_version()
    )


def _stored(workspace: Workspace, strategy: Strategy, trial_id: str) -> StoredBacktest | None:
    """Return the result of a trial that was computed before, or None."""
    rows = workspace.state.select(TRIALS, trial_id=trial_id)
    run = trial_id[:RUN_DIGITS]
    found = {
        table: [
            entry
            for entry in workspace.lake.index.entries(table, symbol=strategy.name)
            if entry.levels["run"] == run
        ]
        for table in (TRADES.name, EQUITY.name)
    }
    if not rows or not all(found.values()):
        return None
    return StoredBacktest(
        Trial.from_row(rows[0]), found[TRADES.name][0], found[EQUITY.name][0], is_new=False
    )


def _inputs(view: LakeView, strategy: Strategy) -> _Inputs:
    """Find the predictions of the strategy's model and the bars that they trade on."""
    bars: dict[str, list[Entry]] = {}
    predictions: dict[str, list[Entry]] = {}
    for symbol in strategy.symbols or ():
        calendar = view.workspace.calendar(symbol)
        for session in filter(calendar.is_session, view.sessions(PREDICTIONS.name, symbol)):
            made = view.at(PREDICTIONS.name, symbol, session, model=strategy.name)
            here = research_bars(view, symbol, session)
            if made and here is not None:
                predictions.setdefault(symbol, []).extend(made)
                bars.setdefault(symbol, []).append(here)
    if not predictions:
        raise StrategyError(
            asked=f"backtest {strategy.name}",
            found="no predictions of its model",
            remedy="Make them first: quant materialize predictions",
        )
    names = (entry.name for group in bars.values() for entry in group)
    return _Inputs(bars, predictions, closes_versions(view.workspace, names))


def stored_result(workspace: Workspace, strategy: Strategy, stored: StoredBacktest) -> Result:
    """Read a stored backtest back as the result that it was."""
    view = LakeView(workspace)
    bars = {
        symbol: pl.concat([view.read(entry, ("close",)) for entry in entries])
        for symbol, entries in _inputs(view, strategy).bars.items()
    }
    return Result(
        trades=workspace.lake.read(stored.trades),
        equity=workspace.lake.read(stored.equity),
        metrics=dict(stored.trial.metrics),
        run_hash=stored.trial.trial_id,
        realism=Realism(stored.trial.realism),
        costs={
            symbol: costs_of(
                workspace.instrument(symbol),
                strategy.execution,
                closes=frame["close"].to_numpy(),
            )
            for symbol, frame in sorted(bars.items())
        },
    )


def _closes(workspace: Workspace, symbol: str, entries: list[Entry]) -> dict[date, int]:
    """Return the official close of each session, ns."""
    calendar = workspace.calendar(symbol)
    return {entry.day: calendar.bounds(entry.day).close_ns for entry in entries}


def _quality_share(view: LakeView, inputs: _Inputs) -> float:
    """Return the share of the sessions of which no landed or cleaned row was set aside."""
    failed = {row["partition"] for row in view.workspace.state.select(FAILURES)}
    sound = total = 0
    for symbol, entries in inputs.bars.items():
        for entry in entries:
            total += 1
            aside = view.at("quarantine", symbol, entry.day)
            sound += not aside and f"{entry.session}|{symbol}" not in failed
    return sound / total
