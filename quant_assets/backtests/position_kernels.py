"""Numba functions of one symbol's position: how it is entered, held, followed and left."""

import numpy as np
from numba import njit

from quant_assets.backtests.columns import (
    ARRIVES,
    ASKED,
    ASKED_AT,
    ASKED_QTY,
    BARS_HELD,
    BEST,
    BLIND,
    CLOSE_PRICE,
    CODE,
    COUNTS_SIZE,
    END,
    ENTRY,
    ENTRY_NS,
    ENTRY_PRICE,
    ENTRY_ROW,
    EXIT,
    EXIT_NS,
    EXIT_ROW,
    FEE_RATIO,
    FEE_UNIT,
    FINER,
    FINER_END,
    FROM_NS,
    FROM_ROW,
    FROM_SIGNAL,
    HALF,
    HALTED,
    HELD_QTY,
    HELD_SIDE,
    HORIZON,
    IMPACT,
    IS_END,
    IS_FULL,
    IS_LAST,
    LATE,
    LATENCY_COST,
    LEAVES,
    LEAVING,
    MAE,
    MAY_ENTER,
    MFE,
    MULTIPLIER,
    OPEN,
    OUT_PRICE,
    OUT_QTY,
    PARTICIPATION,
    QTY,
    SIDE,
    SIGMA_DAY,
    SIGNAL_ROW,
    SLIP,
    SLIPPAGE,
    START,
    STEP,
    STOP_RATIO,
    SYMBOL,
    TAKEN,
    TARGET_RATIO,
    UNREALISED,
    VALUE,
    VOLUME,
    VOLUME_DAY,
    WORST,
    Book,
    Holding,
    Market,
)
from quant_assets.execution.bar_kernels import (
    first_at_or_after,
    late_mid,
    leave_between,
    side_fees,
    slippage_ratio,
    whole_steps,
)
from quant_assets.execution.kernels import CLOSE, HALT, SIGNAL, STILL_OPEN, TARGET, TIME, fill_price
from quant_assets.execution.reasons import LIQUIDITY, SESSION_CLOSED


@njit(cache=True, nogil=True)
def meet_bar(
    number: int, row: int, market: Market, mine: Holding, rules: np.ndarray, book: Book
) -> None:
    """Let a symbol's order and position meet a bar of which something may fill.

    What is left of an exit goes first, then the order that has arrived, then stop and target and
    what the close brings. The last bar of a contract takes all that is left.
    """
    whole, half = mine.whole, mine.cost[HALF]
    begin, mid = market.stamps[row, FINER], market.bars[row, OPEN]
    if begin < market.stamps[row, FINER_END]:
        mid = market.finer[begin, OPEN]
    if whole[LEAVING] != 0:
        touch = fill_price(market.bars[row, OPEN], half, -whole[HELD_SIDE])
        start, most = market.stamps[row, START], _most(row, market, mine, rules)
        _take(number, row, whole[LEAVING], touch, 0.0, most, start, market, mine, rules, book)
    if _is_pending(whole) and whole[ARRIVES] < market.stamps[row, END]:
        at = _arrival_place(row, market, mine)
        if whole[LEAVES] != 0 and whole[HELD_SIDE] != 0 and whole[LEAVING] == 0:
            _follow(number, row, at, market, mine, rules, book)
        if whole[ASKED] != 0:
            mid = _arrival_mid(row, at, whole[ASKED], market, mine)
            begin = at
            _enter(row, mid, _arrival_ns(row, at, market, mine), market, mine, rules, book)
        whole[ASKED] = 0
        whole[LEAVES] = 0
    if whole[HELD_SIDE] != 0 and whole[LEAVING] == 0:
        _hold(number, row, begin, mid, market, mine, rules, book)
    if whole[HELD_SIDE] != 0 and market.marks[row, IS_END] != 0:
        touch = fill_price(market.bars[row, CLOSE_PRICE], half, -whole[HELD_SIDE])
        end = market.stamps[row, END]
        _take(number, row, whole[LEAVING], touch, 0.0, np.inf, end, market, mine, rules, book)


