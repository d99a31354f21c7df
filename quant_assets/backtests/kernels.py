"""Numba loop of the bar backtest: one account, one position a symbol, all bars merged."""

import numpy as np
from numba import njit

from quant_assets.execution.kernels import (
    CLOSE,
    SIGNAL,
    STILL_OPEN,
    STOP,
    TARGET,
    TIME,
    exit_inside_bar,
    fill_price,
)

# Columns of a bar, of a symbol's costs, of the rules, and of a symbol's state.
_OPEN, _HIGH, _LOW, _CLOSE = 0, 1, 2, 3
_HALF, _FEE_UNIT, _FEE_RATIO, _MULTIPLIER = 0, 1, 2, 3
_CAPITAL, _QTY, _SL, _TP, _HORIZON, _ON_SIGNAL = 0, 1, 2, 3, 4, 5
_SIDE, _PENDING, _ROW, _HELD, _ENTRY, _UNREALISED, _VALUE, _MAE, _MFE = 0, 1, 2, 3, 4, 5, 6, 7, 8
_EXIT = 9
_N_STATE = 10


@njit(cache=True, nogil=True)
def walk_bars(
    symbol: np.ndarray,
    group: np.ndarray,
    bars: np.ndarray,
    wanted: np.ndarray,
    may_enter: np.ndarray,
    is_last: np.ndarray,
    costs: np.ndarray,
    rules: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walk through the bars of all symbols in time order and trade one account.

    Parameters
    ----------
    symbol : int64 array of shape (n,)
        Number of each row's symbol, 0 to n_symbols - 1.
    group : int64 array of shape (n,)
        Number of each row's instant, 0 to n_groups - 1, rising without gaps.
    bars : float64 array of shape (n, 4)
        Open, high, low, close: mid prices, finite and positive.
    wanted : int8 array of shape (n,)
        Side wanted at the row's close: 1 long, -1 short, 0 none.
    may_enter : bool array of shape (n,)
        Whether an order of the symbol's previous row may fill at this row's open.
    is_last : bool array of shape (n,)
        Whether a position must be closed at this row's close.
    costs : float64 array of shape (n_symbols, 4)
        Half spread, fee a unit and side, fee as ratio of traded value, multiplier.
    rules : float64 array of shape (6,)
        Capital, qty, stop and target ratio (infinite: none), horizon in bars (0: none), whether
        a position follows the signal.

    Returns
    -------
    tuple
        trades_at, int64 of shape (n_trades, 5): symbol, entry row, exit row, side, exit code;
        trades_of, float64 of shape (n_trades, 4): entry price, exit price, mae, mfe;
        account, float64 of shape (n_groups, 4): equity, cash, position, open positions.

    Notes
    -----
    Within a row: the entry at the open, then stop and target, then the time limit and the forced
    close at the close, then the mark. Rows of one instant are walked in symbol order. An account
    at or below zero enters nothing.
    """
    n_rows = symbol.shape[0]
    trades_at = np.empty((n_rows, 5), dtype=np.int64)
    trades_of = np.empty((n_rows, 4), dtype=np.float64)
    account = np.empty((group[-1] + 1 if n_rows > 0 else 0, 4), dtype=np.float64)
    state = np.zeros((costs.shape[0], _N_STATE), dtype=np.float64)
    cash = rules[_CAPITAL]
    # Of the last instant: an order does not know what its own bar will do to the account.
    equity = cash
    n_trades = 0
    for row in range(n_rows):
        mine, cost, bar = state[symbol[row]], costs[symbol[row]], bars[row]
        if mine[_EXIT] != 0.0 and mine[_SIDE] != 0.0:
            side = np.int64(mine[_SIDE])
            price = fill_price(bar[_OPEN], cost[_HALF], -side)
            result = mine[_SIDE] * rules[_QTY] * cost[_MULTIPLIER] * (price - mine[_ENTRY])
            trades_at[n_trades] = (symbol[row], np.int64(mine[_ROW]), row, side, SIGNAL)
            trades_of[n_trades] = (
                mine[_ENTRY],
                price,
                min(mine[_MAE], result),
                max(mine[_MFE], result),
            )
            n_trades += 1
            cash += _settle(mine, price, cost, rules)
        mine[_EXIT] = 0.0
        if mine[_PENDING] != 0.0 and may_enter[row] and equity > 0.0:
            cash -= _enter(mine, row, bar, cost, rules)
        mine[_PENDING] = 0.0
        if mine[_SIDE] != 0.0:
            code, price = _leave(mine, bar, cost, rules, is_last[row])
            if code != STILL_OPEN:
                held_from, side = np.int64(mine[_ROW]), np.int64(mine[_SIDE])
                trades_at[n_trades] = (symbol[row], held_from, row, side, code)
                trades_of[n_trades] = (mine[_ENTRY], price, mine[_MAE], mine[_MFE])
                n_trades += 1
                cash += _settle(mine, price, cost, rules)
        if mine[_SIDE] == 0.0:
            mine[_PENDING] = wanted[row]
        elif rules[_ON_SIGNAL] != 0.0 and wanted[row] != mine[_SIDE]:
            mine[_PENDING] = wanted[row]
            mine[_EXIT] = 1.0
        if row == n_rows - 1 or group[row + 1] != group[row]:
            equity = cash + state[:, _UNREALISED].sum()
            n_open = float((state[:, _SIDE] != 0.0).sum())
            account[group[row]] = (equity, cash, state[:, _VALUE].sum(), n_open)
    return trades_at[:n_trades].copy(), trades_of[:n_trades].copy(), account


@njit(cache=True, nogil=True)
def _enter(
    mine: np.ndarray, row: int, bar: np.ndarray, cost: np.ndarray, rules: np.ndarray
) -> float:
    """Open the wanted position at the bar's open; return the fees paid."""
    mine[_SIDE] = mine[_PENDING]
    mine[_ROW] = row
    mine[_HELD] = 0.0
    mine[_MAE] = 0.0
    mine[_MFE] = 0.0
    mine[_ENTRY] = fill_price(bar[_OPEN], cost[_HALF], mine[_SIDE])
    return float(_fees(mine[_ENTRY], cost, rules))


@njit(cache=True, nogil=True)
def _leave(
    mine: np.ndarray, bar: np.ndarray, cost: np.ndarray, rules: np.ndarray, is_last: np.bool_
) -> tuple[int, float]:
    """Return why and where the position leaves in this bar; mark it and widen its excursions."""
    side, half, entry = mine[_SIDE], cost[_HALF], mine[_ENTRY]
    units = rules[_QTY] * cost[_MULTIPLIER]
    low, high = bar[_LOW], bar[_HIGH]
    mine[_HELD] += 1.0
    stop, target = entry * (1.0 - side * rules[_SL]), entry * (1.0 + side * rules[_TP])
    code, price = exit_inside_bar(bar[_OPEN], high, low, side, stop, target, half)
    worst = fill_price(low if side > 0.0 else high, half, -side)
    best = fill_price(high if side > 0.0 else low, half, -side)
    # Bars hide the order of prices: the worst may have come before a target, the best is not
    # taken to have come before a stop.
    if code == STOP:
        worst, best = price, price
    elif code == TARGET:
        best = price
    elif is_last or (rules[_HORIZON] > 0.0 and mine[_HELD] >= rules[_HORIZON]):
        code = TIME if 0.0 < rules[_HORIZON] <= mine[_HELD] else CLOSE
        price = fill_price(bar[_CLOSE], half, -side)
    mine[_MAE] = min(mine[_MAE], side * units * (worst - entry))
    mine[_MFE] = max(mine[_MFE], side * units * (best - entry))
    mine[_UNREALISED] = side * units * (fill_price(bar[_CLOSE], half, -side) - entry)
    mine[_VALUE] = side * units * bar[_CLOSE]
    return code, price


@njit(cache=True, nogil=True)
def _settle(mine: np.ndarray, price: float, cost: np.ndarray, rules: np.ndarray) -> float:
    """Close the position; return the result less the exit's fees."""
    result = mine[_SIDE] * rules[_QTY] * cost[_MULTIPLIER] * (price - mine[_ENTRY])
    mine[_SIDE] = 0.0
    mine[_UNREALISED] = 0.0
    mine[_VALUE] = 0.0
    return float(result - _fees(price, cost, rules))


@njit(cache=True, nogil=True)
def _fees(price: float, cost: np.ndarray, rules: np.ndarray) -> float:
    """Return the fees of one side."""
    by_value = rules[_QTY] * cost[_MULTIPLIER] * price * cost[_FEE_RATIO]
    return float(rules[_QTY] * cost[_FEE_UNIT] + by_value)
