"""Pages made from runs: the rows of the search, in every reader, with bounds that prune."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.bronze import presets
from quant_assets.bronze.chunks import RowGroup, row_groups
from quant_assets.bronze.engine import Candles, Search
from quant_assets.bronze.pages import MAX_GROUP_ROWS, encode_row_group
from quant_assets.bronze.parquet_layout import MAGIC, EncodedGroup, file_tail
from quant_assets.bronze.presets import Grid
from quant_assets.market.errors import InputError
from quant_assets_tests.bronze.parquet_readers import (
    READERS,
    assert_read_alike,
    open_by_fastparquet,
    read_by_duckdb,
)
from quant_assets_tests.bronze.test_engine import candles, frame_of, grids


def walk(count: int, *, seed: int = 5, decimals: int = 9) -> pl.DataFrame:
    """Return a random walk of minutes; few decimals make prices come back."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.001, count)))
    close = close.round(decimals)
    return frame_of(close * 1.0007, close * 0.9993, close)


def levels(first: float, last: float, count: int) -> tuple[float, ...]:
    """Return evenly spaced levels."""
    return tuple(np.linspace(first, last, count).tolist())


def groups_of(search: Search, size: int) -> list[RowGroup]:
    """Cut all wins of a search into row groups."""
    found = search.run(0, search.candles.count)
    return list(row_groups(search, [found], group_size=size))


def encoded(search: Search, group: RowGroup, codec="zstd") -> EncodedGroup:
    """Make the pages of a group."""
    return encode_row_group(search, group.runs, group.count, skipped=group.skipped, codec=codec)


def file_of(search: Search, groups: list[RowGroup], codec="zstd") -> bytes:
    """Put the pages of all groups into a file."""
    content, described = bytearray(MAGIC), []
    for group in groups:
        made = encoded(search, group, codec)
        described.append(made.described(len(content)))
        content += b"".join(map(bytes, made.parts))
    return bytes(content) + file_tail(described, sum(g.count for g in groups), {})


def rows_of(search: Search, groups: list[RowGroup]) -> pl.DataFrame:
    """Return the rows of all groups, as the search gives them."""
    none = search.rows(np.empty((0, 5), np.int32), 0)
    parts = [search.rows(group.runs, group.count, skipped=group.skipped) for group in groups]
    return pl.concat([none, *parts])


def assert_holds(path: Path, rows: pl.DataFrame) -> None:
    """Every reader finds in a file what it finds in pyarrow's own of the same rows."""
    own = path.with_name("own.parquet")
    pq.write_table(rows.to_arrow(), own, row_group_size=max(1, rows.height))
    assert_read_alike(path, own)
    assert pl.read_parquet(path).equals(rows)


@settings(max_examples=100)
@given(
    candles(),
    grids(),
    st.sampled_from([1, 2, 3, 7, 8, 9, 50, 10_000]),
    st.sampled_from(["zstd", "lz4_raw"]),
)
def test_pages_hold_the_rows_of_their_runs(market, grid, size, codec):
    """Ties, flats, NaN, doubled levels; groups that begin and end inside runs, down to one row."""
    search = Search(Candles.of(frame_of(*market)), grid, 0.0)
    groups = groups_of(search, size)[-30:]
    file = io.BytesIO(file_of(search, groups, codec))
    rows = rows_of(search, groups)
    assert pl.read_parquet(file).equals(rows)
    table = pq.read_table(file)
    own = io.BytesIO()
    pq.write_table(rows.to_arrow(), own)
    assert table.equals(pq.read_table(own))