@njit(cache=True, nogil=True)
def freeze(
    number: int, row: int, market: Market, mine: Holding, rules: np.ndarray, book: Book
) -> None:
    """Let a halt pass: orders that arrive in its bar are cancelled, the position waits.

    A position that had to be closed here is left at the open of the first bar that trades again.
    Where its contract ends in the halt it is settled at the last price: no fill, but the end.
    """
    whole = mine.whole
    reason = market.marks[row, HALTED]
    if _is_pending(whole) and whole[ARRIVES] < market.stamps[row, END]:
        book.unfilled[reason] += (whole[ASKED] != 0) + (whole[LEAVES] != 0)
        whole[ASKED] = 0
        whole[LEAVES] = 0
    if whole[HELD_SIDE] == 0:
        return
    mine.real[BARS_HELD] += 1.0
    if market.marks[row, IS_LAST] != 0 and whole[LEAVING] == 0:
        whole[LEAVING] = HALT
    if market.marks[row, IS_END] != 0:
        touch = fill_price(market.bars[row, CLOSE_PRICE], mine.cost[HALF], -whole[HELD_SIDE])
        end = market.stamps[row, END]
        _take(number, row, whole[LEAVING], touch, 0.0, np.inf, end, market, mine, rules, book)


@njit(cache=True, nogil=True)
def mark(row: int, market: Market, mine: Holding) -> None:
    """Write what the position is worth at a row's close, at the price to leave at."""
    whole, real = mine.whole, mine.real
    if whole[HELD_SIDE] == 0:
        real[UNREALISED] = 0.0
        real[VALUE] = 0.0
        return
    close = market.bars[row, CLOSE_PRICE]
    units = whole[HELD_SIDE] * (real[HELD_QTY] - real[OUT_QTY]) * mine.cost[MULTIPLIER]
    touch = fill_price(close, mine.cost[HALF], -whole[HELD_SIDE])
    real[UNREALISED] = units * (touch - real[ENTRY_PRICE])
    real[VALUE] = units * close


@njit(cache=True, nogil=True)
def _is_pending(whole: np.ndarray) -> bool:
    """Return whether an order is on its way."""
    return bool(whole[ASKED] != 0 or whole[LEAVES] != 0)


@njit(cache=True, nogil=True)
def _arrival_place(row: int, market: Market, mine: Holding) -> int:
    """Return the first finer bar of the row that starts at or after the order's arrival."""
    begin, end = market.stamps[row, FINER], market.stamps[row, FINER_END]
    return int(first_at_or_after(market.finer_ns, begin, end, mine.whole[ARRIVES]))


@njit(cache=True, nogil=True)
def _arrival_mid(row: int, at: int, direction: int, market: Market, mine: Holding) -> float:
    """Return the mid price that the order meets: of the finer bar `at`, if the row has one."""
    start, arrives = market.stamps[row, START], mine.whole[ARRIVES]
    open_ = market.bars[row, OPEN]
    if arrives <= start:
        return float(open_)
    if at < market.stamps[row, FINER_END]:
        return float(market.finer[at, OPEN])
    close, end = market.bars[row, CLOSE_PRICE], market.stamps[row, END]
    return float(late_mid(open_, close, start, end, arrives, direction))


@njit(cache=True, nogil=True)
def _arrival_ns(row: int, at: int, market: Market, mine: Holding) -> int:
    """Return the instant at which the order fills in the row."""
    start, arrives = market.stamps[row, START], mine.whole[ARRIVES]
    if arrives <= start:
        return int(start)
    return int(market.finer_ns[at] if at < market.stamps[row, FINER_END] else arrives)


@njit(cache=True, nogil=True)
def _most(row: int, market: Market, mine: Holding, rules: np.ndarray) -> float:
    """Return what the row's volume still takes: the same volume is not sold twice."""
    if rules[IS_FULL] == 0.0 or mine.cost[COUNTS_SIZE] == 0.0:
        return np.inf
    left = rules[PARTICIPATION] * market.bars[row, VOLUME] - mine.real[TAKEN]
    return float(whole_steps(left, mine.cost[STEP]))


