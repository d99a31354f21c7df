"""Numba kernels of cleaning: which trades are set aside, and who bought.

All arrays are of shape (n,), in order of (ts, seq). Prices are int64 counts of 1e-9, and `NO_PRICE`
stands where there is none. What is said of a row depends on it and on the rows before it alone.
"""

import numpy as np
from numba import njit

NO_PRICE = -(2**63)

GOOD = 0
OTHER_SESSION = 1
NOT_FINITE = 2
NON_POSITIVE_PRICE = 3
OFF_TICK_GRID = 4
AWAY_FROM_QUOTE = 5
AWAY_FROM_MEDIAN = 6

BUY, SELL, UNKNOWN = 0, 1, 2
BY_FEED, BY_QUOTE, BY_TICK, BY_NONE = 0, 1, 2, 3

_FEW = 16


@njit(cache=True, nogil=True)
def mark_unsound(
    verdict: np.ndarray,
    price: np.ndarray,
    qty: np.ndarray,
    bid_qty: np.ndarray,
    ask_qty: np.ndarray,
    step: int,
) -> None:
    """Write the first rule that a row breaks on its own where `verdict` is `GOOD`.

    Parameters
    ----------
    verdict : uint8 array of shape (n,)
        Changed in place.
    qty, bid_qty, ask_qty : float64 arrays of shape (n,)
        Zero where there is none.
    step
        Tick size as a count of 1e-9; 0 where no grid binds.
    """
    for idx in range(price.shape[0]):
        if verdict[idx] != GOOD:
            continue
        if not np.isfinite(qty[idx] + bid_qty[idx] + ask_qty[idx]):
            verdict[idx] = NOT_FINITE
        elif price[idx] <= 0:
            verdict[idx] = NON_POSITIVE_PRICE
        elif step > 0 and price[idx] % step != 0:
            verdict[idx] = OFF_TICK_GRID


@njit(cache=True, nogil=True)
def mark_away(
    verdict: np.ndarray,
    ts_ns: np.ndarray,
    price: np.ndarray,
    qty: np.ndarray,
    bid: np.ndarray,
    ask: np.ndarray,
    quote_reach: float,
    widest_quote: float,
    median_reach: float,
    window_trades: int,
    least_trades: int,
    window_ns: int,
    shift_trades: int,
) -> int:
    """Write `AWAY_FROM_QUOTE` and `AWAY_FROM_MEDIAN` into `verdict`; return the level shifts.

    A trade has three witnesses: its quote, the median of the last trades that were kept, and the
    last of these. It is set aside where quote or median stands against it and none stands for it:

    - the quote (0 < bid < ask) stands against a price that lies further than `quote_reach` of the
      mid beyond its nearer side, and for any other price if it is no wider than `widest_quote`;
    - the median (the lower one of an even count) stands against a price further than
      `median_reach` away, and for one within `quote_reach`;
    - the last trade stands for a price within `quote_reach`: a fast market moves in small steps.

    The median is over the last `window_trades` kept trades that are not older than `window_ns`,
    and says nothing with fewer than `least_trades` of them. `shift_trades` trades set aside in a
    row, each within `quote_reach` of the one before, are a new level: the last of them is kept, and
    the window starts anew with these. Trades of quantity zero are neither judged nor counted.

    Parameters
    ----------
    verdict : uint8 array of shape (n,)
        Changed in place where it is `GOOD`; other rows are passed over.
    """
    times = np.empty(window_trades, dtype=np.int64)
    prices = np.empty(window_trades, dtype=np.int64)
    run_times = np.empty(shift_trades, dtype=np.int64)
    run_prices = np.empty(shift_trades, dtype=np.int64)
    head, count, run, shifts = 0, 0, 0, 0
    lowest, highest = 0, 0
    for idx in range(price.shape[0]):
        if verdict[idx] != GOOD or not qty[idx] > 0.0:
            continue
        here = price[idx]
        while count > 0 and ts_ns[idx] - times[head] > window_ns:
            head, count = (head + 1) % window_trades, count - 1
        if count == 0:
            lowest, highest = here, here
        quoted = _word_of_quote(here, bid[idx], ask[idx], quote_reach, widest_quote)

        # The median lies between extremes: near to both is near to it, and nothing is sorted.
        near_both = not _is_beyond(here, lowest, median_reach) and not _is_beyond(
            here, highest, median_reach
        )
        if quoted < 0 or (quoted == 0 and count >= least_trades and not near_both):
            lowest, highest = _extremes(prices, head, count, here)
            rule = _broken_rule(
                here, quoted, prices, head, count, least_trades, quote_reach, median_reach
            )
            if rule != GOOD:
                verdict[idx] = rule
                if run > 0 and _is_beyond(here, run_prices[run - 1], quote_reach):
                    run = 0
                run_times[run], run_prices[run] = ts_ns[idx], here
                run += 1
                if run < shift_trades:
                    continue
                verdict[idx] = GOOD
                shifts += 1
                head, count = 0, 0
                lowest, highest = here, here
                for place in range(max(0, run - window_trades), run - 1):
                    times[count], prices[count] = run_times[place], run_prices[place]
                    lowest = min(lowest, run_prices[place])
                    highest = max(highest, run_prices[place])
                    count += 1
        run = 0
        if count == window_trades:
            head, count = (head + 1) % window_trades, count - 1
        place = (head + count) % window_trades
        times[place], prices[place] = ts_ns[idx], here
        count += 1
        lowest, highest = min(lowest, here), max(highest, here)
    return shifts


