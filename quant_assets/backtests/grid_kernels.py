"""Numba functions of the vectorized path: many parameter sets of a rule on one symbol's bars.

Sets are the outer loop and bars the inner one, so that the bars are read in order. What a set asks
for is written first; then it is walked from event to event. Fills, exits, sizes and fees are those
of the event path, in the same order of operations: the same bits.
"""

import numpy as np
from numba import njit

from quant_assets.backtests.columns import (
    CAPITAL,
    CLOSE_PRICE,
    FEE_RATIO,
    FEE_UNIT,
    HALF,
    HIGH,
    HORIZON,
    IS_LAST,
    LOW,
    MAY_ENTER,
    MULTIPLIER,
    ON_SIGNAL,
    OPEN,
    STEP,
    STOP_RATIO,
    TARGET_RATIO,
)
from quant_assets.backtests.size_kernels import order_qty
from quant_assets.execution.bar_kernels import side_fees
from quant_assets.execution.kernels import (
    CLOSE,
    SIGNAL,
    STILL_OPEN,
    TIME,
    exit_inside_bar,
    fill_price,
)
from quant_assets.execution.reasons import FILLED
from quant_assets.signals.kernels import cross_side, uniform

_NEAR = 1e-14
# What is known of a set: its count of trades, their net, and the row of its last exit.
N_TRADES, NET, LAST_EXIT = 0, 1, 2


