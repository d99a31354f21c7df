"""Days as JSON values and back: nested as the objects are, checked value by value."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any, TypeVar, get_args, get_type_hints

from quant_assets.contracts.model import (
    UNKNOWN_LEVEL,
    Bar,
    ContractHead,
    Day,
    FootprintRow,
    Level,
    OrderFlow,
    Prices,
    Running,
)
from quant_assets.contracts.schema import STRETCHES
from quant_assets.levels.schema import LEVEL_NAMES

JSON = dict[str, Any]
T = TypeVar("T")

_NS = 1_000_000_000
_COUNTS = {"imbalance_buy", "imbalance_sell", "stacked_buy", "stacked_sell"}
_SMALL, _LARGE = 2**16, 2**32


class FaultyValueError(Exception):
    """A value that is not what its place asks for.

    Parameters
    ----------
    place
        Where it stands, for example `bars[3].prices.open`.
    found
        What is wrong with it, as a clause.
    """

    def __init__(self, place: str, found: str) -> None:
        self.place = place
        self.found = found
        super().__init__(f"{place}: {found}" if place else found)

    def inside(self, outer: str) -> "FaultyValueError":
        """Return the fault with its place seen from farther out."""
        joint = "" if not self.place or self.place.startswith("[") else "."
        return FaultyValueError(f"{outer}{joint}{self.place}", self.found)


def day_to_json(day: Day) -> JSON:
    """Return a day as JSON values; equal days give equal values in equal order."""
    return {
        "session": day.session.isoformat(),
        "contract_session": day.contract_session,
        "bars": [_bar_to_json(bar) for bar in day.bars],
    }


def day_from_json(raw: object) -> Day:
    """Read what `day_to_json` gave.

    Raises
    ------
    FaultyValueError
        If a key is missing or foreign, or a value is not of its kind; it names the place.
    """
    told = _keys(raw, ("session", "contract_session", "bars"))
    return Day(
        session=_at("session", _date, told["session"]),
        contract_session=_at("contract_session", _count, told["contract_session"]),
        bars=_at("bars", partial(_each, _bar_from_json), told["bars"]),
    )


def head_from_json(raw: JSON) -> ContractHead:
    """Read the head of a contract: raises as `day_from_json`."""
    told = _keys(raw, [field.name for field in fields(ContractHead)])
    return ContractHead(
        symbol=_at("symbol", _text, told["symbol"]),
        name=_at("name", _text, told["name"]),
        contract=_at("contract", _text_or_null, told["contract"]),
        timeframe=_at("timeframe", _text, told["timeframe"]),
        bucket=_at("bucket", _text_or_null, told["bucket"]),
    )


def stamp_text(ns: int) -> str:
    """Return an instant as ISO 8601 in UTC with nine decimals."""
    seconds, rest = divmod(ns, _NS)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def stamp_ns(raw: object) -> int:
    """Read what `stamp_text` wrote, and nothing else."""
    text = _text(raw)
    try:
        whole = datetime.fromisoformat(text[:19] + "+00:00")
        ns = int(whole.timestamp()) * _NS + int(text[20:29])
    except ValueError as error:
        raise FaultyValueError("", f"{text[:40]!r} is no instant") from error
    if stamp_text(ns) != text:
        raise FaultyValueError("", f"{text[:40]!r} is no instant in UTC with nine decimals")
    return ns


def _bar_to_json(bar: Bar) -> JSON:
    """Return a bar as JSON values."""
    return {
        "bar_start": stamp_text(bar.start_ns),
        "known_at": stamp_text(bar.known_at_ns),
        "prices": _to_json(bar.prices),
        "order_flow": None if bar.order_flow is None else _to_json(bar.order_flow),
        "atr": bar.atr,
        "levels": {name: _level_to_json(bar.levels[name]) for name in LEVEL_NAMES},
        **{name: _to_json(getattr(bar, name)) for name in STRETCHES},
        "footprint": [_to_json(row) for row in bar.footprint],
    }


_BAR_KEYS = (
    *("bar_start", "known_at", "prices", "order_flow", "atr", "levels"),
    *STRETCHES,
    "footprint",
)


def _bar_from_json(raw: object) -> Bar:
    """Read a bar."""
    told = _keys(raw, _BAR_KEYS)
    return Bar(
        start_ns=_at("bar_start", stamp_ns, told["bar_start"]),
        known_at_ns=_at("known_at", stamp_ns, told["known_at"]),
        prices=_at("prices", _PRICES, told["prices"]),
        order_flow=_at("order_flow", _order_flow, told["order_flow"]),
        atr=_at("atr", _or_null(_real), told["atr"]),
        levels=_at("levels", _levels, told["levels"]),
        day=_at("day", _RUNNING, told["day"]),
        week=_at("week", _RUNNING, told["week"]),
        contract=_at("contract", _RUNNING, told["contract"]),
        footprint=_at("footprint", partial(_each, _ROW), told["footprint"]),
    )


def _level_to_json(level: Level) -> JSON | None:
    """Return a level; one that is not known is null as a whole."""
    known = level is not UNKNOWN_LEVEL and level != UNKNOWN_LEVEL
    return _to_json(level) if known else None


def _levels(raw: object) -> dict[str, Level]:
    """Read the levels of a bar."""
    told = _keys(raw, LEVEL_NAMES)
    return {
        name: UNKNOWN_LEVEL if told[name] is None else _at(name, _LEVEL, told[name])
        for name in LEVEL_NAMES
    }


def _order_flow(raw: object) -> OrderFlow | None:
    """Read the order flow of a bar; null where there is none."""
    return None if raw is None else _ORDER_FLOW(raw)


def _to_json(record: Any) -> JSON:
    """Return a record of figures by its fields' names."""
    names = record.__slots__
    return dict(zip(names, attrgetter(*names)(record), strict=True))


