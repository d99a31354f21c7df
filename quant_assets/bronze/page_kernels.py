"""Kernels of the encoded-domain writer: from runs of wins to the indices of Parquet's pages.

Dictionary encoding gives each row the index of its value in a column's dictionary, and writes the
indices as runs. Runs of wins are nearly that already, so pages are made from them without their
rows. Rows differ within a run only by their stop, whose index ascends by one a row.

Entry prices come back, and with them their stops and targets. They share dictionary entries by
their PLACE in a row group: 2 * the price's number + direction.
"""

import numpy as np
from numba import njit

_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)

BYTES_A_RUN = 8
"""Room that a run needs at most in a page: a length of up to five bytes, a value of three."""


@njit(cache=True, nogil=True)
def cut_runs(
    runs: np.ndarray, skipped: int, count: int, n_sl: int, first: np.ndarray, length: np.ndarray
) -> tuple[int, int]:
    """Write at which stop each run begins, and how many of its rows belong to a row group.

    Parameters
    ----------
    runs : int32 array of shape (n_runs, 5)
    skipped
        Rows of the first run that stand in the row group before.
    count
        Rows of this row group.
    first, length : int32 arrays of shape (n_runs,)
        Filled as far as runs are taken.

    Returns
    -------
    tuple
        Runs that are taken, and their rows: fewer than `count` where the runs end before.
    """
    rows, taken = 0, 0
    while rows < count and taken < runs.shape[0]:
        first[taken] = runs[taken, 3] + (skipped if taken == 0 else 0)
        length[taken] = min(n_sl - first[taken], count - rows)
        rows += length[taken]
        taken += 1
    return taken, rows


