"""Tables of a tick database: which are read, which are set aside, which columns they have."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from quant_assets.market.contracts import Contract, is_contract, parse_contract
from quant_assets.storage.readers.base import Landed
from quant_assets.storage.readers.sqlite_sql import COLUMNS, TABLES, count_rows

TABLE_NAME = re.compile(r"([A-Z0-9]{1,4}[FGHJKMNQUVXZ]\d{2})_(TICK|MIN)")
"""Contract and kind of the tables that are read; the whole name must match."""

_LOOK_ALIKE = re.compile(r"_(TICK|MIN)[^A-Z0-9]*$", re.IGNORECASE)
_VIRTUAL = re.compile(r"^\s*CREATE\s+VIRTUAL", re.IGNORECASE)
_STEPS_A_CALL = 100_000
_CALLS = 2_000
"""Steps of SQLite's machine that counting a view may take: 2e8, some seconds."""

TICK_COLUMNS = ("timestamp", "price", "volume", "bid", "ask", "bid_size", "ask_size")
BAR_COLUMNS = ("timestamp", "price", "volume", "bid", "ask", "open", "high", "low")
OPEN_INTEREST = "open_interest"
"""Read behind the columns above, but only of a table that has it."""
_OPEN_INTEREST_NAMES = (OPEN_INTEREST, "oi")
_OPTIONAL = frozenset({"bid", "ask", "bid_size", "ask_size"})


@dataclass(frozen=True)
class TickTable:
    """A table that is read.

    Parameters
    ----------
    columns
        What is read of it, in a fixed order.
    names
        The table's own name of each of them; None where it has none.
    """

    name: str
    contract: Contract
    kind: Landed
    columns: tuple[str, ...]
    names: tuple[str | None, ...]
    has_rowid: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """Columns without which no row can be typed."""
        pairs = zip(self.columns, self.names, strict=True)
        return tuple(key for key, name in pairs if name is None and key not in _OPTIONAL)


@dataclass(frozen=True)
class Catalogue:
    """Names of a file, each list sorted."""

    read: tuple[str, ...]
    look_alikes: tuple[str, ...]
    others: tuple[str, ...]


def catalogue(connection: sqlite3.Connection) -> Catalogue:
    """Sort the names of a file's tables and views.

    Views and virtual tables are look-alikes under whatever name: reading one runs SQL that came
    with the file.
    """
    read: list[str] = []
    look_alikes: list[str] = []
    others: list[str] = []
    for raw_name, raw_type, raw_sql in connection.execute(TABLES):
        name, sql = _text(raw_name), _text(raw_sql)
        is_plain = _text(raw_type) == "table" and not _VIRTUAL.match(sql)
        match = TABLE_NAME.fullmatch(name)
        if match and is_contract(match[1]) and is_plain:
            read.append(name)
        elif match or _LOOK_ALIKE.search(name):
            look_alikes.append(name)
        elif not name.startswith("sqlite_"):
            others.append(name)
    return Catalogue(tuple(sorted(read)), tuple(sorted(look_alikes)), tuple(sorted(others)))


def describe(connection: sqlite3.Connection, name: str) -> TickTable:
    """Return contract, kind and columns of a table by its name."""
    match = TABLE_NAME.fullmatch(name)
    if match is None:
        msg = f"{name!r} is no name of a tick table"
        raise ValueError(msg)
    is_tick = match[2] == "TICK"
    present = {_text(row[0]).lower(): _text(row[0]) for row in connection.execute(COLUMNS, [name])}
    columns = TICK_COLUMNS if is_tick else BAR_COLUMNS
    names = tuple(present.get(column) for column in columns)
    if interest := next((present[n] for n in _OPEN_INTEREST_NAMES if n in present), None):
        columns, names = (*columns, OPEN_INTEREST), (*names, interest)
    return TickTable(
        name=name,
        contract=parse_contract(match[1]),
        kind=Landed.TICKS if is_tick else Landed.BARS,
        columns=columns,
        names=names,
        has_rowid=_has_rowid(connection, name) and "rowid" not in present,
    )


def count_foreign(connection: sqlite3.Connection, name: str) -> int:
    """Count the rows of a look-alike; what cannot be counted, or takes too long, counts as one."""
    try:
        with _limited(connection):
            return int(connection.execute(count_rows(name)).fetchone()[0])
    except (sqlite3.Error, ValueError):
        return 1


@contextmanager
def _limited(connection: sqlite3.Connection) -> Iterator[None]:
    """Stop a statement that takes too many steps."""
    calls = iter(range(_CALLS))
    connection.set_progress_handler(lambda: next(calls, None) is None, _STEPS_A_CALL)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def _has_rowid(connection: sqlite3.Connection, name: str) -> bool:
    query = "SELECT wr FROM pragma_table_list(?)"
    found = [row[0] for row in connection.execute(query, [name])]
    return found == [0]


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
