"""First passage on arrays: the first bar at which a price reaches a level.

Ranges are half open and cut to the array. NaN reaches nothing, and nothing reaches NaN.
"""

import numpy as np
from numba import njit

NOT_REACHED = -1


@njit(cache=True, nogil=True)
def first_at_or_above(values: np.ndarray, level: float, start: int, end: int) -> int:
    """Return the first index in [start, end) whose value is at or above the level, or -1."""
    for idx in range(max(start, 0), min(end, values.shape[0])):
        if values[idx] >= level:
            return idx
    return NOT_REACHED


@njit(cache=True, nogil=True)
def first_at_or_below(values: np.ndarray, level: float, start: int, end: int) -> int:
    """Return the first index in [start, end) whose value is at or below the level, or -1."""
    for idx in range(max(start, 0), min(end, values.shape[0])):
        if values[idx] <= level:
            return idx
    return NOT_REACHED


@njit(cache=True, nogil=True, error_model="numpy")
def barrier_of_long(
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    n_entries: int,
    stop_ratio: float,
    target_ratio: float,
    horizon_bars: int,
    last_bar: np.ndarray,
    label: np.ndarray,
    end_idx: np.ndarray,
    value: np.ndarray,
) -> None:
    """Write, for each entry at its bar's close, which barrier a long meets first.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n,)
    last_bar : int64 array of shape (n_entries,)
        Last bar that an entry may look at, included; below n.
    label : int8 array of shape (n_entries,)
        1 target first, -1 stop first (also where one bar touches both), 0 time.
    end_idx : int64 array of shape (n_entries,)
        Bar that decided; the entry's own where there is nothing to look at.
    value : float64 array of shape (n_entries,)
        Return to the barrier, or to the last bar's close. NaN where one of the two closes is.
    """
    for entry in range(n_entries):
        price = close[entry]
        limit = max(entry, min(entry + horizon_bars, last_bar[entry]))
        stop = first_at_or_below(low, price * (1.0 - stop_ratio), entry + 1, limit + 1)
        bound = stop if stop != NOT_REACHED else limit + 1
        target = first_at_or_above(high, price * (1.0 + target_ratio), entry + 1, bound)
        if target != NOT_REACHED:
            label[entry], end_idx[entry], value[entry] = 1, target, target_ratio
        elif stop != NOT_REACHED:
            label[entry], end_idx[entry], value[entry] = -1, stop, -stop_ratio
        else:
            label[entry], end_idx[entry] = 0, limit
            value[entry] = close[limit] / price - 1.0
