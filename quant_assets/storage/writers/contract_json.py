"""`contract.json`: a contract period, nested, written day by day whatever its size."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, Any

from quant_assets.contracts.day_text import day_text
from quant_assets.contracts.json_values import day_to_json
from quant_assets.contracts.model import Contract, ContractHead, Day, in_order
from quant_assets.contracts.objects import DayRows, rows_in_order
from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.lineage.records import Lineage
from quant_assets.market.periods import week_of
from quant_assets.storage.writers.files import replace_file

FORMAT = "quant_assets contract"
VERSION = 1
"""Raised when a key changes its name or meaning."""

NEXT_DAY, NEXT_WEEK, WEEK_END, END = ",\n", "]},\n", "]}", "]}\n"
"""What stands between two days of a week, and of two weeks; behind a week; behind all."""


def write_contract_json(
    path: Path, head: ContractHead, days: Iterable[Day], *, lineage: Lineage
) -> None:
    """Write a contract period as JSON; a reader sees the old file or the new one.

    One day is held at a time. Equal days and lineage give equal bytes: floats have as many digits
    as read back bit-equal, instants are ISO 8601 in UTC with nine decimals, and no clock enters.

    Parameters
    ----------
    days
        Ascending; each is written as it comes.
    lineage
        What it was made from; it stands at the head of the file.

    Raises
    ------
    InputError
        If days do not ascend; what stood at `path` still stands.
    CommitError
        If the disk is full or refuses.
    """
    texts = ((day.session, object_text(day)) for day in in_order(days))
    replace_file(path, partial(_write, opening=opening_text(head, lineage), days=texts))


def write_contract_rows(
    path: Path, head: ContractHead, days: Iterable[DayRows], *, lineage: Lineage
) -> None:
    """Write a contract period from the rows of its days: bytes and errors of the objects'."""
    texts = ((day.rows["session"][0], day_text(*day)) for day in rows_in_order(days))
    replace_file(path, partial(_write, opening=opening_text(head, lineage), days=texts))


def write_contract(path: Path, contract: Contract, *, lineage: Lineage) -> None:
    """Write a contract that is held whole; the bytes are those of `write_contract_json`."""
    write_contract_json(path, contract.head, contract.days, lineage=lineage)


def opening_text(head: ContractHead, lineage: Lineage) -> str:
    """Return what a file begins with, up to its list of weeks."""
    told = _text({"format": FORMAT, "version": VERSION, **asdict(head)})
    return f'{told[:-1]},\n"lineage":{canonical_json(lineage.to_json())},\n"weeks":['


def week_text(week: tuple[int, int]) -> str:
    """Return the line that a week begins with."""
    return f'{{"year":{week[0]},"week":{week[1]},"days":[\n'


def object_text(day: Day) -> str:
    """Return a day as it stands in the file."""
    return _text(day_to_json(day))


def _write(path: Path, *, opening: str, days: Iterable[tuple[date, str]]) -> None:
    """Write the whole file, a day a line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(opening)
        _write_weeks(file, days)
        file.write(END)


def _write_weeks(file: IO[str], days: Iterable[tuple[date, str]]) -> None:
    """Write weeks as their days come."""
    week: tuple[int, int] | None = None
    for session, text in days:
        this = week_of(session)
        if this == week:
            file.write(NEXT_DAY)
        else:
            file.write("\n" if week is None else NEXT_WEEK)
            file.write(week_text(this))
            week = this
        file.write(text)
    if week is not None:
        file.write(WEEK_END)


def _text(value: dict[str, Any]) -> str:
    """Return JSON without blanks, keys in their own order."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
