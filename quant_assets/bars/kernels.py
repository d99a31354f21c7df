"""Numba kernels on arrays of ticks and bars; every sum runs in row order."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def sum_by_group(values: np.ndarray, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the sum of each group [first, end), added in row order.

    Parameters
    ----------
    values : float64 array of shape (n,)
    first, end : int64 arrays of shape (n_groups,)
        Half-open row ranges.

    Returns
    -------
    float64 array of shape (n_groups,)
    """
    sums = np.zeros(first.shape[0], dtype=np.float64)
    for group in range(first.shape[0]):
        total = 0.0
        for idx in range(first[group], end[group]):
            total += values[idx]
        sums[group] = total
    return sums


@njit(cache=True, nogil=True)
def extremes_by_group(
    high: np.ndarray, low: np.ndarray, first: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest `high` and the lowest `low` of each group [first, end).

    Parameters
    ----------
    high, low : float64 arrays of shape (n,), without NaN
    first, end : int64 arrays of shape (n_groups,); no group is empty

    Returns
    -------
    two float64 arrays of shape (n_groups,)
    """
    highest = np.empty(first.shape[0], dtype=np.float64)
    lowest = np.empty(first.shape[0], dtype=np.float64)
    for group in range(first.shape[0]):
        highest[group] = high[first[group]]
        lowest[group] = low[first[group]]
        for idx in range(first[group] + 1, end[group]):
            highest[group] = max(highest[group], high[idx])
            lowest[group] = min(lowest[group], low[idx])
    return highest, lowest
