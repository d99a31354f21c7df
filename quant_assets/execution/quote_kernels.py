"""Numba functions that decide what orders take from a stream of quotes.

Contract: an order that arrives at `a` and works until `e` reads quotes of times <= e alone, and of
those before `a` only the last, besides what keeps the memory of own fills. Quotes are in order of
time. Orders are worked in the order of their arrival.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from quant_assets.execution.consumption_kernels import (
    COLLAR_RATIO,
    HAS_SIZE,
    IS_USED,
    LEVEL_TICKS,
    MAX_AGE_NS,
    PAYS_SPREAD,
    observe,
    take,
)
from quant_assets.execution.reasons import (
    BAD_SIZE,
    COLLAR,
    CROSSED_QUOTE,
    EMPTY_QUOTE,
    EXPIRED,
    FILLED,
    LIQUIDITY,
    LOCKED_QUOTE,
    NO_QUOTE,
    STALE_QUOTE,
)

# Sides of the book: the asks are bought, the bids are sold to.
ASK = 0
BID = 1

# Columns of the whole numbers of an order, and what becomes of it.
ARRIVAL = 0
DIRECTION = 1
TTL = 2
EXPIRY = 3
HALT = 4
TRIED = 5
REASON = 6
N_WORDS = 7

# Columns of an order's sizes and prices: what is not filled, its limit, the worst price allowed.
LEFT = 0
LIMIT = 1
CAP = 2
N_REALS = 3

# Places in the counts of a run: quote last seen, next halt not over, orders at work, fills.
ROW = 0
SPAN = 1
WORKING = 2
FILLS = 3

# Rows of the halts.
START = 0
END = 1
CODE = 2

_FOREVER = 2**63 - 1


class TakerRun(NamedTuple):
    """All that a run of orders through quotes reads and changes.

    Parameters
    ----------
    ts_ns : int64 array of shape (n_quotes,)
        Times of the quotes, in order.
    touch : int64 array of shape (2, n_quotes)
        Asks and bids in ticks.
    size, level_size : float64 arrays of shape (2, n_quotes)
        Offered at the touch, and at each level beyond it; 0 is no offer.
    halts : int64 array of shape (3, n_spans)
        START, END and CODE of half-open spans in which nothing fills, in order, none over another.
    words : int64 array of shape (n_orders, N_WORDS)
        Orders in order of ARRIVAL, in ns; DIRECTION is 1 to buy, -1 to sell; TTL the time of work
        after the arrival. The rest is written: EXPIRY its end, HALT the last halt before that (-1:
        none), TRIED when a quote was last tried, REASON why something is left.
    reals : float64 array of shape (n_orders, N_REALS)
        LEFT is at first the size; LIMIT in ticks, NaN for none; CAP is NaN until a first quote.
    rules, memory, marks
        As `consumption_kernels` has them, the latter two by side.
    working : int64 array of shape (n_orders,)
        Orders at work.
    fill_words : int64 array of shape (room, 3)
        Order, quote and time of each fill.
    fill_reals : float64 array of shape (room, 3)
        Size, mean price and last price of each fill, in ticks.
    counts : int64 array of shape (4,)
        How far the run is; ROW is -1 before the first quote.
    """

    ts_ns: np.ndarray
    touch: np.ndarray
    size: np.ndarray
    level_size: np.ndarray
    halts: np.ndarray
    words: np.ndarray
    reals: np.ndarray
    rules: np.ndarray
    memory: np.ndarray
    marks: np.ndarray
    working: np.ndarray
    fill_words: np.ndarray
    fill_reals: np.ndarray
    counts: np.ndarray


@njit(cache=True, nogil=True)
def quote_fault(run: TakerRun, row: int, side: int, n_sides: int) -> int:
    """Return why a quote fills no taker of a side, FILLED where it does.

    The side that is taken must offer a size, with `n_sides` 2 the other one too.
    """
    has_other = run.size[1 - side, row] > 0.0
    if not run.size[side, row] > 0.0 or (n_sides == 2 and not has_other):
        return EMPTY_QUOTE
    if has_other and run.touch[BID, row] > run.touch[ASK, row]:
        return CROSSED_QUOTE
    if has_other and run.touch[BID, row] == run.touch[ASK, row]:
        return LOCKED_QUOTE
    return FILLED


@njit(cache=True, nogil=True)
def _cap_of(rules: np.ndarray, direction: int, touch: float, limit: float) -> float:
    """Return the worst price of an order that first sees a touch: its limit and the collar."""
    cap = direction * np.inf
    if rules[COLLAR_RATIO] < np.inf:
        cap = touch + direction * abs(touch) * rules[COLLAR_RATIO]
    if direction * (cap - limit) > 0.0:
        return limit
    return cap


@njit(cache=True, nogil=True)
def _observe_row(run: TakerRun, side: int) -> None:
    """Let a side's memory see the quote at the run's row."""
    row, step = run.counts[ROW], int(run.rules[LEVEL_TICKS])
    touch, size = run.touch[side, row], run.size[side, row]
    observe(run.memory[side], run.marks[side], 1 - 2 * side, touch, size, step)


@njit(cache=True, nogil=True)
def _offer(run: TakerRun, order: int, at_ns: int) -> tuple[float, float, float, bool]:
    """Return what a sound quote gives an order: size, mean and last price, and if capped."""
    row, rules = run.counts[ROW], run.rules
    direction, left, cap = (
        run.words[order, DIRECTION],
        run.reals[order, LEFT],
        run.reals[order, CAP],
    )
    side = ASK if direction > 0 else BID
    if rules[HAS_SIZE] == 0.0:
        price = float(run.touch[side, row])
        if rules[PAYS_SPREAD] == 0.0:
            price = 0.5 * (run.touch[ASK, row] + run.touch[BID, row])
        is_capped = direction * (price - cap) > 0.0
        return 0.0 if is_capped else left, price, price, is_capped
    _observe_row(run, side)
    taken = take(
        rules,
        run.memory[side],
        run.marks[side],
        direction,
        run.level_size[side, row],
        left,
        cap,
        at_ns,
    )
    return taken[0], taken[1], taken[2], taken[3]


@njit(cache=True, nogil=True)
def _write_fill(run: TakerRun, order: int, at_ns: int, fill: tuple[float, float, float]) -> None:
    """Write a fill's size, mean and last price where there is room, and count it in any case."""
    place = run.counts[FILLS]
    run.counts[FILLS] += 1
    if place < run.fill_words.shape[0]:
        run.fill_words[place, 0] = order
        run.fill_words[place, 1] = run.counts[ROW]
        run.fill_words[place, 2] = at_ns
        for column in range(3):
            run.fill_reals[place, column] = fill[column]


