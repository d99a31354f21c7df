"""Numba kernels on pages of a SQLite table: children of interior pages, rows of leaf pages.

Pages come from files that others made. Nothing is read outside its page, nor written outside its
array, whatever the bytes say: what does not fit together ends in one of `FAULTS`. What these
kernels accept is less than what SQLite accepts, never more.
"""

import numpy as np
from numba import njit

LEAF = 0x0D
"""First byte of a leaf page of a table."""
SKIPPED = -1
"""Target of a field that is not read."""
STAMP = -2
"""Target of the field that holds the stamp."""

FAULTS = (
    "",
    "a page of another kind",
    "a cell that leaves its page",
    "a row that goes on in other pages",
    "a row that does not fit the columns of its table",
    "a stamp that is no text",
    "a number that is text or a blob",
    "rowids that do not ascend",
)
"""What can be wrong with a page, by the number that a kernel returns; 0 is a good one."""

_FINE, _KIND, _BOUNDS, _OVERFLOW, _FIELDS, _NO_TEXT, _NO_NUMBER, _ORDER = range(8)
_INTERIOR = 0x05
_FLOAT, _FIRST_BLOB = 7, 12


_At = np.uint64
"""Places count without a sign: a negative one would mean another end, which costs a branch."""


@njit(inline="always")
def _unsigned(data: np.ndarray, at: int, n_bytes: int) -> int:
    """Return a big-endian number of at most seven bytes."""
    number = np.int64(0)
    for place in range(at, at + n_bytes):
        number = (number << 8) | np.int64(data[_At(place)])
    return int(number)


@njit(inline="always")
def _signed(data: np.ndarray, at: int, n_bytes: int) -> int:
    """Return a big-endian number of one to seven bytes in two's complement."""
    number = np.int64(np.int8(data[_At(at)]))
    for place in range(at + 1, at + n_bytes):
        number = (number << 8) | np.int64(data[_At(place)])
    return int(number)


@njit(inline="always")
def read_word(data: np.ndarray, at: int) -> int:
    """Return a big-endian number of eight bytes; so written, it is one load."""
    place = _At(at)
    high = (_At(data[place]) << _At(56)) | (_At(data[place + _At(1)]) << _At(48))
    high |= (_At(data[place + _At(2)]) << _At(40)) | (_At(data[place + _At(3)]) << _At(32))
    low = (_At(data[place + _At(4)]) << _At(24)) | (_At(data[place + _At(5)]) << _At(16))
    low |= (_At(data[place + _At(6)]) << _At(8)) | _At(data[place + _At(7)])
    return int(np.int64(high | low))


@njit(inline="always")
def _varint(data: np.ndarray, at: int, end: int) -> tuple[int, int]:
    """Return a number of variable length before `end`, and where it ends: -1 if it is cut."""
    number, next_at = np.int64(0), -1
    for place in range(at, min(at + 8, end)):
        byte = np.int64(data[_At(place)])
        number = (number << 7) | (byte & 0x7F)
        if byte < 0x80:
            next_at = place + 1
            break
    if next_at < 0 and at + 9 <= end:
        number = (number << 8) | np.int64(data[_At(at + 8)])
        next_at = at + 9
    return int(number), next_at


@njit(inline="always")
def _n_bytes(serial: int) -> int:
    """Return the length of a value by its serial type; -1 where there is no such type."""
    if serial >= _FIRST_BLOB:
        return (serial - _FIRST_BLOB) >> 1
    if serial < 0 or serial >= 10:
        return -1
    if serial <= 4:
        return serial
    if serial == 5:
        return 6
    return 8 if serial <= _FLOAT else 0


@njit(inline="always")
def _number(data: np.ndarray, at: int, serial: int) -> float:
    """Return a value by its serial type, which is that of null or of a whole number."""
    if serial == 1:
        number = float(np.int8(data[_At(at)]))
    elif serial == 0:
        number = np.nan
    elif serial > _FLOAT:
        number = float(serial - 8)
    elif serial == 6:
        number = float(read_word(data, at))
    else:
        number = float(_signed(data, at, _n_bytes(serial)))
    return number


@njit(cache=True, nogil=True)
def find_rows(
    data: np.ndarray,
    page_bytes: int,
    usable: int,
    last: np.ndarray,
    rowids: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
) -> int:
    """Find the records of leaf pages, and return the first fault, after which all is void.

    Parameters
    ----------
    data : uint8 array
        Whole pages one after the other.
    usable
        Bytes of a page before those that it reserves for others.
    last : int64 array: rowid, rows
        The largest rowid before these pages and how many rows they follow; raised.
    rowids : int64 array of shape (n,)
        Filled; `n` is how many cells the pages count.
    starts, ends : int64 arrays of shape (n,)
        Filled with the places of each record in `data`.
    """
    row = 0
    for start in range(0, data.shape[0] - page_bytes + 1, page_bytes):
        if data[start] != LEAF:
            return _KIND
        page_end = start + usable
        n_cells = _unsigned(data, start + 3, 2)
        if n_cells > (page_bytes - 8) // 6 or row + n_cells > rowids.shape[0]:
            return _BOUNDS
        for cell_at in range(start + 8, start + 8 + 2 * n_cells, 2):
            cell = start + _unsigned(data, cell_at, 2)
            payload, at = _varint(data, cell, page_end)
            # Of a ninth byte SQLite takes seven bits here.
            if at < 0 or at > cell + 8 or payload < 0 or payload > usable - 35:
                return _OVERFLOW
            rowid, at = _varint(data, at, page_end)
            if at < 0 or payload > page_end - at:
                return _BOUNDS
            if last[1] > 0 and rowid <= last[0]:
                return _ORDER
            last[0] = rowid
            last[1] += 1
            rowids[row], starts[row], ends[row] = rowid, at, at + payload
            row += 1
    return _FINE if row == rowids.shape[0] else _BOUNDS


