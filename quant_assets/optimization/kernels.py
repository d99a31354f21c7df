"""Combinatorially symmetric cross-validation on arrays: each way to halve the blocks."""

import numpy as np
from numba import njit

_FLAT = 1e-12
"""Variance over mean square at or below which returns do not vary."""

_EQUAL = 1e-12
"""Difference of two scores, over the larger, at or below which they differ by rounding alone.

Equal ratios are no rare accident: a trial that trades once in a half has the same one whatever it
won.
"""

_NOTHING = 1e-24
"""Score at or below which it is the rounding of gains that cancel."""


@njit(cache=True, nogil=True)
def score_halves(
    sums: np.ndarray, squares: np.ndarray, halves: np.ndarray, n_rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, of each split, which trial is best in sample and where it stands out of sample.

    Parameters
    ----------
    sums, squares : float64 array of shape (n_blocks, n_trials)
        Sums of the returns of a block, and of their squares.
    halves : int64 array of shape (n_splits, n_blocks)
        A split a row, in lexicographic order: first the blocks in sample, then the others. What
        is in sample in row i is out of sample in the i-th row from the end.
    n_rows : int
        Returns of a half, at least 2.

    Returns
    -------
    best : int64 array of shape (n_splits,)
        The trial; of several that are best but for rounding, the first.
    n_below, n_equal : int64 array of shape (n_splits,)
        Trials with a lower Sharpe ratio than its own out of sample, and with the same but for
        rounding, itself among them.
    """
    n_splits, n_blocks = halves.shape
    best = np.empty(n_splits, dtype=np.int64)
    n_below = np.empty(n_splits, dtype=np.int64)
    n_equal = np.empty(n_splits, dtype=np.int64)
    inside = np.empty(sums.shape[1])
    outside = np.empty(sums.shape[1])
    spreads = np.empty(sums.shape[1])
    n_half = n_blocks // 2
    for split in range(n_splits // 2):
        mirror = n_splits - 1 - split
        _score_half(sums, squares, halves[split, :n_half], n_rows, inside, spreads)
        _score_half(sums, squares, halves[split, n_half:], n_rows, outside, spreads)
        best[split] = _find_best(inside)
        best[mirror] = _find_best(outside)
        n_below[split], n_equal[split] = _place(outside, best[split])
        n_below[mirror], n_equal[mirror] = _place(inside, best[mirror])
    return best, n_below, n_equal


@njit(cache=True, nogil=True)
def _score_half(
    sums: np.ndarray,
    squares: np.ndarray,
    blocks: np.ndarray,
    n_rows: int,
    scores: np.ndarray,
    spreads: np.ndarray,
) -> None:
    """Write each trial's signed square of mean over standard deviation, up to a factor.

    It orders as the Sharpe ratio does. Returns that do not vary have 0: nothing was risked.
    `spreads` is room to work in. Trials are added block by block, which processors do abreast.
    """
    scores[:] = 0.0
    spreads[:] = 0.0
    for place in range(blocks.shape[0]):
        block = blocks[place]
        for trial in range(scores.shape[0]):
            scores[trial] += sums[block, trial]
            spreads[trial] += squares[block, trial]
    for trial in range(scores.shape[0]):
        total = scores[trial]
        centred = spreads[trial] - total * total / n_rows
        varies = centred > _FLAT * spreads[trial]
        scores[trial] = total * abs(total) / (centred if varies else 1.0) if varies else 0.0


@njit(cache=True, nogil=True)
def _room(score: float) -> float:
    """Return how far another score may lie from this one and be equal to it."""
    return max(_EQUAL * abs(score), _NOTHING)


@njit(cache=True, nogil=True)
def _find_best(scores: np.ndarray) -> int:
    """Return the first trial whose score is equal to the highest."""
    highest = scores.max()
    lowest = highest - _room(highest)
    trial = 0
    while scores[trial] < lowest:
        trial += 1
    return trial


@njit(cache=True, nogil=True)
def _place(scores: np.ndarray, trial: int) -> tuple[int, int]:
    """Return how many scores lie below a trial's, and how many are equal to it."""
    own = scores[trial]
    lowest = own - _room(own)
    highest = own + _room(own)
    below = 0
    not_above = 0
    for other in range(scores.shape[0]):
        below += scores[other] < lowest
        not_above += scores[other] <= highest
    return below, not_above - below