@njit(cache=True, nogil=True)
def sma_grid(
    sums: np.ndarray,
    segment_start: np.ndarray,
    first_row: int,
    is_asked: np.ndarray,
    fast: np.ndarray,
    slow: np.ndarray,
    is_both: np.bool_,
    bars: np.ndarray,
    marks: np.ndarray,
    session_end: np.ndarray,
    cost: np.ndarray,
    rules: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Trade a cross of means for each pair of windows.

    Parameters
    ----------
    sums : int64 array of shape (n_before + n + 1,)
        `running_sums` of all closes, those before the first row too.
    segment_start : int64 array of shape (n_before + n,)
        First place of each close's contract.
    first_row
        Count of closes before the first row.
    is_asked : bool array of shape (n,)
        Whether a row may ask for a trade.
    fast, slow : int64 arrays of shape (n_sets,)
    bars, marks, session_end, cost, rules
        As `walk_set` takes them.

    Returns
    -------
    equity : float64 array of shape (n_sets, n_sessions)
        At each session's last bar.
    totals : float64 array of shape (n_sets, 3)
        Count of trades, their net, and the row of the last exit, -1 without trades.
    """
    n_sets = fast.shape[0]
    equity = np.empty((n_sets, session_end.shape[0]), dtype=np.float64)
    totals = np.zeros((n_sets, 3), dtype=np.float64)
    sides = np.zeros(is_asked.shape[0], dtype=np.int8)
    at, of = np.empty((0, 5), dtype=np.int64), np.empty((0, 3), dtype=np.float64)
    for place in range(n_sets):
        write_sma_sides(
            sums, segment_start, first_row, is_asked, fast[place], slow[place], is_both, sides
        )
        walk_set(sides, bars, marks, session_end, cost, rules, equity[place], totals[place], at, of)
    return equity, totals


@njit(cache=True, nogil=True)
def random_grid(
    starts_ns: np.ndarray,
    is_asked: np.ndarray,
    seeds: np.ndarray,
    chance: float,
    is_both: np.bool_,
    bars: np.ndarray,
    marks: np.ndarray,
    session_end: np.ndarray,
    cost: np.ndarray,
    rules: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Trade a random rule for each seed; the rest is as of `sma_grid`."""
    n_sets = seeds.shape[0]
    equity = np.empty((n_sets, session_end.shape[0]), dtype=np.float64)
    totals = np.zeros((n_sets, 3), dtype=np.float64)
    sides = np.zeros(is_asked.shape[0], dtype=np.int8)
    at, of = np.empty((0, 5), dtype=np.int64), np.empty((0, 3), dtype=np.float64)
    for place in range(n_sets):
        write_random_sides(starts_ns, is_asked, seeds[place], chance, is_both, sides)
        walk_set(sides, bars, marks, session_end, cost, rules, equity[place], totals[place], at, of)
    return equity, totals


@njit(cache=True, nogil=True)
def write_sma_sides(
    sums: np.ndarray,
    segment_start: np.ndarray,
    first_row: int,
    is_asked: np.ndarray,
    fast: int,
    slow: int,
    is_both: np.bool_,
    sides: np.ndarray,
) -> None:
    """Write `cross_side` of each row, 0 where a row may not ask.

    Means are compared by products, for a division costs more; where the two are so near that
    rounding could decide, `cross_side` itself is asked.
    """
    by_fast, by_slow = float(fast), float(slow)
    below = -1 if is_both else 0
    for row in range(sides.shape[0]):
        place = first_row + row
        if not is_asked[row] or place - segment_start[place] + 1 < slow:
            sides[row] = 0
            continue
        high = float(sums[place + 1] - sums[place + 1 - fast]) * by_slow
        low = float(sums[place + 1] - sums[place + 1 - slow]) * by_fast
        if abs(high - low) <= _NEAR * abs(high):
            sides[row] = cross_side(sums, place, segment_start[place], fast, slow, is_both)
        else:
            sides[row] = 1 if high > low else below


@njit(cache=True, nogil=True)
def write_random_sides(
    starts_ns: np.ndarray,
    is_asked: np.ndarray,
    seed: int,
    chance: float,
    is_both: np.bool_,
    sides: np.ndarray,
) -> None:
    """Write what `signals.kernels.random_sides` draws, 0 where a row may not ask."""
    for row in range(sides.shape[0]):
        sides[row] = 0
        if is_asked[row] and uniform(seed, starts_ns[row], 0) < chance:
            sides[row] = 1
            if is_both and uniform(seed, starts_ns[row], 1) < 0.5:
                sides[row] = -1


@njit(cache=True, nogil=True)
def walk_set(  # noqa: PLR0912, PLR0915 -- a call for each bar would cost more than the bar
    sides: np.ndarray,
    bars: np.ndarray,
    marks: np.ndarray,
    session_end: np.ndarray,
    cost: np.ndarray,
    rules: np.ndarray,
    equity: np.ndarray,
    totals: np.ndarray,
    at: np.ndarray,
    of: np.ndarray,
) -> None:
    """Trade the sides that one set asks for.

    Parameters
    ----------
    sides : int8 array of shape (n,)
    bars : float64 array of shape (n, 5)
    marks : int8 array of shape (n, 5)
        As the event path's walk takes them; nothing is halted.
    session_end : int64 array of shape (n_sessions,)
        Last row of each session.
    cost : float64 array of shape (6,)
    rules : float64 array of shape (N_RULES,)
    equity, totals
        Written: the set's rows of what `sma_grid` returns.
    at : int64 array of shape (n_kept, 5)
    of : float64 array of shape (n_kept, 3)
        Written with the first trades, as many as fit in: signal, entry and exit row, side, code;
        qty, entry and exit price.
    """
    half, multiplier, step = cost[HALF], cost[MULTIPLIER], cost[STEP]
    sl, tp, horizon = rules[STOP_RATIO], rules[TARGET_RATIO], rules[HORIZON]
    has_levels = np.isfinite(sl) or np.isfinite(tp)
    cash, total, rest = rules[CAPITAL], 0.0, 0.0
    n_trades, session, last_exit, row, n_rows = 0, 0, -1, 0, sides.shape[0]
    held, asked, asked_at, from_row, signal_row = 0, 0, 0, 0, 0
    bars_held, entry, qty, asked_qty, stop, target, price = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    leaves = False
    while row < n_rows:
        if held == 0 and asked == 0:
            # Flat, and nothing on its way: nothing happens until a row asks for something.
            while row < n_rows and sides[row] == 0:
                row += 1
            while session < session_end.shape[0] and session_end[session] < row:
                equity[session] = cash
                session += 1
            if row == n_rows:
                break
        n_exits = 0
        while True:
            # The open comes first, then the bar; each may end a position.
            code = STILL_OPEN
            if n_exits == 0 and held != 0 and leaves:
                code, price = SIGNAL, fill_price(bars[row, OPEN], half, -held)
            else:
                if asked != 0 and marks[row, MAY_ENTER] != 0:
                    held, qty, from_row, signal_row = asked, asked_qty, row, asked_at
                    entry = fill_price(bars[row, OPEN], half, held)
                    stop, target = entry * (1.0 - held * sl), entry * (1.0 + held * tp)
                    bars_held = 0.0
                    cash -= side_fees(qty, entry, multiplier, cost[FEE_UNIT], cost[FEE_RATIO])
                asked = 0
                if held != 0:
                    bars_held += 1.0
                    if has_levels:
                        code, price = exit_inside_bar(
                            bars[row, OPEN], bars[row, HIGH], bars[row, LOW], held, stop, target,
                            half,
                        )  # fmt: skip
                    is_over = 0.0 < horizon <= bars_held
                    if code == STILL_OPEN and (is_over or marks[row, IS_LAST] != 0):
                        code = TIME if is_over else CLOSE
                        price = fill_price(bars[row, CLOSE_PRICE], half, -held)
            if code == STILL_OPEN:
                break
            cash += held * qty * multiplier * (price - entry) - side_fees(
                qty, price, multiplier, cost[FEE_UNIT], cost[FEE_RATIO]
            )
            net = _net(held, qty, entry, price, cost)
            # Compensated, so that the sum is that of all nets and not of their order.
            whole = total + net
            rest += (total - whole) + net if abs(total) >= abs(net) else (net - whole) + total
            total = whole
            if n_trades < at.shape[0]:
                at[n_trades, 0] = signal_row
                at[n_trades, 1] = from_row
                at[n_trades, 2] = row
                at[n_trades, 3] = held
                at[n_trades, 4] = code
                of[n_trades, 0] = qty
                of[n_trades, 1] = entry
                of[n_trades, 2] = price
            n_trades += 1
            n_exits += 1
            last_exit = row
            held = 0
            if code != SIGNAL:
                break
        leaves = False
        wanted = sides[row]
        if held == 0:
            asked = wanted
        elif rules[ON_SIGNAL] != 0.0 and wanted != held:
            asked = wanted
            leaves = True
        is_end = row == session_end[session]
        if asked != 0 or is_end:
            touch = fill_price(bars[row, CLOSE_PRICE], half, -held)
            units = held * qty * multiplier if held != 0 else 0.0
            now = cash + units * (touch - entry)
            if asked != 0:
                asked_at = row
                asked_qty, reason = order_qty(
                    rules, np.nan, now, bars[row, CLOSE_PRICE], multiplier, step
                )
                if reason != FILLED:
                    asked = 0
            if is_end:
                equity[session] = now
                session += 1
        row += 1
    totals[N_TRADES] = n_trades
    totals[NET] = total + rest
    totals[LAST_EXIT] = last_exit


@njit(cache=True, nogil=True)
def _net(side: int, qty: float, entry: float, price: float, cost: np.ndarray) -> float:
    """Return a trade's result after fees, as the ledger states it."""
    units = qty * cost[MULTIPLIER]
    fees = 2.0 * qty * cost[FEE_UNIT] + cost[FEE_RATIO] * units * (entry + price)
    return float(side * units * (price - entry) - fees)
