"""Reads `contract.json` back, a day at a time; what is damaged in it is said with its place."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from quant_assets.contracts.json_values import (
    FaultyValueError,
    day_from_json,
    head_from_json,
)
from quant_assets.contracts.model import Contract, ContractHead, Day, in_order
from quant_assets.contracts.objects import flat_of
from quant_assets.lineage.records import Lineage
from quant_assets.market.errors import InputError
from quant_assets.market.periods import week_of
from quant_assets.storage.readers.contract_lines import (
    OtherLayoutError,
    iter_own_days,
    iter_own_rows,
)
from quant_assets.storage.writers.contract_json import FORMAT, VERSION

_READ_BYTES = 1 << 16
_OPENING = frozenset({"format", "version", "lineage", *(one.name for one in fields(ContractHead))})
_NESTED = frozenset({"start_map", "start_array"})

T = TypeVar("T")

Events = Iterator[tuple[str, Any]]
"""(event, value) pairs of ijson: `map_key`, `number`, `start_array` and the like."""


@dataclass(frozen=True)
class ContractOpening:
    """What a file says before its first week."""

    head: ContractHead
    lineage: Lineage


def read_contract_opening(path: Path) -> ContractOpening:
    """Return what a file is of and was made from; its weeks are not read.

    Raises
    ------
    InputError
        If the file is no `contract.json` of this version, or damaged there.
    """
    with _events_of(path) as events:
        return _opening(events)


def iter_contract_days(path: Path) -> Iterator[Day]:
    """Yield the days of a file, one held at a time.

    Raises
    ------
    InputError
        Where the file is damaged, or holds what no `contract.json` holds; it names the week, the
        day and the value. Days before it have been given by then.
    """
    opening = read_contract_opening(path)
    own = iter_own_days(path, opening.head, opening.lineage)
    yield from _else_by_events(own, path, lambda day: day)


def iter_contract_rows(path: Path) -> Iterator[pl.DataFrame]:
    """Yield the days of a file as rows of `contract.parquet`: raises as `iter_contract_days`."""
    opening = read_contract_opening(path)
    own = iter_own_rows(path, opening.head, opening.lineage)
    yield from _else_by_events(own, path, partial(flat_of, contract=opening.head.contract))


def _else_by_events(own: Iterator[T], path: Path, turn: Callable[[Day], T]) -> Iterator[T]:
    """Yield days as our own layout gives them, and behind the first other line as events do."""
    given = 0
    try:
        for one in own:
            yield one
            given += 1
    except OtherLayoutError:
        # From the start again: only so is the place of a fault known, and the order of all.
        yield from map(turn, islice(_days_by_events(path), given, None))


def _days_by_events(path: Path) -> Iterator[Day]:
    """Yield the days of a file in any layout: raises as `iter_contract_days`."""
    with _events_of(path) as events:
        _opening(events)
        yield from in_order(_days(events))


def read_contract_json(path: Path) -> Contract:
    """Return the whole contract period as objects; raises as `iter_contract_days`."""
    return Contract.of(read_contract_opening(path).head, iter_contract_days(path))


@contextmanager
def _events_of(path: Path) -> Iterator[Events]:
    """Open a file as events; whatever cannot be read in it becomes an `InputError`."""
    import ijson.backends.yajl2_c as ijson
    from ijson.common import JSONError

    try:
        with path.open("rb") as file:
            yield ijson.basic_parse(file, use_float=True, buf_size=_READ_BYTES)
    except FaultyValueError as fault:
        raise _unreadable(path, str(fault)) from fault
    except InputError as error:
        raise _unreadable(path, f"{error.asked}: {error.found}") from error
    except JSONError as error:
        words = error.args[0] if error.args else "it is cut short"
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        raise _unreadable(path, f"no sound JSON: {' '.join(text.split())[:200]}") from error
    except RecursionError as error:
        raise _unreadable(path, "lists or objects too deep inside each other") from error
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _unreadable(path: Path, found: str) -> InputError:
    """Say what is wrong with a file."""
    return InputError(
        asked=f"read a contract from {path.name}",
        found=found,
        remedy="Delete it, and make it again: quant materialize contract_json",
    )


def _opening(events: Events) -> ContractOpening:
    """Read up to the list of weeks, which comes last."""
    told: dict[str, Any] = {}
    _expect(events, "start_map", "the file")
    while (key := _next_key(events, "the file")) != "weeks":
        if key is None:
            raise FaultyValueError("weeks", "it is missing")
        if key not in _OPENING:
            raise FaultyValueError(key[:40], "it does not belong at the head of a contract")
        told[key] = _value(events)
    if (told.pop("format", None), told.pop("version", None)) != (FORMAT, VERSION):
        raise FaultyValueError("format", f"it is not {FORMAT!r}, version {VERSION}")
    lineage = told.pop("lineage", None)
    head = head_from_json(told)
    try:
        return ContractOpening(head, Lineage.from_json(lineage))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FaultyValueError("lineage", "it is not what this project writes") from error


def _days(events: Events) -> Iterator[Day]:
    """Read the weeks and what follows them, to the end of the file."""
    _expect(events, "start_array", "weeks")
    last: tuple[int, int] | None = None
    number = 0
    while _next_item(events, "weeks"):
        with _placed(f"weeks[{number}]"):
            week = _whole(events, "year"), _whole(events, "week")
            if last is not None and week <= last:
                raise FaultyValueError("", f"it does not lie behind {last[0]}, week {last[1]}")
        yield from _days_of(events, number, week)
        last, number = week, number + 1
    if (key := _next_key(events, "the file")) is not None:
        raise FaultyValueError(key, "nothing may stand behind the weeks")
    # What stands behind the file's own object is an error of the parser.
    for _ in events:
        pass


def _days_of(events: Events, number: int, week: tuple[int, int]) -> Iterator[Day]:
    """Read the days of a week."""
    place = f"weeks[{number}].days"
    if _next_key(events, place) != "days":
        raise FaultyValueError(place, "it is missing")
    _expect(events, "start_array", place)
    count = 0
    while _next_item(events, place):
        with _placed(f"{place}[{count}]"):
            day = day_from_json(_object(events))
            if week_of(day.session) != week:
                raise FaultyValueError("session", f"{day.session} is of another week")
        count += 1
        yield day
    if not count:
        raise FaultyValueError(place, "it holds no day")
    if (key := _next_key(events, place)) is not None:
        raise FaultyValueError(f"weeks[{number}]", f"{key[:40]!r} does not belong there")


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Say where a fault of the block stands."""
    try:
        yield
    except FaultyValueError as fault:
        raise fault.inside(place) from fault


