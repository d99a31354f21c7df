"""Reads tables of a database by its pages and by SQLite alone, for tests, and compares."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.sqlite_access import DATABASE_ERRORS, Database, open_database
from quant_assets.storage.readers.sqlite_rows import TableDamagedError, Unreadable, read_table
from quant_assets.storage.readers.sqlite_tables import catalogue, describe


class Closed(Database):
    """A database whose pages are never read."""

    def whole_file(self) -> FileIO | None:
        """Return nothing."""
        return None


@dataclass(frozen=True)
class Outcome:
    """What reading a table gave: rows, or the error; and why not by pages."""

    unfit: str
    error: str = ""
    count: int = 0
    stamps: tuple[bytes | None, ...] = ()
    numbers: np.ndarray | None = None
    rowids: tuple[int, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    def assert_equal(self, other: "Outcome") -> None:
        """Compare all but the way: the bytes of texts, the bits of numbers other than null."""
        mine, others = (
            (each.error, each.count, each.stamps, each.rowids, each.unreadable)
            for each in (self, other)
        )
        assert mine == others
        if self.numbers is not None:
            assert other.numbers is not None
            np.testing.assert_array_equal(self.numbers, other.numbers)
            is_number = ~np.isnan(self.numbers)
            signs = np.signbit(self.numbers)[is_number]
            np.testing.assert_array_equal(signs, np.signbit(other.numbers)[is_number])


def read_way(database: Database, name: str, scratch: Path) -> Outcome:
    """Read a table of an open database."""

    def keep(batch: pa.RecordBatch) -> Any:
        return batch

    try:
        table = describe(database.rows, name)
        with read_table(database, table, keep, scratch) as rows:
            batches: list[Any] = list(rows.batches)
            unfit, count, unreadable = rows.unfit, rows.count, tuple(rows.unreadable)
    except (TableDamagedError, *DATABASE_ERRORS) as error:
        return Outcome("damaged", error=f"{type(error).__name__}: {error}")
    if not batches:
        return Outcome(unfit, count=count, unreadable=unreadable)
    whole = pa.Table.from_batches(batches)
    assert whole.schema.names == [*table.columns, "rowid"]
    values = [whole.column(name).to_numpy() for name in table.columns[1:]]
    return Outcome(
        unfit,
        count=count,
        stamps=tuple(whole.column("timestamp").cast(pa.binary()).to_pylist()),
        numbers=np.array(values, dtype=np.float64),
        rowids=tuple(whole.column("rowid").to_pylist()),
        unreadable=unreadable,
    )


@contextmanager
def opened(path: Path) -> Iterator[tuple[Database, Path]]:
    """Open a database, with a folder for what does not fit in memory."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_database(path, Path(folder)) as database,
    ):
        yield database, Path(folder)


def compare(path: Path, name: str = "GCZ13_TICK") -> Outcome:
    """Read a table both ways, and return what both gave with the first's way."""
    with opened(path) as (database, scratch):
        given = read_way(database, name, scratch)
        closed = Closed(database.rows, database.arrow, database.file, database.is_copy)
        slow = read_way(closed, name, scratch)
    assert slow.unfit
    given.assert_equal(slow)
    return given


def compare_all(path: Path) -> list[Outcome]:
    """Read all tables of a database both ways; none where it is refused as a whole."""
    try:
        with opened(path) as (database, _):
            names = catalogue(database.rows).read
    except (FileRejectedError, *DATABASE_ERRORS):
        return []
    return [compare(path, name) for name in names]