CASES = {
    "one_pair": (walk(300), Grid((0.002,), (0.002,), 60), 1_000),
    "one_row_a_group": (walk(40), Grid((0.001, 0.002), (0.001, 0.002), 20), 1),
    "doubled_levels": (walk(200), Grid((0.001,) * 3 + (0.002,) * 2, (0.001,) * 4, 60), 77),
    "more_than_256_stops": (walk(60), Grid(levels(1e-4, 0.02, 300), (1e-3, 2e-3, 3e-3), 60), 5_000),
    "prices_that_come_back": (
        walk(800, decimals=1),
        Grid(levels(5e-4, 0.01, 20), levels(5e-4, 0.02, 40), 60),
        40_000,
    ),
    "more_than_65536_stop_prices": (
        walk(500),
        Grid(levels(5e-4, 0.02, 120), levels(5e-4, 5e-3, 5), 60),
        250_000,
    ),
    "more_than_256_targets": (
        walk(60),
        Grid((0.01, 0.02), levels(1e-5, 5e-3, 300), 60),
        5_000,
    ),
    "nothing": (walk(5), Grid((0.5,), (0.5,), 60), 10),
}


@pytest.mark.parametrize("case", CASES)
def test_every_reader_takes_them(tmp_path: Path, case: str):
    """Types, rows and order as in pyarrow's own file of the rows."""
    bars, grid, size = CASES[case]
    search = Search(Candles.of(bars), grid, 0.01)
    groups = groups_of(search, size)
    rows = rows_of(search, groups)
    (tmp_path / "pages.parquet").write_bytes(file_of(search, groups))
    assert_holds(tmp_path / "pages.parquet", rows)
    assert rows.is_empty() == (case == "nothing")
    assert (rows["sl_price"].n_unique() > 1 << 16) == (case == "more_than_65536_stop_prices")


def test_no_index_takes_four_bytes():
    """A dictionary holds no more stops than there are rows, but for those of a run that is cut."""
    assert MAX_GROUP_ROWS + presets._MAX_LEVELS <= 1 << 24


SOME = Search(
    Candles.of(walk(400, decimals=2)),
    Grid(levels(5e-4, 0.01, 12), levels(5e-4, 0.01, 9), 60),
    0.01,
)


def test_types_are_those_of_pyarrows_own_file(tmp_path: Path):
    """Categories for pandas, an enum for polars, ns without zone, float32; all may be null."""
    groups = groups_of(SOME, 500)
    (tmp_path / "pages.parquet").write_bytes(file_of(SOME, groups))
    pq.write_table(rows_of(SOME, groups).to_arrow(), tmp_path / "own.parquet")
    ours, own = (pq.ParquetFile(tmp_path / f"{name}.parquet") for name in ("pages", "own"))
    assert ours.schema.equals(own.schema)
    assert ours.schema_arrow.equals(own.schema_arrow, check_metadata=True)
    assert ours.metadata.metadata[b"ARROW:schema"] == own.metadata.metadata[b"ARROW:schema"]
    types = ours.read().to_pandas().dtypes.astype(str).to_dict()
    assert types == {
        "entry_time": "datetime64[ns]",
        "trade_type": "category",
        **dict.fromkeys(["entry_price", "sl_price", "tp_price", "sl_ratio", "tp_ratio"], "float32"),
        "exit_time": "datetime64[ns]",
        "outcome": "category",
    }
    assert ours.metadata.created_by == "quant_assets"


@settings(max_examples=50)
@given(candles(), grids(), st.sampled_from([1, 5, 40]))
def test_bounds_are_the_least_and_the_greatest_value_of_each_column(market, grid, size):
    """Of all nine columns and every row group; none counts a null."""
    search = Search(Candles.of(frame_of(*market)), grid, 0.0)
    groups = groups_of(search, size)[-30:]
    metadata = pq.read_metadata(io.BytesIO(file_of(search, groups)))
    for number, group in enumerate(groups):
        rows = rows_of(search, [group])
        for idx, column in enumerate(rows.cast({pl.Enum: pl.String})):
            told = metadata.row_group(number).column(idx).statistics
            assert told.null_count == 0
            found = pl.Series([told.min, told.max]).cast(column.dtype)
            assert found.to_list() == [column.min(), column.max()], column.name