@njit(cache=True, nogil=True)
def read_rows(
    data: np.ndarray,
    targets: np.ndarray,
    rowid_field: int,
    rowids: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    numbers: np.ndarray,
    bits: np.ndarray,
    offsets: np.ndarray,
    stamps: np.ndarray,
) -> int:
    """Read records, and return the first fault, after which the arrays are void.

    Parameters
    ----------
    data : uint8 array
    targets : int64 array of shape (n_fields,)
        Row of `numbers` for each field of a record, or `STAMP`, or `SKIPPED`.
    rowid_field
        Field that stands for the rowid, which records hold as null; -1 where there is none.
    rowids, starts, ends : int64 arrays of shape (n,)
        As `find_rows` fills them.
    numbers : float64 array of shape (k, n)
        Filled; null is NaN.
    bits : int64 array of shape (k, n)
        The same memory as `numbers`.
    offsets : int32 array of shape (n + 1,)
        Filled: the stamp of row `i` takes `offsets[i + 1] - offsets[i]` bytes.
    stamps : int64 array of shape (n,)
        Filled with the place of each stamp in `data`.

    Notes
    -----
    It is one function because numba counts references to arrays at every call that writes to one,
    which takes three times as long as the rest.
    """
    offsets[0] = 0
    for row in range(rowids.shape[0]):
        end = ends[row]
        head_bytes, head_at = _varint(data, starts[row], end)
        if head_at < 0 or head_bytes < 0 or head_bytes > end - starts[row]:
            return _FIELDS
        head_end = starts[row] + head_bytes
        at = head_end
        for field in range(targets.shape[0]):
            serial, head_at = _varint(data, head_at, head_end)
            n_bytes = _n_bytes(serial)
            is_wrong = field == rowid_field and serial != 0
            if is_wrong or head_at < 0 or n_bytes < 0 or n_bytes > end - at:
                return _FIELDS
            target = targets[field]
            if target >= 0 and field == rowid_field:
                numbers[_At(target), _At(row)] = float(rowids[row])
            elif target >= 0:
                if serial >= _FIRST_BLOB:
                    return _NO_NUMBER
                if serial == _FLOAT:
                    bits[_At(target), _At(row)] = read_word(data, at)
                else:
                    numbers[_At(target), _At(row)] = _number(data, at, serial)
            elif target == STAMP:
                if serial <= _FIRST_BLOB or serial & 1 == 0:
                    return _NO_TEXT
                stamps[row] = at
                offsets[row + 1] = offsets[row] + n_bytes
            at += n_bytes
        if head_at != head_end or at != end:
            return _FIELDS
    return _FINE


@njit(cache=True, nogil=True)
def gather_text(
    data: np.ndarray, stamps: np.ndarray, offsets: np.ndarray, text: np.ndarray
) -> None:
    """Copy texts from their places, as `read_rows` gives them, one after the other.

    Parameters
    ----------
    data : uint8 array
    stamps : int64 array of shape (n,)
    offsets : int32 array of shape (n + 1,)
    text : uint8 array of shape (offsets[n],)
        Filled.
    """
    for row in range(stamps.shape[0]):
        shift = stamps[row] - offsets[row]
        for place in range(offsets[row], offsets[row + 1]):
            text[_At(place)] = data[_At(place + shift)]


@njit(cache=True, nogil=True)
def read_children(
    data: np.ndarray, page_bytes: int, usable: int, children: np.ndarray
) -> tuple[int, int]:
    """Read the children of interior pages, in order.

    Parameters
    ----------
    data : uint8 array
        Whole pages one after the other.
    usable
        Bytes of a page before those that it reserves for others.
    children : int64 array
        Filled with page numbers, as they stand; has room for what the pages count.

    Returns
    -------
    tuple
        The first fault and the number of children.
    """
    found = 0
    for start in range(0, data.shape[0] - page_bytes + 1, page_bytes):
        if data[start] != _INTERIOR:
            return _KIND, 0
        n_cells = _unsigned(data, start + 3, 2)
        is_possible = 0 < n_cells <= (page_bytes - 8) // 6
        if not is_possible or found + n_cells >= children.shape[0]:
            return _BOUNDS, 0
        for cell_at in range(start + 12, start + 12 + 2 * n_cells, 2):
            at = start + _unsigned(data, cell_at, 2)
            if at + 5 > start + usable:
                return _BOUNDS, 0
            children[found] = _unsigned(data, at, 4)
            found += 1
        children[found] = _unsigned(data, start + 8, 4)
        found += 1
    return _FINE, found
