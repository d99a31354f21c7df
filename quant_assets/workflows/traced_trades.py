"""Trades by their ids: read from the lake, or computed again where only the trial was kept."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import sqlalchemy as sa

from quant_assets.backtests.schema import TRADES
from quant_assets.market.errors import InputError, QuantError
from quant_assets.optimization.trials import Trial
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.storage.state_tables import TRIALS
from quant_assets.workflows.configuration import (
    Cache,
    Predictions,
    predictions_of,
    run_configuration,
)
from quant_assets.workflows.strategy_backtest import RUN_DIGITS
from quant_assets.workflows.view import LakeView

_TRADE_ID = re.compile(rf"([0-9a-f]{{{RUN_DIGITS}}})-(\d+)")


@dataclass(frozen=True)
class Run:
    """The run that a trade belongs to.

    Parameters
    ----------
    inputs
        Names and versions of what it read; empty where it was computed again just now, and so
        on what the lake holds.
    entry
        Its trades in the lake; None where it was computed again.
    predictions
        Predictions of its model, where it was computed again.
    """

    trial: Trial | None
    strategy: Strategy
    trades: pl.DataFrame
    inputs: Mapping[str, str] = field(default_factory=dict)
    code_version: str = ""
    entry: Entry | None = None
    predictions: Predictions | None = None


@dataclass(frozen=True)
class TracedTrade:
    """A trade, its row by column, and its run."""

    trade_id: str
    row: Mapping[str, Any]
    run: Run


class TradeFinder:
    """Finds trades; a run is read or computed once, however many of its trades are asked for."""

    def __init__(self, view: LakeView, *, progress: Callable[[str], None]) -> None:
        self._view = view
        self._progress = progress
        self._cache = Cache()
        self._runs: dict[str, Run] = {}

    def find(self, trade_id: str) -> TracedTrade:
        """Return a trade.

        Raises
        ------
        InputError
            If it is no trade's id, or there is no such run or trade.
        StrategyError
            If its run was not stored, and what the lake holds now is not what it was computed on.
        """
        match = _TRADE_ID.fullmatch(trade_id)
        if match is None:
            raise InputError(
                asked=f"trade {trade_id[:60]!r}",
                found=f"an id has {RUN_DIGITS} digits of its run, a dash and a number",
                remedy="Take one from table trades: quant peek on a file of lake/trades.",
            )
        digits = match[1]
        if digits not in self._runs:
            self._runs[digits] = self._run(digits)
        run = self._runs[digits]
        found = run.trades.filter(pl.col("trade_id") == trade_id)
        if found.is_empty():
            raise InputError(
                asked=f"trade {trade_id!r}",
                found=f"its run has {run.trades.height:,} trades, and none of that id",
                remedy=f"Name one of them, such as {digits}-000001.",
            )
        return TracedTrade(trade_id, found.row(0, named=True), run)

    def ids_of_run(self, digits: str) -> list[str]:
        """Return the ids of all trades of a run, which its first digits name."""
        if digits not in self._runs:
            self._runs[digits] = self._run(digits)
        return self._runs[digits].trades["trade_id"].to_list()

    def _run(self, digits: str) -> Run:
        """Return a run, from the lake where it holds it."""
        trial = self._trial(digits)
        entries = [
            entry
            for entry in self._view.workspace.lake.index.entries(TRADES.name)
            if entry.levels["run"] == digits
        ]
        if entries:
            return self._stored(entries[0], trial)
        if trial is None:
            raise InputError(
                asked=f"a trade of run {digits}",
                found="no trial and no stored run begins with these digits",
                remedy="List the trials: quant leaderboard",
            )
        return self._again(trial)

    def _trial(self, digits: str) -> Trial | None:
        """Return the trial whose id begins with some digits."""
        statement = sa.select(TRIALS).where(TRIALS.c.trial_id.startswith(digits))
        with self._view.workspace.state.transaction("read the trials of") as connection:
            rows = [dict(row) for row in connection.execute(statement).mappings()]
        return Trial.from_row(rows[0]) if rows else None

    def _stored(self, entry: Entry, trial: Trial | None) -> Run:
        """Return a run that the lake holds; its file says by itself what it was made from."""
        lineage = self._view.workspace.lake.lineage(entry)
        return Run(
            trial=trial,
            strategy=Strategy.parse(lineage.parameters),
            trades=self._view.workspace.lake.read(entry),
            inputs=lineage.inputs,
            code_version=lineage.code_version,
            entry=entry,
        )

    def _again(self, trial: Trial) -> Run:
        """Compute a trial again: a sweep keeps its returns and not its trades."""
        strategy = Strategy.parse(trial.config)
        self._progress(f"trial {trial.trial_id[:RUN_DIGITS]} was not stored, computed again")
        try:
            made = run_configuration(self._view, strategy, self._cache, sweep=trial.sweep)
        except QuantError as error:
            raise InputError(
                asked=f"the trades of trial {trial.trial_id[:RUN_DIGITS]}, which were not stored",
                found=f"it cannot be computed again: {error.found}",
                remedy=error.remedy,
            ) from error
        if made.trial.trial_id != trial.trial_id:
            raise InputError(
                asked=f"the trades of trial {trial.trial_id[:RUN_DIGITS]}, which were not stored",
                found="data or code have changed since: computed again it is trial "
                f"{made.trial.trial_id[:RUN_DIGITS]}",
                remedy="Ask for a trade of that one, or bring data and code back.",
            )
        predicted = predictions_of(self._view, strategy, self._cache) if strategy.learns else None
        return Run(
            trial=trial,
            strategy=strategy,
            trades=made.result.trades,
            code_version=trial.code_version,
            predictions=predicted,
        )