@njit(cache=True, nogil=True)
def _slip(
    row: int, price: float, before: float, qty: float, market: Market, mine: Holding,
    rules: np.ndarray,
) -> float:  # fmt: skip
    """Return how much worse a price is for the size of the order, from 0 up."""
    if rules[IS_FULL] == 0.0:
        return 0.0
    sigma = market.known[row, SIGMA_DAY] if mine.cost[COUNTS_SIZE] != 0.0 else np.nan
    volume = market.known[row, VOLUME_DAY]
    ratio = slippage_ratio(rules[IMPACT], sigma, volume, rules[BLIND], before, qty)
    return float(price * ratio)


@njit(cache=True, nogil=True)
def _enter(
    row: int, mid: float, at_ns: int, market: Market, mine: Holding, rules: np.ndarray, book: Book
) -> None:
    """Open the position that was asked for, as far as the bar's volume goes."""
    whole, real, cost = mine.whole, mine.real, mine.cost
    if market.marks[row, MAY_ENTER] == 0:
        book.unfilled[SESSION_CLOSED] += 1
        return
    most = _most(row, market, mine, rules) if whole[HELD_SIDE] == 0 else 0.0
    qty = min(real[ASKED_QTY], most)
    if qty < real[ASKED_QTY]:
        book.unfilled[LIQUIDITY] += 1
    if qty <= 0.0:
        return
    side = whole[ASKED]
    slip = _slip(row, mid, 0.0, qty, market, mine, rules)
    price = fill_price(mid, cost[HALF], side) + side * slip
    whole[HELD_SIDE] = side
    whole[FROM_SIGNAL] = whole[ASKED_AT]
    whole[FROM_ROW] = row
    whole[FROM_NS] = at_ns
    real[ENTRY_PRICE] = price
    real[HELD_QTY] = qty
    real[BARS_HELD] = 0.0
    real[OUT_QTY] = 0.0
    real[WORST] = 0.0
    real[BEST] = 0.0
    real[LATE] = side * (mid - market.bars[row, OPEN]) * qty
    real[SLIP] = slip * qty
    real[TAKEN] += qty
    book.cash[0] -= side_fees(qty, price, cost[MULTIPLIER], cost[FEE_UNIT], cost[FEE_RATIO])


@njit(cache=True, nogil=True)
def _meet_levels(
    row: int, begin: int, end: int, first_open: float, market: Market, mine: Holding,
    rules: np.ndarray,
) -> tuple[int, float]:  # fmt: skip
    """Return whether stop or target is met, in finer bars [begin, end) or else in the row's own."""
    whole, real = mine.whole, mine.real
    side, entry, half = whole[HELD_SIDE], real[ENTRY_PRICE], mine.cost[HALF]
    stop = entry * (1.0 - side * rules[STOP_RATIO])
    target = entry * (1.0 + side * rules[TARGET_RATIO])
    if market.stamps[row, FINER] < market.stamps[row, FINER_END]:
        code, price, worst, best = leave_between(
            market.finer, begin, end, first_open, side, entry, stop, target, half
        )
    else:
        code, price, worst, best = leave_between(
            market.bars, row, row + 1, first_open, side, entry, stop, target, half
        )
    real[WORST] = min(real[WORST], worst)
    real[BEST] = max(real[BEST], best)
    return code, price


@njit(cache=True, nogil=True)
def _follow(
    number: int, row: int, at: int, market: Market, mine: Holding, rules: np.ndarray, book: Book
) -> None:
    """Leave because the signal is gone, unless a finer bar before the arrival meets a level."""
    side = mine.whole[HELD_SIDE]
    begin = market.stamps[row, FINER]
    if begin < at:
        code, price = _meet_levels(row, begin, at, market.finer[begin, OPEN], market, mine, rules)
        if code != STILL_OPEN:
            end, most = market.stamps[row, END], _most(row, market, mine, rules)
            _take(number, row, code, price, 0.0, most, end, market, mine, rules, book)
            return
    mid = _arrival_mid(row, at, -side, market, mine)
    late = side * (market.bars[row, OPEN] - mid)
    touch = fill_price(mid, mine.cost[HALF], -side)
    when, most = _arrival_ns(row, at, market, mine), _most(row, market, mine, rules)
    _take(number, row, SIGNAL, touch, late, most, when, market, mine, rules, book)


