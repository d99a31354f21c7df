"""Numba kernels from trades to bars and their cells: the volume of a bar at a price, by aggressor.

Trades come in time order, chunk by chunk; what a chunk leaves open stands in the state's arrays, so
any chunking gives the same bits. Prices are counts of 1e-9, sums run in row order.
"""

import numpy as np
from numba import njit

TIME, DAILY, VOLUME, TRADES, RANGE = 0, 1, 2, 3, 4
"""Kinds of bars."""

BUY, SELL, UNKNOWN = 0, 1, 2
"""Aggressors, as their words stand in `market.columns.SIDES`: buyers trade at the ask."""

N_CELLS, IS_OPEN, SESSION, START, END, LAST_TS, COUNT, OPEN, HIGH, LOW, CLOSE, FIRST_ROW = range(12)
"""Places of the open bar's whole numbers; prices and stamps as they come."""

VOL, BID, ASK, UNK, MIN_DELTA, MAX_DELTA, CUM_DELTA = range(7)
"""Places of the open bar's sums."""

N_INTS, N_REALS = 12, 7

GOES_ON, BY_OWN_TRADE, BY_NEXT_TRADE, BY_SESSION = range(4)
"""What ends a bar: nothing yet, its last trade, the trade after it, or its session's end."""

UNTIL_SESSION_ENDS = np.iinfo(np.int64).min
"""Stands for the end of a bar that is over with its session, which a kernel does not know."""

_FREE = np.iinfo(np.int64).min
_SPREAD = np.int64(-7046029254386353131)
_DAY_NS = 86_400_000_000_000
_SMALL = 48


