"""What a table of the lake is: its columns, its Hive levels, how its files are cut."""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import dataframely as dy
import polars as pl

from quant_assets.market.errors import SchemaError, SymbolError

_SYMBOL = re.compile(r"^[A-Z0-9][A-Z0-9._-]{0,31}$")


class Grain(StrEnum):
    """How much one file holds."""

    DAY = "day"
    """One session, cut as year=/month=/day=."""
    YEAR = "year"
    """A year of sessions, one or more rows each, cut as year=."""
    WHOLE = "whole"
    """All sessions, or a table that has none."""


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    Parameters
    ----------
    name
        Folder of the table under the lake.
    schema
        Column contract; its version is `version`.
    levels
        Hive levels above the date, in path order, for example `("timeframe", "symbol")`.
    order
        Columns that rows are sorted by; they are the row key where the schema names one.
    version
        Raised when a column changes its type or meaning: it is part of every code version.
    session_column
        Column that holds the session where a file holds several.
    """

    name: str
    schema: type[dy.Schema]
    levels: tuple[str, ...]
    order: tuple[str, ...]
    grain: Grain = Grain.DAY
    version: int = 1
    session_column: str = "session"
    optional_levels: frozenset[str] = field(default_factory=frozenset)

    def check(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the frame in column and row order, or raise `SchemaError`."""
        missing = [name for name in self.schema.column_names() if name not in frame.columns]
        if missing:
            raise SchemaError(
                asked=f"store rows in table {self.name!r}",
                found=f"columns {', '.join(missing)} are missing",
                remedy=f"Its columns are {', '.join(self.schema.column_names())}.",
            )
        ordered = frame.select(self.schema.column_names())
        if self.order:
            ordered = ordered.sort(self.order, maintain_order=True)
        try:
            return self.schema.validate(ordered, cast=False)
        except (dy.exc.ValidationError, dy.exc.SchemaError) as error:
            raise SchemaError(
                asked=f"store {frame.height} rows in table {self.name!r}",
                found=" ".join(str(error).split()),
                remedy="The stage that made them breaks its table's contract: report it.",
            ) from error

    def empty(self) -> pl.DataFrame:
        """Return a frame of no rows in the table's columns."""
        return self.schema.create_empty()


@dataclass(frozen=True, order=True)
class FileKey:
    """One file of a table: the values of its Hive levels, and the session it is cut for.

    `levels` holds (name, value) in path order. `session` is None where the table's grain is
    WHOLE; where it is YEAR, any session of that year names the file.
    """

    table: str
    levels: tuple[tuple[str, str], ...]
    session: date | None = None

    def level(self, name: str) -> str | None:
        """Return the value of a level, or None where the key has no such level."""
        return dict(self.levels).get(name)


def check_symbol(text: str) -> str:
    """Return the symbol, or raise `SymbolError`: one validator stands before every path."""
    if not _SYMBOL.fullmatch(text) or ".." in text:
        raise SymbolError(
            asked=f"symbol {text[:40]!r}",
            found="not 1 to 32 of A-Z, 0-9, dot, dash and underscore, first a letter or digit",
            remedy="Rename it, or give one with --symbol.",
        )
    return text
