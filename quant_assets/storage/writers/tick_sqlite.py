"""Tick database as the vendor delivers it: a table a contract, text stamps in Indian time."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from errno import EIO
from pathlib import Path

import polars as pl

from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.contracts import parse_contract

VENDOR_ZONE = "Asia/Kolkata"
"""Zone of the text stamps, which carry none."""

_STAMP = "%Y-%m-%d %H:%M:%S%.6f"
_COLUMNS = (
    "timestamp TEXT NOT NULL, price REAL NOT NULL, volume INTEGER NOT NULL, "
    "bid REAL, ask REAL, bid_size INTEGER, ask_size INTEGER"
)


def write_tick_sqlite(path: Path, contracts: Mapping[str, pl.DataFrame]) -> None:
    """Write trades to a new SQLite file; the same trades give the same bytes.

    Parameters
    ----------
    path
        Where it is written; must not exist.
    contracts
        Contract code to its trades: ts T; price, bid, ask Int64 of 1e-9; qty, bid_qty, ask_qty
        Float64, whole numbers. Stamps are cut to microseconds. The book may be null.

    Raises
    ------
    SymbolError
        If a key is no contract code.
    OSError
        If the disk is full or refuses.
    """
    tables = {f"{parse_contract(code).code}_TICK": code for code in contracts}
    try:
        with closing(sqlite3.connect(path)) as database:
            # Nobody reads the file yet, and the caller syncs it.
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            for table, code in tables.items():
                _write_table(database, table, _rows(contracts[code]))
            database.commit()
    except sqlite3.OperationalError as error:
        raise OSError(EIO, str(error), str(path)) from error


def _write_table(
    database: sqlite3.Connection, table: str, rows: Iterable[tuple[object, ...]]
) -> None:
    """Create and fill one table."""
    name = '"' + table.replace('"', '""') + '"'
    database.execute(" ".join(("CREATE TABLE", name, f"({_COLUMNS})")))
    database.executemany(" ".join(("INSERT INTO", name, "VALUES (?, ?, ?, ?, ?, ?, ?)")), rows)


def _rows(trades: pl.DataFrame) -> list[tuple[object, ...]]:
    """Return trades in the vendor's columns."""
    vendor = trades.select(
        pl.col("ts").dt.convert_time_zone(VENDOR_ZONE).dt.strftime(_STAMP),
        _decimal(trades["price"]),
        pl.col("qty").cast(pl.Int64),
        _decimal(trades["bid"]),
        _decimal(trades["ask"]),
        pl.col("bid_qty").cast(pl.Int64),
        pl.col("ask_qty").cast(pl.Int64),
    )
    return vendor.rows()


def _decimal(prices: pl.Series) -> pl.Series:
    """Return prices in quote currency, each the number nearest to its decimal; nulls stay.

    Numpy divides. Polars multiplies by the inverse of the divisor, which is often one bit off.
    """
    units = prices.cast(pl.Float64).to_numpy()
    return pl.Series(prices.name, units / PRICE_SCALE).fill_nan(None)
