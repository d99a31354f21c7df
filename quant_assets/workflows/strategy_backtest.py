"""The backtest of a strategy: its signals traded, stored and counted as a trial."""

from dataclasses import dataclass

import polars as pl

from quant_assets.backtests.engine import Result
from quant_assets.backtests.schema import EQUITY, TRADES
from quant_assets.execution.costs import Realism, costs_of
from quant_assets.lineage.records import Lineage
from quant_assets.optimization.trials import Trial, trial_identity
from quant_assets.signals.schema import SIGNALS
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.storage.source_code import code_version
from quant_assets.storage.state_tables import FAILURES, TRIALS
from quant_assets.workflows.backtesting import Backtest, Progress, run_trial
from quant_assets.workflows.histories import Histories, histories_of
from quant_assets.workflows.view import LakeView
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


def backtest_code_version() -> str:
    """Return the code version of backtests."""
    return code_version(CODE, ((TRADES.name, TRADES.version), (EQUITY.name, EQUITY.version)))


def run_simulation(
    workspace: Workspace, strategy: Strategy, *, progress: Progress = lambda _: None
) -> StoredBacktest:
    """Backtest a strategy on its signals, or return the stored result.

    Every new result is a trial in the state database: it counts against all others on its data.

    Raises
    ------
    StrategyError
        If there are no signals, or none that is out of sample.
    """
    view = LakeView(workspace)
    found = strategy_histories(view, strategy)
    trial_id = _identity(strategy, found)
    if (stored := _stored(workspace, strategy, trial_id)) is not None:
        return stored
    made = run_trial(
        found.by_symbol,
        strategy=strategy,
        instruments={s: workspace.instrument(s) for s in found.by_symbol},
        data_versions=found.versions,
        code_version=backtest_code_version(),
        quality_share=quality_share(view, found),
        with_ladder=True,
        progress=progress,
    )
    return save_simulation_history(workspace, strategy, made, found)


def save_simulation_history(
    workspace: Workspace, strategy: Strategy, made: Backtest, found: Histories
) -> StoredBacktest:
    """Store a backtest: trades and equity in the lake, its trial in the state database."""
    lineage = Lineage(
        code_version=made.trial.code_version,
        parameters=strategy.to_mapping(),
        inputs=found.versions,
        origin=found.origin,
    )
    levels = {"strategy": strategy.name, "run": made.trial.trial_id[:RUN_DIGITS]}
    trades = workspace.lake.commit(TRADES, levels, made.result.trades, lineage)
    equity = workspace.lake.commit(EQUITY, levels, made.result.equity, lineage)
    workspace.state.upsert(TRIALS, [made.trial.to_row()])
    return StoredBacktest(made.trial, trades.entry, equity.entry, is_new=True)


def backtest_inputs(workspace: Workspace, strategy: Strategy) -> dict[str, str]:
    """Return names and versions of what a backtest would read; raises as `run_simulation`."""
    return strategy_histories(LakeView(workspace), strategy).versions


def stored_backtest(workspace: Workspace, strategy: Strategy) -> StoredBacktest | None:
    """Return the backtest of what the lake holds now, None where it was never computed.

    Raises as `run_simulation`.
    """
    found = strategy_histories(LakeView(workspace), strategy)
    return _stored(workspace, strategy, _identity(strategy, found))


def strategy_histories(view: LakeView, strategy: Strategy) -> Histories:
    """Return what a strategy's stored signals are traded on.

    Raises
    ------
    StrategyError
        If it has no signals.
    """
    signals: dict[str, pl.DataFrame] = {}
    for symbol in strategy.symbols or ():
        calendar = view.workspace.calendar(symbol)
        entries = [
            entry
            for session in filter(calendar.is_session, view.sessions(SIGNALS.name, symbol))
            for entry in view.at(
                SIGNALS.name,
                symbol,
                session,
                strategy=strategy.name,
                timeframe=strategy.timeframe,
            )
        ]
        if entries:
            signals[symbol] = pl.concat([view.read(entry) for entry in entries])
    return histories_of(view, strategy, signals)


def _identity(strategy: Strategy, found: Histories) -> str:
    """Return the identity of the trial that a strategy is on some data, by the code of now."""
    return trial_identity(
        strategy, data_versions=found.versions, code_version=backtest_code_version()
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


def stored_result(workspace: Workspace, strategy: Strategy, stored: StoredBacktest) -> Result:
    """Read a stored backtest back as the result that it was."""
    found = strategy_histories(LakeView(workspace), strategy)
    realism = Realism(stored.trial.realism)
    return Result(
        trades=workspace.lake.read(stored.trades),
        equity=workspace.lake.read(stored.equity),
        metrics=dict(stored.trial.metrics),
        run_hash=stored.trial.trial_id,
        realism=realism,
        costs={
            symbol: costs_of(
                workspace.instrument(symbol),
                strategy.execution,
                closes=history.bars["close"].to_numpy(),
                realism=realism,
            )
            for symbol, history in found.by_symbol.items()
        },
        unfilled=dict(stored.trial.unfilled),
    )


def quality_share(view: LakeView, found: Histories) -> float:
    """Return the share of the sessions of which no landed or cleaned row was set aside."""
    failed = {row["partition"] for row in view.workspace.state.select(FAILURES)}
    sound = total = 0
    for symbol, entries in found.bars.items():
        for entry in entries:
            total += 1
            aside = view.at("quarantine", symbol, entry.day)
            sound += not aside and f"{entry.session}|{symbol}" not in failed
    return sound / total
