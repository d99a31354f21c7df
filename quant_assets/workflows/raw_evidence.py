"""A row of a vendor's file as it stands there, read past the reader that landed it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from quant_assets.market.columns import PRICE_SCALE
from quant_assets.storage.readers.csv_rows import PLACE_PREFIX
from quant_assets.storage.readers.sniff import FormatGuess, detect
from quant_assets.storage.readers.sqlite_sql import quote_identifier
from quant_assets.workflows.raw_rows import RawRow

_MOST_CHARS = 300
_ROUNDED = 0.5 / PRICE_SCALE
"""Prices of ticks are landed as counts of 1e-9, rounded to the nearest."""

_SEPARATORS = str.maketrans(dict.fromkeys('",;\t|', " "))


class ShownRow:
    """What stands at a place of a file.

    Parameters
    ----------
    text
        The line, or the columns of the database's row; None where the format is binary and only
        its reader can say.
    numbers
        All numbers in it.
    """

    def __init__(self, text: str | None, numbers: tuple[float, ...] = ()) -> None:
        self.text = text
        self.numbers = numbers

    def holds(self, price: float) -> bool | None:
        """Whether a price is among the numbers; None where they cannot be seen."""
        if self.text is None:
            return None
        return any(abs(number - price) <= _ROUNDED for number in self.numbers)


def show_row(path: Path, row: RawRow) -> ShownRow:
    """Return what stands at the place of a row."""
    guess = detect(path)
    if guess is FormatGuess.TEXT:
        return _line(path, row)
    if guess is FormatGuess.SQLITE:
        return _database_row(path, row)
    return ShownRow(None)


def _line(path: Path, row: RawRow) -> ShownRow:
    """Return a line of a text file, by its number."""
    number = int(row.place.removeprefix(PLACE_PREFIX))
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        text = next(islice(file, number - 1, number), "").rstrip("\n")
    # A file of another encoding is shown as its reader saw it.
    text = text if row.raw is None or "\ufffd" not in text else row.raw
    return ShownRow(text[:_MOST_CHARS], tuple(_numbers(text.translate(_SEPARATORS).split())))


def _database_row(path: Path, row: RawRow) -> ShownRow:
    """Return a row of a tick database, by its table and rowid."""
    table, _, number = row.place.rpartition(":")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    query = " ".join(["SELECT * FROM", quote_identifier(table), "WHERE rowid = ?"])
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            found = connection.execute(query, (int(number),))
            names = [column[0] for column in found.description]
            values = found.fetchone()
    except sqlite3.Error:
        # A table without rowids, or one that a writer holds: its reader alone can say.
        return ShownRow(None)
    if values is None:
        return ShownRow("no such row")
    pairs = zip(names, values, strict=True)
    text = ", ".join(f"{name}={value}" for name, value in pairs)
    return ShownRow(text[:_MOST_CHARS], tuple(_numbers(values)))


def _numbers(words: Any) -> Iterator[float]:
    """Yield what of some words or values is a number."""
    for word in words:
        try:
            yield float(word)
        except (TypeError, ValueError):
            continue
