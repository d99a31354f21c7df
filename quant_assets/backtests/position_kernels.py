"""Numba functions of one symbol's position: how it is entered, held, followed and left."""

import numpy as np
from numba import njit

from quant_assets.backtests.columns import (
    ARRIVES,
    ASKED,
    ASKED_AT,
    ASKED_QTY,
    BARS,
    BARS_HELD,
    BEST,
    CASH,
    CLOSE_PRICE,
    COST,
    END,
    ENTRY_PRICE,
    FEE_RATIO,
    FEE_UNIT,
    FINER,
    FINER_BARS,
    FINER_END,
    FINER_NS,
    FROM_NS,
    FROM_ROW,
    FROM_SIGNAL,
    HALF,
    HALTED,
    HELD_QTY,
    HELD_SIDE,
    HORIZON,
    IS_END,
    IS_LAST,
    LATE,
    LEAVES,
    LEAVING,
    MARKS,
    MAY_ENTER,
    MULTIPLIER,
    OPEN,
    OUT_QTY,
    REAL,
    SLIP,
    STAMPS,
    START,
    STOP_RATIO,
    TAKEN,
    TARGET_RATIO,
    UNFILLED,
    UNREALISED,
    VALUE,
    WHOLE,
    WORST,
    Book,
    Holdings,
    Market,
)
from quant_assets.backtests.exit_kernels import most_of_bar, slip_of, take
from quant_assets.execution.bar_kernels import (
    first_at_or_after,
    late_mid,
    leave_between,
    side_fees,
)
from quant_assets.execution.kernels import (
    CLOSE,
    HALT,
    SIGNAL,
    STILL_OPEN,
    TIME,
    fill_price,
)
from quant_assets.execution.reasons import (
    LIQUIDITY,
    SESSION_CLOSED,
)


@njit(cache=True, nogil=True)
def meet_bar(
    number: int, row: int, market: Market, mine: Holdings, rules: np.ndarray, book: Book
) -> None:
    """Let a symbol's order and position meet a bar of which something may fill.

    What is left of an exit goes first, then the order that has arrived, then stop and target and
    what the close brings. The last bar of a contract takes all that is left.
    """
    whole, half = mine[WHOLE], mine[COST][number, HALF]
    begin, mid = market[STAMPS][row, FINER], market[BARS][row, OPEN]
    if begin < market[STAMPS][row, FINER_END]:
        mid = market[FINER_BARS][begin, OPEN]
    if whole[number, LEAVING] != 0:
        touch = fill_price(market[BARS][row, OPEN], half, -whole[number, HELD_SIDE])
        start, most = market[STAMPS][row, START], most_of_bar(number, row, market, mine, rules)
        take(
            number, row, whole[number, LEAVING], touch, 0.0, most, start, market, mine, rules, book
        )
    if _is_pending(number, whole) and whole[number, ARRIVES] < market[STAMPS][row, END]:
        at = _arrival_place(number, row, market, mine)
        if (
            whole[number, LEAVES] != 0
            and whole[number, HELD_SIDE] != 0
            and whole[number, LEAVING] == 0
        ):
            _follow(number, row, at, market, mine, rules, book)
        if whole[number, ASKED] != 0:
            mid = _arrival_mid(number, row, at, whole[number, ASKED], market, mine)
            begin = at
            _enter(
                number,
                row,
                mid,
                _arrival_ns(number, row, at, market, mine),
                market,
                mine,
                rules,
                book,
            )
        whole[number, ASKED] = 0
        whole[number, LEAVES] = 0
    if whole[number, HELD_SIDE] != 0 and whole[number, LEAVING] == 0:
        _hold(number, row, begin, mid, market, mine, rules, book)
    if whole[number, HELD_SIDE] != 0 and market[MARKS][row, IS_END] != 0:
        touch = fill_price(market[BARS][row, CLOSE_PRICE], half, -whole[number, HELD_SIDE])
        end = market[STAMPS][row, END]
        take(
            number, row, whole[number, LEAVING], touch, 0.0, np.inf, end, market, mine, rules, book
        )


