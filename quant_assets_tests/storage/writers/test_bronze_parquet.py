"""Files of wins by either writer: the same for every reader, whole or no Parquet file at all."""

import gc
import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_assets.bronze.chunks import RowGroup, row_groups, search_blocks
from quant_assets.bronze.engine import Candles, Search
from quant_assets.bronze.presets import Grid, preset
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.writers.bronze_parquet import BronzeFileWriter, Writer
from quant_assets_tests.bronze.parquet_readers import assert_read_alike
from quant_assets_tests.bronze.test_engine import candles, frame_of, grids, read_minutes

WRITERS = get_args(Writer)


def some_search(count: int = 300) -> Search:
    """Return a search of a random walk."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.001, count)))
    bars = frame_of(close * 1.0007, close * 0.9993, close)
    ratios = tuple(np.linspace(5e-4, 0.01, 10).tolist())
    return Search(Candles.of(bars), Grid(ratios, ratios, 60), 0.01)


def groups_of(search: Search, size: int) -> list[RowGroup]:
    """Cut all wins of a search into row groups."""
    blocks = search_blocks(search, search.candles.count, chunk_size=50)
    return list(row_groups(search, blocks, group_size=size))


def write(target, search: Search, groups: Iterable[RowGroup], **options) -> None:
    """Write all groups to a file."""
    with BronzeFileWriter(target, search, **options) as writer:
        for group in groups:
            writer.write_group(group.runs, group.count, group.skipped)


def assert_both_write(folder: Path, search: Search, groups: list[RowGroup], **options) -> None:
    """Both writers give files that every reader reads alike, with the rows of the search."""
    paths = {name: folder / f"{name}.parquet" for name in WRITERS}
    for name, path in paths.items():
        write(path, search, groups, writer=name, **options)
        told = pq.read_metadata(path)
        sizes = [told.row_group(idx).num_rows for idx in range(told.num_row_groups)]
        assert sizes == [group.count for group in groups]
    assert_read_alike(paths["pages"], paths["pyarrow"])
    rows = [search.rows(group.runs, group.count, skipped=group.skipped) for group in groups]
    if rows:
        assert pl.read_parquet(paths["pages"]).equals(pl.concat(rows))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    candles(),
    grids(),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([1, 3, 8, 50, 10_000]),
    st.sampled_from(["zstd", "lz4_raw"]),
)
def test_both_writers_give_every_reader_the_same(tmp_path, market, grid, spread, size, codec):
    """Five ways to read, random candles, any cut into row groups, both codecs."""
    search = Search(Candles.of(frame_of(*market)), grid, spread)
    assert_both_write(tmp_path, search, groups_of(search, size)[:20], codec=codec)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("count", "grid"),
    [
        pytest.param(700, preset(Timeframe.parse("1m")), id="preset"),
        pytest.param(
            120,
            Grid(
                tuple(np.linspace(5e-4, 0.01, 100).tolist()),
                tuple(np.linspace(5e-4, 0.02, 100).tolist()),
                500,
            ),
            id="100_by_100",
        ),
    ],
)
def test_real_minutes_are_the_same_by_both_writers(tmp_path, shared_data, count, grid):
    """GBPUSD of February 2012, in row groups that begin and end inside runs."""
    minutes = read_minutes(shared_data / "ohlcv" / "GBPUSD1.csv")[11_000 : 11_000 + count]
    search = Search(Candles.of(minutes), grid, 0.0002)
    groups = groups_of(search, 10_001)
    assert len(groups) > 1
    assert_both_write(tmp_path, search, groups)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("codec", ["zstd", "lz4_raw"])
def test_pages_are_compressed_as_asked(writer, codec):
    """Also by pyarrow, which calls lz4_raw just lz4."""
    search, file = some_search(), io.BytesIO()
    write(file, search, groups_of(search, 1_000), writer=writer, codec=codec)
    told = pq.read_metadata(file).row_group(0)
    found = {told.column(idx).compression for idx in range(told.num_columns)}
    assert found == {"zstd": {"ZSTD"}, "lz4_raw": {"LZ4"}}[codec]


@pytest.mark.parametrize("writer", WRITERS)
def test_times_have_bounds(writer):
    """By either writer readers leave out row groups by entry and exit time."""
    search, file = some_search(), io.BytesIO()
    groups = groups_of(search, 500)
    write(file, search, groups, writer=writer)
    told = pq.read_metadata(file)
    for number, group in enumerate(groups):
        rows = search.rows(group.runs, group.count, skipped=group.skipped)
        for idx in (0, 7):
            bounds = told.row_group(number).column(idx).statistics
            times = rows.to_series(idx).to_physical()
            assert bounds.null_count == 0
            assert [bounds.min_raw, bounds.max_raw] == [times.min(), times.max()]


@pytest.mark.parametrize("writer", WRITERS)
def test_the_footer_holds_what_is_told_before_the_end(writer):
    """Pairs may be added while groups are written, such as the count of all rows."""
    search, file, metadata = some_search(), io.BytesIO(), {"first": "1"}
    with BronzeFileWriter(file, search, writer=writer, metadata=metadata) as open_writer:
        group = groups_of(search, 100)[0]
        open_writer.write_group(group.runs, group.count)
        metadata["last"] = "ü"
    pairs = pq.read_metadata(file).metadata
    assert pairs.keys() == {b"first", b"last", b"ARROW:schema"}
    assert pairs[b"last"].decode() == "ü"
    assert pl.read_parquet_metadata(io.BytesIO(file.getvalue()))["last"] == "ü"


@pytest.mark.parametrize("writer", WRITERS)
def test_no_group_gives_an_empty_table(tmp_path, writer):
    """With all columns and types."""
    search = some_search()
    write(tmp_path / "a.parquet", search, [], writer=writer)
    found = pl.read_parquet(tmp_path / "a.parquet")
    assert found.equals(search.rows(np.empty((0, 5), np.int32), 0))


@pytest.mark.parametrize("writer", WRITERS)
def test_an_open_file_stays_open_and_holds_the_same_bytes(tmp_path, writer):
    """By path as text, by path, and by a file of the caller's."""
    search = some_search()
    groups = groups_of(search, 400)
    write(str(tmp_path / "a"), search, groups, writer=writer)
    write(tmp_path / "b", search, groups, writer=writer)
    with (tmp_path / "c").open("wb") as file:
        write(file, search, groups, writer=writer)
        assert not file.closed
        assert (tmp_path / "c").read_bytes() == (tmp_path / "a").read_bytes()
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