@njit(cache=True, nogil=True)
def _is_beyond(price: int, reference: int, reach: float) -> bool:
    """Whether a price lies further from a reference than a share of it."""
    return price > reference * (1.0 + reach) or price < reference * (1.0 - reach)


@njit(cache=True, nogil=True)
def _word_of_quote(price: int, bid: int, ask: int, reach: float, widest: float) -> int:
    """Return -1 where a quote stands against a price, 1 where for it, 0 where it says nothing."""
    if bid <= 0 or ask <= bid:
        return 0
    mid = 0.5 * (float(bid) + float(ask))
    if price < bid - reach * mid or price > ask + reach * mid:
        return -1
    return 1 if ask - bid <= widest * mid else 0


@njit(cache=True, nogil=True)
def _extremes(prices: np.ndarray, head: int, count: int, otherwise: int) -> tuple[int, int]:
    """Return the lowest and highest price of a ring, or another price where it is empty."""
    lowest = highest = prices[head] if count > 0 else otherwise
    for place in range(1, count):
        one = prices[(head + place) % prices.shape[0]]
        lowest, highest = min(lowest, one), max(highest, one)
    return lowest, highest


@njit(cache=True, nogil=True)
def _broken_rule(
    price: int,
    quoted: int,
    prices: np.ndarray,
    head: int,
    count: int,
    least_trades: int,
    quote_reach: float,
    median_reach: float,
) -> int:
    """Return the rule that a price breaks which its quote does not vouch for."""
    if count > 0:
        last = prices[(head + count - 1) % prices.shape[0]]
        if not _is_beyond(price, last, quote_reach):
            return GOOD
    is_far = False
    if count >= least_trades:
        ring = np.empty(count, dtype=np.int64)
        for place in range(count):
            ring[place] = prices[(head + place) % prices.shape[0]]
        middle = np.sort(ring)[(count - 1) // 2]
        if not _is_beyond(price, middle, quote_reach):
            return GOOD
        is_far = _is_beyond(price, middle, median_reach)
    if quoted < 0:
        return AWAY_FROM_QUOTE
    return AWAY_FROM_MEDIAN if is_far else GOOD


@njit(cache=True, nogil=True)
def tell_sides(
    price: np.ndarray, qty: np.ndarray, bid: np.ndarray, ask: np.ndarray, feed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each trade's aggressor, how it was told, and how many were told each way.

    The feed's where it tells one; else the quote's (at or above the ask bought, at or below the bid
    sold, where bid < ask); else the tick rule's of Lee and Ready (1991): above the last different
    price bought, below it sold. Trades of quantity zero are compared, but nothing is compared with
    them: their price comes from another market.

    Parameters
    ----------
    feed : uint8 array of shape (n,)
        `BUY`, `SELL` or `UNKNOWN`.

    Returns
    -------
    tuple
        uint8 arrays of shape (n,): the side, and `BY_FEED` to `BY_NONE`; an int64 array of shape
        (4,): how many were told by each of these.
    """
    n = price.shape[0]
    sides = np.empty(n, dtype=np.uint8)
    methods = np.empty(n, dtype=np.uint8)
    counts = np.zeros(4, dtype=np.int64)
    direction = UNKNOWN
    reference = -1
    for idx in range(n):
        moved = direction
        if reference >= 0 and price[idx] > price[reference]:
            moved = BUY
        elif reference >= 0 and price[idx] < price[reference]:
            moved = SELL
        if qty[idx] > 0.0:
            direction, reference = moved, idx
        quoted = bid[idx] != NO_PRICE and bid[idx] < ask[idx]
        side, method = moved, BY_TICK if moved != UNKNOWN else BY_NONE
        if feed[idx] != UNKNOWN:
            side, method = int(feed[idx]), BY_FEED
        elif quoted and price[idx] >= ask[idx]:
            side, method = BUY, BY_QUOTE
        elif quoted and price[idx] <= bid[idx]:
            side, method = SELL, BY_QUOTE
        sides[idx], methods[idx] = side, method
        counts[method] += 1
    return sides, methods, counts


@njit(cache=True, nogil=True)
def mark_repeats(ts_ns: np.ndarray, values: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return for each row whether an earlier row of the same stamp equals it in all values.

    Parameters
    ----------
    ts_ns : int64 array of shape (n,)
        Ascending.
    values : tuple of int64 arrays of shape (n,)
        The bits of each value.

    Returns
    -------
    bool array of shape (n,)
    """
    n = ts_ns.shape[0]
    repeats = np.zeros(n, dtype=np.bool_)
    start = 0
    while start < n:
        end = start + 1
        while end < n and ts_ns[end] == ts_ns[start]:
            end += 1
        if end - start > _FEW:
            _mark_many(repeats, values, start, end)
        elif end - start > 1:
            _mark_few(repeats, values, start, end)
        start = end
    return repeats


@njit(cache=True, nogil=True)
def _mark_few(repeats: np.ndarray, values: tuple[np.ndarray, ...], start: int, end: int) -> None:
    """Compare each row of [start, end) with each one before it."""
    for idx in range(start + 1, end):
        for before in range(start, idx):
            if not repeats[before] and _are_equal(values, before, idx):
                repeats[idx] = True
                break


@njit(cache=True, nogil=True)
def _mark_many(repeats: np.ndarray, values: tuple[np.ndarray, ...], start: int, end: int) -> None:
    """Look each row of [start, end) up in a table of those before it, by its values' hash."""
    size = 1
    while size < 2 * (end - start):
        size *= 2
    table = np.full(size, -1, dtype=np.int64)
    for idx in range(start, end):
        mixed = np.uint64(0)
        for value in values:
            mixed = (mixed ^ np.uint64(value[idx])) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        slot = np.int64(mixed & np.uint64(size - 1))
        while table[slot] >= 0 and not _are_equal(values, table[slot], idx):
            slot = (slot + 1) & (size - 1)
        if table[slot] >= 0:
            repeats[idx] = True
        else:
            table[slot] = idx


@njit(cache=True, nogil=True)
def _are_equal(values: tuple[np.ndarray, ...], one: int, other: int) -> bool:
    """Whether two rows hold the same bits."""
    equal = True
    for value in values:
        equal &= value[one] == value[other]
    return equal
