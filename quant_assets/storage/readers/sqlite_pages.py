"""Rows of a tick table from the pages of its file, past SQLite, where nothing speaks against it.

SQLite's own interface gives one value a call; the pages give a batch a call. What keeps the two
equal: the Arrow driver holds a read transaction all the while, its count of rows is that of the
pages, and whatever is unusual about file, table, page or row is left to SQLite.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from itertools import pairwise
from os import SEEK_END
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quant_assets.storage.readers.sqlite_page_kernels import (
    FAULTS,
    LEAF,
    SKIPPED,
    STAMP,
    find_rows,
    gather_text,
    read_children,
    read_rows,
)
from quant_assets.storage.readers.sqlite_sql import fields_of, root_of
from quant_assets.storage.readers.sqlite_tables import TickTable

_HEADER = struct.Struct(">16xH10xI24xI")
"""Bytes of a page, 1 for 65536; pages; encoding."""
_UTF8 = 1
_PAGE_BYTES = frozenset(1 << power for power in range(9, 17))
_MOST_LEVELS = 20
_LOCK_BYTE = 1 << 30
"""The page that holds this byte of the file carries locks and no data."""
_MOST_BATCH_BYTES = 16 << 20

Ints = npt.NDArray[np.int64]
Query = Callable[[str], list[tuple[Any, ...]]]
"""Runs a query in the transaction in which the pages are read, and returns its rows."""


class UnfitError(Exception):
    """Pages that only SQLite itself may read; the message says why."""


def page_batches(
    file: FileIO | None, query: Query, table: TickTable, *, count: int, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Give the rows of a table in rowid order: stamp as text, numbers, rowid.

    Parameters
    ----------
    file
        The database, opened before `query`'s connection and closed after it; None where its
        pages may not be read.
    query
        Asks the database in a read transaction that stays open until the last batch.
    count
        Rows by `count(*)` in that transaction.
    batch_rows
        Rows of a batch, roughly.

    Raises
    ------
    UnfitError
        At any batch: then those before it do not count either.
    """
    if file is None:
        raise UnfitError("another process may be writing its log")
    if not table.has_rowid:
        raise UnfitError("a table without rowids")
    pages = _Pages(file)
    layout = _layout(query, table)
    leaves = pages.leaves(layout.root)
    rows = _Rows(layout, table, single=leaves.size == 1)
    step = max(1, min(batch_rows * leaves.size // max(count, 1), pages.most_in_batch))
    for first in range(0, leaves.size, step):
        batch = rows.batch(pages, leaves[first : first + step])
        if batch.num_rows:
            yield batch
    if rows.count != count:
        raise UnfitError(f"{rows.count} rows in its pages, it counts {count}")
    pages.check_unchanged()


class _Pages:
    """Pages of a file whose header says that they are all there is."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._head = self._header()
        self.bytes, self._count, encoding = _HEADER.unpack_from(self._head)
        self.bytes = 65_536 if self.bytes == 1 else self.bytes
        self.usable = self.bytes - self._head[20]
        if self.bytes not in _PAGE_BYTES or self.usable < 480:
            raise UnfitError("pages of an impossible size")
        if encoding != _UTF8:
            raise UnfitError("another encoding than UTF-8")
        if not self._is_whole():
            raise UnfitError("another number of pages than the header says")
        self._lock_page = _LOCK_BYTE // self.bytes + 1
        self.most_in_batch = _MOST_BATCH_BYTES // self.bytes
        self._buffer = np.empty(0, dtype=np.uint8)

    def _header(self) -> bytes:
        head = bytearray(100)
        self._fill(0, memoryview(head))
        return bytes(head)

    def _is_whole(self) -> bool:
        """Tell whether the header counts the pages, and counts as many as there are."""
        counts = self._head[24:28] == self._head[92:96]
        return counts and self._file.seek(0, SEEK_END) == self._count * self.bytes

    def _fill(self, start: int, part: memoryview) -> None:
        """Read bytes of the file.

        They are read, not mapped: a mapped file that someone cuts would end the process.
        """
        try:
            self._file.seek(start)
            n_bytes = self._file.readinto(part)
        except OSError as error:
            raise UnfitError(str(error)) from error
        if n_bytes != len(part):
            raise UnfitError("a file that ends before its last page")

    def check_unchanged(self) -> None:
        """Compare the header, in which every change of the file counts."""
        if self._header() != self._head:
            raise UnfitError("a file that changed")

    def leaves(self, root: int) -> Ints:
        """Return the leaf pages below a root, in order of their rowids."""
        seen = np.zeros(self._count + 1, dtype=np.bool_)
        level = np.array([root], dtype=np.int64)
        for _ in range(_MOST_LEVELS):
            self._mark(seen, level)
            # All leaves have the same depth; a page of another kind is found when it is read.
            if self.read(level[:1])[0] == LEAF:
                return level
            level = self._children(level)
        raise UnfitError("too many levels of pages")

    def _mark(self, seen: npt.NDArray[np.bool_], level: Ints) -> None:
        """Mark the pages of a level as taken; none may come twice."""
        if level.min() < 2 or level.max() > self._count or (level == self._lock_page).any():
            raise UnfitError("a page outside the file")
        before = np.count_nonzero(seen)
        seen[level] = True
        if np.count_nonzero(seen) != before + level.size:
            raise UnfitError("a page that comes twice")

    def _children(self, level: Ints) -> Ints:
        found = []
        for first in range(0, level.size, self.most_in_batch):
            data = self.read(level[first : first + self.most_in_batch])
            children = np.empty(int((self.cells(data) + 1).sum()), dtype=np.int64)
            fault, count = read_children(data, self.bytes, self.usable, children)
            _check(fault)
            found.append(children[:count])
        return np.concatenate(found)

    def cells(self, data: npt.NDArray[np.uint8]) -> Ints:
        """Return how many cells each page counts."""
        heads = data.reshape(-1, self.bytes)[:, 3:5].astype(np.int64)
        cells: Ints = heads[:, 0] * 256 + heads[:, 1]
        if cells.max() > (self.bytes - 8) // 6:
            raise UnfitError("more cells than a page can hold")
        return cells

    def read(self, numbers: Ints) -> npt.NDArray[np.uint8]:
        """Return pages one after the other; the next call writes over them."""
        size = numbers.size * self.bytes
        if self._buffer.size < size:
            self._buffer = np.empty(size, dtype=np.uint8)
        data = self._buffer[:size]
        view = data.data
        edges = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), numbers.size]
        for first, end in pairwise(edges):
            start = (int(numbers[first]) - 1) * self.bytes
            self._fill(start, view[first * self.bytes : end * self.bytes])
        return data


@dataclass(frozen=True)
class _Layout:
    """Where a table stands in its file, and what the fields of its records are.

    Parameters
    ----------
    targets : int64 array of shape (n_fields,)
        Number column of each field, `STAMP` or `SKIPPED`.
    rowid_field
        Field that stands for the rowid; -1 where there is none.
    """

    root: int
    targets: Ints
    rowid_field: int


def _layout(query: Query, table: TickTable) -> _Layout:
    fields = query(fields_of(table.name))
    if any(hidden for *_, hidden in fields):
        raise UnfitError("columns that are computed")
    names = [name for name, *_ in fields]
    if table.names[0] is None or not set(table.names) - {None} <= set(names):
        raise UnfitError("columns that are not there")
    targets = {name: number for number, name in enumerate(table.names[1:])}
    targets[table.names[0]] = STAMP
    return _Layout(
        root=_root(query, table),
        targets=np.array([targets.get(name, SKIPPED) for name in names], dtype=np.int64),
        rowid_field=_rowid_field(fields),
    )


def _root(query: Query, table: TickTable) -> int:
    match query(root_of(table.name)):
        case [(int(root),)]:
            return root
    raise UnfitError("no root page in the catalogue")


def _rowid_field(fields: list[tuple[Any, ...]]) -> int:
    """Return the field that is the table's `INTEGER PRIMARY KEY`; any other key has an index."""
    keys = [number for number, (_, key, *_) in enumerate(fields) if key]
    has_index = any(indexed for *_, indexed, _ in fields)
    if not keys or has_index:
        return -1
    if len(keys) > 1:
        raise UnfitError("a key of another kind")
    return keys[0]


class _Rows:
    """Turns leaf pages into batches, and counts their rows."""

    def __init__(self, layout: _Layout, table: TickTable, *, single: bool) -> None:
        self._layout = layout
        self._single = single
        self._names = [*table.columns, "rowid"]
        self._n_numbers = len(table.columns) - 1
        self._absent = [number for number, name in enumerate(table.names[1:]) if name is None]
        self._last = np.zeros(2, dtype=np.int64)
        self._places = np.empty((3, 0), dtype=np.int64)

    @property
    def count(self) -> int:
        """Rows so far."""
        return int(self._last[1])

    def batch(self, pages: _Pages, leaves: Ints) -> pa.RecordBatch:
        """Return the rows of leaf pages that follow those before."""
        data = pages.read(leaves)
        cells = pages.cells(data)
        if not self._single and not cells.all():
            raise UnfitError("a page without rows")
        rowids = np.empty(int(cells.sum()), dtype=np.int64)
        if self._places.shape[1] < rowids.size:
            self._places = np.empty((3, rowids.size), dtype=np.int64)
        starts, ends, stamps = self._places[:, : rowids.size]
        _check(find_rows(data, pages.bytes, pages.usable, self._last, rowids, starts, ends))
        if (ends - starts).sum() > data.size:
            raise UnfitError("cells that lie over each other")
        numbers = np.empty((self._n_numbers, rowids.size), dtype=np.float64)
        numbers[self._absent] = np.nan
        offsets = np.empty(rowids.size + 1, dtype=np.int32)
        fault = read_rows(
            data, self._layout.targets, self._layout.rowid_field, rowids, starts, ends,
            numbers, numbers.view(np.int64), offsets, stamps,
        )  # fmt: skip
        _check(fault)
        text = np.empty(offsets[-1], dtype=np.uint8)
        gather_text(data, stamps, offsets, text)
        texts = pa.StringArray.from_buffers(rowids.size, pa.py_buffer(offsets), pa.py_buffer(text))
        columns = [texts, *(pa.array(column) for column in numbers), pa.array(rowids)]
        return pa.RecordBatch.from_arrays(columns, names=self._names)


def _check(fault: int) -> None:
    if fault:
        raise UnfitError(FAULTS[fault])