@njit(cache=True, nogil=True)
def number_entries(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the entries of runs in their order.

    Parameters
    ----------
    runs : int32 array of shape (n_runs, 5)
        All runs of an entry stand together.

    Returns
    -------
    tuple of int32 arrays of shape (n_entries,) and (n_runs,)
        The entries, and the number of each run's.
    """
    found = 0
    entries = np.empty(runs.shape[0], np.int32)
    numbers = np.empty(runs.shape[0], np.int32)
    for run in range(runs.shape[0]):
        if run == 0 or runs[run, 0] != runs[run - 1, 0]:
            entries[found] = runs[run, 0]
            found += 1
        numbers[run] = found - 1
    return entries[:found].copy(), numbers


@njit(cache=True, nogil=True)
def number_prices(price_bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the different prices in order of appearance.

    Parameters
    ----------
    price_bits : uint64 array of shape (n,)
        Prices as bits.

    Returns
    -------
    tuple of int32 arrays of shape (n_different,) and (n,)
        Where each appears first, and the number of each.

    Notes
    -----
    One pass over a hash table that is at most half full.
    """
    n = price_bits.shape[0]
    bits = 4
    while (1 << bits) < 2 * n:
        bits += 1
    slots = np.full(1 << bits, -1, np.int32)
    shift, mask = np.uint64(64 - bits), (1 << bits) - 1
    owners, numbers = np.empty(n, np.int32), np.empty(n, np.int32)
    found = 0
    for idx in range(n):
        slot = np.int64((price_bits[idx] * _HASH_FACTOR) >> shift)
        while slots[slot] >= 0 and price_bits[owners[slots[slot]]] != price_bits[idx]:
            slot = (slot + 1) & mask
        if slots[slot] < 0:
            slots[slot] = found
            owners[found] = idx
            found += 1
        numbers[idx] = slots[slot]
    return owners[:found].copy(), numbers


@njit(cache=True, nogil=True)
def bound_levels(
    place: np.ndarray, least: np.ndarray, length: np.ndarray, n_places: int
) -> np.ndarray:
    """Return which levels occur at each place.

    Parameters
    ----------
    place, least, length : int32 arrays of shape (n_runs,)
        A run has levels [least, least + length) of its place.

    Returns
    -------
    int32 array of shape (n_places, 2)
        Least level and the greatest + 1; two zeros where none occurs.
    """
    bounds = np.zeros((n_places, 2), np.int32)
    for run in range(place.shape[0]):
        here = bounds[place[run]]
        if here[1] == 0:
            here[0] = least[run]
        here[0] = min(here[0], least[run])
        here[1] = max(here[1], least[run] + length[run])
    return bounds


@njit(cache=True, nogil=True)
def level_prices(
    bounds: np.ndarray, prices: np.ndarray, ratios: np.ndarray, sign: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the prices of levels that occur: the dictionary of stops or of targets.

    Parameters
    ----------
    bounds : int32 array of shape (n_places, 2)
        `bound_levels` of them.
    prices : float64 array of shape (n_places / 2,)
    sign
        1 where a buy's level lies above its entry, -1 where below.

    Returns
    -------
    tuple of a float32 and an int32 array, the second of shape (n_places,)
        The prices, computed in float64 and rounded once, as `expand_runs` does; and their base:
        level k of a place is at `base + k`.
    """
    total = 0
    base = np.empty(bounds.shape[0], np.int32)
    for place in range(bounds.shape[0]):
        base[place] = total - bounds[place, 0]
        total += bounds[place, 1] - bounds[place, 0]
    levels = np.empty(total, np.float32)
    for place in range(bounds.shape[0]):
        side = sign if place % 2 == 0 else -sign
        for level in range(bounds[place, 0], bounds[place, 1]):
            levels[base[place] + level] = prices[place // 2] * (1.0 + side * ratios[level])
    return levels, base


@njit(cache=True, nogil=True)
def number_exits(exits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the exit candles in order of time.

    Parameters
    ----------
    exits : int32 array of shape (n_runs,)
        Not empty.

    Returns
    -------
    tuple of int32 arrays of shape (n_exits,) and (n_runs,)
        The candles, and the number of each run's.
    """
    first = exits.min()
    numbers = np.zeros(exits.max() - first + 1, np.int32)
    for run in range(exits.shape[0]):
        numbers[exits[run] - first] = 1
    candles = np.empty(numbers.sum(), np.int32)
    found = 0
    for offset in range(numbers.shape[0]):
        if numbers[offset]:
            candles[found], numbers[offset] = first + offset, found
            found += 1
    return candles, numbers[exits - first]


@njit(cache=True, nogil=True)
def write_run_lengths(
    values: np.ndarray, length: np.ndarray, value_bytes: int, page: np.ndarray, start: int
) -> int:
    """Write values as RLE runs of Parquet's hybrid encoding, and return where they end.

    Parameters
    ----------
    values, length : int32 arrays of shape (n_runs,)
        Neighbours of the same value become one.
    value_bytes
        Whole bytes that a value takes, 1 to 3.
    page : uint8 array
        Room for `BYTES_A_RUN` a run from `start`.
    """
    at, run = start, 0
    while run < values.shape[0]:
        value, rows = values[run], np.int64(0)
        while run < values.shape[0] and values[run] == value:
            rows += length[run]
            run += 1
        header = rows << 1
        while header >= 0x80:
            page[at] = (header & 0x7F) | 0x80
            header >>= 7
            at += 1
        page[at] = header
        at += 1
        for _ in range(value_bytes):
            page[at] = value & 0xFF
            value >>= 8
            at += 1
    return at


@njit(cache=True, nogil=True)
def ascending_indices(count: int, width: int) -> np.ndarray:
    """Return the numbers from 0 to `count` - 1, `width` bytes each, the least byte first."""
    content = np.empty(count * width, np.uint8)
    for offset in range(width):
        for idx in range(count):
            content[np.uint64(idx * width + offset)] = (idx >> (8 * offset)) & 0xFF
    return content


@njit(cache=True, nogil=True)
def copy_indices(
    start: np.ndarray, length: np.ndarray, width: int, ascending: np.ndarray, page: np.ndarray
) -> None:
    """Write the indices of rows, ascending by one from a start, run after run.

    Parameters
    ----------
    start, length : int32 arrays of shape (n_runs,)
    width
        Bytes of an index.
    ascending : uint8 array
        `ascending_indices` of the dictionary: what is copied from.
    page : uint8 array
        Room for all rows.

    Notes
    -----
    Places are unsigned, since signed ones may count from the end, and that test a byte keeps the
    compiler from copying many at once.
    """
    at = np.int64(0)
    for run in range(start.shape[0]):
        source, size = np.int64(start[run]) * width, np.int64(length[run]) * width
        for offset in range(size):
            page[np.uint64(at + offset)] = ascending[np.uint64(source + offset)]
        at += size