@njit(cache=True, nogil=True)
def _try_quote(run: TakerRun, order: int, at_ns: int) -> None:
    """Let an order take from the quote last seen, and write what comes of it."""
    row, direction = run.counts[ROW], run.words[order, DIRECTION]
    side = ASK if direction > 0 else BID
    run.words[order, TRIED] = at_ns
    fault = quote_fault(run, row, side, 2 if run.rules[PAYS_SPREAD] == 0.0 else 1)
    is_first = np.isnan(run.reals[order, CAP])
    if fault != FILLED:
        if is_first:
            run.words[order, REASON] = fault
        return
    limit = run.reals[order, LIMIT]
    if is_first:
        run.reals[order, CAP] = _cap_of(run.rules, direction, float(run.touch[side, row]), limit)
    left = run.reals[order, LEFT]
    qty, price, last_price, is_capped = _offer(run, order, at_ns)
    run.reals[order, LEFT] = left - qty
    if qty == left:
        run.words[order, REASON] = FILLED
    elif is_capped:
        run.words[order, REASON] = EXPIRED if run.reals[order, CAP] == limit else COLLAR
    else:
        run.words[order, REASON] = LIQUIDITY
    if qty > 0.0:
        _write_fill(run, order, at_ns, (qty, price, last_price))


@njit(cache=True, nogil=True)
def _expiry(halts: np.ndarray, at_ns: int, ttl_ns: int) -> tuple[int, int]:
    """Return when an order ends, halts not counted, and the last halt before that; -1: none."""
    end_ns = at_ns + ttl_ns
    halt = -1
    for span in range(halts.shape[1]):
        if at_ns < halts[START, span] < end_ns:
            end_ns += halts[END, span] - halts[START, span]
            halt = span
    return end_ns, halt


