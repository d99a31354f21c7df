"""Tick databases made by hand, and what the reader makes of one."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from quant_assets.storage.readers.sqlite import TickSqliteReader
from quant_assets_tests.storage.readers.dbn_files import Read, collect, source_of

_COMMON = "timestamp TEXT, price REAL, volume INTEGER, bid REAL, ask REAL"
TICK_COLUMNS = f"{_COMMON}, bid_size INTEGER, ask_size INTEGER"
BAR_COLUMNS = f"{_COMMON}, open REAL, high REAL, low REAL"
TEN = "2013-10-07 10:00:00.000000"
"""10:00 in India, which is 04:30 UTC."""

Row = tuple[object, ...]


def tick(
    stamp: object = TEN, price: object = 1310.1, volume: object = 2, bid: object = 1310.0
) -> Row:
    """Return one row of a tick table."""
    return (stamp, price, volume, bid, 1310.2, 3, 4)


def make(path: Path, tables: dict[str, Iterable[Row]], *, columns: str = TICK_COLUMNS) -> Path:
    """Write a database of tables with the same columns."""
    with closing(sqlite3.connect(path)) as connection:
        for name, rows in tables.items():
            quoted = '"' + name.replace('"', '""') + '"'
            connection.execute(f"CREATE TABLE {quoted} ({columns})")
            marks = ", ".join("?" * (columns.count(",") + 1))
            connection.executemany(f"INSERT INTO {quoted} VALUES ({marks})", rows)
        connection.commit()
    return path


def run(path: Path, statements: Iterable[str]) -> None:
    """Run statements on a database."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def read_sqlite(path: Path, *, zone: str | None = None) -> Read:
    """Read a database to its end; the scratch folder must be empty afterwards."""
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    try:
        return collect(TickSqliteReader(replace(source_of(path), zone=zone), scratch=scratch))
    finally:
        assert not list(scratch.iterdir())
        scratch.rmdir()