def _expect(events: Events, wanted: str, place: str) -> None:
    """Read one event of a kind."""
    event, value = next(events)
    if event != wanted:
        kind = "object" if wanted == "start_map" else "list"
        raise FaultyValueError(place, f"{str(value or event)[:40]} is no {kind}")


def _next_key(events: Events, place: str) -> str | None:
    """Return the next key of an open object, None at its end."""
    event, value = next(events)
    if event == "map_key":
        return str(value)
    if event == "end_map":
        return None
    raise FaultyValueError(place, f"{event} where a key belongs")


def _next_item(events: Events, place: str) -> bool:
    """Enter the next object of an open list; False at the list's end."""
    event, value = next(events)
    if event == "end_array":
        return False
    if event != "start_map":
        raise FaultyValueError(place, f"{str(value or event)[:40]} is no object")
    return True


def _whole(events: Events, key: str) -> int:
    """Read a key with a whole number."""
    found = _next_key(events, key)
    if found != key:
        raise FaultyValueError(key, "it is missing" if found is None else f"{found!r} is there")
    event, value = next(events)
    if event != "number" or not isinstance(value, int):
        raise FaultyValueError(key, f"{str(value or event)[:40]} is no whole number")
    return value


def _value(events: Events) -> Any:
    """Read one value, whatever it is."""
    event, value = next(events)
    return _built(events, event, value)


def _built(events: Events, event: str, value: Any) -> Any:
    """Return the value that an event begins."""
    if event == "start_map":
        return _object(events)
    if event == "start_array":
        return _list(events)
    return value


def _object(events: Events) -> dict[str, Any]:
    """Read the rest of an object; a key that comes twice is a fault."""
    found: dict[str, Any] = {}
    step: Callable[[], tuple[str, Any]] = events.__next__
    while True:
        event, key = step()
        if event == "end_map":
            return found
        event, value = step()
        if key in found:
            raise FaultyValueError(str(key)[:40], "it comes twice")
        found[key] = _built(events, event, value) if event in _NESTED else value


def _list(events: Events) -> list[Any]:
    """Read the rest of a list."""
    found: list[Any] = []
    for event, value in events:
        if event == "end_array":
            break
        found.append(_built(events, event, value) if event in _NESTED else value)
    return found
