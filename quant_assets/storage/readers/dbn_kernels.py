"""Numba kernels on DBN records as rows of little-endian 64-bit words."""

import numpy as np
from numba import njit

from quant_assets.market.timeframes import NS_PER_DAY

_ACTION_BYTE, _SIDE_BYTE = 4, 5
"""Bytes of action and side within word 3, behind the four of the size."""


@njit(cache=True, nogil=True)
def survey_records(
    words: np.ndarray,
    head: int,
    index_word: int,
    price_words: np.ndarray,
    price_bound: int,
    actions: np.ndarray,
    known_ids: np.ndarray,
    group_of_id: np.ndarray,
    day: int,
    group: np.ndarray,
    n_in_group: np.ndarray,
) -> tuple[bool, int]:
    """Look for anything unusual in a block, and tell each record's group on the way.

    Parameters
    ----------
    words : int64 array of shape (n, width)
    head
        The 16 bits of length and type that every record starts with.
    index_word
        Word of the stamp by which records are ordered and named.
    price_words : int64 array
        Words of prices; beyond `price_bound`, which undefined ones are too, they are unusual.
    actions : bool array of shape (256,)
        Actions that are usual; empty where records have none.
    known_ids : int64 array, ascending
        Instrument ids that have a name on `day`.
    group_of_id : int64 array of shape of known_ids
        Group of each id; ids of one name share theirs.
    day
        Days since the epoch, UTC.
    group : int32 array of shape (n,)
        Filled with the group of each record's id.
    n_in_group : int64 array of shape (n_groups,)
        Raised by the number of records of each.

    Returns
    -------
    tuple
        Whether the block is usual all through (else the arrays hold nothing of use), and how many
        records stand before their predecessor in the block.
    """
    start, end = day * NS_PER_DAY, (day + 1) * NS_PER_DAY
    before, disorder, here = words[0, index_word], 0, 0
    for row in range(words.shape[0]):
        stamp = words[row, index_word]
        if (words[row, 0] & 0xFFFF) != head or stamp < start or stamp >= end or words[row, 1] < 0:
            return False, 0
        for word in price_words:
            if words[row, word] > price_bound or words[row, word] < -price_bound:
                return False, 0
        if actions.size and not actions[(words[row, 3] >> (8 * _ACTION_BYTE)) & 0xFF]:
            return False, 0
        identity = (words[row, 0] >> 32) & 0xFFFFFFFF
        if known_ids[here] != identity:
            here = min(np.searchsorted(known_ids, identity), known_ids.size - 1)
            if known_ids[here] != identity:
                return False, 0
        group[row] = group_of_id[here]
        n_in_group[group_of_id[here]] += 1
        disorder += stamp < before
        before = stamp
    return True, disorder


@njit(cache=True, nogil=True)
def gather_records(
    words: np.ndarray,
    group: np.ndarray,
    next_place: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Copy words of each record to its place: groups beside each other, in order within each.

    Parameters
    ----------
    words : int64 array of shape (n, width)
    group : int32 array of shape (n,)
    next_place : int64 array of shape (n_groups,)
        First place of each group; raised as places are taken.
    columns : int64 array of shape (k,)
        Words to copy.
    values : int64 array of shape (k, n)
        Filled: one row a column.
    rows : int64 array of shape (n,)
        Filled with the record that stands at each place, from 0.
    """
    for row in range(words.shape[0]):
        place = next_place[group[row]]
        next_place[group[row]] = place + 1
        rows[place] = row
        for column in range(columns.size):
            values[column, place] = words[row, columns[column]]
