"""Rows of one table as Arrow batches, given only once the table was read to its end."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from quant_assets.storage.readers.sqlite_access import DATABASE_ERRORS, Database, rejected
from quant_assets.storage.readers.sqlite_frames import Typed
from quant_assets.storage.readers.sqlite_pages import UnfitError, page_batches
from quant_assets.storage.readers.sqlite_sql import count_rows, row_ids, select_plain, select_typed
from quant_assets.storage.readers.sqlite_tables import OPEN_INTEREST, TickTable

_BATCH_ROWS = 1 << 16
_BYTES_IN_MEMORY = 256 << 20
_MIXED_ROWS = 1 << 14
_BATCH_OPTION = "adbc.sqlite.query.batch_rows"
_SHOWN = 1000
_UNREADABLE_SHOWN = 10_000
_DECIMAL = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


Maker = Callable[[pa.RecordBatch], Typed]


class TableDamagedError(Exception):
    """A table that could not be read to its end; the message is the database's."""


@dataclass(frozen=True)
class Unreadable:
    """A row with a value that is no number."""

    place: int
    raw: str
    count: int = 1


@dataclass
class TableRows:
    """Rows of a table that was read to its end.

    Parameters
    ----------
    count
        Rows by `count(*)`.
    batches
        The rows, typed.
    unreadable
        Rows that are not in the batches because a value is no number.
    unfit
        Why its pages were left to SQLite; empty where they were read past it.
    """

    count: int
    batches: Iterator[Typed]
    unreadable: list[Unreadable] = field(default_factory=list)
    unfit: str = ""


@contextmanager
def read_table(
    database: Database, table: TickTable, make: Maker, scratch: Path
) -> Iterator[TableRows]:
    """Read a table to its end; what does not fit in memory waits in `scratch`.

    The rows come from the pages of the file where nothing speaks against it. Else the Arrow driver
    reads them, which does so in columns of one type. Where a column holds text among numbers, which
    it refuses, the rows come one by one from Python's driver.

    Parameters
    ----------
    make
        Types a batch: stamp as text, then numbers as Float64, in the order of `TickTable.columns`,
        then `rowid`.

    Raises
    ------
    TableDamagedError
        If it cannot be read, or holds another number of rows than it counts.
    """
    path = scratch / "table.arrow"
    spool = _Spool(path, make)
    try:
        try:
            count = _read_typed(database, table, spool)
            unreadable: list[Unreadable] = []
        except _MixedTypesError:
            spool.clear()
            count, unreadable = _read_mixed(database.rows, table, spool)
        seen = spool.rows + sum(row.count for row in unreadable)
        if seen != count:
            found = f"{seen} rows were read, it counts {count}"
            raise TableDamagedError(found)
        yield TableRows(count, spool.batches(), unreadable, spool.unfit)
    finally:
        spool.clear()


class _MixedTypesError(Exception):
    """A column holds text among numbers."""


class _Spool:
    """Batches that wait: typed in memory first, as they came in a file when memory is full."""

    def __init__(self, path: Path, make: Maker) -> None:
        self._path = path
        self._make = make
        self._kept: list[Typed] = []
        self._bytes = 0
        self._writer: Any = None
        self.rows = 0
        self.unfit = ""
        """Why the pages of the table were left to SQLite; empty where they were not."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch."""
        self.rows += batch.num_rows
        if self._writer is None and self._bytes + batch.nbytes <= _BYTES_IN_MEMORY:
            self._kept.append(self._make(batch))
            self._bytes += batch.nbytes
            return
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._path), batch.schema)
        self._writer.write_batch(batch)

    def batches(self) -> Iterator[Typed]:
        """Give the batches in the order they came."""
        if self._writer is not None:
            self._writer.close()
        while self._kept:
            yield self._kept.pop(0)
        if self._writer is not None:
            with pa.OSFile(str(self._path), "rb") as file:
                reader = pa.ipc.open_file(file)
                for number in range(reader.num_record_batches):
                    yield self._make(reader.get_batch(number))

    def clear(self) -> None:
        """Forget all."""
        if self._writer is not None:
            self._writer.close()
            self._path.unlink(missing_ok=True)
        self._writer, self._kept, self._bytes, self.rows = None, [], 0, 0


def _read_typed(database: Database, table: TickTable, spool: _Spool) -> int:
    """Read a table of one type a column in one transaction, and return its row count."""
    with database.arrow.cursor() as cursor:
        try:
            count, first = _numbering(cursor, table)
            # Until the end, a query on the other connection would drop this one's lock.
            if _take_pages(database, cursor, table, spool, count):
                return count
            cursor.adbc_statement.set_options(**{_BATCH_OPTION: str(_BATCH_ROWS)})
            _execute(cursor, select_typed(table.name, table.names, with_rowid=first is None))
            with cursor.fetch_record_batch() as reader:
                _take(reader, table, spool, first)
        finally:
            database.arrow.rollback()
    return count


def _take_pages(
    database: Database, cursor: Any, table: TickTable, spool: _Spool, count: int
) -> bool:
    """Take the rows from the pages, or none, and tell which."""
    batches = page_batches(
        database.whole_file(), partial(_ask, cursor), table, count=count, batch_rows=_BATCH_ROWS
    )
    try:
        for batch in _ahead(partial(next, batches, None)):
            spool.add(batch)
    except UnfitError as error:
        spool.clear()
        spool.unfit = str(error)
    return not spool.unfit