def test_a_price_of_zero_is_found_by_its_bounds(tmp_path: Path):
    """One too small for float32 is stored as zero; the bound is signed, as the format asks."""
    tiny = np.array([1e-60, 1e-60])
    search = Search(Candles.of(frame_of(tiny * 2, tiny, tiny)), Grid((0.5,), (0.5,), 1), 0.0)
    path = tmp_path / "pages.parquet"
    path.write_bytes(file_of(search, groups_of(search, 10)))
    told = pq.read_metadata(path).row_group(0).column(4).statistics
    assert np.signbit(told.min)
    assert not np.signbit(told.max)
    assert pl.read_parquet(path)["tp_price"].to_list() == [0.0]
    assert pl.scan_parquet(path).filter(pl.col("tp_price") == 0).collect().height == 1
    assert read_by_duckdb(path, "tp_price = 0").num_rows == 1
    assert pq.read_table(path, filters=[("tp_price", "=", 0.0)]).num_rows == 1


def _between(path: Path, low, high) -> dict[str, pl.DataFrame]:
    """Read rows of a stretch of entry times by every reader that filters."""
    filters = [("entry_time", ">=", low), ("entry_time", "<", high)]
    column = pl.col("entry_time")
    where = f"entry_time >= '{low}'::timestamp_ns and entry_time < '{high}'::timestamp_ns"
    # It leaves out row groups, and no rows.
    bounds = [(name, op, np.datetime64(time, "ns")) for name, op, time in filters]
    fast = pl.from_pandas(open_by_fastparquet(path).to_pandas(filters=bounds))
    return {
        "pyarrow": pl.from_arrow(pq.read_table(path, filters=filters)),
        "polars": pl.scan_parquet(path).filter(column >= low, column < high).collect(),
        "duckdb": pl.from_arrow(read_by_duckdb(path, where)),
        "fastparquet": fast.filter(column >= low, column < high),
    }


def test_readers_leave_out_row_groups_by_their_entry_times(tmp_path: Path):
    """The pages of all other row groups are spoiled, and what is asked for is read all the same."""
    groups = groups_of(SOME, 300)
    content, path = bytearray(file_of(SOME, groups)), tmp_path / "pages.parquet"
    rows = rows_of(SOME, groups)
    wanted = rows_of(SOME, groups[4:5])["entry_time"]
    low, high = wanted[1:-1].unique().sort()[1], wanted.max()
    metadata = pq.read_metadata(io.BytesIO(content))
    for number in range(metadata.num_row_groups):
        told = metadata.row_group(number)
        if number != 4:
            first = told.column(0).dictionary_page_offset
            content[first : first + _size(told)] = b"\xff" * _size(told)
    path.write_bytes(content)
    expected = rows.filter(pl.col("entry_time").is_between(low, high, closed="left"))
    assert expected.height > 20
    found = _between(path, low, high)
    for name, frame in found.items():
        like = frame.cast({pl.Categorical: pl.String}).cast(dict(expected.schema))
        assert like.equals(expected), name
    for name, read in READERS.items():
        with pytest.raises(Exception, match=r"."):
            read(path)
        assert name


def _size(told: pq.RowGroupMetaData) -> int:
    """Return the bytes of a row group in the file."""
    return sum(told.column(idx).total_compressed_size for idx in range(told.num_columns))


def test_parts_of_a_page_are_read_as_such(tmp_path: Path):
    """Odd batches, slices, single columns and filters on any column find their rows."""
    groups = groups_of(SOME, 1_000)
    rows, path = rows_of(SOME, groups), tmp_path / "pages.parquet"
    path.write_bytes(file_of(SOME, groups))
    batches = pq.ParquetFile(path).iter_batches(batch_size=37)
    assert pl.from_arrow(pa.Table.from_batches(batches)).equals(rows)
    lazy = pl.scan_parquet(path)
    assert lazy.slice(1_234, 777).collect().equals(rows.slice(1_234, 777))
    for idx in (0, 500, rows.height - 1):
        for name, value in zip(rows.columns, rows.row(idx), strict=True):
            chosen = pl.col(name) == pl.lit(value, dtype=rows.schema[name])
            assert lazy.filter(chosen).collect().equals(rows.filter(chosen)), name
            assert lazy.select(name).collect().equals(rows.select(name))
            literal = f"'{value}'" if isinstance(value, str) else f"{value!r}::float"
            if not isinstance(rows.schema[name], pl.Datetime):
                found = read_by_duckdb(path, f"{name} = {literal}")
                assert found.num_rows == rows.filter(chosen).height, name


