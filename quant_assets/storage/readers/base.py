"""What a reader of a vendor's format gives: typed batches, rows set aside, remarks, a count.

A reader opens one file read-only, never changes it, and never holds more than a few batches in
memory. It types and names; it does not judge values: the row rules of `bars` and `ticks` do that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import polars as pl


class Landed(StrEnum):
    """Kind of rows, which is the landed table they go to."""

    TICKS = "raw_ticks"
    BARS = "raw_bars"
    STATUS = "raw_status"
    DEFINITIONS = "raw_definitions"


@dataclass(frozen=True)
class SourceFile:
    """A file that is to be read, with the options its user gave.

    Parameters
    ----------
    path
        Where it lies; opened read-only.
    name
        File name as given; symbol and timeframe of a CSV come from it.
    sha256
        Hex digest of its bytes; empty where a database is read while it is hashed.
    size
        Bytes.
    symbol
        Symbol given by the user, which overrides the name's.
    zone
        IANA zone of stamps that carry none; None is the format's default
        (UTC for CSV, Asia/Kolkata for tick SQLite).
    """

    path: Path
    name: str
    sha256: str
    size: int
    symbol: str | None = None
    zone: str | None = None


@dataclass(frozen=True)
class RawBatch:
    """Some rows of one symbol (and contract), in the file's order.

    `frame` holds the value columns of the landed table but `session`, `seq` and `outside_hours`,
    which ingest adds, and besides them `place` (UInt64: line, rowid or record number, from 1).
    It may hold `raw` (Utf8: the row as it stood); without it, ingest writes the row's values.
    Bars: bar_start T; open, high, low, close, volume Float64 (nullable, may be NaN or infinite:
    the row rules decide); bid?, ask? Float64. Ticks: ts, ts_recv? T; price, bid?, ask? Int64 of
    1e-9; qty, bid_qty?, ask_qty? Float64; side Enum. Prices that are not finite are null.
    """

    kind: Landed
    symbol: str
    frame: pl.DataFrame
    contract: str | None = None
    bar_schema: str | None = None
    """`ohlcv-1s`, `ohlcv-15m`, ...: for bars alone."""
    place_prefix: str = ""
    """Written before each place, for example `GCZ13_TICK:` or `line `."""


@dataclass(frozen=True)
class SetAside:
    """Rows that the reader itself could not type: they go to quarantine, counted."""

    rule: str
    place: str
    raw: str
    count: int = 1
    symbol: str | None = None
    kind: Landed = Landed.BARS


@dataclass(frozen=True)
class Remark:
    """Something the report must say although every row was committed."""

    rule: str
    where: str
    count: int = 1


@dataclass
class Tally:
    """What a reader counted on its own, apart from the rows it gave."""

    rows_in: int = 0
    bytes_read: int = 0
    notes: dict[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """One open format. `FileRejectedError` from anywhere: nothing of the file is committed."""

    format: str
    """`csv-mt4`, `csv-mt5`, `csv-histdata`, `csv-header`, `csv-epoch`, `trades-csv`,
    `trades-parquet`, `tick-sqlite`, `dbn`."""
    tally: Tally

    def events(self) -> Iterator[RawBatch | SetAside | Remark]:
        """Give the file's content in order; after the last one `tally.rows_in` is final."""
        ...
