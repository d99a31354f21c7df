"""Which partition of the lake a row of a file belongs to."""

from dataclasses import dataclass
from datetime import date
from functools import cache

import polars as pl

from quant_assets.market.tables import Table
from quant_assets.storage.readers.base import Landed, RawBatch
from quant_assets.ticks.schema import (
    QUARANTINE,
    RAW_BARS,
    RAW_DEFINITIONS,
    RAW_STATUS,
    RAW_TICKS,
)

LANDED_TABLES: dict[str, Table] = {
    Landed.TICKS: RAW_TICKS,
    Landed.BARS: RAW_BARS,
    Landed.STATUS: RAW_STATUS,
    Landed.DEFINITIONS: RAW_DEFINITIONS,
}

TABLES: dict[str, Table] = {**LANDED_TABLES, QUARANTINE.name: QUARANTINE}


@dataclass(frozen=True)
class Partition:
    """One file of the lake, by the table's name, its levels in path order and its session.

    Where a row set aside has no symbol or session of its own, the level is absent or the session
    None; `quarantine.homes` gives it one before it is stored.
    """

    table: str
    levels: tuple[tuple[str, str], ...]
    session: date | None

    @property
    def symbol(self) -> str:
        """The symbol, or nothing."""
        return dict(self.levels).get("symbol", "")

    @property
    def contract(self) -> str:
        """The contract, or nothing."""
        return dict(self.levels).get("contract", "")

    @property
    def bar_schema(self) -> str:
        """`ohlcv-1m` and its like for bars, else nothing."""
        return dict(self.levels).get("schema", "")

    @property
    def hive(self) -> str:
        """The levels as the index writes them."""
        return "/".join(f"{name}={value}" for name, value in self.levels)

    @property
    def session_label(self) -> str:
        """The session as index and footers write it."""
        return self.session.isoformat() if self.session else ""

    @property
    def order(self) -> tuple[str, tuple[tuple[str, str], ...], str]:
        """What partitions are sorted by: never by the order in which they were met."""
        return self.table, self.levels, self.session_label


def levels_of(batch: RawBatch) -> tuple[tuple[str, str], ...]:
    """Return the Hive levels of a batch's rows, in path order."""
    levels = [("symbol", batch.symbol)]
    if batch.kind is Landed.BARS:
        levels.insert(0, ("schema", batch.bar_schema or ""))
    if batch.kind in {Landed.BARS, Landed.TICKS} and batch.contract:
        levels.append(("contract", batch.contract))
    return tuple(levels)


def time_column(table: str) -> str:
    """Return the column that a landed table's rows are placed by."""
    return "bar_start" if table == Landed.BARS else "ts"


@cache
def columns_of(table: str) -> dict[str, pl.DataType]:
    """Return the columns of a table and their types, in order."""
    return dict(TABLES[table].empty().schema)
