"""Blocks by several threads: in order, and the same rows whatever is cut where."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.bronze.chunks import RowGroup, row_groups, search_blocks
from quant_assets.bronze.engine import Candles, Found, Search, find_winning_trades
from quant_assets.bronze.presets import Grid
from quant_assets_tests.bronze.test_engine import candles, frame_of, grids


def rows_of(search: Search, groups: list[RowGroup]) -> pl.DataFrame:
    """Put the rows of all groups under each other."""
    frames = [search.rows(group.runs, group.count, skipped=group.skipped) for group in groups]
    return pl.concat(frames) if frames else search.rows(np.empty((0, 5), np.int32), 0)


def walk(count: int, seed: int = 3) -> pl.DataFrame:
    """Return a random walk of minutes."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.001, count)))
    return frame_of(close * 1.0007, close * 0.9993, close)


@settings(max_examples=100, deadline=None)
@given(candles(), grids(), st.integers(1, 17), st.integers(1, 23), st.integers(1, 3))
def test_any_cut_gives_the_rows_of_one_call(market, grid, chunk, group, workers):
    """Chunks, groups and threads change nothing; groups are full but for the last."""
    bars = frame_of(*market)
    search = Search(Candles.of(bars), grid, 0.0)
    blocks = search_blocks(search, bars.height, chunk_size=chunk, workers=workers)
    groups = list(row_groups(search, blocks, group_size=group))
    whole = find_winning_trades(bars, n_entries=bars.height, grid=grid, spread=0.0)
    assert rows_of(search, groups).equals(whole)
    assert all(one.count == group for one in groups[:-1])
    assert all(0 < one.count <= group for one in groups)


def test_entry_times_never_decrease():
    """Over all groups of a history that many blocks were searched for."""
    search = Search(Candles.of(walk(900)), Grid((0.001, 0.002), (0.001, 0.003), 60), 0.0)
    blocks = search_blocks(search, 900, chunk_size=50, workers=2)
    rows = rows_of(search, list(row_groups(search, blocks, group_size=100)))
    assert rows.height > 1_000
    assert rows["entry_time"].is_sorted()


def test_a_slow_first_block_is_still_the_first():
    """What is done early waits for what was begun before it."""
    search = Search(Candles.of(walk(200)), Grid((0.001,), (0.001,), 30), 0.0)
    done: list[int] = []

    def find(search: Search, first: int, end: int) -> Found:
        if first == 0:
            time.sleep(0.3)
        done.append(first)
        return search.run(first, end)

    blocks = list(search_blocks(search, 200, chunk_size=50, workers=2, find=find))
    assert done[0] != 0
    firsts = [int(block.runs[0, 0]) // 50 for block in blocks]
    assert firsts == [0, 1, 2, 3]


def test_blocks_are_searched_by_as_many_threads_as_are_asked_for():
    """Two blocks meet at a barrier that one thread alone would never pass."""
    search = Search(Candles.of(walk(200)), Grid((0.001,), (0.001,), 30), 0.0)
    together = threading.Barrier(2, timeout=30)

    def find(search: Search, first: int, end: int) -> Found:
        together.wait()
        return search.run(first, end)

    assert len(list(search_blocks(search, 200, chunk_size=50, workers=2, find=find))) == 4


def test_few_blocks_wait_for_a_reader_that_is_slow():
    """A history of any length keeps a few blocks in memory, not all of them."""
    search = Search(Candles.of(walk(400)), Grid((0.001,), (0.001,), 30), 0.0)
    begun: list[int] = []

    def find(search: Search, first: int, end: int) -> Found:
        begun.append(first)
        return search.run(first, end)

    blocks = search_blocks(search, 400, chunk_size=10, workers=2, find=find)
    next(blocks)
    time.sleep(0.1)
    assert len(begun) <= 4
    assert len(list(blocks)) == 39


def test_a_failing_block_ends_the_search():
    """The error comes out where the block would have."""
    search = Search(Candles.of(walk(100)), Grid((0.001,), (0.001,), 30), 0.0)

    def find(search: Search, first: int, end: int) -> Found:
        if first == 50:
            raise MemoryError
        return search.run(first, end)

    blocks = search_blocks(search, 100, chunk_size=50, workers=2, find=find)
    next(blocks)
    with pytest.raises(MemoryError):
        next(blocks)


def test_threads_share_the_candles_and_never_write_them():
    """The arrays are the same objects in every block, read only."""
    made = Candles.of(walk(100))
    assert not any(array.flags.writeable for array in vars(made).values())
    search = Search(made, Grid((0.001,), (0.001,), 30), 0.0)
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: search.count(0, 100).wins, range(8)))
    assert len(set(counts)) == 1
