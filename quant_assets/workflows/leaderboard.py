"""The leaderboard: every trial ever computed, and which of them are stale."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from quant_assets.bars.schema import BARS
from quant_assets.lineage.fingerprint import content_version
from quant_assets.lineage.records import Lineage, Origin
from quant_assets.market.errors import InputError
from quant_assets.optimization.leaderboard import build_leaderboard, rank_leaderboard
from quant_assets.optimization.schema import LEADERBOARD
from quant_assets.optimization.trials import Trial
from quant_assets.storage.index import Entry
from quant_assets.storage.source_code import code_version
from quant_assets.storage.state_tables import JOBS, SWEEP_CELLS
from quant_assets.workflows.trial_staleness import stale_trials
from quant_assets.workflows.trials import all_trials
from quant_assets.workflows.workspace import Workspace

CODE = (__name__, "quant_assets.optimization.leaderboard")


def sweep_members(workspace: Workspace) -> dict[str, set[str]]:
    """Return the ids of each sweep's trials, those among them that another computed first."""
    statement = (
        sa.select(SWEEP_CELLS.c.sweep, JOBS.c.trial_id)
        .join(JOBS, JOBS.c.job_id == SWEEP_CELLS.c.job_id)
        .where(JOBS.c.trial_id.is_not(None))
    )
    members: dict[str, set[str]] = defaultdict(set)
    with workspace.state.transaction("read the sweeps of") as connection:
        for sweep, trial_id in connection.execute(statement):
            members[sweep].add(trial_id)
    return dict(members)


def build_now(workspace: Workspace, trials: list[Trial], stale: Collection[str]) -> pl.DataFrame:
    """Return the leaderboard of some trials.

    Which trials a sweep has is for the queue to say; trials name the sweep where it does not know
    of it.
    """
    queued = sweep_members(workspace)
    named: dict[str, set[str]] = defaultdict(set)
    for trial in trials:
        if trial.sweep is not None:
            named[trial.sweep].add(trial.trial_id)
    return build_leaderboard(trials, stale=stale, sweeps=named | queued)


@dataclass(frozen=True)
class StoredLeaderboard:
    """The leaderboard as the lake holds it; `is_new` where it differs from the one before."""

    entry: Entry
    is_new: bool


def store_leaderboard(workspace: Workspace) -> StoredLeaderboard:
    """Store the leaderboard of all trials as a table of the lake."""
    before = _stored_versions(workspace)
    trials = all_trials(workspace)
    stale = stale_trials(workspace, trials)
    lineage = Lineage(
        code_version=code_version(CODE, ((LEADERBOARD.name, LEADERBOARD.version),)),
        inputs={f"trial/{trial.trial_id}": str(trial.trial_id in stale) for trial in trials},
        origin=Origin.of(e.origin for e in workspace.lake.index.entries(BARS.name)),
    )
    board = build_now(workspace, trials, stale)
    entry = workspace.lake.commit(LEADERBOARD, {}, board, lineage).entry
    return StoredLeaderboard(entry, is_new=entry.data_version not in before)


def is_leaderboard_stored(workspace: Workspace) -> bool | None:
    """Whether the lake holds the leaderboard as it would be now; None where it holds none."""
    before = _stored_versions(workspace)
    if not before:
        return None
    trials = all_trials(workspace)
    board = build_now(workspace, trials, stale_trials(workspace, trials))
    return content_version(LEADERBOARD.check(board)) in before


def _stored_versions(workspace: Workspace) -> set[str]:
    """Return the data version of the stored leaderboard, in a set that may be empty."""
    return {entry.data_version for entry in workspace.lake.index.entries(LEADERBOARD.name)}


def ranked(workspace: Workspace, *, by: str = "dsr", sweep: str | None = None) -> pl.DataFrame:
    """Return the leaderboard as it would be now, best first.

    Parameters
    ----------
    sweep
        Only the trials of this sweep; all others count against them all the same.

    Raises
    ------
    InputError
        If there is no such column to rank by, no such sweep, or no trial yet.
    """
    trials = all_trials(workspace)
    board = build_now(workspace, trials, stale_trials(workspace, trials))
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
    if sweep is not None:
        board = _of_sweep(board, sweep, sweep_members(workspace))
    return rank_leaderboard(board, by=by)


def _of_sweep(
    board: pl.DataFrame, sweep: str, members: Mapping[str, Collection[str]]
) -> pl.DataFrame:
    """Return the rows of one sweep's trials."""
    mine = pl.col("trial_id").is_in(sorted(members.get(sweep, ()))) | (pl.col("sweep") == sweep)
    found = board.filter(mine)
    if found.is_empty():
        known = sorted({*members, *board["sweep"].drop_nulls()})
        raise InputError(
            asked=f"the trials of sweep {sweep!r}",
            found=f"sweeps with trials are {', '.join(known) or 'none'}",
            remedy="Run it: quant sweep SPEC.yaml",
        )
    return found
