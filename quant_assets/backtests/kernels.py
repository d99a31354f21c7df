"""Numba loop of the bar backtest: one account, one position a symbol, all bars merged."""

import numpy as np
from numba import njit

from quant_assets.backtests.columns import (
    ARRIVAL,
    ARRIVES,
    ASKED,
    ASKED_AT,
    ASKED_QTY,
    BARS,
    CAPITAL,
    CASH,
    CLOSE_PRICE,
    COST,
    HALTED,
    HELD_SIDE,
    IS_NEW,
    KNOWN,
    LEAVES,
    LEAVING,
    MARKS,
    MAY_ENTER,
    MULTIPLIER,
    N_AT,
    N_OF,
    N_REAL,
    N_TRADES,
    N_WHOLE,
    ON_SIGNAL,
    REAL,
    STAMPS,
    STEP,
    TAKEN,
    TOLD,
    TRADES_AT,
    TRADES_OF,
    UNFILLED,
    UNREALISED,
    VALUE,
    WANTED,
    WHOLE,
    Book,
    Holdings,
    Market,
)
from quant_assets.backtests.position_kernels import freeze, mark, meet_bar
from quant_assets.backtests.size_kernels import order_qty
from quant_assets.execution.reasons import FILLED, REASONS, SESSION_CLOSED

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
    mine = (
        np.zeros((n_symbols, N_WHOLE), dtype=np.int64),
        np.zeros((n_symbols, N_REAL), dtype=np.float64),
        costs,
    )
    whole = mine[WHOLE]
    account = np.zeros((group[-1] + 1 if n_rows > 0 else 0, 4), dtype=np.float64)
    book = (
        np.empty((n_rows, N_AT), dtype=np.int64),
        np.empty((n_rows, N_OF), dtype=np.float64),
        np.zeros(1, dtype=np.int64),
        np.full(1, rules[CAPITAL]),
        np.zeros(_N_REASONS, dtype=np.int64),
    )
    first, n_new = 0, 0
    for row in range(n_rows):
        number = symbol[row]
        if whole[number, HELD_SIDE] != 0 or whole[number, ASKED] != 0 or whole[number, LEAVES] != 0:
            mine[REAL][number, TAKEN] = 0.0
            if market[MARKS][row, HALTED] != 0:
                freeze(number, row, market, mine, rules, book)
            else:
                meet_bar(number, row, market, mine, rules, book)
            _refuse_late(number, row, market, mine, book)
            mark(number, row, market, mine)
        n_new += _decide(number, row, market, mine, rules)
        if row == n_rows - 1 or group[row + 1] != group[row]:
            equity = _close_instant(group[row], account, mine, book)
            if n_new > 0:
                for earlier in range(first, row + 1):
                    _size(symbol[earlier], earlier, equity, market, mine, rules, book)
                n_new = 0
            first = row + 1
    n_trades = book[N_TRADES][0]
    return (
        book[TRADES_AT][:n_trades].copy(),
        book[TRADES_OF][:n_trades].copy(),
        account,
        book[UNFILLED],
    )


@njit(cache=True, nogil=True)
def _decide(number: int, row: int, market: Market, mine: Holdings, rules: np.ndarray) -> int:
    """Make the order that a row's close asks for, unless one is on its way; return how many."""
    whole, wanted = mine[WHOLE], market[MARKS][row, WANTED]
    side = whole[number, HELD_SIDE]
    if whole[number, ASKED] != 0 or whole[number, LEAVES] != 0:
        return 0
    if side == 0 and wanted == 0:
        return 0
    if side != 0 and (rules[ON_SIGNAL] == 0.0 or whole[number, LEAVING] != 0 or side == wanted):
        return 0
    whole[number, ASKED] = wanted
    whole[number, LEAVES] = 1 if side != 0 else 0
    whole[number, ASKED_AT] = row
    whole[number, ARRIVES] = market[STAMPS][row, ARRIVAL]
    whole[number, IS_NEW] = 1
    return 1


@njit(cache=True, nogil=True)
def _refuse_late(number: int, row: int, market: Market, mine: Holdings, book: Book) -> None:
    """Cancel an order that is still on its way where a stretch ends or begins: it is of another."""
    whole = mine[WHOLE]
    if market[MARKS][row, MAY_ENTER] != 0:
        return
    book[UNFILLED][SESSION_CLOSED] += whole[number, ASKED] != 0
    whole[number, ASKED] = 0
    whole[number, LEAVES] = 0


@njit(cache=True, nogil=True)
def _close_instant(instant: int, account: np.ndarray, mine: Holdings, book: Book) -> float:
    """Write the account at the end of an instant; return its equity."""
    equity, value, n_open = book[CASH][0], 0.0, 0.0
    for number in range(mine[WHOLE].shape[0]):
        equity += mine[REAL][number, UNREALISED]
        value += mine[REAL][number, VALUE]
        n_open += 1.0 if mine[WHOLE][number, HELD_SIDE] != 0 else 0.0
    account[instant, 0] = equity
    account[instant, 1] = book[CASH][0]
    account[instant, 2] = value
    account[instant, 3] = n_open
    return float(equity)


@njit(cache=True, nogil=True)
def _size(
    number: int,
    row: int,
    equity: float,
    market: Market,
    mine: Holdings,
    rules: np.ndarray,
    book: Book,
) -> None:
    """Give a new order its size, or take it back and count why."""
    whole = mine[WHOLE]
    if whole[number, IS_NEW] == 0:
        return
    whole[number, IS_NEW] = 0
    if whole[number, ASKED] == 0:
        return
    price, told = market[BARS][row, CLOSE_PRICE], market[KNOWN][row, TOLD]
    multiplier, step = mine[COST][number, MULTIPLIER], mine[COST][number, STEP]
    qty, reason = order_qty(rules, told, equity, price, multiplier, step)
    mine[REAL][number, ASKED_QTY] = qty
    if reason != FILLED:
        book[UNFILLED][reason] += 1
        whole[number, ASKED] = 0
