"""The leaderboard: every trial ever computed, and which of them are stale."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from quant_assets.backtests.schema import EQUITY
from quant_assets.lineage.fingerprint import content_version
from quant_assets.lineage.records import Lineage, Origin
from quant_assets.market.errors import InputError
from quant_assets.optimization.leaderboard import build_leaderboard, rank_leaderboard
from quant_assets.optimization.schema import LEADERBOARD
from quant_assets.optimization.schema import TRIALS as TRIALS_TABLE
from quant_assets.optimization.trials import Trial, trials_frame
from quant_assets.storage.index import Entry
from quant_assets.storage.source_code import code_version
from quant_assets.storage.state_tables import TRIALS
from quant_assets.workflows.session_closes import closes_versions
from quant_assets.workflows.strategy_backtest import RUN_DIGITS, backtest_code_version
from quant_assets.workflows.workspace import Workspace

CODE = (__name__, "quant_assets.optimization.leaderboard")


def all_trials(workspace: Workspace) -> list[Trial]:
    """Return the trials of the state database, by id."""
    return [Trial.from_row(row) for row in workspace.state.select(TRIALS)]


@dataclass(frozen=True)
class StoredLeaderboard:
    """The leaderboard as the lake holds it; `is_new` where it differs from the one before."""

    entry: Entry
    is_new: bool


def store_leaderboard(workspace: Workspace) -> StoredLeaderboard:
    """Store trials and leaderboard as tables of the lake."""
    before = _stored_versions(workspace)
    trials = all_trials(workspace)
    stale = stale_trials(workspace, trials)
    lineage = Lineage(
        code_version=code_version(CODE, ((LEADERBOARD.name, LEADERBOARD.version),)),
        inputs={f"trial/{trial.trial_id}": str(trial.trial_id in stale) for trial in trials},
        origin=Origin.of(e.origin for e in workspace.lake.index.entries(EQUITY.name)),
    )
    workspace.lake.commit(TRIALS_TABLE, {}, trials_frame(trials), lineage)
    board = build_leaderboard(trials, stale=stale)
    entry = workspace.lake.commit(LEADERBOARD, {}, board, lineage).entry
    return StoredLeaderboard(entry, is_new=entry.data_version not in before)


def is_leaderboard_stored(workspace: Workspace) -> bool | None:
    """Whether the lake holds the leaderboard as it would be now; None where it holds none."""
    before = _stored_versions(workspace)
    if not before:
        return None
    trials = all_trials(workspace)
    board = build_leaderboard(trials, stale=stale_trials(workspace, trials))
    return content_version(LEADERBOARD.check(board)) in before


def _stored_versions(workspace: Workspace) -> set[str]:
    """Return the data version of the stored leaderboard, in a set that may be empty."""
    return {entry.data_version for entry in workspace.lake.index.entries(LEADERBOARD.name)}


def ranked(workspace: Workspace, *, by: str = "dsr") -> pl.DataFrame:
    """Return the leaderboard as it would be now, best first.

    Raises
    ------
    InputError
        If there is no such column to rank by, or no trial yet.
    """
    trials = all_trials(workspace)
    board = build_leaderboard(trials, stale=stale_trials(workspace, trials))
    numbers = [name for name, dtype in board.schema.items() if dtype.is_numeric()]
    if by not in numbers:
        raise InputError(
            asked=f"the leaderboard by {by!r}",
            found=f"columns to rank by are {', '.join(numbers)}",
            remedy="Choose one of them with --by.",
        )
    if board.is_empty():
        raise InputError(
            asked="the leaderboard",
            found="no backtest has been computed",
            remedy="Run one: quant materialize leaderboard",
        )
    return rank_leaderboard(board, by=by)


def stale_trials(workspace: Workspace, trials: Sequence[Trial]) -> set[str]:
    """Return the trials of which any input, or the code, is no longer what it was."""
    runs = {entry.levels["run"]: entry for entry in workspace.lake.index.entries(EQUITY.name)}
    current = {
        entry.name: entry.data_version
        for table in ("bars", "signals")
        for entry in workspace.lake.index.entries(table)
    }
    return {
        trial.trial_id
        for trial in trials
        if not _is_current(workspace, runs.get(trial.trial_id[:RUN_DIGITS]), current)
    }


def _is_current(workspace: Workspace, run: Entry | None, current: dict[str, str]) -> bool:
    """Whether a run's inputs are those that the lake holds now."""
    if run is None or run.code_version != backtest_code_version():
        return False
    inputs = workspace.lake.lineage(run).inputs
    now = current | closes_versions(workspace, inputs)
    return all(now.get(name) == version for name, version in inputs.items())
