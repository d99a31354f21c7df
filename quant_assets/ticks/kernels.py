"""Numba kernels on arrays of ticks."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def sum_in_order(values: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the sum of each group, added in row order: the same bits on any machine.

    Parameters
    ----------
    values : float64 array of shape (n,)
    group : int64 array of shape (n,)
        Group of each row, 0 to n_groups - 1, in any order.
    """
    sums = np.zeros(n_groups, dtype=np.float64)
    for idx in range(values.shape[0]):
        sums[group[idx]] += values[idx]
    return sums


@njit(cache=True, nogil=True)
def sum_by_day(
    stamps_ns: np.ndarray, values: np.ndarray, first_day: int, n_days: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum and the number of rows of each day, added in row order.

    Parameters
    ----------
    stamps_ns : int64 array of shape (n,)
        Instants in any order, none before 1970.
    values : float64 array of shape (n,)
    first_day, n_days
        Days since the epoch that the stamps lie in: first_day to first_day + n_days - 1.

    Returns
    -------
    tuple
        float64 and int64 arrays of shape (n_days,).
    """
    sums = np.zeros(n_days, dtype=np.float64)
    counts = np.zeros(n_days, dtype=np.int64)
    for idx in range(stamps_ns.shape[0]):
        day = stamps_ns[idx] // 86_400_000_000_000 - first_day
        sums[day] += values[idx]
        counts[day] += 1
    return sums, counts
