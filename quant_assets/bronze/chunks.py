"""Searches a long history in blocks of candles, by several threads, in order.

All threads read one set of arrays. A block's look-forward reads on behind its end, so the blocks
under each other are the rows of one call, whatever their size and the number of threads.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from quant_assets.bronze.engine import Found, Runs, Search

INPUT_CHUNK_SIZE = 2_000
"""Candles of one block, unless a setting says otherwise."""

OUTPUT_CHUNK_SIZE = 1_000_000
"""Wins of one row group, unless a setting says otherwise."""

Find = Callable[[Search, int, int], Found]


@dataclass(frozen=True)
class RowGroup:
    """Rows that are stored together.

    Parameters
    ----------
    runs : int32 array of shape (n_runs, 5)
        Runs that the rows are of; the first may have begun in the group before, and the last may
        go on in the next.
    skipped
        Rows of the first run that stand in the group before.
    count
        Rows of the group.
    """

    runs: Runs
    skipped: int
    count: int


def _find(search: Search, first: int, end: int) -> Found:
    """Find the runs of one block."""
    return search.run(first, end)


def search_blocks(
    search: Search,
    n_entries: int,
    *,
    chunk_size: int = INPUT_CHUNK_SIZE,
    workers: int = 1,
    find: Find = _find,
) -> Iterator[Found]:
    """Give what each block of candles holds, in the order of the candles.

    Parameters
    ----------
    n_entries
        Candles [0, n_entries) are entered.
    chunk_size
        Candles of one block.
    workers
        Threads. Blocks that are done wait for the slowest before them, and at most two a thread
        are begun, so memory does not grow with the history.
    find
        What is done with a block.
    """
    starts = iter(range(0, n_entries, chunk_size))
    begun: deque[Future[Found]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="bronze") as pool:
        while True:
            while len(begun) < 2 * workers and (first := next(starts, None)) is not None:
                end = min(first + chunk_size, n_entries)
                begun.append(pool.submit(find, search, first, end))
            if not begun:
                return
            yield begun.popleft().result()


def row_groups(
    search: Search, blocks: Iterable[Found], *, group_size: int = OUTPUT_CHUNK_SIZE
) -> Iterator[RowGroup]:
    """Cut the wins of all blocks into groups of one size; the last may be smaller.

    Parameters
    ----------
    blocks
        What `search_blocks` gives.
    group_size
        Wins of one group; a run that crosses its end goes on in the next.
    """
    waiting: list[Runs] = []
    held, skipped = 0, 0
    for block in blocks:
        waiting.append(block.runs)
        held += block.wins
        while held >= group_size:
            runs = np.concatenate(waiting)
            group, rest, begun = _cut(search, runs, skipped, group_size)
            yield group
            waiting, skipped, held = [rest], begun, held - group_size
    if held:
        yield RowGroup(np.concatenate(waiting), skipped, held)


def _cut(search: Search, runs: Runs, skipped: int, count: int) -> tuple[RowGroup, Runs, int]:
    """Take the first rows of some runs: the group, the runs that are left, and how far begun."""
    ends = np.cumsum(search.wins_of_runs(runs)) - skipped
    last = int(np.searchsorted(ends, count, side="left"))
    is_whole = ends[last] == count
    before = int(ends[last - 1]) if last else -skipped
    rest = runs[last + 1 :] if is_whole else runs[last:]
    return RowGroup(runs[: last + 1], skipped, count), rest, 0 if is_whole else count - before
