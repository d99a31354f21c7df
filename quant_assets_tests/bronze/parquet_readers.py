"""One file as each reader sees it: pyarrow, pandas through it, polars, DuckDB and fastparquet."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import fastparquet
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq


def read_by_duckdb(path: Path, where: str = "true") -> pa.Table:
    """Read rows in their order."""
    with duckdb.connect() as base:
        query = f"select * from read_parquet('{path}') where {where}"
        return base.sql(query).to_arrow_table()


def read_by_fastparquet(path: Path) -> Any:
    """Read all row groups."""
    return open_by_fastparquet(path).to_pandas()


def open_by_fastparquet(path: Path) -> fastparquet.ParquetFile:
    """Open a file by way of memory: fastparquet leaves files open."""
    return fastparquet.ParquetFile(
        str(path), open_with=lambda name, *_: io.BytesIO(Path(name).read_bytes())
    )


READERS: dict[str, Callable[[Path], Any]] = {
    "pyarrow": pq.read_table,
    "pandas": lambda path: pq.read_table(path).to_pandas(),
    "polars": pl.read_parquet,
    "duckdb": read_by_duckdb,
    "fastparquet": read_by_fastparquet,
}


def assert_read_alike(path: Path, other: Path) -> None:
    """Every reader finds the same types, rows and order in two files."""
    import pandas as pd

    for name, read in READERS.items():
        found, expected = read(path), read(other)
        if isinstance(expected, pd.DataFrame):
            _assert_same_frame(found, expected, name)
        else:
            assert found.schema == expected.schema, name
            assert found.equals(expected), name


def _assert_same_frame(found: Any, expected: Any, reader: str) -> None:
    """Two frames of pandas agree: index, columns, types, categories in their order, each value."""
    # By whole columns: pandas' own assertion takes categories apart, value by value.
    assert found.index.equals(expected.index), reader
    assert found.columns.equals(expected.columns), reader
    assert found.dtypes.equals(expected.dtypes), reader
    for name in expected.select_dtypes("category"):
        ours, own = found[name].cat, expected[name].cat
        assert list(ours.categories) == list(own.categories), (reader, name)
        assert ours.categories.dtype == own.categories.dtype, (reader, name)
        assert ours.ordered == own.ordered, (reader, name)
    assert found.equals(expected), reader