def _at(place: str, read: Callable[[object], T], raw: object) -> T:
    """Read a value, and say where it stands if it is faulty."""
    try:
        return read(raw)
    except FaultyValueError as fault:
        raise fault.inside(place) from fault


def _each(read: Callable[[object], T], raw: object) -> tuple[T, ...]:
    """Read a list of one kind."""
    if not isinstance(raw, list):
        raise FaultyValueError("", f"{_shown(raw)} is no list")
    return tuple(_at(f"[{number}]", read, one) for number, one in enumerate(raw))


def _keys(raw: object, names: Collection[str]) -> Mapping[str, Any]:
    """Return an object that has exactly these keys."""
    if not isinstance(raw, dict):
        raise FaultyValueError("", f"{_shown(raw)} is no object")
    if raw.keys() == set(names):
        return raw
    faults = [f"{name!r} is missing" for name in names if name not in raw]
    foreign = sorted(set(raw) - set(names))
    faults += [f"{name[:40]!r} does not belong there" for name in foreign]
    raise FaultyValueError("", "; ".join(faults))


def _real(raw: object) -> float:
    """Read a number."""
    if type(raw) is float:
        return raw
    if isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    raise FaultyValueError("", f"{_shown(raw)} is no number")


def _count(raw: object, *, below: int = _LARGE) -> int:
    """Read a count."""
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < below:
        return raw
    raise FaultyValueError("", f"{_shown(raw)} is no whole number from 0 to {below - 1}")


def _flag(raw: object) -> bool:
    """Read a yes or no."""
    if isinstance(raw, bool):
        return raw
    raise FaultyValueError("", f"{_shown(raw)} is neither true nor false")


def _text(raw: object) -> str:
    """Read a text."""
    if isinstance(raw, str):
        return raw
    raise FaultyValueError("", f"{_shown(raw)} is no text")


def _date(raw: object) -> date:
    """Read a date."""
    try:
        return date.fromisoformat(_text(raw))
    except ValueError as error:
        raise FaultyValueError("", f"{_shown(raw)} is no date") from error


def _or_null(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """Return a reader that lets null through."""

    def reading(raw: object) -> T | None:
        return None if raw is None else read(raw)

    return reading


_text_or_null = _or_null(_text)


def _shown(raw: object) -> str:
    """Return a value for a message."""
    return repr(raw)[:40]


def _reader_of(name: str, hint: Any) -> Callable[[object], Any]:
    """Return what reads a field by its type."""
    kinds = set(get_args(hint) or (hint,))
    if kinds == {int}:
        return partial(_count, below=_SMALL) if name in _COUNTS else _count
    plain: dict[Any, Callable[[object], Any]] = {float: _real, int: _count, bool: _flag}
    read = plain[next(kind for kind in kinds if kind in plain)]
    return _or_null(read) if type(None) in kinds else read


def _record(kind: Callable[..., T]) -> Callable[[object], T]:
    """Return what reads a record of figures."""
    readers = {name: _reader_of(name, hint) for name, hint in get_type_hints(kind).items()}
    values, reads = itemgetter(*readers), tuple(readers.values())

    def reading(raw: object) -> T:
        told = _keys(raw, readers)
        try:
            return kind(*(read(one) for read, one in zip(reads, values(told), strict=True)))
        except FaultyValueError:
            # Only now is it worth knowing which of them it was.
            return kind(*(_at(name, read, told[name]) for name, read in readers.items()))

    return reading


_PRICES = _record(Prices)
_ORDER_FLOW = _record(OrderFlow)
_LEVEL = _record(Level)
_RUNNING = _record(Running)
_ROW = _record(FootprintRow)
