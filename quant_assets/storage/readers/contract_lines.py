"""Reads `contract.json` as we write it, a day a line; what stands otherwise is left to its reader.

A line is parsed, and what was found is written again. Only if that gives the very bytes of the line
is it taken: no value, key or order can then be another than what was written.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import IO, TypeVar

import polars as pl

from quant_assets.contracts.day_text import day_text
from quant_assets.contracts.json_values import FaultyValueError, day_from_json
from quant_assets.contracts.model import ContractHead, Day, check_behind
from quant_assets.contracts.objects import day_of_flat, flat_of, split_flat
from quant_assets.lineage.records import Lineage
from quant_assets.market.errors import InputError
from quant_assets.market.periods import week_of
from quant_assets.storage.readers.contract_columns import flat_of_json, is_whole
from quant_assets.storage.writers.contract_json import (
    END,
    NEXT_DAY,
    NEXT_WEEK,
    WEEK_END,
    object_text,
    opening_text,
    week_text,
)

T = TypeVar("T")

LINE_BYTES = 1 << 28
"""A longer line is left to the other reader, which holds no line whole."""

FEW_BYTES = 1 << 16
"""Below it a day has so few bars that its objects cost less than its columns."""

_DAY, _WEEK = '{"session":"', '{"year":'


class OtherLayoutError(Exception):
    """A file, or a line of it, that is not as we write it; it may hold the same all the same."""


def iter_own_days(path: Path, head: ContractHead, lineage: Lineage) -> Iterator[Day]:
    """Yield the days of a file with this opening as objects.

    Raises
    ------
    OtherLayoutError
        At the first line that is not as we write it; days before it are sound.
    """
    for text in _day_texts(path, opening_text(head, lineage)):
        yield _of_size(text, few=lambda day: day, many=day_of_flat)


def iter_own_rows(path: Path, head: ContractHead, lineage: Lineage) -> Iterator[pl.DataFrame]:
    """Yield the days of a file as rows of `contract.parquet`: raises as `iter_own_days`."""
    for text in _day_texts(path, opening_text(head, lineage)):
        yield _of_size(
            text,
            few=partial(flat_of, contract=head.contract),
            many=lambda flat: flat.with_columns(contract=pl.lit(head.contract, pl.String)),
        )


def _day_texts(path: Path, opening: str) -> Iterator[str]:
    """Yield the text of each day, of which its date alone has been looked at."""
    begin = f"{opening}\n".encode()
    with _own_layout(), path.open("rb") as file:
        _hold(file.read(len(begin)) == begin)
        yield from _texts_between(file)


def _texts_between(file: IO[bytes]) -> Iterator[str]:
    """Yield the text of each day, and hold that what stands between them is what we write."""
    last: date | None = None
    between = ""
    for line, after in pairwise(_lines(file)):
        if not line.startswith(_DAY):
            _hold(line.startswith(_WEEK) and _WEEK not in between)
            between += line
            continue
        session = date.fromisoformat(line[len(_DAY) :][:10])
        end = _end_before(after)
        _hold(between == _before(session, last) and line.endswith(end))
        yield line[: -len(end)]
        last, between = session, end
    _hold(between == WEEK_END + END)


def _lines(file: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a file, and an empty one behind them."""
    for line in chain(iter(partial(file.readline, LINE_BYTES), b""), [b""]):
        _hold(len(line) < LINE_BYTES)
        yield line.decode("ascii")


def _before(session: date, last: date | None) -> str:
    """Return what stands between a day and the one before it."""
    week = week_of(session)
    if last is None:
        return week_text(week)
    _hold(last < session)
    return NEXT_DAY if week_of(last) == week else NEXT_WEEK + week_text(week)


def _end_before(after: str) -> str:
    """Return what a day's line ends in where this line follows."""
    if not after:
        return WEEK_END + END
    return NEXT_DAY if after.startswith(_DAY) else NEXT_WEEK


def _of_size(text: str, *, few: Callable[[Day], T], many: Callable[[pl.DataFrame], T]) -> T:
    """Return what is made of a day: of its objects where it is short, else of its columns."""
    with _own_layout():
        return few(_day(text)) if len(text) < FEW_BYTES else many(_flat(text))


def _day(text: str) -> Day:
    """Read a day as objects."""
    day = day_from_json(json.loads(text))
    check_behind(day.session, [bar.start_ns for bar in day.bars], last=None)
    _hold(object_text(day) == text)
    return day


def _flat(text: str) -> pl.DataFrame:
    """Read a day as columns."""
    flat = flat_of_json(text)
    rows, footprint = split_flat(flat)
    _hold(is_whole(rows, footprint))
    check_behind(rows["session"][0], rows["bar_start"].to_physical().to_list(), last=None)
    _hold(day_text(rows, footprint) == text)
    return flat


def _hold(condition: bool) -> None:  # noqa: FBT001
    """Leave what is not so to the other reader."""
    if not condition:
        raise OtherLayoutError


@contextmanager
def _own_layout() -> Iterator[None]:
    """Leave whatever cannot be read in our layout to the other reader, which says why."""
    import pyarrow as pa

    foreign = (pa.ArrowException, pl.exceptions.PolarsError, ValueError, TypeError, LookupError)
    try:
        yield
    except (*foreign, OSError, RecursionError, FaultyValueError, InputError) as error:
        raise OtherLayoutError from error
