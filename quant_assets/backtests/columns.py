"""What the columns of the walk's arrays mean."""

from typing import NamedTuple

import numpy as np

OPEN, HIGH, LOW, CLOSE_PRICE, VOLUME = 0, 1, 2, 3, 4
"""Of a bar: mid prices, and volume."""

MAY_ENTER, IS_LAST, IS_END, HALTED, WANTED = 0, 1, 2, 3, 4
"""Marks of a row: whether an order of the row before may enter here; whether a position must be
closed at its close; whether its contract ends here; number of the reason for which nothing fills,
0 for none; side wanted at its close."""

START, END, ARRIVAL, FINER, FINER_END = 0, 1, 2, 3, 4
"""Stamps of a row: its span in ns; arrival of an order decided at its close; range of its finer
bars."""

SIGMA_DAY, VOLUME_DAY, TOLD = 0, 1, 2
"""What is known at a row's start of earlier sessions, NaN where there are too few: deviation of a
day's log return and a day's volume; and what the size of an order decided at its close takes."""

HALF, FEE_UNIT, FEE_RATIO, MULTIPLIER, STEP, COUNTS_SIZE = 0, 1, 2, 3, 4, 5
"""Of a symbol: half spread, fees a unit and as a ratio of the value, multiplier, step of sizes, and
whether its volume counts size."""

SIZING, AMOUNT, LIMIT, STOP_RATIO, TARGET_RATIO, MAX_LEVERAGE = 0, 1, 2, 3, 4, 5
CAPITAL, HORIZON, ON_SIGNAL, IS_FULL, PARTICIPATION, IMPACT, BLIND = 6, 7, 8, 9, 10, 11, 12
N_RULES = 13
"""Rules: of the size; stop and target as ratios, infinite for none; largest value over the equity;
capital; horizon in bars, 0 for none; whether a position follows its signal; whether size is paid
for; share of a bar's volume; Y of the square-root law; what is paid where it does not apply."""

SYMBOL, SIGNAL_ROW, ENTRY_ROW, EXIT_ROW, SIDE, CODE, ENTRY_NS, EXIT_NS = 0, 1, 2, 3, 4, 5, 6, 7
N_AT = 8
"""Of a trade: where, when and why."""

QTY, ENTRY, EXIT, MAE, MFE, LATENCY_COST, SLIPPAGE = 0, 1, 2, 3, 4, 5, 6
N_OF = 7
"""Of a trade: size, prices paid and got, excursions and costs in currency."""


class Market(NamedTuple):
    """Rows of all symbols, and the finer bars inside them.

    Parameters
    ----------
    bars : float64 array of shape (n, 5)
    marks : int8 array of shape (n, 5)
    stamps : int64 array of shape (n, 5)
    known : float64 array of shape (n, 3)
    finer : float64 array of shape (n_finer, 4)
        Open, high, low, close; those of a row stand side by side.
    finer_ns : int64 array of shape (n_finer,)
        Their starts.
    """

    bars: np.ndarray
    marks: np.ndarray
    stamps: np.ndarray
    known: np.ndarray
    finer: np.ndarray
    finer_ns: np.ndarray


class Holding(NamedTuple):
    """What one symbol holds and has asked for, changed in place; and its costs.

    Parameters
    ----------
    whole : int64 array
        Side held, why it is being left, row of its signal and of its entry, and the entry's
        instant; then the order: side asked for, whether to leave, its signal's row, its arrival,
        and whether it is still to be sized.
    real : float64 array
        Entry's price, size, what of it is out and at what price; bars held, worst and best result
        of a unit, latency and slippage paid; open result and value at the last mark; what of the
        bar's volume is taken; size asked for.
    cost : float64 array of shape (6,)
    """

    whole: np.ndarray
    real: np.ndarray
    cost: np.ndarray


HELD_SIDE, LEAVING, FROM_SIGNAL, FROM_ROW, FROM_NS = 0, 1, 2, 3, 4
ASKED, LEAVES, ASKED_AT, ARRIVES, IS_NEW = 5, 6, 7, 8, 9
N_WHOLE = 10
ENTRY_PRICE, HELD_QTY, OUT_QTY, OUT_PRICE, BARS_HELD, WORST, BEST, LATE, SLIP = (
    0, 1, 2, 3, 4, 5, 6, 7, 8)  # fmt: skip
UNREALISED, VALUE, TAKEN, ASKED_QTY = 9, 10, 11, 12
N_REAL = 13


class Book(NamedTuple):
    """What the walk writes.

    Parameters
    ----------
    at : int64 array of shape (n, N_AT)
    of : float64 array of shape (n, N_OF)
        Trades; those written first count.
    n_trades : int64 array of shape (1,)
    cash : float64 array of shape (1,)
    unfilled : int64 array
        Orders not wholly filled, by the number of the reason.
    """

    at: np.ndarray
    of: np.ndarray
    n_trades: np.ndarray
    cash: np.ndarray
    unfilled: np.ndarray
