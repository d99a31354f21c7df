"""Opening a SQLite file that others own: read-only, beside writers, leaving nothing behind."""

import shutil
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from quant_assets.market.errors import FileRejectedError

_MAGIC = b"SQLite format 3\x00"
_WAL_FORMAT = 2
_ROLLBACK_FORMATS = bytes([1, 1])
"""Bytes 18 and 19 of a file that is read and written without a log beside it."""
_WAIT_SECONDS = 30.0
_ASKED = "read a tick database"

DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What Python's driver raises; the second where a damaged file makes its message no UTF-8."""


@dataclass(frozen=True)
class Database:
    """One file, opened three times: by Python's driver, by the Arrow driver, and for its pages.

    All stay open until the end: closing one would drop the file locks of the others, because
    POSIX locks belong to the process.

    Parameters
    ----------
    is_copy
        Whether it is a copy, which nobody else writes.
    """

    rows: sqlite3.Connection
    arrow: Any
    file: FileIO
    is_copy: bool

    def whole_file(self) -> FileIO | None:
        """Return the file if it holds all that a transaction reads which is open meanwhile.

        With a writer in WAL mode it does not: changes stand in the log, and come from there into
        the file while others read.
        """
        self.file.seek(18)
        if self.file.read(2) == _ROLLBACK_FORMATS:
            return self.file
        return self.file if self.is_copy and not _has_log(Path(self.file.name)) else None


@contextmanager
def open_database(path: Path, scratch: Path) -> Iterator[Database]:
    """Open a SQLite file for reading.

    Parameters
    ----------
    scratch
        Folder for a copy. A copy is read where SQLite would have to write beside the file: in WAL
        mode without a writer, and after a writer's crash, whose journal must be rolled back.

    Raises
    ------
    FileRejectedError
        Rules `empty_file`, `not_sqlite`, `truncated_file`, `damaged_database` and
        `locked_database`.
    """
    in_wal_mode = _check_header(path)
    readable = path
    if in_wal_mode and not _has_writer(path):
        copy = _copy(path, scratch)
        # A writer that came meanwhile may have changed the file under the copy.
        readable = path if _has_writer(path) else copy
    elif not _opens(readable):
        readable = _copy(path, scratch)
    is_copy = readable != path
    with (
        readable.open("rb", buffering=0) as file,
        closing(_connect(readable, writable=is_copy)) as rows,
    ):
        _probe(rows)
        with closing(_connect_arrow(readable, writable=is_copy)) as arrow:
            yield Database(rows, arrow, file, is_copy)


def _check_header(path: Path) -> bool:
    """Check the first bytes, and return whether the file is in WAL mode."""
    with path.open("rb") as file:
        head = file.read(100)
    if not head:
        raise rejected("empty_file", "the file is empty", "Download it again.")
    if not head.startswith(_MAGIC) or len(head) < 100:
        raise rejected("not_sqlite", f"it starts with {head[:16]!r}", "Give a SQLite 3 file.")
    in_wal_mode = head[18] == _WAL_FORMAT
    if not in_wal_mode and not path.with_name(path.name + "-journal").exists():
        _check_size(path, head)
    return in_wal_mode


def _check_size(path: Path, head: bytes) -> None:
    """Reject a file that ends inside its last page, which SQLite would fill with zeros."""
    page_bytes, counter, pages, valid_for = (
        *struct.unpack(">H", head[16:18]),
        *struct.unpack(">II", head[24:32]),
        *struct.unpack(">I", head[92:96]),
    )
    page_bytes = 65_536 if page_bytes == 1 else page_bytes
    size = path.stat().st_size
    if counter == valid_for and size < pages * page_bytes:
        raise rejected(
            "truncated_file",
            f"it has {size} bytes, its header promises {pages} pages of {page_bytes}",
            "Download it again.",
        )


def _has_writer(path: Path) -> bool:
    """Tell whether the files that a writer in WAL mode keeps beside the database are there."""
    return all(path.with_name(path.name + end).exists() for end in ("-wal", "-shm"))


def _has_log(path: Path) -> bool:
    """Tell whether a log with changes lies beside a file that nobody else writes."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _opens(path: Path) -> bool:
    """Tell whether the file reads without rolling back a journal that a crash left."""
    if not path.with_name(path.name + "-journal").exists():
        return True
    with closing(_connect(path, writable=False)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.OperationalError as error:
            return "locked" in str(error)
        except DATABASE_ERRORS:
            return True
    return True


def _copy(path: Path, scratch: Path) -> Path:
    """Copy the database, with its log or journal, to where SQLite may write beside it."""
    target = scratch / "snapshot.sqlite"
    shutil.copyfile(path, target)
    for end in ("-wal", "-journal"):
        beside = path.with_name(path.name + end)
        if beside.exists():
            shutil.copyfile(beside, target.with_name(target.name + end))
    return target


def _uri(path: Path, *, writable: bool) -> str:
    return path.absolute().as_uri() + ("?mode=rw" if writable else "?mode=ro")


def _connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Connect with Python's driver; text comes as bytes, for it may be no UTF-8."""
    connection = sqlite3.connect(
        _uri(path, writable=writable), uri=True, timeout=_WAIT_SECONDS, isolation_level=None
    )
    connection.text_factory = bytes
    return connection


def _connect_arrow(path: Path, *, writable: bool) -> Any:
    from adbc_driver_sqlite import dbapi

    connection = dbapi.connect(_uri(path, writable=writable))
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 30000")
        cursor.fetchall()
    connection.rollback()
    return connection


def _probe(connection: sqlite3.Connection) -> None:
    """Read the catalogue once, so that a file that cannot be read is rejected at once."""
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        rule = "locked_database" if "locked" in str(error) else "damaged_database"
        raise rejected(rule, str(error), "Try again when its writer is done.") from error
    except DATABASE_ERRORS as error:
        raise rejected("damaged_database", str(error), "Download it again.") from error


def rejected(rule: str, found: str, remedy: str) -> FileRejectedError:
    """Return the rejection of a whole database."""
    return FileRejectedError(rule=rule, where="", asked=_ASKED, found=found, remedy=remedy)
