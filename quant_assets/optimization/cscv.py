"""Probability of backtest overfitting, by combinatorially symmetric cross-validation.

Bailey, Borwein, Lopez de Prado and Zhu, The Probability of Backtest Overfitting, Journal of
Computational Finance 20, 2016: the sessions are cut into blocks; of each way to take half of them
the trial that is best there is looked up on the other half. Where choosing by the past is worth
nothing, the best one lands below the median of all half of the time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np
import numpy.typing as npt

from quant_assets.market.errors import InputError
from quant_assets.optimization.kernels import score_halves
from quant_assets.optimization.return_series import ReturnSeries

MOST_BLOCKS = 16
"""Blocks where there are sessions enough: 12,870 splits, as in the paper."""

FEWEST_BLOCKS = 4
FEWEST_SESSIONS = 4
"""Sessions that a block holds at least."""


@dataclass(frozen=True)
class Overfitting:
    """What cross-validation said of a set of trials.

    Parameters
    ----------
    pbo
        Share of splits whose best trial stands at or below the median out of sample; None where
        it is not defined, and then `note` says why.
    logits : float64 array of shape (n_splits,)
        Of each split ln(w / (1 - w)), w the rank out of sample of the best trial in sample over
        n_trials + 1; equal trials share their mean rank.
    n_trials
        Trials with returns of their own: equal ones count once.
    n_sessions
        Sessions that all trials have.
    n_blocks
        Blocks that the sessions were cut into.
    """

    pbo: float | None
    logits: npt.NDArray[np.float64]
    n_trials: int
    n_sessions: int
    n_blocks: int
    note: str | None = None


def count_blocks(n_sessions: int) -> int | None:
    """Return the largest even number of blocks, at most 16, of at least 4 sessions each.

    None below 16 sessions: 4 blocks, which are halved in 6 ways, are the fewest.
    """
    blocks = min(MOST_BLOCKS, n_sessions // FEWEST_SESSIONS // 2 * 2)
    return blocks if blocks >= FEWEST_BLOCKS else None


def cross_validate_trials(trials: Sequence[ReturnSeries]) -> Overfitting:
    """Return the probability of overfitting over the sessions that all trials have in common.

    Trials with the same returns there are one trial. Those that kept no returns are left out.
    """
    kept = [series for series in trials if len(series)]
    if not kept:
        return _undefined(0, 0, "no trial has kept its returns")
    # Most trials of a sweep have the same sessions: each set of days is looked at once.
    days = {series.packed_days: series.days for series in kept}
    common = reduce(np.intersect1d, days.values())
    is_common = {packed: np.isin(own, common) for packed, own in days.items()}
    columns = {series.values[is_common[series.packed_days]].tobytes() for series in kept}
    # In order of their bytes: that of the trials decides nothing.
    matrix = np.array([np.frombuffer(column) for column in sorted(columns)]).T
    note = _why_undefined(len(columns), len(common))
    if note:
        return _undefined(len(columns), len(common), note)
    return overfitting_of(np.ascontiguousarray(matrix))


def overfitting_of(returns: npt.NDArray[np.float64], *, n_blocks: int | None = None) -> Overfitting:
    """Return the probability of overfitting of a matrix of returns.

    Parameters
    ----------
    returns : float64 array of shape (n_sessions, n_trials)
        Finite simple returns, in order of the sessions.
    n_blocks
        Even number of blocks; by default `count_blocks`. The oldest sessions that do not fill
        a block in each are left out.

    Returns
    -------
    Overfitting
        Of several trials that are best in sample, the first column is looked up.

    Raises
    ------
    InputError
        If there are fewer than two trials, or too few sessions for the blocks.
    """
    n_sessions, n_trials = returns.shape
    blocks = n_blocks or count_blocks(n_sessions) or 0
    rows = n_sessions // blocks if blocks else 0
    if n_trials < 2 or blocks < 2 or blocks % 2 or rows * blocks < 4:
        raise InputError(
            asked=f"cross-validation of {n_trials} trials over {n_sessions} sessions",
            found=_why_undefined(n_trials, n_sessions) or f"{blocks} blocks cannot be halved",
            remedy="Give at least 2 trials, 16 sessions and an even number of blocks.",
        )
    cut = returns[n_sessions - rows * blocks :].reshape(blocks, rows, n_trials)
    halves = _halves(blocks)
    sums, squares = _running_sum(cut), _running_sum(cut * cut)
    _, below, equal = score_halves(sums, squares, halves, rows * blocks // 2)
    rank = below + (equal + 1) / 2.0
    # Twice the rank is whole, so that a rank in the middle is at the median and not beside it.
    pbo = float(np.mean(2 * below + equal + 1 <= n_trials + 1))
    logits = np.array([math.log(r / (n_trials + 1.0 - r)) for r in rank.tolist()])
    return Overfitting(pbo, logits, n_trials, n_sessions, blocks)


def _halves(n_blocks: int) -> npt.NDArray[np.int64]:
    """Return each way to halve the blocks: those in sample, then the others."""
    inside = np.array(list(combinations(range(n_blocks), n_blocks // 2)), dtype=np.int64)
    # In lexicographic order the complement of a half stands as far from the end as it from the
    # beginning.
    return np.hstack([inside, inside[::-1]])


def _running_sum(cut: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return sums over the sessions of each block, row by row: the same bits for any width."""
    total = np.zeros((cut.shape[0], cut.shape[2]))
    for row in range(cut.shape[1]):
        total += cut[:, row]
    return total


def _why_undefined(n_trials: int, n_sessions: int) -> str | None:
    """Say what lacks, None where nothing does."""
    if count_blocks(n_sessions) is None:
        fewest = FEWEST_BLOCKS * FEWEST_SESSIONS
        return f"{n_sessions} sessions in common, {fewest} are needed"
    if n_trials < 2:
        return f"{n_trials} trial with returns of its own, 2 are needed"
    return None


def _undefined(n_trials: int, n_sessions: int, note: str) -> Overfitting:
    """Return what is said where nothing can be."""
    return Overfitting(None, np.empty(0), n_trials, n_sessions, 0, note)
