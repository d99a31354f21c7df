"""Numba loop of the bar backtest: one account, one position a symbol, all bars merged."""

import numpy as np
from numba import njit

from quant_assets.backtests.columns import (
    ARRIVAL,
    ARRIVES,
    ASKED,
    ASKED_AT,
    ASKED_QTY,
    CAPITAL,
    CLOSE_PRICE,
    HALTED,
    HELD_SIDE,
    IS_NEW,
    LEAVES,
    LEAVING,
    MULTIPLIER,
    N_AT,
    N_OF,
    N_REAL,
    N_WHOLE,
    ON_SIGNAL,
    STEP,
    TAKEN,
    TOLD,
    UNREALISED,
    VALUE,
    WANTED,
    Book,
    Holding,
    Market,
)
from quant_assets.backtests.position_kernels import freeze, mark, meet_bar
from quant_assets.backtests.size_kernels import order_qty
from quant_assets.execution.reasons import FILLED, REASONS

_N_REASONS = len(REASONS)


@njit(cache=True, nogil=True)
def walk_bars(
    symbol: np.ndarray, group: np.ndarray, market: Market, costs: np.ndarray, rules: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Walk through the bars of all symbols in time order and trade one account.

    Parameters
    ----------
    symbol : int64 array of shape (n,)
        Number of each row's symbol, 0 to n_symbols - 1.
    group : int64 array of shape (n,)
        Number of each row's instant, 0 to n_groups - 1, rising without gaps.
    market
        Arrays of the rows; all finite but what is known of earlier sessions.
    costs : float64 array of shape (n_symbols, 6)
    rules : float64 array of shape (N_RULES,)
        Their columns stand in `columns`.

    Returns
    -------
    tuple
        Trades as int64 of shape (n_trades, N_AT) and float64 of shape (n_trades, N_OF); account,
        float64 of shape (n_groups, 4): equity, cash, position, open positions; orders not wholly
        filled, int64 by number of the reason.

    Notes
    -----
    Rows of one instant are walked in symbol order. Orders are sized after all of them, from the
    account as it then is: none knows the bar that it will fill in.
    """
    n_rows, n_symbols = symbol.shape[0], costs.shape[0]
    wholes = np.zeros((n_symbols, N_WHOLE), dtype=np.int64)
    reals = np.zeros((n_symbols, N_REAL), dtype=np.float64)
    account = np.zeros((group[-1] + 1 if n_rows > 0 else 0, 4), dtype=np.float64)
    book = Book(
        np.empty((n_rows, N_AT), dtype=np.int64),
        np.empty((n_rows, N_OF), dtype=np.float64),
        np.zeros(1, dtype=np.int64),
        np.full(1, rules[CAPITAL]),
        np.zeros(_N_REASONS, dtype=np.int64),
    )
    first = 0
    for row in range(n_rows):
        number = symbol[row]
        mine = Holding(wholes[number], reals[number], costs[number])
        if mine.whole[HELD_SIDE] != 0 or mine.whole[ASKED] != 0 or mine.whole[LEAVES] != 0:
            mine.real[TAKEN] = 0.0
            if market.marks[row, HALTED] != 0:
                freeze(number, row, market, mine, rules, book)
            else:
                meet_bar(number, row, market, mine, rules, book)
            mark(row, market, mine)
        _decide(row, market, mine, rules)
        if row == n_rows - 1 or group[row + 1] != group[row]:
            equity = _close_instant(account[group[row]], wholes, reals, book)
            for earlier in range(first, row + 1):
                number = symbol[earlier]
                mine = Holding(wholes[number], reals[number], costs[number])
                _size(earlier, equity, market, mine, rules, book)
            first = row + 1
    n_trades = book.n_trades[0]
    return book.at[:n_trades].copy(), book.of[:n_trades].copy(), account, book.unfilled


@njit(cache=True, nogil=True)
def _decide(row: int, market: Market, mine: Holding, rules: np.ndarray) -> None:
    """Make the order that a row's close asks for, unless one is still on its way."""
    whole, wanted = mine.whole, market.marks[row, WANTED]
    if whole[ASKED] != 0 or whole[LEAVES] != 0:
        return
    if whole[HELD_SIDE] == 0:
        whole[ASKED] = wanted
    elif rules[ON_SIGNAL] != 0.0 and whole[LEAVING] == 0 and whole[HELD_SIDE] != wanted:
        whole[ASKED] = wanted
        whole[LEAVES] = 1
    else:
        return
    whole[ASKED_AT] = row
    whole[ARRIVES] = market.stamps[row, ARRIVAL]
    whole[IS_NEW] = 1


@njit(cache=True, nogil=True)
def _close_instant(account: np.ndarray, wholes: np.ndarray, reals: np.ndarray, book: Book) -> float:
    """Write the account at the end of an instant; return its equity."""
    equity, value, n_open = book.cash[0], 0.0, 0.0
    for number in range(wholes.shape[0]):
        equity += reals[number, UNREALISED]
        value += reals[number, VALUE]
        n_open += 1.0 if wholes[number, HELD_SIDE] != 0 else 0.0
    account[0] = equity
    account[1] = book.cash[0]
    account[2] = value
    account[3] = n_open
    return float(equity)


@njit(cache=True, nogil=True)
def _size(
    row: int, equity: float, market: Market, mine: Holding, rules: np.ndarray, book: Book
) -> None:
    """Give a new order its size, or take it back and count why."""
    whole, cost = mine.whole, mine.cost
    if whole[IS_NEW] == 0:
        return
    whole[IS_NEW] = 0
    if whole[ASKED] == 0:
        return
    price, told = market.bars[row, CLOSE_PRICE], market.known[row, TOLD]
    qty, reason = order_qty(rules, told, equity, price, cost[MULTIPLIER], cost[STEP])
    mine.real[ASKED_QTY] = qty
    if reason != FILLED:
        book.unfilled[reason] += 1
        whole[ASKED] = 0
