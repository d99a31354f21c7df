"""Numba functions that decide how an order becomes a fill on bars."""

import numpy as np
from numba import njit

STILL_OPEN = 0
TARGET = 1
STOP = 2
TIME = 3
CLOSE = 4
SIGNAL = 5
HALT = 6


@njit(cache=True, nogil=True)
def fill_price(mid: float, half_spread: float, direction: int) -> float:
    """Return what is paid or got at a mid price: buys (1) pay half the spread, sells (-1) lose it.

    Parameters
    ----------
    mid
        Price in quote currency.
    direction
        1 to buy, -1 to sell.
    """
    return mid + direction * half_spread


@njit(cache=True, nogil=True)
def exit_inside_bar(
    open_: float,
    high: float,
    low: float,
    side: int,
    stop: float,
    target: float,
    half_spread: float,
) -> tuple[int, float]:
    """Return why and at what price a position leaves within a bar.

    Parameters
    ----------
    open_, high, low
        The bar's mid prices.
    side
        1 for a long position, -1 for a short one.
    stop, target
        Prices at which the position would be filled: bids for a long, asks for a short.

    Returns
    -------
    tuple of int and float
        STILL_OPEN, STOP or TARGET, and the fill's price (NaN while open).

    Notes
    -----
    Levels are met by the side that we trade against: a long leaves at the bid, half a spread below
    the bar. A bar that meets both counts as a stop, for bars hide the order of prices. A stop that
    the open has passed fills at the open; a target that the open has passed fills at the target,
    the worse of the two. A missing price meets nothing.
    """
    at_open = fill_price(open_, half_spread, -side)
    worst = fill_price(low if side > 0 else high, half_spread, -side)
    best = fill_price(high if side > 0 else low, half_spread, -side)
    if side * (at_open - stop) <= 0.0:
        return STOP, at_open
    if side * (worst - stop) <= 0.0:
        return STOP, stop
    if side * (best - target) >= 0.0:
        return TARGET, target
    return STILL_OPEN, np.nan
