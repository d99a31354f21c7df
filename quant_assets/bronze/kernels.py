"""The possibility kernel: exact, one candle after another.

The first-passage scans stand in this file and are not taken from `paths`: numba's cache follows
the file of the cached function alone, and would go on with old code after a change over there.
"""

import numpy as np
from numba import njit

NEVER = np.iinfo(np.int64).max
"""Stands for a level that the look-forward does not reach; later than any candle."""


@njit(cache=True, nogil=True)
def _rising_hits(
    values: np.ndarray, levels: np.ndarray, start: int, end: int, hits: np.ndarray
) -> None:
    """Write the first index in [start, end) at or above each level; levels ascend."""
    n_levels = levels.shape[0]
    reached = 0
    for idx in range(start, end):
        while reached < n_levels and values[idx] >= levels[reached]:
            hits[reached] = idx
            reached += 1
        if reached == n_levels:
            return
    for level in range(reached, n_levels):
        hits[level] = NEVER


@njit(cache=True, nogil=True)
def _falling_hits(
    values: np.ndarray, levels: np.ndarray, start: int, end: int, hits: np.ndarray
) -> None:
    """Write the first index in [start, end) at or below each level; levels descend."""
    n_levels = levels.shape[0]
    reached = 0
    for idx in range(start, end):
        while reached < n_levels and values[idx] <= levels[reached]:
            hits[reached] = idx
            reached += 1
        if reached == n_levels:
            return
    for level in range(reached, n_levels):
        hits[level] = NEVER


@njit(cache=True, nogil=True)
def find_winning_trades_numba(
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    first_entry: int,
    n_entries: int,
    sl_ratios: np.ndarray,
    tp_ratios: np.ndarray,
    max_lookforward: int,
    tp_spread: float,
    sl_spread: float,
    tie_wins: bool,  # noqa: FBT001 -- numba takes values by position
    out: np.ndarray,
) -> int:
    """Write the winning trades of some candles, and return how many there are.

    A trade enters at candle i's close; levels are looked for from candle i+1 to
    i+max_lookforward, both included. It wins where its target is reached before its stop; in the
    same candle it wins only with `tie_wins`. NaN extremes reach nothing; a close that is NaN,
    infinite or not above zero enters nothing.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n,)
    first_entry, n_entries
        Candles [first_entry, n_entries) are entered; both at most n.
    sl_ratios, tp_ratios : float64 arrays, positive and ascending
    tp_spread, sl_spread
        Price by which a target is farther, and a stop nearer; comparisons in float64.
    out : int64 array of shape (capacity, 5)
        Rows of entry, direction (0 buy, 1 sell), target's index, stop's index, exit candle: by
        entry, buy before sell, targets and stops ascending. Rows past the capacity are counted
        and not written: call it with capacity 0 to count.

    Notes
    -----
    A nearer level is never reached later than a farther one. So one forward scan a level set finds
    all first passages, and the stops that lose to a target are a tail of the ascending stops.
    """
    n_sl, n_tp = sl_ratios.shape[0], tp_ratios.shape[0]
    sl_hits = np.empty(n_sl, dtype=np.int64)
    tp_hits = np.empty(n_tp, dtype=np.int64)
    found = 0
    for entry in range(first_entry, n_entries):
        price = close[entry]
        if not 0.0 < price < np.inf:
            continue
        start = entry + 1
        end = min(start + max_lookforward, close.shape[0])
        for direction in range(2):
            if direction == 0:
                _rising_hits(high, price * (1.0 + tp_ratios) + tp_spread, start, end, tp_hits)
                _falling_hits(low, price * (1.0 - sl_ratios) + sl_spread, start, end, sl_hits)
            else:
                _falling_hits(low, price * (1.0 - tp_ratios) - tp_spread, start, end, tp_hits)
                _rising_hits(high, price * (1.0 + sl_ratios) - sl_spread, start, end, sl_hits)
            nearest = 0
            for tp in range(n_tp):
                hit = tp_hits[tp]
                if hit == NEVER:
                    break
                while nearest < n_sl and (
                    sl_hits[nearest] < hit or (sl_hits[nearest] == hit and not tie_wins)
                ):
                    nearest += 1
                for sl in range(nearest, n_sl):
                    row = found + sl - nearest
                    if row < out.shape[0]:
                        out[row, 0] = entry
                        out[row, 1] = direction
                        out[row, 2] = tp
                        out[row, 3] = sl
                        out[row, 4] = hit
                found += n_sl - nearest
    return found