@njit(cache=True, nogil=True)
def freeze(
    number: int, row: int, market: Market, mine: Holdings, rules: np.ndarray, book: Book
) -> None:
    """Let a halt pass: orders that arrive in its bar are cancelled, the position waits.

    A position that had to be closed here is left at the open of the first bar that trades again.
    Where its contract ends in the halt it is settled at the last price: no fill, but the end.
    """
    whole = mine[WHOLE]
    reason = market[MARKS][row, HALTED]
    if _is_pending(number, whole) and whole[number, ARRIVES] < market[STAMPS][row, END]:
        book[UNFILLED][reason] += (whole[number, ASKED] != 0) + (whole[number, LEAVES] != 0)
        whole[number, ASKED] = 0
        whole[number, LEAVES] = 0
    if whole[number, HELD_SIDE] == 0:
        return
    mine[REAL][number, BARS_HELD] += 1.0
    if market[MARKS][row, IS_LAST] != 0 and whole[number, LEAVING] == 0:
        whole[number, LEAVING] = HALT
    if market[MARKS][row, IS_END] != 0:
        touch = fill_price(
            market[BARS][row, CLOSE_PRICE], mine[COST][number, HALF], -whole[number, HELD_SIDE]
        )
        end = market[STAMPS][row, END]
        take(
            number, row, whole[number, LEAVING], touch, 0.0, np.inf, end, market, mine, rules, book
        )


@njit(cache=True, nogil=True)
def mark(number: int, row: int, market: Market, mine: Holdings) -> None:
    """Write what the position is worth at a row's close, at the price to leave at."""
    whole, real = mine[WHOLE], mine[REAL]
    if whole[number, HELD_SIDE] == 0:
        real[number, UNREALISED] = 0.0
        real[number, VALUE] = 0.0
        return
    close = market[BARS][row, CLOSE_PRICE]
    units = (
        whole[number, HELD_SIDE]
        * (real[number, HELD_QTY] - real[number, OUT_QTY])
        * mine[COST][number, MULTIPLIER]
    )
    touch = fill_price(close, mine[COST][number, HALF], -whole[number, HELD_SIDE])
    real[number, UNREALISED] = units * (touch - real[number, ENTRY_PRICE])
    real[number, VALUE] = units * close


@njit(cache=True, nogil=True)
def _is_pending(number: int, whole: np.ndarray) -> bool:
    """Return whether an order is on its way."""
    return bool(whole[number, ASKED] != 0 or whole[number, LEAVES] != 0)


@njit(cache=True, nogil=True)
def _arrival_place(number: int, row: int, market: Market, mine: Holdings) -> int:
    """Return the first finer bar of the row that starts at or after the order's arrival."""
    begin, end = market[STAMPS][row, FINER], market[STAMPS][row, FINER_END]
    return int(first_at_or_after(market[FINER_NS], begin, end, mine[WHOLE][number, ARRIVES]))


@njit(cache=True, nogil=True)
def _arrival_mid(
    number: int, row: int, at: int, direction: int, market: Market, mine: Holdings
) -> float:
    """Return the mid price that the order meets: of the finer bar `at`, if the row has one."""
    start, arrives = market[STAMPS][row, START], mine[WHOLE][number, ARRIVES]
    open_ = market[BARS][row, OPEN]
    if arrives <= start:
        return float(open_)
    if at < market[STAMPS][row, FINER_END]:
        return float(market[FINER_BARS][at, OPEN])
    close, end = market[BARS][row, CLOSE_PRICE], market[STAMPS][row, END]
    return float(late_mid(open_, close, start, end, arrives, direction))


@njit(cache=True, nogil=True)
def _arrival_ns(number: int, row: int, at: int, market: Market, mine: Holdings) -> int:
    """Return the instant at which the order fills in the row."""
    start, arrives = market[STAMPS][row, START], mine[WHOLE][number, ARRIVES]
    if arrives <= start:
        return int(start)
    return int(market[FINER_NS][at] if at < market[STAMPS][row, FINER_END] else arrives)