@njit(cache=True, nogil=True)
def _hold(
    number: int, row: int, begin: int, mid: float, market: Market, mine: Holding,
    rules: np.ndarray, book: Book,
) -> None:  # fmt: skip
    """Hold the position over the row, or what is left of it, until something ends it."""
    real, end = mine.real, market.stamps[row, END]
    real[BARS_HELD] += 1.0
    code, price = _meet_levels(row, begin, market.stamps[row, FINER_END], mid, market, mine, rules)
    is_over = 0.0 < rules[HORIZON] <= real[BARS_HELD]
    if code == STILL_OPEN and (is_over or market.marks[row, IS_LAST] != 0):
        code = TIME if is_over else CLOSE
        close = market.bars[row, CLOSE_PRICE]
        price = fill_price(close, mine.cost[HALF], -mine.whole[HELD_SIDE])
    if code != STILL_OPEN:
        most = _most(row, market, mine, rules)
        _take(number, row, code, price, 0.0, most, end, market, mine, rules, book)


@njit(cache=True, nogil=True)
def _take(
    number: int, row: int, code: int, touch: float, late: float, most: float, at_ns: int,
    market: Market, mine: Holding, rules: np.ndarray, book: Book,
) -> None:  # fmt: skip
    """Leave as much of the position as the bar takes, at a touch; write the trade when it is out.

    A target rests as a limit order, whose price size does not worsen. What does not fit goes on
    at the opens of the bars that follow, at the market.
    """
    whole, real, cost = mine.whole, mine.real, mine.cost
    side, entry = whole[HELD_SIDE], real[ENTRY_PRICE]
    left = real[HELD_QTY] - real[OUT_QTY]
    part = min(left, most)
    if part < left and whole[LEAVING] == 0:
        book.unfilled[LIQUIDITY] += 1
    is_limit = code == TARGET and whole[LEAVING] == 0
    whole[LEAVING] = code
    if part <= 0.0:
        return
    slip = 0.0 if is_limit else _slip(row, touch, real[OUT_QTY], part, market, mine, rules)
    price = touch - side * slip
    real[WORST] = min(real[WORST], side * (price - entry))
    real[BEST] = max(real[BEST], side * (price - entry))
    out = real[OUT_QTY] + part
    real[OUT_PRICE] = (
        price if part == out else (real[OUT_PRICE] * real[OUT_QTY] + price * part) / out
    )
    real[OUT_QTY] = out
    real[LATE] += late * part
    real[SLIP] += slip * part
    real[TAKEN] += part
    fees = side_fees(part, price, cost[MULTIPLIER], cost[FEE_UNIT], cost[FEE_RATIO])
    book.cash[0] += side * part * cost[MULTIPLIER] * (price - entry) - fees
    if part == left:
        _write(number, row, at_ns, mine, book)


@njit(cache=True, nogil=True)
def _write(number: int, row: int, at_ns: int, mine: Holding, book: Book) -> None:
    """Write the trade that ends at a row, and hold nothing."""
    whole, real, multiplier = mine.whole, mine.real, mine.cost[MULTIPLIER]
    place = book.n_trades[0]
    at, of = book.at[place], book.of[place]
    at[SYMBOL] = number
    at[SIGNAL_ROW] = whole[FROM_SIGNAL]
    at[ENTRY_ROW] = whole[FROM_ROW]
    at[EXIT_ROW] = row
    at[SIDE] = whole[HELD_SIDE]
    at[CODE] = whole[LEAVING]
    at[ENTRY_NS] = whole[FROM_NS]
    at[EXIT_NS] = at_ns
    of[QTY] = real[HELD_QTY]
    of[ENTRY] = real[ENTRY_PRICE]
    of[EXIT] = real[OUT_PRICE]
    of[MAE] = real[HELD_QTY] * multiplier * real[WORST]
    of[MFE] = real[HELD_QTY] * multiplier * real[BEST]
    of[LATENCY_COST] = multiplier * real[LATE]
    of[SLIPPAGE] = multiplier * real[SLIP]
    book.n_trades[0] = place + 1
    whole[HELD_SIDE] = 0
    whole[LEAVING] = 0
