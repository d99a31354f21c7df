"""Numba functions of rules: exact means, and draws that hang on nothing but their counters."""

import numpy as np
from numba import njit, uint64

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_UNIT = 1.0 / 9_007_199_254_740_992.0


@njit(cache=True, nogil=True)
def mixed(value: np.uint64) -> np.uint64:
    """Return the finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014) of a 64-bit value."""
    z = uint64(value) + _GAMMA
    z = (z ^ (z >> uint64(30))) * _MIX_A
    z = (z ^ (z >> uint64(27))) * _MIX_B
    result: np.uint64 = uint64(z ^ (z >> uint64(31)))
    return result


@njit(cache=True, nogil=True)
def uniform(seed: int, first: int, second: int) -> float:
    """Return a draw from [0, 1) that is the same for the same seed and counters.

    Parameters
    ----------
    seed, first, second : int64
        The draw hangs on them alone: not on earlier draws, threads or the order of calls.
    """
    state = mixed(uint64(seed))
    state = mixed(state ^ uint64(first))
    state = mixed(state ^ uint64(second))
    return float(state >> uint64(11)) * _UNIT


@njit(cache=True, nogil=True)
def running_sums(prices: np.ndarray) -> np.ndarray:
    """Return sums of all prices before each place, with the whole at the end.

    Parameters
    ----------
    prices : int64 array of shape (n,)
        In 1e-9. Sums wrap around at 64 bits, so that the difference of any two is exact as long
        as it fits itself: means do not hang on where the sums began.

    Returns
    -------
    int64 array of shape (n + 1,)
    """
    sums = np.empty(prices.shape[0] + 1, dtype=np.int64)
    sums[0] = 0
    total = np.int64(0)
    for row in range(prices.shape[0]):
        total += prices[row]
        sums[row + 1] = total
    return sums


@njit(cache=True, nogil=True)
def cross_side(
    sums: np.ndarray, row: int, segment_start: int, fast: int, slow: int, is_both: np.bool_
) -> int:
    """Return what a cross of two means asks for at a row: 1 long, -1 short, 0 nothing.

    Parameters
    ----------
    sums : int64 array of shape (n + 1,)
        What `running_sums` returned.
    segment_start
        First row of the row's contract: no mean reaches before it.
    """
    if row - segment_start + 1 < slow:
        return 0
    fast_mean = float(sums[row + 1] - sums[row + 1 - fast]) / fast
    slow_mean = float(sums[row + 1] - sums[row + 1 - slow]) / slow
    if fast_mean > slow_mean:
        return 1
    return -1 if is_both and fast_mean < slow_mean else 0


@njit(cache=True, nogil=True)
def cross_sides(
    sums: np.ndarray, segment_start: np.ndarray, fast: int, slow: int, is_both: np.bool_
) -> np.ndarray:
    """Return `cross_side` of every row, int8 of shape (n,)."""
    sides = np.empty(segment_start.shape[0], dtype=np.int8)
    for row in range(sides.shape[0]):
        sides[row] = cross_side(sums, row, segment_start[row], fast, slow, is_both)
    return sides


@njit(cache=True, nogil=True)
def random_sides(starts_ns: np.ndarray, seed: int, chance: float, is_both: np.bool_) -> np.ndarray:
    """Return a side for each bar start (int64 ns): 0 but with probability `chance`; int8 (n,)."""
    sides = np.zeros(starts_ns.shape[0], dtype=np.int8)
    for row in range(sides.shape[0]):
        if uniform(seed, starts_ns[row], 0) < chance:
            sides[row] = 1
            if is_both and uniform(seed, starts_ns[row], 1) < 0.5:
                sides[row] = -1
    return sides
