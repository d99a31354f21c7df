"""What a table of the lake is: its columns, its Hive levels, how its files are cut."""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache

import dataframely as dy
import polars as pl

from quant_assets.market.errors import SchemaError, SymbolError

_KEY_RULE = "primary_key"
_NULL_RULE = "|nullability"
"""Names that dataframely gives the rules of unique keys and, behind a column, of no nulls."""

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
        wanted = self.schema.column_names()
        missing = [name for name in wanted if name not in frame.columns]
        if missing:
            raise SchemaError(
                asked=f"store rows in table {self.name!r}",
                found=f"columns {', '.join(missing)} are missing",
                remedy=f"Its columns are {', '.join(wanted)}.",
            )
        ordered = self._ordered(frame if frame.columns == wanted else frame.select(wanted))
        if self._keeps_rules(ordered):
            return ordered
        try:
            return self.schema.validate(ordered, cast=False)
        except (dy.exc.ValidationError, dy.exc.SchemaError) as error:
            raise SchemaError(
                asked=f"store {frame.height} rows in table {self.name!r}",
                found=" ".join(str(error).split()),
                remedy="The stage that made them breaks its table's contract: report it.",
            ) from error

    def _ordered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows sorted, untouched where they stand in order already."""
        if _is_in_order(rows, self.order):
            return rows
        return rows.sort(self.order, maintain_order=True)

    def _keeps_rules(self, ordered: pl.DataFrame) -> bool:
        """Whether the schema would find nothing; False where only it can tell.

        Its own check builds every rule anew and marks every row, which costs more than the commit
        of a small partition; here each rule is built once and answers with one value.
        """
        gate = _gate(self.schema)
        return (
            dict(ordered.schema) == gate.types
            and not any(ordered[name].null_count() for name in gate.whole)
            and _is_unique(ordered, gate.key)
            and bool(ordered.select(gate.keeps).item())
        )

    def empty(self) -> pl.DataFrame:
        """Return a frame of no rows in the table's columns."""
        return self.schema.create_empty()


@dataclass(frozen=True)
class _Gate:
    """A schema's rules in a form that answers for a whole frame at once."""

    types: dict[str, pl.DataType]
    key: tuple[str, ...]
    whole: tuple[str, ...]
    """Columns that hold no null."""
    keeps: pl.Expr
    """The other rules, all of all rows as one value."""


@cache
def _gate(schema: type[dy.Schema]) -> _Gate:
    """Return the gate of a schema, from the schema's own rules; a rule that is null holds."""
    rules = schema._validation_rules(with_cast=False)  # noqa: SLF001  no public form is cached
    holds = [
        rule.expr.fill_null(value=True).all()
        for name, rule in rules.items()
        if name != _KEY_RULE and not name.endswith(_NULL_RULE)
    ]
    return _Gate(
        types=dict(schema.create_empty().schema),
        key=tuple(schema.primary_key()),
        whole=tuple(name.removesuffix(_NULL_RULE) for name in rules if name.endswith(_NULL_RULE)),
        keeps=pl.all_horizontal(pl.lit(value=True), *holds),
    )


def _is_in_order(rows: pl.DataFrame, order: tuple[str, ...]) -> bool:
    """Whether rows stand in order already; False where only sorting can tell.

    Of two columns the second must ascend wherever the first stands still.
    """
    if not order or rows.height < 2:
        return True
    first = rows[order[0]]
    if len(order) > 2 or first.null_count() or not first.is_sorted():
        return False
    if len(order) == 1:
        return True
    second = rows[order[1]]
    if second.null_count():
        return False
    is_tie = first[1:] == first[:-1]
    return second.is_sorted() or not bool((is_tie & (second[1:] < second[:-1])).any())


def _is_unique(ordered: pl.DataFrame, key: tuple[str, ...]) -> bool:
    """Whether no key comes twice; ascending rows show it without a table of all keys."""
    if not key or ordered.height < 2:
        return True
    first = ordered[key[0]]
    if first.is_sorted() and first.n_unique() == first.len():
        return True
    return not bool(ordered.select(pl.struct(key).is_duplicated().any()).item())


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