@pytest.mark.parametrize("writer", WRITERS)
def test_groups_may_be_made_by_other_threads(writer):
    """Made in any order and appended in theirs, they give the same bytes."""
    search, file, threaded = some_search(), io.BytesIO(), io.BytesIO()
    groups = groups_of(search, 400)
    write(file, search, groups, writer=writer)
    with (
        ThreadPoolExecutor(2) as pool,
        BronzeFileWriter(threaded, search, writer=writer) as open_writer,
    ):
        for made in pool.map(lambda g: open_writer.encode(g.runs, g.count, g.skipped), groups):
            open_writer.append(made)
    assert threaded.getvalue() == file.getvalue()


class _Stop(Exception):  # noqa: N818
    """Whatever may happen to the caller."""


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_left_by_an_exception_does_not_open(tmp_path, writer):
    """However many groups stand in it, and also once the writer is gone."""
    search, path = some_search(), tmp_path / "a.parquet"

    def groups():
        yield from groups_of(search, 400)
        raise _Stop

    with pytest.raises(_Stop):
        write(path, search, groups(), writer=writer)
    gc.collect()
    assert path.stat().st_size > 100
    with pytest.raises(pa.ArrowInvalid):
        pq.read_metadata(path)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_leaves_no_file_that_opens(
    tmp_path: Path, small_disk: Callable[[], AbstractContextManager[None]], writer: Writer
):
    """The system's error comes through, and closing all the same does not end the file."""
    search, path = some_search(3_000), tmp_path / "a.parquet"
    groups = groups_of(search, 20_000)
    with small_disk(), pytest.raises(OSError, match="File too large"):
        write(path, search, groups, writer=writer)
    with small_disk():
        open_writer = BronzeFileWriter(path, search, writer=writer)
        made = open_writer.encode(groups[0].runs, groups[0].count)
        with pytest.raises(OSError, match="File too large"):
            open_writer.append(made)
        open_writer.close()
        open_writer.close()
    with pytest.raises(pa.ArrowInvalid):
        pq.read_metadata(path)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    ("count", "skipped"),
    [(0, 0), (10_000, 0), (1, 10), (1, -1)],
    ids=["no_row", "too_many", "all_skipped", "before_the_first"],
)
def test_a_group_that_the_runs_do_not_hold_is_refused(writer, count, skipped):
    """By either writer; what was written before stands."""
    search, file = some_search(), io.BytesIO()
    runs = search.run(0, 300).runs[:50]
    with BronzeFileWriter(file, search, writer=writer) as open_writer:
        open_writer.write_group(runs, 5)
        with pytest.raises(InputError, match="row group"):
            open_writer.write_group(runs, count, skipped)
    assert pl.read_parquet(file.getvalue()).equals(search.rows(runs, 5))
