"""First passage on arrays: the first bar at which a price reaches a level.

Ranges are half open and cut to the array. NaN reaches nothing, and nothing reaches NaN.

Many levels at once are found on chains of records: from any bar, only bars above all that came
since can reach a level that was not reached yet, and each such record names the next one. Falling
prices are searched as rising ones with the sign turned, which is exact.
"""

import numpy as np
from numba import njit

NOT_REACHED = -1


@njit(cache=True, nogil=True)
def next_records(values: np.ndarray) -> np.ndarray:
    """Return for each bar the next one whose value is strictly higher, n where there is none.

    Parameters
    ----------
    values : float64 array of shape (n,)
        NaN is below everything, so it is never a record.

    Returns
    -------
    int32 array of shape (n,)

    Notes
    -----
    One pass from the end with a stack of falling values: O(n).
    """
    n = values.shape[0]
    following = np.empty(n, dtype=np.int32)
    stack = np.empty(n, dtype=np.int32)
    depth = 0
    for idx in range(n - 1, -1, -1):
        value = values[idx]
        is_number = not np.isnan(value)
        while is_number and depth > 0 and values[stack[depth - 1]] <= value:
            depth -= 1
        following[idx] = stack[depth - 1] if depth > 0 else n
        if is_number:
            stack[depth] = idx
            depth += 1
    return following


@njit(cache=True, nogil=True, inline="always")
def reach_levels(
    values: np.ndarray,
    following: np.ndarray,
    start: int,
    end: int,
    price: float,
    sign: float,
    near_factors: np.ndarray,
    near_shift: float,
    near_hits: np.ndarray,
    far_factors: np.ndarray,
    far_shift: float,
    far_hits: np.ndarray,
) -> tuple[int, int]:
    """Write the first bar that reaches each level of two sets, and return how many are reached.

    A level is `sign * (price * factor + shift)`, computed in float64 in this order.

    Parameters
    ----------
    values : float64 array of shape (n,)
        Highs with sign 1; lows, each with its sign turned, with sign -1.
    following : int32 array of shape (n,)
        `next_records` of `values`.
    start, end
        Bars [start, end) are looked at; end at most n.
    near_factors, far_factors : float64 arrays, not empty
        Levels of each set ascend.
    near_hits, far_hits : int32 arrays of shape of the factors
        Filled as far as levels are reached; hits never decrease.

    Notes
    -----
    The number of hops is that of the records, about the root of the bars for a random walk.
    """
    n_near, n_far = near_factors.shape[0], far_factors.shape[0]
    near, far = 0, 0
    near_level = sign * (price * near_factors[0] + near_shift)
    far_level = sign * (price * far_factors[0] + far_shift)
    idx = start
    while idx < end:
        value = values[idx]
        while value >= near_level:
            near_hits[near] = idx
            near += 1
            near_level = (
                sign * (price * near_factors[near] + near_shift) if near < n_near else np.nan
            )
        while value >= far_level:
            far_hits[far] = idx
            far += 1
            far_level = sign * (price * far_factors[far] + far_shift) if far < n_far else np.nan
        if near == n_near and far == n_far:
            break
        idx = following[idx]
    return near, far


@njit(cache=True, nogil=True)
def first_at_or_above(
    values: np.ndarray, following: np.ndarray, level: float, start: int, end: int
) -> int:
    """Return the first index in [start, end) whose value is at or above the level, or -1.

    Parameters
    ----------
    values : float64 array of shape (n,)
    following : int32 array of shape (n,)
        `next_records` of `values`.
    """
    idx = max(start, 0)
    end = min(end, values.shape[0])
    while idx < end:
        if values[idx] >= level:
            return idx
        idx = following[idx]
    return NOT_REACHED


@njit(cache=True, nogil=True, error_model="numpy")
def barrier_of_long(
    high: np.ndarray,
    fallen: np.ndarray,
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
    high, fallen, close : float64 arrays of shape (n,)
        `fallen` holds the lows, each with its sign turned.
    last_bar : int64 array of shape (n_entries,)
        Last bar that an entry may look at, included; below n.
    label : int8 array of shape (n_entries,)
        1 target first, -1 stop first (also where one bar touches both), 0 time.
    end_idx : int64 array of shape (n_entries,)
        Bar that decided; the entry's own where there is nothing to look at.
    value : float64 array of shape (n_entries,)
        Return to the barrier, or to the last bar's close. NaN where one of the two closes is.
    """
    next_high, next_fallen = next_records(high), next_records(fallen)
    for entry in range(n_entries):
        price = close[entry]
        limit = max(entry, min(entry + horizon_bars, last_bar[entry]))
        stop_level = -(price * (1.0 - stop_ratio))
        stop = first_at_or_above(fallen, next_fallen, stop_level, entry + 1, limit + 1)
        bound = stop if stop != NOT_REACHED else limit + 1
        target_level = price * (1.0 + target_ratio)
        target = first_at_or_above(high, next_high, target_level, entry + 1, bound)
        if target != NOT_REACHED:
            label[entry], end_idx[entry], value[entry] = 1, target, target_ratio
        elif stop != NOT_REACHED:
            label[entry], end_idx[entry], value[entry] = -1, stop, -stop_ratio
        else:
            label[entry], end_idx[entry] = 0, limit
            value[entry] = close[limit] / price - 1.0
