"""The possibility kernel: exact, one candle after another."""

import numpy as np
from numba import njit

NEVER = np.iinfo(np.int64).max
"""Stands for a level that the look-forward does not reach; later than any candle."""


@njit(cache=True, nogil=True)
def _rising_hits(values: np.ndarray, levels: np.ndarray, start: int, end: int, hits: np.ndarray) -> None:
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
def _falling_hits(values: np.ndarray, levels: np.ndarray, start: int, end: int, hits: np.ndarray) -> None:
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
def _hits_of(
    high: np.ndarray,
    low: np.ndarray,
    price: float,
    sl_ratios: np.ndarray,
    tp_ratios: np.ndarray,
    tp_spread: float,
    sl_spread: float,
    start: int,
    end: int,
    is_buy: bool,
    sl_hits: np.ndarray,
    tp_hits: np.ndarray,
) -> None:
    """Write when each stop and target of one direction is first reached."""
    if is_buy:
        _rising_hits(high, price * (1.0 + tp_ratios) + tp_spread, start, end, tp_hits)
        _falling_hits(low, price * (1.0 - sl_ratios) + sl_spread, start, end, sl_hits)
    else:
        _falling_hits(low, price * (1.0 - tp_ratios) - tp_spread, start, end, tp_hits)
        _rising_hits(high, price * (1.0 + sl_ratios) - sl_spread, start, end, sl_hits)


@njit(cache=True, nogil=True)
def find_winning_trades_numba(
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    n_entries: int,
    sl_ratios: np.ndarray,
    tp_ratios: np.ndarray,
    max_lookforward: int,
    tp_spread: float,
    sl_spread: float,
    tie_wins: bool,
    out: np.ndarray,
) -> int:
    """Write the winning trades of the first candles, and return how many there are.

    A trade enters at candle i's close; levels are looked for from candle i+1 to
    i+max_lookforward, both included. It wins where its target is reached before its stop; in the
    same candle it wins only with `tie_wins`. NaN extremes reach nothing, a NaN close enters
    nothing.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n,)
    sl_ratios, tp_ratios : float64 arrays, ascending
    tp_spread, sl_spread
        Price added to what a target, or a stop, must reach; comparisons in float64.
    out : int64 array of shape (capacity, 5)
        Rows of entry, direction (0 buy, 1 sell), target's index, stop's index, exit candle: by
        entry, buy before sell, targets and stops ascending. Rows past the capacity are counted
        and not written: call it with capacity 0 to count.
    """
    n_sl, n_tp = sl_ratios.shape[0], tp_ratios.shape[0]
    sl_hits = np.empty(n_sl, dtype=np.int64)
    tp_hits = np.empty(n_tp, dtype=np.int64)
    found = 0
    for entry in range(n_entries):
        price = close[entry]
        if np.isnan(price):
            continue
        end = min(entry + max_lookforward + 1, close.shape[0])
        for direction in range(2):
            _hits_of(
                high, low, price, sl_ratios, tp_ratios, tp_spread, sl_spread,
                entry + 1, end, direction == 0, sl_hits, tp_hits,
            )
            for tp in range(n_tp):
                if tp_hits[tp] == NEVER:
                    break
                for sl in range(n_sl):
                    if tp_hits[tp] < sl_hits[sl] or (tie_wins and tp_hits[tp] == sl_hits[sl]):
                        if found < out.shape[0]:
                            out[found, 0] = entry
                            out[found, 1] = direction
                            out[found, 2] = tp
                            out[found, 3] = sl
                            out[found, 4] = tp_hits[tp]
                        found += 1
    return found
