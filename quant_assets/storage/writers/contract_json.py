"""`contract.json`: a contract period, nested, written day by day whatever its size."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, Any

from quant_assets.contracts.json_values import day_to_json
from quant_assets.contracts.model import Contract, ContractHead, Day, in_order
from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.lineage.records import Lineage
from quant_assets.market.periods import week_of
from quant_assets.storage.writers.files import replace_file

FORMAT = "quant_assets contract"
VERSION = 1
"""Raised when a key changes its name or meaning."""


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
    replace_file(path, partial(_write, head=head, days=days, lineage=lineage))


def write_contract(path: Path, contract: Contract, *, lineage: Lineage) -> None:
    """Write a contract that is held whole; the bytes are those of `write_contract_json`."""
    write_contract_json(path, contract.head, contract.days, lineage=lineage)


def _write(path: Path, *, head: ContractHead, days: Iterable[Day], lineage: Lineage) -> None:
    """Write the whole file, a day a line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        opening = {"format": FORMAT, "version": VERSION, **asdict(head)}
        file.write(_text(opening)[:-1])
        file.write(f',\n"lineage":{canonical_json(lineage.to_json())},\n"weeks":[')
        _write_weeks(file, days)
        file.write("]}\n")


def _write_weeks(file: IO[str], days: Iterable[Day]) -> None:
    """Write weeks as their days come."""
    week: tuple[int, int] | None = None
    for day in in_order(days):
        this = week_of(day.session)
        if this == week:
            file.write(",\n")
        else:
            file.write("\n" if week is None else "]},\n")
            file.write(f'{{"year":{this[0]},"week":{this[1]},"days":[\n')
            week = this
        file.write(_text(day_to_json(day)))
    if week is not None:
        file.write("]}")


def _text(value: dict[str, Any]) -> str:
    """Return JSON without blanks, keys in their own order."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
