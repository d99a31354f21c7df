"""Numba functions that decide when limit orders at rest are filled by a stream of trades.

Contract: only trades after an order's arrival and up to its end fill it, at its limit. One trade
fills no more of all own orders together than it is large. Quotes move the place in the queue
alone. At one time trades come first, then quotes, then arrivals.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from quant_assets.execution.reasons import (
    BAD_SIZE,
    EXPIRED,
    FILLED,
    LIQUIDITY,
    SESSION_CLOSED,
)

# Queue rules, at place QUEUE of the rules; POWER is that of the probabilistic one.
WHOLE = 0.0
OPTIMISTIC = 1.0
PROBABILISTIC = 2.0
RISK_AVERSE = 3.0
QUEUE = 0
POWER = 1

# Columns of an order's whole numbers, and of its sizes.
ARRIVAL = 0
DIRECTION = 1
LIMIT = 2
END = 3
REASON = 4
N_WORDS = 5
LEFT = 0
FRONT = 1
SEEN = 2
TRADED = 3
N_REALS = 4

# Places in the counts of a run.
TRADE = 0
QUOTE = 1
ORDER = 2
SPAN = 3
WORKING = 4
FILLS = 5
SOUND = 6
N_COUNTS = 7

_START, _STOP, _CODE = 0, 1, 2


class RestingRun(NamedTuple):
    """All that a run of resting orders reads and changes.

    Parameters
    ----------
    trade_ns, trade_price, aggressor : int64 arrays of shape (n_trades,)
        Times in order, prices in ticks, and who crossed the spread: 1 buyer, -1 seller, 0 unknown.
    trade_qty : float64 array of shape (n_trades,)
    quote_ns : int64 array of shape (n_quotes,)
        Times in order; no quotes where there are none.
    touch : int64 array of shape (2, n_quotes)
        Asks and bids in ticks.
    size : float64 array of shape (2, n_quotes)
        Offered at the touch; 0 is no offer.
    halts : int64 array of shape (3, n_spans)
        Starts, ends and codes of half-open spans.
    words : int64 array of shape (n_orders, N_WORDS)
        Orders in order of ARRIVAL in ns; DIRECTION, LIMIT in ticks, END in ns; REASON is written.
    reals : float64 array of shape (n_orders, N_REALS)
        LEFT is at first the size. FRONT is what stands before it in the queue, SEEN its price's
        size at the last quote, TRADED what has traded there since.
    rules : float64 array of shape (2,)
    working : int64 array of shape (n_orders,)
        Orders at rest, buyers first, those of better prices before others, then by arrival.
    fill_words : int64 array of shape (room, 2)
        Order and trade of each fill.
    fill_qty : float64 array of shape (room,)
    counts : int64 array of shape (N_COUNTS,)
        Next trade, quote, order and halt, orders at rest, fills, and the quotes up to the last
        sound one.
    """

    trade_ns: np.ndarray
    trade_price: np.ndarray
    aggressor: np.ndarray
    trade_qty: np.ndarray
    quote_ns: np.ndarray
    touch: np.ndarray
    size: np.ndarray
    halts: np.ndarray
    words: np.ndarray
    reals: np.ndarray
    rules: np.ndarray
    working: np.ndarray
    fill_words: np.ndarray
    fill_qty: np.ndarray
    counts: np.ndarray


@njit(cache=True, nogil=True)
def _halt_at(run: RestingRun, at_ns: int) -> int:
    """Return the code of the halt at a time, not before the last one asked for; -1: none."""
    span = run.counts[SPAN]
    while span < run.halts.shape[1] and run.halts[_STOP, span] <= at_ns:
        span += 1
    run.counts[SPAN] = span
    if span < run.halts.shape[1] and run.halts[_START, span] <= at_ns:
        return int(run.halts[_CODE, span])
    return -1


@njit(cache=True, nogil=True)
def front_after(rules: np.ndarray, front: float, seen: float, traded: float, size: float) -> float:
    """Return what stands before an order once its price shows a new size.

    Parameters
    ----------
    rules : float64 array of shape (2,)
        Queue rule, and the power of the probabilistic one.
    front
        Size before it, less what has traded since; infinite where it was never seen.
    seen, traded
        The price's size when last seen, and what has traded there since.

    Notes
    -----
    Never more than the size that is shown. RISK_AVERSE takes what was cancelled to have stood
    behind. PROBABILISTIC shares it out by the probability back^n / (back^n + front^n) that it
    stood behind (hftbacktest's PowerProbQueueModel, n = 3); what has traded is not counted twice.
    """
    cancelled = seen - size - traded
    if rules[QUEUE] != PROBABILISTIC or cancelled <= 0.0 or not front < np.inf:
        return min(front, size)
    back = max(seen - traded - front, 0.0)
    behind, before = back ** rules[POWER], front ** rules[POWER]
    chance = behind / (behind + before) if behind + before > 0.0 else 1.0
    moved = front - (1.0 - chance) * cancelled + min(back - chance * cancelled, 0.0)
    return max(min(moved, size), 0.0)


@njit(cache=True, nogil=True)
def _see_quote(run: RestingRun, order: int, quote: int) -> None:
    """Let an order see a quote: its place changes where its side's touch is its price."""
    words, reals = run.words[order], run.reals[order]
    side = 1 if words[DIRECTION] > 0 else 0
    size = run.size[side, quote]
    away = words[DIRECTION] * (words[LIMIT] - run.touch[side, quote])
    if not size > 0.0 or away < 0:
        return
    # Beyond the touch it stands alone, though quotes do not know of it.
    shown = size if away == 0 else 0.0
    reals[FRONT] = front_after(run.rules, reals[FRONT], reals[SEEN], reals[TRADED], shown)
    reals[SEEN], reals[TRADED] = shown, 0.0


@njit(cache=True, nogil=True)
def _arrive(run: RestingRun) -> None:
    """Put the next order to rest behind those of its price, or refuse it."""
    order = run.counts[ORDER]
    run.counts[ORDER] += 1
    words, reals = run.words[order], run.reals[order]
    code = _halt_at(run, words[ARRIVAL])
    if code >= 0 and code != SESSION_CLOSED:
        words[REASON] = code
        return
    if not 0.0 < reals[LEFT] < np.inf:
        words[REASON] = BAD_SIZE
        return
    words[REASON] = EXPIRED
    reals[FRONT] = np.inf if run.rules[QUEUE] >= PROBABILISTIC else 0.0
    if run.counts[SOUND] > 0:
        _see_quote(run, order, run.counts[SOUND] - 1)
    place = run.counts[WORKING]
    run.counts[WORKING] += 1
    rank = words[DIRECTION] * words[LIMIT]
    while place > 0 and _rank(run, run.working[place - 1], words[DIRECTION]) < rank:
        run.working[place] = run.working[place - 1]
        place -= 1
    run.working[place] = order


@njit(cache=True, nogil=True)
def _rank(run: RestingRun, order: int, direction: int) -> int:
    """Return how good an order's price is among its side's; those of the other side do not move."""
    own = run.words[order, DIRECTION]
    if own != direction:
        return -(2**62) if own < direction else 2**62
    return int(own * run.words[order, LIMIT])


@njit(cache=True, nogil=True)
def _filled_by(run: RestingRun, order: int, trade: int, used: float) -> float:
    """Return what a trade fills of an order, of which own orders before have `used` some."""
    words, reals = run.words[order], run.reals[order]
    through = words[DIRECTION] * (words[LIMIT] - run.trade_price[trade])
    qty = run.trade_qty[trade]
    if through < 0 or not qty > 0.0:
        return 0.0
    if through == 0 and run.aggressor[trade] == words[DIRECTION]:
        return 0.0
    words[REASON] = LIQUIDITY
    if run.rules[QUEUE] == WHOLE:
        return float(reals[LEFT])
    if through > 0:
        reals[FRONT] = 0.0
    free = qty - reals[FRONT] - used
    reals[FRONT] = max(reals[FRONT] - qty, 0.0)
    reals[TRADED] += qty
    return float(max(min(reals[LEFT], free), 0.0))


@njit(cache=True, nogil=True)
def _write_fill(run: RestingRun, order: int, trade: int, qty: float) -> None:
    """Write a fill where there is room, and count it in any case."""
    place = run.counts[FILLS]
    run.counts[FILLS] += 1
    if place < run.fill_qty.shape[0]:
        run.fill_words[place, 0], run.fill_words[place, 1] = order, trade
        run.fill_qty[place] = qty


@njit(cache=True, nogil=True)
def _pass_trade(run: RestingRun) -> None:
    """Let the next trade fill own orders; those that are filled, or whose time is up, leave."""
    trade = run.counts[TRADE]
    run.counts[TRADE] += 1
    at_ns = run.trade_ns[trade]
    if _halt_at(run, at_ns) >= 0:
        return
    used, n_kept = 0.0, 0
    for place in range(run.counts[WORKING]):
        order = run.working[place]
        if at_ns > run.words[order, END]:
            continue
        qty = _filled_by(run, order, trade, used)
        if qty > 0.0:
            used += qty
            run.reals[order, LEFT] -= qty
            _write_fill(run, order, trade, qty)
        if run.reals[order, LEFT] > 0.0:
            run.working[n_kept] = order
            n_kept += 1
        else:
            run.words[order, REASON] = FILLED
    run.counts[WORKING] = n_kept


@njit(cache=True, nogil=True)
def _pass_quote(run: RestingRun) -> None:
    """Let orders at rest see the next quote; one crossed or in a halt says nothing of a queue."""
    quote = run.counts[QUOTE]
    run.counts[QUOTE] += 1
    is_crossed = run.touch[1, quote] > run.touch[0, quote]
    if is_crossed and run.size[0, quote] > 0.0 and run.size[1, quote] > 0.0:
        return
    if _halt_at(run, run.quote_ns[quote]) < 0:
        run.counts[SOUND] = quote + 1
        for place in range(run.counts[WORKING]):
            _see_quote(run, run.working[place], quote)


@njit(cache=True, nogil=True)
def rest_orders(run: RestingRun) -> None:
    """Work all events of a run in the order of their times; ties as the module states."""
    counts = run.counts
    n_trades, n_quotes, n_orders = run.trade_ns.shape[0], run.quote_ns.shape[0], len(run.words)
    while counts[ORDER] < n_orders or counts[WORKING] > 0:
        has_trade, has_quote = counts[TRADE] < n_trades, counts[QUOTE] < n_quotes
        has_order = counts[ORDER] < n_orders
        next_ns = run.words[counts[ORDER], ARRIVAL] if has_order else 2**63 - 1
        quote_ns = run.quote_ns[counts[QUOTE]] if has_quote else 2**63 - 1
        if has_trade and run.trade_ns[counts[TRADE]] <= min(quote_ns, next_ns):
            _pass_trade(run)
        elif has_quote and quote_ns <= next_ns:
            _pass_quote(run)
        elif has_order:
            _arrive(run)
        else:
            return
