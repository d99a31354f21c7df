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
    HORIZON,
    IS_LAST,
    MAY_ENTER,
    MULTIPLIER,
    ON_SIGNAL,
    OPEN,
    STEP,
    STOP_RATIO,
    TARGET_RATIO,
)
from quant_assets.backtests.side_kernels import write_random_sides, write_sma_sides
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

# What is known of a set: its count of trades, their net, and the row of its last exit.
N_TRADES, NET, LAST_EXIT = 0, 1, 2


@njit(cache=True, nogil=True)
def sma_grid(
    sums: np.ndarray,
    ticks: np.ndarray,
    segment_start: np.ndarray,
    first_row: int,
    is_asked: np.ndarray,
    fast: np.ndarray,
    slow: np.ndarray,
    is_both: np.bool_,
    bars: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    marks: np.ndarray,
    next_last: np.ndarray,
    session_end: np.ndarray,
    cost: np.ndarray,
    rules: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Trade a cross of means for each pair of windows.

    Parameters
    ----------
    sums : int64 array of shape (n_before + n + 1,)
        `running_sums` of all closes, those before the first row too.
    ticks : float64 array of shape (n_before + n + 1,), or (0,)
        The same in ticks, where these sums and their products with windows are whole numbers that
        a float holds with room to spare; else empty.
    segment_start : int64 array of shape (n_before + n,)
        First place of each close's contract.
    first_row
        Count of closes before the first row.
    is_asked : bool array of shape (n,)
        Whether a row may ask for a trade.
    fast, slow : int64 arrays of shape (n_sets,)
    bars to rules
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
            sums,
            ticks,
            segment_start,
            first_row,
            is_asked,
            fast[place],
            slow[place],
            is_both,
            sides,
        )
        walk_set(
            sides,
            bars,
            high,
            low,
            marks,
            next_last,
            session_end,
            cost,
            rules,
            equity[place],
            totals[place],
            at,
            of,
        )
    return equity, totals


@njit(cache=True, nogil=True)
def random_grid(
    starts_ns: np.ndarray,
    is_asked: np.ndarray,
    seeds: np.ndarray,
    chance: float,
    is_both: np.bool_,
    bars: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    marks: np.ndarray,
    next_last: np.ndarray,
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
        walk_set(
            sides,
            bars,
            high,
            low,
            marks,
            next_last,
            session_end,
            cost,
            rules,
            equity[place],
            totals[place],
            at,
            of,
        )
    return equity, totals


@njit(cache=True, nogil=True)
def walk_set(  # noqa: PLR0912, PLR0915 -- a call for each bar would cost more than the bar
    sides: np.ndarray,
    bars: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    marks: np.ndarray,
    next_last: np.ndarray,
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
    high, low : float64 arrays of shape (n,)
        Two of its columns again, side by side in memory.
    marks : int8 array of shape (n, 5)
        As the event path's walk takes them; nothing is halted.
    next_last : int64 array of shape (n,)
        The first row from each on that closes what is held.
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
    follows = rules[ON_SIGNAL] != 0.0
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
            session = _pass_sessions(session, session_end, row, bars, equity, cash, 0.0, 0.0, 0.0)
            if row == n_rows:
                break
        elif asked == 0 and not leaves:
            # Held: nothing happens until a level, the time, the segment's end or the signal.
            last = next_last[row]
            if horizon > 0.0:
                last = min(last, from_row + np.int64(horizon) - 1)
            first = row
            row = _quiet_until(row, last, sides, follows, high, low, held, stop,
                               target, half)  # fmt: skip
            bars_held += row - first
            session = _pass_sessions(session, session_end, row, bars, equity, cash,
                                     held * qty * multiplier, entry, -held * half)  # fmt: skip
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
                    code, price = exit_inside_bar(
                        bars[row, OPEN], high[row], low[row], held, stop, target, half
                    )
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
        elif follows and wanted != held:
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
def _quiet_until(
    row: int, last: int, sides: np.ndarray, follows: np.bool_, high: np.ndarray, low: np.ndarray,
    side: int, stop: float, target: float, half: float,
) -> int:  # fmt: skip
    """Return the first row, `last` at most, at which a position may end or be asked to."""
    worst, best = (low, high) if side > 0 else (high, low)
    sign, to_touch = float(side), -side * half
    has_levels = np.isfinite(stop) or np.isfinite(target)
    while row < last:
        if follows and sides[row] != side:
            break
        if has_levels and (
            sign * (worst[row] + to_touch - stop) <= 0.0
            or sign * (best[row] + to_touch - target) >= 0.0
        ):
            break
        row += 1
    return row


@njit(cache=True, nogil=True)
def _pass_sessions(
    session: int, session_end: np.ndarray, row: int, bars: np.ndarray, equity: np.ndarray,
    cash: float, units: float, entry: float, to_touch: float,
) -> int:  # fmt: skip
    """Write the account at the ends of sessions before a row; return the session after them."""
    while session < session_end.shape[0] and session_end[session] < row:
        touch = bars[session_end[session], CLOSE_PRICE] + to_touch
        equity[session] = cash + units * (touch - entry)
        session += 1
    return session


@njit(cache=True, nogil=True)
def _net(side: int, qty: float, entry: float, price: float, cost: np.ndarray) -> float:
    """Return a trade's result after fees, as the ledger states it."""
    units = qty * cost[MULTIPLIER]
    fees = 2.0 * qty * cost[FEE_UNIT] + cost[FEE_RATIO] * units * (entry + price)
    return float(side * units * (price - entry) - fees)
