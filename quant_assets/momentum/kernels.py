"""One pass over a session's bars: extremes without bad prints, and the patterns of a risky day.

All arrays have shape (n,), oldest first; prices float64, their logarithms `logs`, starts int64 ns.
"""

import numpy as np
from numba import njit

from quant_assets.indicators.arrays import FlagArray, FloatArray, IntArray


@njit(cache=True, nogil=True, error_model="numpy")
def confirmed_extremes(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, tolerance: float
) -> tuple[float, float]:
    """Return the session's highest and lowest price that some other price confirms.

    A bar's high stands unless it exceeds, by more than `tolerance`, the highest of its own open
    and close and its neighbours' highs; then that counts instead. Lows mirror it. The neighbour
    behind is later: this is for finished sessions.
    """
    n = high.shape[0]
    top = -np.inf
    bottom = np.inf
    for idx in range(n):
        cap = max(open_[idx], close[idx])
        floor = min(open_[idx], close[idx])
        if idx > 0:
            cap = max(cap, high[idx - 1])
            floor = min(floor, low[idx - 1])
        if idx + 1 < n:
            cap = max(cap, high[idx + 1])
            floor = min(floor, low[idx + 1])
        top = max(top, cap if high[idx] > cap * (1.0 + tolerance) else high[idx])
        bottom = min(bottom, floor if low[idx] * (1.0 + tolerance) < floor else low[idx])
    return top, bottom


@njit(cache=True, nogil=True, error_model="numpy")
def window_moves(
    start_ns: IntArray, logs: FloatArray, *, least_move: float, window_ns: int
) -> tuple[FloatArray, FloatArray]:
    """Return each bar's move over the window and the threshold a large one must reach.

    Returns
    -------
    moves : float64 array of shape (n,)
        Log price less that of the last bar at least `window_ns` before; NaN without such a bar.
    thetas : float64 array of shape (n,)
        max(`least_move`, 3 x root mean square of the moves before this bar).
    """
    n = logs.shape[0]
    moves, thetas = np.full(n, np.nan), np.full(n, least_move)
    first, squares, n_moves = 0, 0.0, 0
    for idx in range(n):
        while start_ns[first] <= start_ns[idx] - window_ns:
            first += 1
        if n_moves > 0:
            thetas[idx] = max(least_move, 3.0 * np.sqrt(squares / n_moves))
        if first > 0:
            moves[idx] = logs[idx] - logs[first - 1]
            squares += moves[idx] ** 2
            n_moves += 1
    return moves, thetas


@njit(cache=True, nogil=True, error_model="numpy")
def loud_bars(
    start_ns: IntArray, volume: FloatArray, *, factor: float, window_ns: int, base_ns: int
) -> FlagArray:
    """Return where the window's volume is `factor` times the session's mean so far, or more.

    The window is (t - window_ns, t]; the mean is over the bars before t. Nothing is loud in the
    first `base_ns`, nor without volume.
    """
    n = volume.shape[0]
    is_loud = np.zeros(n, np.bool_)
    first, recent, total = 0, 0.0, 0.0
    for idx in range(n):
        recent += volume[idx]
        while start_ns[first] <= start_ns[idx] - window_ns:
            recent -= volume[first]
            first += 1
        elapsed = start_ns[idx] - start_ns[0]
        if elapsed >= base_ns and total > 0.0:
            is_loud[idx] = recent >= factor * total * (window_ns / elapsed)
        total += volume[idx]
    return is_loud


@njit(cache=True, nogil=True, error_model="numpy")
def highest_before(start_ns: IntArray, values: FloatArray, *, base_ns: int) -> FloatArray:
    """Return the highest value of the bars in [t - base_ns, t); NaN where there is none."""
    n = values.shape[0]
    out = np.full(n, np.nan)
    falling = np.empty(n, np.int64)
    head, tail = 0, 0
    for idx in range(n):
        while head < tail and start_ns[falling[head]] < start_ns[idx] - base_ns:
            head += 1
        if head < tail:
            out[idx] = values[falling[head]]
        while head < tail and values[falling[tail - 1]] <= values[idx]:
            tail -= 1
        falling[tail] = idx
        tail += 1
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def count_bounces(
    start_ns: IntArray, logs: FloatArray, moves: FloatArray, is_flush: FlagArray, window_ns: int
) -> int:
    """Count flushes of which half was bought back within two windows.

    A flush opens where `is_flush`; for `window_ns` after one, none opens. What was lost is from
    before its move to its lowest close so far.
    """
    count, opened_ns, before, lowest, is_open = 0, 0, 0.0, 0.0, False
    has_opened = False
    for idx in range(logs.shape[0]):
        if is_open:
            lowest = min(lowest, logs[idx])
            if start_ns[idx] - opened_ns > 2 * window_ns:
                is_open = False
            elif logs[idx] - lowest >= 0.5 * (before - lowest):
                count += 1
                is_open = False
        if is_flush[idx] and (not has_opened or start_ns[idx] - opened_ns >= window_ns):
            opened_ns, is_open, has_opened = start_ns[idx], True, True
            before, lowest = logs[idx] - moves[idx], logs[idx]
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def count_failures(
    start_ns: IntArray, logs: FloatArray, levels: FloatArray, slacks: FloatArray, spans_ns: IntArray
) -> int:
    """Count upward breakouts that came back.

    Parameters
    ----------
    levels
        Level that the bar broke, NaN where it broke none.
    slacks
        How far below its level a breakout must come back to have failed.
    spans_ns
        Two lengths: for how long no further breakout opens, and within which one may fail.
    """
    count, opened_ns, level, slack, is_open = 0, 0, 0.0, 0.0, False
    has_opened = False
    for idx in range(logs.shape[0]):
        if is_open and start_ns[idx] - opened_ns > spans_ns[1]:
            is_open = False
        if is_open and level - logs[idx] >= slack:
            count += 1
            is_open = False
        is_rested = not has_opened or start_ns[idx] - opened_ns >= spans_ns[0]
        if not np.isnan(levels[idx]) and is_rested:
            opened_ns, is_open, has_opened = start_ns[idx], True, True
            level, slack = levels[idx], slacks[idx]
    return count
