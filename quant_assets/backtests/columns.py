"""What the columns of the walk's arrays mean."""

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


Arrays = np.ndarray

Market = tuple[Arrays, Arrays, Arrays, Arrays, Arrays, Arrays]
BARS, MARKS, STAMPS, KNOWN, FINER_BARS, FINER_NS = 0, 1, 2, 3, 4, 5
"""Rows of all symbols: float64 (n, 5), int8 (n, 5), int64 (n, 5), float64 (n, 3); open, high, low
and close of the finer bars inside them, float64 (n_finer, 4), those of a row side by side; their
starts, int64 (n_finer,). Plain tuples: of a class, what numba has cached cannot be read any more
once the class has another name."""

Holdings = tuple[Arrays, Arrays, Arrays]
WHOLE, REAL, COST = 0, 1, 2
"""What each symbol holds and has asked for, changed in place, and its costs: int64
(n_symbols, N_WHOLE), float64 (n_symbols, N_REAL), float64 (n_symbols, 6)."""

HELD_SIDE, LEAVING, FROM_SIGNAL, FROM_ROW, FROM_NS = 0, 1, 2, 3, 4
"""Side held, why it is being left (0: it is not), row of its signal and its entry, its instant."""

ASKED, LEAVES, ASKED_AT, ARRIVES, IS_NEW = 5, 6, 7, 8, 9
N_WHOLE = 10
"""The order: side asked for, whether to leave, its signal's row, its arrival, whether it has no
size yet."""

ENTRY_PRICE, HELD_QTY, OUT_QTY, OUT_PRICE, BARS_HELD = 0, 1, 2, 3, 4
WORST, BEST, LATE, SLIP, UNREALISED, VALUE, TAKEN, ASKED_QTY = 5, 6, 7, 8, 9, 10, 11, 12
N_REAL = 13
"""Entry's price, size, what of it is out and at what mean price, bars held; worst and best result
of a unit, latency and slippage paid, a unit's price times size; open result and value at the last
mark; what of the bar's volume is taken; size asked for."""

Book = tuple[Arrays, Arrays, Arrays, Arrays, Arrays]
TRADES_AT, TRADES_OF, N_TRADES, CASH, UNFILLED = 0, 1, 2, 3, 4
"""What the walk writes: trades, int64 (n, N_AT) and float64 (n, N_OF), of which the first N_TRADES
count, int64 (1,); cash, float64 (1,); orders not wholly filled by the number of their reason."""
