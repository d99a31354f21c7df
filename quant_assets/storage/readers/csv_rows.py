"""From text cells to typed rows: what cannot be typed is set aside with its rule and line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from quant_assets.storage.readers.base import Landed, SetAside, Tally
from quant_assets.storage.readers.csv_stamps import Placed, check_zone, place_in_zone
from quant_assets.storage.readers.csv_survey import Survey
from quant_assets.storage.readers.csv_table import STAMP, CsvTable
from quant_assets.storage.readers.text import RAW_BYTES, cut_raw

PLACE_PREFIX = "line "
"""Written before the number of a line."""

NULL_WORDS = ("", "null")
"""Cells, in any case, that stand for a missing value; the row rules judge them."""

_RULE = "rule"


@dataclass(frozen=True)
class TypedRows:
    """Typed rows of one block, and those of its rows that could not be typed.

    Parameters
    ----------
    frame : DataFrame
        `place` UInt64, `raw` Utf8, `ts` Datetime(ns, UTC), Float64 columns for the numbers asked
        for, Utf8 columns for other roles.
    set_aside
        One a row, in the file's order.
    """

    frame: pl.DataFrame
    set_aside: list[SetAside]


@dataclass(frozen=True)
class RowTyper:
    """Types the rows of a CSV.

    Parameters
    ----------
    table
        Its cells.
    survey
        Form of its stamps.
    zone
        Zone of stamps that name none.
    numbers
        Roles that hold numbers.
    symbol, kind
        Written on rows that are set aside.
    more_rules
        Further rules, which come first: name, and an expression on the cells, true for bad rows.
    """

    table: CsvTable
    survey: Survey
    zone: str
    numbers: tuple[str, ...]
    symbol: str
    kind: Landed
    more_rules: tuple[tuple[str, pl.Expr], ...] = ()

    def typed(self, tally: Tally) -> Iterator[TypedRows]:
        """Give typed rows block by block, and count into the tally what was read."""
        check_zone(self.zone, file_name=self.table.source.name)
        for rows in self.table.rows():
            tally.rows_in += rows.n_filled
            tally.bytes_read += rows.n_bytes
            judged = self._judge(rows.cells)
            bad = pl.concat(
                [
                    judged.filter(pl.col(_RULE).is_not_null()).select("place", "line", _RULE),
                    rows.ragged.with_columns(pl.lit("ragged_row").alias(_RULE)),
                ]
            )
            good = judged.filter(pl.col(_RULE).is_null()).drop(_RULE, STAMP)
            frame = good.with_columns(cut_lines(pl.col("line"))).rename({"line": "raw"})
            yield TypedRows(frame, self._set_aside(bad.sort("place")))

    def _judge(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Add `ts` and `rule`, the first rule that a row breaks, and type the numbers."""
        placed = place_in_zone(self.survey.parse(cells[STAMP]), self.zone)
        numbers = [number_of(pl.col(role)).alias(role) for role in self.numbers]
        rule = first_rule(placed, more_rules=self.more_rules, numbers=self.numbers)
        return cells.with_columns(placed.ts.alias("ts"), rule.alias(_RULE), *numbers)

    def _set_aside(self, bad: pl.DataFrame) -> list[SetAside]:
        return [
            SetAside(
                rule=rule,
                place=f"{PLACE_PREFIX}{place}",
                raw=cut_raw(line),
                symbol=self.symbol,
                kind=self.kind,
            )
            for place, line, rule in bad.iter_rows()
        ]


def first_rule(
    placed: Placed, *, more_rules: Iterable[tuple[str, pl.Expr]], numbers: Iterable[str]
) -> pl.Expr:
    """Return the name of the first rule that a row breaks, null for a good row.

    Parameters
    ----------
    placed
        The rows' stamps.
    more_rules
        Name and expression, true for bad rows, of rules that come first.
    numbers
        Utf8 columns that must hold numbers.
    """
    is_unreadable = [is_no_number(pl.col(role)) for role in numbers]
    rules = (
        *more_rules,
        ("bad_stamp", pl.lit(placed.is_unreadable)),
        ("nonexistent_local_time", pl.lit(placed.is_nonexistent)),
        ("ambiguous_local_time", pl.lit(placed.is_ambiguous)),
        ("unreadable_number", pl.any_horizontal(pl.lit(value=False), *is_unreadable)),
    )
    return pl.coalesce([pl.when(is_bad).then(pl.lit(name)) for name, is_bad in rules])


def number_of(cell: pl.Expr) -> pl.Expr:
    """Read a number as Python's `float` does, bit for bit; NaN and infinities are numbers.

    Python also takes underscores and digits of other scripts; here they are no number.
    """
    return cell.cast(pl.Float64, strict=False)


def is_no_number(cell: pl.Expr) -> pl.Expr:
    """Whether a cell holds text that is neither a number nor a word for a missing value."""
    is_missing = cell.is_null() | cell.str.to_lowercase().is_in(NULL_WORDS)
    return number_of(cell).is_null() & ~is_missing


def cut_lines(line: pl.Expr) -> pl.Expr:
    """Cut long rows to what is kept of a row that is set aside."""
    is_long = line.str.len_bytes() > RAW_BYTES
    short = line.map_elements(cut_raw, return_dtype=pl.String)
    return pl.when(is_long).then(short).otherwise(line)