def _ask(cursor: Any, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query about a table."""
    try:
        _execute(cursor, query)
        return list(cursor.fetchall())
    except (TableDamagedError, UnicodeDecodeError, OSError, pa.ArrowException) as error:
        raise UnfitError(str(error)) from error


def _numbering(cursor: Any, table: TickTable) -> tuple[int, int | None]:
    """Return the row count, and the first rowid where the rowids run without a gap."""
    if not table.has_rowid:
        _execute(cursor, count_rows(table.name))
        return int(cursor.fetchone()[0]), 1
    _execute(cursor, row_ids(table.name))
    count, first, last = cursor.fetchone()
    runs = count > 0 and first >= 1 and last - first + 1 == count
    return int(count), int(first) if runs else None


def _execute(cursor: Any, query: str) -> None:
    from adbc_driver_manager import Error

    try:
        cursor.execute(query)
    except (Error, OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise _fault(error) from error


def _next(reader: Any) -> pa.RecordBatch | None:
    """Return the driver's next batch, or None after the last."""
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise _fault(error) from error


def _ahead(read: Callable[[], pa.RecordBatch | None]) -> Iterator[pa.RecordBatch]:
    """Give batches up to None; one is read while the caller works on the one before."""
    with ThreadPoolExecutor(1, thread_name_prefix="sqlite") as ahead:
        pending = ahead.submit(read)
        while (batch := pending.result()) is not None:
            pending = ahead.submit(read)
            yield batch


def _fault(error: Exception) -> Exception:
    """Say what the database says, as what it means for the table or the file."""
    text = " ".join(str(error).split())
    if "Type mismatch" in text:
        return _MixedTypesError(text)
    if "locked" in text:
        return rejected("locked_database", text, "Try again when its writer is done.")
    return TableDamagedError(text)


def _take(reader: Any, table: TickTable, spool: _Spool, first: int | None) -> None:
    """Take the driver's batches without the row that set the types."""
    number_types = [pa.float64()] * (len(table.columns) - 1)
    expected = [pa.string(), *number_types, *([pa.int64()] if first is None else [])]
    if list(reader.schema.types) != expected:
        raise _MixedTypesError(str(reader.schema.types))
    names = [*table.columns, "rowid"]
    skipped = 1
    for batch in _ahead(partial(_next, reader)):
        rows = batch.slice(skipped)
        skipped = 0
        columns = list(rows.columns)
        if first is not None:
            numbers = np.arange(first, first + rows.num_rows, dtype=np.int64)
            columns.append(pa.array(numbers))
            first += rows.num_rows
        if rows.num_rows:
            spool.add(pa.RecordBatch.from_arrays(columns, names=names))


def _read_mixed(
    connection: sqlite3.Connection, table: TickTable, spool: _Spool
) -> tuple[int, list[Unreadable]]:
    """Read a table row by row, where a column holds text among numbers."""
    unreadable: list[Unreadable] = []
    numbers = [_figure if name == OPEN_INTEREST else _number for name in table.columns[1:]]
    try:
        connection.execute("BEGIN")
        count = int(connection.execute(count_rows(table.name)).fetchone()[0])
        query = select_plain(table.name, table.names, with_rowid=table.has_rowid)
        rows = connection.execute(query)
        place = 0
        while batch := rows.fetchmany(_MIXED_ROWS):
            good = []
            for row in batch:
                place = row[-1] if table.has_rowid else place + 1
                values = row[:-1] if table.has_rowid else row
                try:
                    read = (of(value) for of, value in zip(numbers, values[1:], strict=True))
                    good.append((_text(values[0]), *read, place))
                except ValueError:
                    _note(unreadable, place, values)
            if good:
                spool.add(_as_batch(good, table))
    except DATABASE_ERRORS as error:
        raise _fault(error) from error
    finally:
        if connection.in_transaction:
            connection.rollback()
    return count, unreadable


def _number(value: float | bytes | None) -> float | None:
    """Return a number, also one that is written as text, or raise `ValueError`."""
    if isinstance(value, bytes):
        if not _DECIMAL.fullmatch(value.strip()):
            msg = "no number"
            raise ValueError(msg)
        return float(value)
    return None if value is None else float(value)


def _figure(value: float | bytes | None) -> float | None:
    """Return a number, or None for what is none: a trade stands without its open interest."""
    try:
        return _number(value)
    except ValueError:
        return None


def _text(value: float | bytes | None) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return None if value is None else str(value)


def _note(unreadable: list[Unreadable], place: int, values: Sequence[float | bytes | None]) -> None:
    """Keep a row that cannot be read; beyond `_UNREADABLE_SHOWN` they are only counted."""
    if len(unreadable) >= _UNREADABLE_SHOWN:
        last = unreadable[-1]
        unreadable[-1] = replace(last, count=last.count + 1)
        return
    raw = ",".join("" if value is None else str(_text(value)) for value in values)
    unreadable.append(Unreadable(place, raw[:_SHOWN]))


def _as_batch(rows: list[tuple[Any, ...]], table: TickTable) -> pa.RecordBatch:
    types = [pa.string(), *([pa.float64()] * (len(table.columns) - 1)), pa.int64()]
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, type=kind) for column, kind in zip(columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=[*table.columns, "rowid"])