@njit(cache=True, nogil=True)
def _enter(
    number: int,
    row: int,
    mid: float,
    at_ns: int,
    market: Market,
    mine: Holdings,
    rules: np.ndarray,
    book: Book,
) -> None:
    """Open the position that was asked for, as far as the bar's volume goes."""
    whole, real, cost = mine[WHOLE], mine[REAL], mine[COST]
    if market[MARKS][row, MAY_ENTER] == 0:
        book[UNFILLED][SESSION_CLOSED] += 1
        return
    most = most_of_bar(number, row, market, mine, rules) if whole[number, HELD_SIDE] == 0 else 0.0
    qty = min(real[number, ASKED_QTY], most)
    if qty < real[number, ASKED_QTY]:
        book[UNFILLED][LIQUIDITY] += 1
    if qty <= 0.0:
        return
    side = whole[number, ASKED]
    # What the bar gave before was an exit to the same side: a reversal is one order to the market.
    slip = slip_of(number, row, mid, real[number, TAKEN], qty, market, mine, rules)
    price = fill_price(mid, cost[number, HALF], side) + side * slip
    whole[number, HELD_SIDE] = side
    whole[number, FROM_SIGNAL] = whole[number, ASKED_AT]
    whole[number, FROM_ROW] = row
    whole[number, FROM_NS] = at_ns
    real[number, ENTRY_PRICE] = price
    real[number, HELD_QTY] = qty
    real[number, BARS_HELD] = 0.0
    real[number, OUT_QTY] = 0.0
    real[number, WORST] = 0.0
    real[number, BEST] = 0.0
    real[number, LATE] = side * (mid - market[BARS][row, OPEN]) * qty
    real[number, SLIP] = slip * qty
    real[number, TAKEN] += qty
    book[CASH][0] -= side_fees(
        qty, price, cost[number, MULTIPLIER], cost[number, FEE_UNIT], cost[number, FEE_RATIO]
    )


@njit(cache=True, nogil=True)
def _meet_levels(
    number: int, row: int, begin: int, end: int, first_open: float, market: Market, mine: Holdings,
    rules: np.ndarray,
) -> tuple[int, float]:  # fmt: skip
    """Return whether stop or target is met, in finer bars [begin, end) or else in the row's own."""
    whole, real = mine[WHOLE], mine[REAL]
    side, entry, half = (
        whole[number, HELD_SIDE],
        real[number, ENTRY_PRICE],
        mine[COST][number, HALF],
    )
    stop = entry * (1.0 - side * rules[STOP_RATIO])
    target = entry * (1.0 + side * rules[TARGET_RATIO])
    if market[STAMPS][row, FINER] < market[STAMPS][row, FINER_END]:
        code, price, worst, best = leave_between(
            market[FINER_BARS], begin, end, first_open, side, entry, stop, target, half
        )
    else:
        code, price, worst, best = leave_between(
            market[BARS], row, row + 1, first_open, side, entry, stop, target, half
        )
    real[number, WORST] = min(real[number, WORST], worst)
    real[number, BEST] = max(real[number, BEST], best)
    return code, price


@njit(cache=True, nogil=True)
def _follow(
    number: int, row: int, at: int, market: Market, mine: Holdings, rules: np.ndarray, book: Book
) -> None:
    """Leave because the signal is gone, unless a finer bar before the arrival meets a level."""
    side = mine[WHOLE][number, HELD_SIDE]
    begin = market[STAMPS][row, FINER]
    if begin < at:
        code, price = _meet_levels(
            number, row, begin, at, market[FINER_BARS][begin, OPEN], market, mine, rules
        )
        if code != STILL_OPEN:
            end, most = market[STAMPS][row, END], most_of_bar(number, row, market, mine, rules)
            take(number, row, code, price, 0.0, most, end, market, mine, rules, book)
            return
    mid = _arrival_mid(number, row, at, -side, market, mine)
    late = side * (market[BARS][row, OPEN] - mid)
    touch = fill_price(mid, mine[COST][number, HALF], -side)
    when, most = (
        _arrival_ns(number, row, at, market, mine),
        most_of_bar(number, row, market, mine, rules),
    )
    take(number, row, SIGNAL, touch, late, most, when, market, mine, rules, book)


@njit(cache=True, nogil=True)
def _hold(
    number: int, row: int, begin: int, mid: float, market: Market, mine: Holdings,
    rules: np.ndarray, book: Book,
) -> None:  # fmt: skip
    """Hold the position over the row, or what is left of it, until something ends it."""
    real, end = mine[REAL], market[STAMPS][row, END]
    real[number, BARS_HELD] += 1.0
    code, price = _meet_levels(
        number, row, begin, market[STAMPS][row, FINER_END], mid, market, mine, rules
    )
    is_over = 0.0 < rules[HORIZON] <= real[number, BARS_HELD]
    if code == STILL_OPEN and (is_over or market[MARKS][row, IS_LAST] != 0):
        code = TIME if is_over else CLOSE
        close = market[BARS][row, CLOSE_PRICE]
        price = fill_price(close, mine[COST][number, HALF], -mine[WHOLE][number, HELD_SIDE])
    if code != STILL_OPEN:
        most = most_of_bar(number, row, market, mine, rules)
        take(number, row, code, price, 0.0, most, end, market, mine, rules, book)