def test_the_footer_accounts_for_every_byte():
    """Chunks follow each other without a gap from the magic to the footer."""
    groups = groups_of(SOME, 700)
    content = file_of(SOME, groups)
    metadata, at = pq.read_metadata(io.BytesIO(content)), 4
    for number, group in enumerate(groups):
        told = metadata.row_group(number)
        assert told.num_rows == group.count
        for idx in range(told.num_columns):
            column = told.column(idx)
            assert column.dictionary_page_offset == at
            assert at < column.data_page_offset < at + column.total_compressed_size
            assert set(column.encodings) == {"PLAIN", "RLE", "RLE_DICTIONARY"}
            at += column.total_compressed_size
    footer = int.from_bytes(content[-8:-4], "little")
    assert at + footer + 8 == len(content)


def test_bytes_depend_on_the_rows_alone():
    """Whatever the thread, and however the runs were handed over."""
    groups = groups_of(SOME, 777)
    whole = SOME.run(0, SOME.candles.count).runs
    expected = [b"".join(map(bytes, encoded(SOME, group).parts)) for group in groups]
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(lambda group: encoded(SOME, group), groups))
    assert [b"".join(map(bytes, made.parts)) for made in again] == expected
    ends = np.cumsum(SOME.wins_of_runs(whole))
    for number, content in enumerate(expected):
        first = int(np.searchsorted(ends, 777 * number, side="right"))
        begun = 777 * number - (int(ends[first - 1]) if first else 0)
        runs = whole[first:].copy()
        runs[0, 3] += begun
        made = encode_row_group(SOME, runs, groups[number].count)
        assert b"".join(map(bytes, made.parts)) == content


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_cut_short_does_not_open(tmp_path: Path, name: str):
    """At the end, within the footer, in the middle, near the start."""
    content = file_of(SOME, groups_of(SOME, 700))
    footer = int.from_bytes(content[-8:-4], "little")
    for size in (1, 4, 8, footer // 2, footer + 8, len(content) // 2, len(content) - 4):
        (tmp_path / "cut.parquet").write_bytes(content[:-size])
        with pytest.raises(Exception, match=r"."):
            READERS[name](tmp_path / "cut.parquet")


@pytest.mark.parametrize(
    ("runs", "count", "skipped"),
    [
        pytest.param(slice(0, 0), 1, 0, id="no_runs"),
        pytest.param(slice(0, 1), 0, 0, id="no_row"),
        pytest.param(slice(0, None), MAX_GROUP_ROWS + 1, 0, id="too_many_for_a_group"),
        pytest.param(slice(0, 2), 1_000, 0, id="more_than_the_runs_hold"),
        pytest.param(slice(0, 2), 1, 12, id="more_skipped_than_the_first_run_holds"),
        pytest.param(slice(0, 2), 1, -1, id="rows_before_the_first"),
    ],
)
def test_a_group_that_the_runs_do_not_hold_is_refused(runs, count, skipped):
    """The kernels would read and write memory that is not theirs."""
    with pytest.raises(InputError, match="row group"):
        encode_row_group(SOME, SOME.run(0, 400).runs[runs], count, skipped=skipped)


def test_duckdb_and_polars_agree_on_aggregates(tmp_path: Path):
    """What a user asks of the file, by two engines that decode it in their own way."""
    groups, path = groups_of(SOME, 700), tmp_path / "pages.parquet"
    path.write_bytes(file_of(SOME, groups))
    keys = ["trade_type", "sl_ratio", "tp_ratio"]
    rows = rows_of(SOME, groups).with_columns(pl.col("trade_type").cast(pl.String))
    expected = rows.group_by(keys).len().sort(keys)
    with duckdb.connect() as base:
        query = f"select {', '.join(keys)}, count(*) from '{path}' group by all order by all"
        found = base.execute(query).fetchall()
    assert [tuple(row) for row in found] == expected.rows()