@njit(cache=True, nogil=True)
def empty_cells(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return an empty table of cells for a power of two of places.

    Returns
    -------
    tuple
        int64 keys of shape (size,), float64 sums of shape (size, 3) by aggressor, int64 trades of
        shape (size,), and int64 places in use, of shape (size,).
    """
    return (
        np.full(size, _FREE, dtype=np.int64),
        np.zeros((size, 3), dtype=np.float64),
        np.zeros(size, dtype=np.int64),
        np.empty(size, dtype=np.int64),
    )


@njit(cache=True, nogil=True, inline="always")
def _place_of(keys: np.ndarray, key: int) -> int:
    """Return the place of a key in the table, or the free place where it belongs."""
    mask = keys.shape[0] - 1
    place = ((key * _SPREAD) >> 20) & mask
    while keys[place] != key and keys[place] != _FREE:
        place = (place + 1) & mask
    return int(place)


@njit(cache=True, nogil=True)
def _grown(
    keys: np.ndarray, sums: np.ndarray, trades: np.ndarray, used: np.ndarray, n_used: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the cells in a table of twice the places, in the order they came."""
    new_keys, new_sums, new_trades, new_used = empty_cells(2 * keys.shape[0])
    for idx in range(n_used):
        old = used[idx]
        place = _place_of(new_keys, keys[old])
        new_keys[place] = keys[old]
        new_sums[place] = sums[old]
        new_trades[place] = trades[old]
        new_used[idx] = place
    return new_keys, new_sums, new_trades, new_used


@njit(cache=True, nogil=True)
def _sort_by_key(keys: np.ndarray, used: np.ndarray, n_used: int) -> None:
    """Sort the places in use by their keys, ascending."""
    if n_used > _SMALL:
        order = np.argsort(keys[used[:n_used]])
        used[:n_used] = used[:n_used][order]
        return
    for idx in range(1, n_used):
        moved = used[idx]
        before = idx - 1
        while before >= 0 and keys[used[before]] > keys[moved]:
            used[before + 1] = used[before]
            before -= 1
        used[before + 1] = moved


@njit(cache=True, nogil=True)
def close_bar(
    ints: np.ndarray,
    reals: np.ndarray,
    keys: np.ndarray,
    sums: np.ndarray,
    trades: np.ndarray,
    used: np.ndarray,
    bar_ints: np.ndarray,
    bar_reals: np.ndarray,
    row_keys: np.ndarray,
    row_sums: np.ndarray,
    row_trades: np.ndarray,
    n_bars: int,
    n_rows: int,
) -> int:
    """Write the open bar and its cells behind what is written, and empty it; return the row count.

    Parameters
    ----------
    ints, reals
        The open bar: int64 and float64 arrays of shapes (N_INTS,) and (N_REALS,).
    keys, sums, trades, used
        Its cells, as `empty_cells` makes them.
    bar_ints, bar_reals
        Bars written so far: int64 (., N_INTS) and float64 (., N_REALS).
    row_keys, row_sums, row_trades
        Rows written so far, each bar's by ascending price: int64 (.,), float64 (., 3), int64 (.,).
    n_bars, n_rows
        How many of them are written.
    """
    count = ints[N_CELLS]
    _sort_by_key(keys, used, count)
    for idx in range(count):
        place = used[idx]
        row_keys[n_rows + idx] = keys[place]
        row_trades[n_rows + idx] = trades[place]
        for side in range(3):
            row_sums[n_rows + idx, side] = sums[place, side]
            sums[place, side] = 0.0
        keys[place] = _FREE
        trades[place] = 0
    reals[CUM_DELTA] += reals[ASK] - reals[BID]
    bar_ints[n_bars] = ints
    bar_ints[n_bars, FIRST_ROW] = n_rows
    bar_reals[n_bars] = reals
    ints[N_CELLS] = 0
    ints[IS_OPEN] = 0
    return int(n_rows + count)


@njit(cache=True, nogil=True)
def is_ascending(stamps: np.ndarray) -> bool:
    """Tell whether no stamp lies before the one ahead of it: int64 array of shape (n,)."""
    n_earlier = 0
    for idx in range(1, stamps.shape[0]):
        n_earlier += stamps[idx] < stamps[idx - 1]
    return n_earlier == 0


@njit(cache=True, nogil=True)
def open_bar(
    ints: np.ndarray,
    reals: np.ndarray,
    session: int,
    ts: int,
    price: int,
    kind: int,
    size_ns: int,
) -> None:
    """Begin a bar at a trade; the session's running delta goes on, or starts at 0."""
    if session != ints[SESSION]:
        reals[CUM_DELTA] = 0.0
    ints[IS_OPEN] = 1
    ints[SESSION] = session
    if kind == TIME:
        ints[START] = ts // size_ns * size_ns
        ints[END] = ints[START] + size_ns
    elif kind == DAILY:
        ints[START] = np.int64(session) * _DAY_NS
    else:
        # Bars that begin on one stamp must still have starts of their own.
        ints[START] = max(ts, ints[START] + 1)
    if kind != TIME:
        ints[END] = UNTIL_SESSION_ENDS
    ints[COUNT] = 0
    ints[OPEN] = ints[HIGH] = ints[LOW] = price
    reals[VOL] = reals[BID] = reals[ASK] = reals[UNK] = 0.0
    reals[MIN_DELTA] = reals[MAX_DELTA] = 0.0


@njit(cache=True, nogil=True)
def end_of_bar(
    ts_ns: np.ndarray,
    session: np.ndarray,
    price: np.ndarray,
    qty: np.ndarray,
    kind: int,
    size: float,
    ints: np.ndarray,
    reals: np.ndarray,
    first: int,
) -> tuple[int, int]:
    """Return the row at which the open bar's trades end, from `first` on, and what ends the bar.

    Arrays and kinds are those of `add_trades`. The rows end where the chunk does, the bar may not.
    """
    volume, count = reals[VOL], ints[COUNT]
    high, low = ints[HIGH], ints[LOW]
    for idx in range(first, ts_ns.shape[0]):
        if session[idx] != ints[SESSION]:
            return idx, BY_SESSION
        if kind == TIME and ts_ns[idx] >= ints[END]:
            return idx, BY_NEXT_TRADE
        if kind in (TIME, DAILY) or not qty[idx] > 0.0:
            continue
        high, low = max(high, price[idx]), min(low, price[idx])
        if kind == RANGE and high - low > size:
            return idx, BY_NEXT_TRADE
        volume += qty[idx]
        count += 1
        if (kind == VOLUME and volume >= size) or (kind == TRADES and count >= size):
            return idx + 1, BY_OWN_TRADE
    return ts_ns.shape[0], GOES_ON


@njit(cache=True, nogil=True)
def sum_bar(
    ts_ns: np.ndarray,
    price: np.ndarray,
    qty: np.ndarray,
    side: np.ndarray,
    ints: np.ndarray,
    reals: np.ndarray,
    first: int,
    end: int,
) -> None:
    """Add the trades [first, end) to the open bar's sums, prices and extremes of delta."""
    volume, ask, bid, unknown = reals[VOL], reals[ASK], reals[BID], reals[UNK]
    least, most = reals[MIN_DELTA], reals[MAX_DELTA]
    high, low, close = ints[HIGH], ints[LOW], ints[CLOSE]
    last, count = ints[LAST_TS], ints[COUNT]
    for idx in range(first, end):
        amount = qty[idx]
        if not amount > 0.0:
            continue
        # Sides come in no order that a processor could guess; adding 0.0 changes no bit.
        ask += amount * (side[idx] == BUY)
        bid += amount * (side[idx] == SELL)
        unknown += amount * (side[idx] == UNKNOWN)
        volume += amount
        delta = ask - bid
        least, most = min(least, delta), max(most, delta)
        close = price[idx]
        high, low = max(high, close), min(low, close)
        last = ts_ns[idx]
        count += 1
    reals[VOL], reals[ASK], reals[BID], reals[UNK] = volume, ask, bid, unknown
    reals[MIN_DELTA], reals[MAX_DELTA] = least, most
    ints[HIGH], ints[LOW], ints[CLOSE] = high, low, close
    ints[LAST_TS], ints[COUNT] = last, count


@njit(cache=True, nogil=True)
def sum_cells(
    price: np.ndarray,
    qty: np.ndarray,
    side: np.ndarray,
    bucket: int,
    ints: np.ndarray,
    keys: np.ndarray,
    sums: np.ndarray,
    trades: np.ndarray,
    used: np.ndarray,
    first: int,
    end: int,
) -> int:
    """Add the trades [first, end) to the open bar's cells, until half of their table is used.

    Returns
    -------
    int
        Where it stopped: at `end`, or at a trade before which the table must grow.

    Notes
    -----
    The bucket comes from a product, which may be one off, and is then put right: a division of
    whole numbers would cost more than the rest. The table does not grow here, because arrays that
    change inside a loop are counted at every turn.
    """
    n_used = ints[N_CELLS]
    most = keys.shape[0] // 2
    inverse = 1.0 / bucket
    for idx in range(first, end):
        if not qty[idx] > 0.0:
            continue
        key = np.int64(np.floor(price[idx] * inverse))
        rest = price[idx] - key * bucket
        while rest < 0:
            key, rest = key - 1, rest + bucket
        while rest >= bucket:
            key, rest = key + 1, rest - bucket
        place = _place_of(keys, key)
        if keys[place] == _FREE:
            if n_used >= most:
                ints[N_CELLS] = n_used
                return idx
            keys[place] = key
            used[n_used] = place
            n_used += 1
        sums[place, side[idx]] += qty[idx]
        trades[place] += 1
    ints[N_CELLS] = n_used
    return end


@njit(cache=True, nogil=True)
def add_trades(
    ts_ns: np.ndarray,
    session: np.ndarray,
    price: np.ndarray,
    qty: np.ndarray,
    side: np.ndarray,
    kind: int,
    size: float,
    bucket: int,
    ints: np.ndarray,
    reals: np.ndarray,
    keys: np.ndarray,
    sums: np.ndarray,
    trades: np.ndarray,
    used: np.ndarray,
    bar_ints: np.ndarray,
    bar_reals: np.ndarray,
    row_keys: np.ndarray,
    row_sums: np.ndarray,
    row_trades: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Add a chunk of trades; write every bar that it completes.

    Parameters
    ----------
    ts_ns, price : int64 arrays of shape (n,)
        Stamps in time order, and prices in 1e-9. Prices of zero or below have buckets too.
    session : int32 array of shape (n,)
        Session of each trade as days since the epoch; a bar never spans two.
    qty : float64 array of shape (n,)
        Quantities; a trade of 0 is passed over, as in bars.
    side : uint8 array of shape (n,)
        BUY, SELL or UNKNOWN.
    kind
        TIME: bars of `size` ns from midnight UTC, half open. DAILY: a session. VOLUME: a bar ends
        with the trade that brings it to `size` or above. TRADES: after `size` trades. RANGE:
        before the trade that would make high less low exceed `size`, in 1e-9.
    bucket
        Width of a price bucket in 1e-9; a price belongs to the bucket at or below it.
    ints, reals, keys, sums, trades, used
        The state: the open bar and its cells; changed in place, or replaced where it grows.
    bar_ints, bar_reals, row_keys, row_sums, row_trades
        Room for n + 1 bars, and for n rows more than the open bar has cells.

    Returns
    -------
    tuple
        The four arrays of the cells, the number of bars, and of rows, written.
    """
    n_bars, n_rows, at = 0, 0, 0
    size_ns = np.int64(size)
    while at < ts_ns.shape[0]:
        if ints[IS_OPEN] == 0:
            if not qty[at] > 0.0:
                at += 1
                continue
            open_bar(ints, reals, session[at], ts_ns[at], price[at], kind, size_ns)
        end, cause = end_of_bar(ts_ns, session, price, qty, kind, size, ints, reals, at)
        sum_bar(ts_ns, price, qty, side, ints, reals, at, end)
        at = sum_cells(price, qty, side, bucket, ints, keys, sums, trades, used, at, end)
        while at < end:
            keys, sums, trades, used = _grown(keys, sums, trades, used, ints[N_CELLS])
            at = sum_cells(price, qty, side, bucket, ints, keys, sums, trades, used, at, end)
        if cause != GOES_ON:
            if kind != TIME and cause != BY_SESSION:
                ints[END] = ints[LAST_TS] if cause == BY_OWN_TRADE else ts_ns[end]
            n_rows = close_bar(
                ints, reals, keys, sums, trades, used,
                bar_ints, bar_reals, row_keys, row_sums, row_trades, n_bars, n_rows,
            )  # fmt: skip
            n_bars += 1
    return keys, sums, trades, used, n_bars, n_rows
