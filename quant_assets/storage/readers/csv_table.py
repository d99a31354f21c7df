"""Rows of a CSV as text cells: the field count must match, quotes never join or hide fields."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from quant_assets.storage.readers.base import SourceFile
from quant_assets.storage.readers.csv_dialect import HEAD_LINES, Dialect, recognise
from quant_assets.storage.readers.text import BLANKS, BLOCK_BYTES, TextBlock, read_blocks

STAMP = "stamp"
"""Column of a `CsvRows` frame that holds the stamp's text."""


@dataclass(frozen=True)
class CsvRows:
    """Rows of one block.

    Parameters
    ----------
    cells : DataFrame
        `place` UInt64 and `line` Utf8 of each row, `stamp` and one Utf8 column a role of the
        dialect, without blanks around.
    ragged : DataFrame[place UInt64, line Utf8]
        Rows with too many or too few fields, or with an odd number of quotes.
    n_filled
        Rows of the block, counted on its bytes.
    n_bytes
        Bytes of the block.
    """

    cells: pl.DataFrame
    ragged: pl.DataFrame
    n_filled: int
    n_bytes: int


class CsvTable:
    """A CSV whose dialect is known; it may be read through more than once.

    Raises
    ------
    FileRejectedError
        The rules of `recognise` and of `read_blocks`.
    """

    def __init__(self, source: SourceFile, *, block_bytes: int = BLOCK_BYTES) -> None:
        self.source = source
        self._block_bytes = block_bytes
        self.dialect: Dialect = recognise(self._head(), file_name=source.name)

    def rows(self) -> Iterator[CsvRows]:
        """Give the rows, block by block, in the file's order."""
        n_before = self.dialect.n_before
        for block in self._blocks():
            rows = block.lines.filter(pl.col("place") >= self.dialect.first_row)
            skipped = min(n_before, block.n_filled)
            n_before -= skipped
            cells, ragged = split_rows(rows, self.dialect)
            yield CsvRows(cells, ragged, block.n_filled - skipped, block.n_bytes)

    def _head(self) -> pl.DataFrame:
        """Read as many blocks as the dialect needs lines: one, but for very small blocks."""
        head = pl.DataFrame(schema={"place": pl.UInt64, "line": pl.String})
        for block in self._blocks():
            head = pl.concat([head, block.lines.head(HEAD_LINES)])
            if head.height >= HEAD_LINES:
                break
        return head

    def _blocks(self) -> Iterator[TextBlock]:
        source = self.source
        return read_blocks(source.path, name=source.name, block_bytes=self._block_bytes)


def split_rows(rows: pl.DataFrame, dialect: Dialect) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut rows into cells, and set those apart that do not have the dialect's fields.

    Parameters
    ----------
    rows : DataFrame[place UInt64, line Utf8]
        Lines of the file.

    Returns
    -------
    tuple of DataFrame
        `CsvRows.cells` and `CsvRows.ragged`.
    """
    n_fields = dialect.n_fields
    fields = rows["line"].str.split_exact(dialect.delimiter, n_fields).struct.unnest()
    is_ragged = fields[f"field_{n_fields}"].is_not_null()
    if n_fields > 1:
        is_ragged |= fields[f"field_{n_fields - 1}"].is_null()
    has_quotes = rows["line"].str.contains('"', literal=True)
    if has_quotes.any():
        is_ragged |= rows["line"].str.count_matches('"', literal=True) % 2 == 1
    whole = pl.concat([rows, fields], how="horizontal").filter(~is_ragged)
    stamp = pl.concat_str([_cell(i, has_quotes) for i in dialect.stamps], separator=" ")
    cells = whole.select(
        "place",
        "line",
        stamp.str.strip_chars(BLANKS).alias(STAMP),
        *(_cell(i, has_quotes).alias(role) for role, i in dialect.columns.items()),
    )
    return cells, rows.filter(is_ragged)


def _cell(field: int, has_quotes: pl.Series) -> pl.Expr:
    """Return a field without blanks, and without the quotes that enclose it."""
    cell = pl.col(f"field_{field}").str.strip_chars(BLANKS)
    return cell.str.replace('^"(.*)"$', "$1") if has_quotes.any() else cell
