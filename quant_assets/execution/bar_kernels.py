"""Numba functions that decide how an order becomes a fill on bars: when, at what price, how much.

Bars hide the path of prices. Where finer bars are known they tell it; where not, the reading that
is worse for the order counts. All of this is the execution's side alone: no strategy sees it.
"""

import math

import numpy as np
from numba import njit

from quant_assets.execution.impact_kernels import average_impact_ratio
from quant_assets.execution.kernels import STILL_OPEN, STOP, exit_inside_bar, fill_price
from quant_assets.execution.latency_kernels import order_latency

_OPEN, _HIGH, _LOW, _CLOSE = 0, 1, 2, 3
_STEP_SLACK = 1e-9


@njit(cache=True, nogil=True)
def first_at_or_after(starts_ns: np.ndarray, begin: int, end: int, at_ns: int) -> int:
    """Return the first of the rows [begin, end) that starts at or after an instant, else `end`."""
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if starts_ns[middle] < at_ns:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def arrivals_ns(
    decided_ns: np.ndarray, first_number: int, rules: np.ndarray, samples: np.ndarray, seed: int
) -> np.ndarray:
    """Return when orders arrive that are decided at given instants, int64 of shape (n,).

    Parameters
    ----------
    decided_ns : int64 array of shape (n,)
        An order's number is its instant and `first_number`, which tells symbols apart: its way
        hangs on nothing else, not on how many orders there were.
    rules, samples
        What `latency.latency_rules` returns.
    """
    arrivals = np.empty(decided_ns.shape[0], dtype=np.int64)
    for row in range(decided_ns.shape[0]):
        way_ns, _ = order_latency(rules, samples, seed, decided_ns[row] + first_number)
        arrivals[row] = decided_ns[row] + way_ns
    return arrivals


@njit(cache=True, nogil=True)
def late_mid(
    open_: float, close: float, start_ns: int, end_ns: int, arrival_ns: int, direction: int
) -> float:
    """Return the mid price that an order meets inside a bar of which no finer one is known.

    Parameters
    ----------
    open_, close
        The bar's mid prices.
    direction
        1 to buy, -1 to sell.

    Notes
    -----
    Before the bar it is the open. Inside, the bar hides the path, and the straight line from open
    to close is as good a guess as any; but a guess must not pay, so the worse of line and open
    counts for the order.
    """
    if arrival_ns <= start_ns:
        return open_
    share = min(float(arrival_ns - start_ns) / float(end_ns - start_ns), 1.0)
    line = open_ + (close - open_) * share
    return line if direction * (line - open_) > 0.0 else open_


@njit(cache=True, nogil=True)
def whole_steps(qty: float, step: float) -> float:
    """Return a size rounded down to a multiple of the step, 0 where it is not above zero."""
    return math.floor(qty / step + _STEP_SLACK) * step if qty > 0.0 else 0.0


@njit(cache=True, nogil=True)
def slippage_ratio(
    impact_y: float,
    sigma_day: float,
    volume_day: float,
    blind_ratio: float,
    qty_before: float,
    qty: float,
) -> float:
    """Return what a size pays over the touch, as a ratio of the price, at most 1.

    Parameters
    ----------
    sigma_day, volume_day
        Of earlier sessions; NaN where there are none, or where volume does not count size.
    blind_ratio
        What is paid instead where they are not known.
    qty_before, qty
        Size of the order that is filled already, and size that comes on top.
    """
    if sigma_day > 0.0 and volume_day > 0.0:
        ratio = average_impact_ratio(impact_y, sigma_day, qty_before, qty, volume_day)
        return float(min(ratio, 1.0))
    return blind_ratio


@njit(cache=True, nogil=True)
def leave_between(
    bars: np.ndarray,
    begin: int,
    end: int,
    first_open: float,
    side: int,
    entry: float,
    stop: float,
    target: float,
    half_spread: float,
) -> tuple[int, float, float, float]:
    """Return how a position fares over bars [begin, end), up to its stop or target.

    Parameters
    ----------
    bars : float64 array of shape (n, >= 4)
        Open, high, low, close.
    first_open
        Mid price from which the first bar is held: its open, or where the entry filled in it.

    Returns
    -------
    tuple
        STILL_OPEN, STOP or TARGET; the fill's price, NaN while open; the worst and the best result
        of one unit at the price to leave at, never above and never below 0.

    Notes
    -----
    Bars hide the order of prices: the worst of a bar may have come before its target, the best is
    not taken to have come before its stop.
    """
    worst, best = 0.0, 0.0
    open_ = first_open
    for row in range(begin, end):
        high, low = bars[row, _HIGH], bars[row, _LOW]
        code, price = exit_inside_bar(open_, high, low, side, stop, target, half_spread)
        against = fill_price(low if side > 0 else high, half_spread, -side)
        favour = fill_price(high if side > 0 else low, half_spread, -side)
        if code == STOP:
            against = price
        if code != STILL_OPEN:
            favour = price
        worst = min(worst, side * (against - entry))
        best = max(best, side * (favour - entry))
        if code != STILL_OPEN:
            return code, price, worst, best
        if row + 1 < end:
            open_ = bars[row + 1, _OPEN]
    return STILL_OPEN, np.nan, worst, best


@njit(cache=True, nogil=True)
def side_fees(
    qty: float, price: float, multiplier: float, fee_per_unit: float, fee_ratio: float
) -> float:
    """Return the fees of one side of a trade, in the account's currency."""
    return qty * fee_per_unit + qty * multiplier * price * fee_ratio
