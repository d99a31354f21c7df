"""Which dialect a CSV is written in, told by its first lines and never by its name.

Bars: MetaTrader 4 (no header, date and clock apart), MetaTrader 5 (tabs, header in angle
brackets), HistData (semicolons, no header), any header with a time and open, high, low, close.
Trades: a header with a time, price, quantity and aggressor side.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import NoReturn

import polars as pl

from quant_assets.storage.readers import csv_columns as columns
from quant_assets.storage.readers.csv_stamps import form_of
from quant_assets.storage.readers.text import BLANKS, refuse

DELIMITERS = ("\t", ";", ",", "|")
SAMPLE_LINES = 50
"""Rows that are looked at to tell the dialect; more than half must agree."""

HEAD_LINES = 2 * SAMPLE_LINES
"""Lines that are looked at for comments, a header and those rows."""

_COMMENT = re.compile(r"#|sep=.$", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?|[0-9]{6}|[0-9]{4}")
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]+,[0-9]+")
_LETTERS = re.compile(r"[\"'<]?[^\W\d]")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_BAR_ROLES = ("open", "high", "low", "close", "volume")
_BARE_FORMATS = {"\t": "csv-mt5", ";": "csv-histdata"}
_N_MT5_VALUES = 7


@dataclass(frozen=True)
class Dialect:
    """How to read the rows of a CSV.

    Parameters
    ----------
    format
        Name for the report, as `Reader.format`.
    is_trades
        Whether rows are trades; else they are bars.
    delimiter, n_fields
        What stands between fields, and how many a row has.
    stamps
        Fields whose texts, joined by a blank, are the stamp.
    columns
        Field of each role: open, high, low, close, volume; or price, qty, side, ...
    first_row
        Number of the line from which on all are rows.
    n_before
        Lines before it that are not blank: header and comments.
    """

    format: str
    is_trades: bool
    delimiter: str
    n_fields: int
    stamps: tuple[int, ...]
    columns: dict[str, int]
    first_row: int
    n_before: int


def recognise(lines: pl.DataFrame, *, file_name: str) -> Dialect:
    """Return the dialect of a file's first lines.

    Parameters
    ----------
    lines : DataFrame[place UInt64, line Utf8]
        First lines that are not blank.

    Raises
    ------
    FileRejectedError
        Rules `no_rows`, `missing_column`, `duplicate_column`, `not_trades`, `decimal_comma`, or
        `unknown_format` where no dialect fits.
    """
    head = list(lines.head(HEAD_LINES).iter_rows())
    n_comments = next((i for i, (_, line) in enumerate(head) if not _is_comment(line)), len(head))
    rows = head[n_comments:]
    if not rows:
        _refuse_empty(file_name)
    delimiter, names = _header_names(rows[0][1])
    if not columns.count_known(names):
        sample = [line for _, line in rows[:SAMPLE_LINES]]
        return _bare_dialect(sample, first_row=rows[0][0], n_before=n_comments, name=file_name)
    sample = [line for _, line in rows[1 : SAMPLE_LINES + 1]]
    dialect = _header_dialect(
        names, delimiter, first_row=rows[0][0] + 1, n_before=n_comments + 1, name=file_name
    )
    _check_decimal_point(dialect, sample, file_name)
    return dialect


def _is_comment(line: str) -> bool:
    return _COMMENT.match(line.strip(BLANKS)) is not None


def _refuse_empty(file_name: str) -> NoReturn:
    raise refuse(
        file_name,
        rule="no_rows",
        found="it has no rows",
        remedy="Export it again for a range that has data.",
    )


def _header_names(line: str) -> tuple[str, list[str]]:
    """Return the delimiter that shows most known names, and all names that it shows."""
    splits = [(d, [columns.normal_name(cell) for cell in line.split(d)]) for d in DELIMITERS]
    return max(splits, key=lambda split: columns.count_known(split[1]))


def _header_dialect(
    names: list[str], delimiter: str, *, first_row: int, n_before: int, name: str
) -> Dialect:
    is_trades = columns.is_trades(names)
    find_places = columns.trade_places if is_trades else columns.bar_places
    places = find_places(names, file_name=name)
    told = "csv-mt5" if delimiter == "\t" and "tickvol" in names else "csv-header"
    return Dialect(
        format="trades-csv" if is_trades else told,
        is_trades=is_trades,
        delimiter=delimiter,
        n_fields=len(names),
        stamps=columns.stamp_places(names),
        columns=places,
        first_row=first_row,
        n_before=n_before,
    )


def _bare_dialect(sample: list[str], *, first_row: int, n_before: int, name: str) -> Dialect:
    """Return the dialect of rows without header that most of the sample agrees with.

    A first line that looks like a header of other columns refuses the file: numbers whose meaning
    it names must not be taken for prices.
    """
    if _LETTERS.match(sample[0].strip(BLANKS)):
        _refuse_bare(sample, name)
    votes = Counter(
        (delimiter, layout)
        for line in sample
        for delimiter in DELIMITERS
        if (layout := _bare_layout(line.split(delimiter), delimiter)) is not None
    )
    (delimiter, (n_stamps, n_fields)), n_votes = max(
        votes.items(), key=lambda vote: vote[1], default=(("", (0, 0)), 0)
    )
    if 2 * n_votes <= len(sample):
        _refuse_bare(sample, name)
    n_values = min(n_fields - n_stamps, len(_BAR_ROLES))
    dialect = Dialect(
        format=_BARE_FORMATS.get(delimiter, "csv-mt4"),
        is_trades=False,
        delimiter=delimiter,
        n_fields=n_fields,
        stamps=tuple(range(n_stamps)),
        columns={role: n_stamps + i for i, role in enumerate(_BAR_ROLES[:n_values])},
        first_row=first_row,
        n_before=n_before,
    )
    _check_decimal_point(dialect, sample, name)
    return dialect


def _bare_layout(cells: list[str], delimiter: str) -> tuple[int, int] | None:
    """Return how many fields make the stamp and how many there are, or None: no row of bars."""
    texts = [cell.strip(BLANKS) for cell in cells]
    if not _is_stamp(texts[0]):
        return None
    n_stamps = 2 if len(texts) > 1 and _CLOCK.fullmatch(texts[1]) else 1
    n_values = len(texts) - n_stamps
    is_mt5 = delimiter == "\t" and n_values == _N_MT5_VALUES
    return (n_stamps, len(texts)) if n_values in (4, 5) or is_mt5 else None


def _is_stamp(text: str) -> bool:
    return form_of(_DIGITS.sub("9", text)) is not None


def _refuse_bare(sample: list[str], name: str) -> NoReturn:
    cells = [line.split(",") for line in sample]
    if sum(_has_split_numbers(row) for row in cells) * 2 > len(cells):
        _refuse_comma(name)
    raise refuse(
        name,
        rule="unknown_format",
        where="line 1",
        found=f"its first lines are no known table of bars or trades: {sample[0][:80]!r}",
        remedy="Give it a header: time,open,high,low,close,volume.",
    )


def _has_split_numbers(cells: list[str]) -> bool:
    """Whether a row looks like prices whose decimal commas were taken for field ends."""
    n_stamps = 2 if len(cells) > 1 and _CLOCK.fullmatch(cells[1]) else 1
    numbers = cells[n_stamps:]
    return (
        _is_stamp(cells[0])
        and 8 <= len(numbers) <= 10
        and all(_WHOLE_NUMBER.fullmatch(cell) for cell in numbers)
    )


def _check_decimal_point(dialect: Dialect, sample: list[str], name: str) -> None:
    """Refuse a file most of whose rows hold prices such as `1,57597`."""
    rows = [line.split(dialect.delimiter) for line in sample]
    prices = [dialect.columns[r] for r in (*_BAR_ROLES[:4], "price") if r in dialect.columns]
    n_commas = sum(
        any(_COMMA_NUMBER.fullmatch(row[i].strip(BLANKS)) for i in prices if i < len(row))
        or (dialect.delimiter == "," and len(row) > dialect.n_fields and _has_split_numbers(row))
        for row in rows
    )
    if rows and 2 * n_commas > len(rows):
        _refuse_comma(name)


def _refuse_comma(name: str) -> NoReturn:
    raise refuse(
        name,
        rule="decimal_comma",
        where="line 1",
        found="its prices are written with a decimal comma",
        remedy="Export it with decimal points.",
    )