@njit(cache=True, nogil=True)
def _is_halted(run: TakerRun, at_ns: int) -> bool:
    """Return whether a time, not before the last one asked for, lies in a halt."""
    span = run.counts[SPAN]
    while span < run.halts.shape[1] and run.halts[END, span] <= at_ns:
        span += 1
    run.counts[SPAN] = span
    return bool(span < run.halts.shape[1] and run.halts[START, span] <= at_ns)


@njit(cache=True, nogil=True)
def _work_quote(run: TakerRun) -> None:
    """Let all orders at work take from a new quote; those whose time is up leave."""
    at_ns, row = run.ts_ns[run.counts[ROW]], run.counts[ROW]
    if _is_halted(run, at_ns):
        return
    for side in range(2):
        if run.memory[side, IS_USED] > 0.0 and quote_fault(run, row, side, 1) == FILLED:
            _observe_row(run, side)
    n_kept = 0
    for place in range(run.counts[WORKING]):
        order = run.working[place]
        if at_ns > run.words[order, EXPIRY]:
            continue
        _try_quote(run, order, at_ns)
        if run.reals[order, LEFT] > 0.0:
            run.working[n_kept] = order
            n_kept += 1
    run.counts[WORKING] = n_kept


@njit(cache=True, nogil=True)
def _pass_quotes(run: TakerRun, until_ns: int) -> None:
    """Work through the quotes up to and with a time; jump where nothing hangs on them."""
    counts = run.counts
    while counts[ROW] + 1 < run.ts_ns.shape[0] and run.ts_ns[counts[ROW] + 1] <= until_ns:
        is_idle = run.memory[ASK, IS_USED] == 0.0 and run.memory[BID, IS_USED] == 0.0
        if counts[WORKING] == 0 and (is_idle or until_ns == _FOREVER):
            if until_ns < _FOREVER:
                counts[ROW] = np.searchsorted(run.ts_ns, until_ns, side="right") - 1
            return
        counts[ROW] += 1
        _work_quote(run)


@njit(cache=True, nogil=True)
def _is_stale(run: TakerRun, at_ns: int) -> bool:
    """Return whether the quote last seen is too old at a time, or from before a halt."""
    quote_ns, span = run.ts_ns[run.counts[ROW]], run.counts[SPAN]
    if at_ns - quote_ns > run.rules[MAX_AGE_NS]:
        return True
    return bool(span > 0 and quote_ns < run.halts[END, span - 1])


@njit(cache=True, nogil=True)
def _arrive(run: TakerRun, order: int) -> None:
    """Refuse an order that arrives, or let it take from the last quote and keep its rest."""
    words, at_ns = run.words[order], run.words[order, ARRIVAL]
    if _is_halted(run, at_ns):
        words[REASON] = run.halts[CODE, run.counts[SPAN]]
        return
    if not 0.0 < run.reals[order, LEFT] < np.inf:
        words[REASON] = BAD_SIZE
        return
    words[EXPIRY], words[HALT] = _expiry(run.halts, at_ns, words[TTL])
    if run.counts[ROW] < 0:
        words[REASON] = NO_QUOTE
    elif _is_stale(run, at_ns):
        words[REASON] = STALE_QUOTE
    else:
        _try_quote(run, order, at_ns)
    if run.reals[order, LEFT] > 0.0 and words[EXPIRY] > at_ns:
        run.working[run.counts[WORKING]] = order
        run.counts[WORKING] += 1


@njit(cache=True, nogil=True)
def work_orders(run: TakerRun) -> None:
    """Work all orders of a run through its quotes.

    An order takes from the last quote at its arrival, then from each later one until all is filled
    or its time is up. One that arrives in a halt is refused. A halt later freezes what is left and
    stops its clock: it goes on with the first sound quote after the halt. Fills beyond the room
    are counted and not written.
    """
    n_orders = run.words.shape[0]
    for order in range(n_orders):
        _pass_quotes(run, run.words[order, ARRIVAL])
        _arrive(run, order)
    _pass_quotes(run, _FOREVER)
    for order in range(n_orders):
        halt = run.words[order, HALT]
        is_left = run.reals[order, LEFT] > 0.0
        if is_left and halt >= 0 and run.words[order, TRIED] < run.halts[END, halt]:
            run.words[order, REASON] = run.halts[CODE, halt]
