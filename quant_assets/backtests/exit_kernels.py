"""Numba functions of what a bar takes and at what price, and of a position that goes out of it."""

import numpy as np
from numba import njit

from quant_assets.backtests.columns import (
    BARS,
    BEST,
    BLIND,
    CASH,
    CODE,
    COST,
    COUNTS_SIZE,
    ENTRY,
    ENTRY_NS,
    ENTRY_PRICE,
    ENTRY_ROW,
    EXIT,
    EXIT_NS,
    EXIT_ROW,
    FEE_RATIO,
    FEE_UNIT,
    FROM_NS,
    FROM_ROW,
    FROM_SIGNAL,
    HELD_QTY,
    HELD_SIDE,
    IMPACT,
    IS_FULL,
    KNOWN,
    LATE,
    LATENCY_COST,
    LEAVING,
    MAE,
    MFE,
    MULTIPLIER,
    N_TRADES,
    OUT_PRICE,
    OUT_QTY,
    PARTICIPATION,
    QTY,
    REAL,
    SIDE,
    SIGMA_DAY,
    SIGNAL_ROW,
    SLIP,
    SLIPPAGE,
    STEP,
    SYMBOL,
    TAKEN,
    TRADES_AT,
    TRADES_OF,
    UNFILLED,
    VOLUME,
    VOLUME_DAY,
    WHOLE,
    WORST,
    Book,
    Holdings,
    Market,
)
from quant_assets.execution.bar_kernels import (
    side_fees,
    slippage_ratio,
    whole_steps,
)
from quant_assets.execution.kernels import (
    TARGET,
)
from quant_assets.execution.reasons import (
    LIQUIDITY,
)

_STEP_SLACK = 1e-6


@njit(cache=True, nogil=True)
def most_of_bar(number: int, row: int, market: Market, mine: Holdings, rules: np.ndarray) -> float:
    """Return what the row's volume still takes: the same volume is not sold twice."""
    if rules[IS_FULL] == 0.0 or mine[COST][number, COUNTS_SIZE] == 0.0:
        return np.inf
    left = rules[PARTICIPATION] * market[BARS][row, VOLUME] - mine[REAL][number, TAKEN]
    return float(whole_steps(left, mine[COST][number, STEP]))


@njit(cache=True, nogil=True)
def slip_of(
    number: int, row: int, price: float, before: float, qty: float, market: Market, mine: Holdings,
    rules: np.ndarray,
) -> float:  # fmt: skip
    """Return how much worse a price is for the size of the order, from 0 up."""
    if rules[IS_FULL] == 0.0:
        return 0.0
    sigma = market[KNOWN][row, SIGMA_DAY] if mine[COST][number, COUNTS_SIZE] != 0.0 else np.nan
    volume = market[KNOWN][row, VOLUME_DAY]
    ratio = slippage_ratio(rules[IMPACT], sigma, volume, rules[BLIND], before, qty)
    return float(price * ratio)


@njit(cache=True, nogil=True)
def take(
    number: int, row: int, code: int, touch: float, late: float, most: float, at_ns: int,
    market: Market, mine: Holdings, rules: np.ndarray, book: Book,
) -> None:  # fmt: skip
    """Leave as much of the position as the bar takes, at a touch; write the trade when it is out.

    A target rests as a limit order, whose price size does not worsen. What does not fit goes on
    at the opens of the bars that follow, at the market.
    """
    whole, real, cost = mine[WHOLE], mine[REAL], mine[COST]
    side, entry = whole[number, HELD_SIDE], real[number, ENTRY_PRICE]
    left = real[number, HELD_QTY] - real[number, OUT_QTY]
    # Parts of a fractional step do not add up to the bit: what differs by less is no rest.
    part = left if most >= left - _STEP_SLACK * cost[number, STEP] else most
    if part < left and whole[number, LEAVING] == 0:
        book[UNFILLED][LIQUIDITY] += 1
    is_limit = code == TARGET and whole[number, LEAVING] == 0
    whole[number, LEAVING] = code
    if part <= 0.0:
        return
    slip = (
        0.0
        if is_limit
        else slip_of(number, row, touch, real[number, OUT_QTY], part, market, mine, rules)
    )
    price = touch - side * slip
    real[number, WORST] = min(real[number, WORST], side * (price - entry))
    real[number, BEST] = max(real[number, BEST], side * (price - entry))
    out = real[number, OUT_QTY] + part
    real[number, OUT_PRICE] = (
        price
        if part == out
        else (real[number, OUT_PRICE] * real[number, OUT_QTY] + price * part) / out
    )
    real[number, OUT_QTY] = out
    real[number, LATE] += late * part
    real[number, SLIP] += slip * part
    real[number, TAKEN] += part
    fees = side_fees(
        part, price, cost[number, MULTIPLIER], cost[number, FEE_UNIT], cost[number, FEE_RATIO]
    )
    book[CASH][0] += side * part * cost[number, MULTIPLIER] * (price - entry) - fees
    if part == left:
        _write(number, row, at_ns, mine, book)


@njit(cache=True, nogil=True)
def _write(number: int, row: int, at_ns: int, mine: Holdings, book: Book) -> None:
    """Write the trade that ends at a row, and hold nothing."""
    whole, real, multiplier = mine[WHOLE], mine[REAL], mine[COST][number, MULTIPLIER]
    place = book[N_TRADES][0]
    at, of = book[TRADES_AT][place], book[TRADES_OF][place]
    at[SYMBOL] = number
    at[SIGNAL_ROW] = whole[number, FROM_SIGNAL]
    at[ENTRY_ROW] = whole[number, FROM_ROW]
    at[EXIT_ROW] = row
    at[SIDE] = whole[number, HELD_SIDE]
    at[CODE] = whole[number, LEAVING]
    at[ENTRY_NS] = whole[number, FROM_NS]
    at[EXIT_NS] = at_ns
    of[QTY] = real[number, HELD_QTY]
    of[ENTRY] = real[number, ENTRY_PRICE]
    of[EXIT] = real[number, OUT_PRICE]
    of[MAE] = real[number, HELD_QTY] * multiplier * real[number, WORST]
    of[MFE] = real[number, HELD_QTY] * multiplier * real[number, BEST]
    of[LATENCY_COST] = multiplier * real[number, LATE]
    of[SLIPPAGE] = multiplier * real[number, SLIP]
    book[N_TRADES][0] = place + 1
    whole[number, HELD_SIDE] = 0
    whole[number, LEAVING] = 0
