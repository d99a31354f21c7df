"""Time stamps of text files: the form is told by shape, once a file, and never guessed by row.

The shape of a stamp is its text with each digit written as 9. A shape fixes where year, month and
hour stand, so all stamps of one shape are read at once by position, and 2012-02-30 is no stamp.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_SECOND
from quant_assets.storage.readers.text import refuse

MAX_STAMP_CHARS = 40
"""A longer text is no stamp."""

FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Years that a stamp may name: int64 nanoseconds hold them."""

_CLOCK = r"[ T](?P<hour>99?):(?P<minute>99)(?::(?P<second>99)(?:\.(?P<fraction>9{1,9}))?)?"
_SHORT_CLOCK = r"[ T](?P<hour>99)(?P<minute>99)(?P<second>99)?"
_ZONE = r"(?: ?(?P<utc>Z|UTC)| ?(?P<sign>[+-])(?P<zone_hour>99)(?::?(?P<zone_minute>99))?)?"
_YEAR_FIRST = r"(?P<year>9999)(?P<mark>[./-])(?P<month>99?)(?P=mark)(?P<day>99?)"
_YEAR_LAST = r"(?P<first>99?)(?P<mark>[./-])(?P<second_part>99?)(?P=mark)(?P<year>9999)"
_COMPACT = r"(?P<year>9999)(?P<month>99)(?P<day>99)"

_DATED = tuple(
    re.compile(pattern)
    for pattern in (
        f"{_YEAR_FIRST}(?:{_CLOCK}{_ZONE})?",
        f"{_YEAR_LAST}(?:{_CLOCK}{_ZONE})?",
        f"{_COMPACT}(?:(?:{_SHORT_CLOCK}){_ZONE})?",
        f"{_COMPACT}{_CLOCK}{_ZONE}",
        rf"{_COMPACT}(?P<hour>99)(?P<minute>99)(?P<second>99)",
    )
)
_EPOCH = re.compile(r"(?P<whole>9+)(?:\.(?P<fraction>9*))?")
_EPOCH_UNITS = {
    9: ("s", NS_PER_SECOND),
    10: ("s", NS_PER_SECOND),
    13: ("ms", 1_000_000),
    15: ("us", 1_000),
    16: ("us", 1_000),
    18: ("ns", 1),
    19: ("ns", 1),
}

Span = tuple[int, int]


@dataclass(frozen=True)
class StampForm:
    """Where the parts of a stamp stand in texts of one shape.

    `family` names the form of the date: all stamps of a file share one. It is `Y.m.d`, `Y-m-d`,
    `Y/m/d`, `Ymd`, `?.?.Y` (day or month first, not told by the shape) or `epoch ms` and its like.
    """

    family: str
    width: int
    spans: tuple[tuple[str, Span], ...]
    unit_ns: int = 0
    zone_sign: int = 0
    is_zoned: bool = False

    @property
    def is_ambiguous(self) -> bool:
        """Whether the shape leaves open which of day and month comes first."""
        return self.family.startswith("?")


@dataclass(frozen=True)
class ParsedStamps:
    """Stamps read from texts, as arrays of shape (n_texts,).

    `ns` is int64: UTC where `is_zoned`, else the clock of a zone not yet named; meaningless where
    not `is_valid`.
    """

    ns: np.ndarray
    is_valid: np.ndarray
    is_zoned: np.ndarray


@lru_cache(maxsize=4096)
def form_of(shape: str) -> StampForm | None:
    """Return the form of a shape, or None where it is no stamp's.

    A number of 8 digits is a date, of 14 a date with its clock; 9 or 10 digits are epoch seconds,
    13 milliseconds, 15 or 16 microseconds, 18 or 19 nanoseconds (1973 to 2286). Other counts of
    digits are no stamp: 12 could be a date with hour and minute or milliseconds before 2001.
    """
    for pattern in _DATED:
        if (match := pattern.fullmatch(shape)) is not None:
            return _dated_form(match)
    match = _EPOCH.fullmatch(shape)
    if match is None or len(match["whole"]) not in _EPOCH_UNITS:
        return None
    unit, unit_ns = _EPOCH_UNITS[len(match["whole"])]
    return StampForm(f"epoch {unit}", len(shape), _spans(match), unit_ns=unit_ns, is_zoned=True)


def families_of(texts: pl.Series) -> list[tuple[str, int]]:
    """Return each family of the texts with the row of its first stamp, in row order."""
    firsts: dict[str, int] = {}
    shapes = pl.DataFrame({"shape": _shapes(texts)}).with_row_index("row")
    first_rows = shapes.drop_nulls().group_by("shape").agg(pl.col("row").min())
    for shape, row in first_rows.iter_rows():
        if (form := form_of(shape)) is not None:
            firsts[form.family] = min(row, firsts.get(form.family, row))
    return sorted(firsts.items(), key=lambda item: item[1])


def parse_stamps(texts: pl.Series, *, day_first: bool | None = None) -> ParsedStamps:
    """Read stamps of any known form.

    Parameters
    ----------
    texts : Series[Utf8]
        Stamps, without blanks around them; nulls are invalid.
    day_first
        Order of day and month where the year comes last; None makes those stamps invalid.
    """
    n_texts = len(texts)
    ns = np.zeros(n_texts, np.int64)
    is_valid, is_zoned = np.zeros(n_texts, np.bool_), np.zeros(n_texts, np.bool_)
    for form, rows, subset in _by_form(texts):
        if form.is_ambiguous and day_first is None:
            continue
        digits = _digit_matrix(subset, form.width)
        ns[rows], is_valid[rows] = _read_form(form, digits, day_first=bool(day_first))
        is_zoned[rows] = form.is_zoned
    return ParsedStamps(ns, is_valid, is_zoned)


@dataclass(frozen=True)
class Placed:
    """Stamps as instants, of shape (n_texts,).

    `ts` is null where the stamp is unreadable, or where its clock names no instant or two.
    """

    ts: pl.Series
    is_unreadable: pl.Series
    is_nonexistent: pl.Series
    is_ambiguous: pl.Series


def place_in_zone(stamps: ParsedStamps, zone: str) -> Placed:
    """Turn local clocks into instants; those that daylight saving skips or repeats are null."""
    readable = (
        pl.Series("ts", stamps.ns).cast(pl.Datetime("ns")).set(pl.Series(~stamps.is_valid), None)
    )
    zoned = pl.Series(stamps.is_zoned)
    early, strict = (
        readable.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")
        for ambiguous in ("earliest", "null")
    )
    nothing = early.is_null() & readable.is_not_null() & ~zoned
    twice = strict.is_null() & early.is_not_null() & ~zoned
    own = readable.dt.replace_time_zone("UTC")
    ts = own.zip_with(zoned, strict.dt.convert_time_zone("UTC")).cast(UTC_NS)
    return Placed(ts, readable.is_null(), nothing, twice)


def decides_day_first(texts: pl.Series) -> set[bool]:
    """Return the orders that some stamp proves: True for day first, False for month first.

    A stamp proves an order where it is a date in that order and none in the other.
    """
    as_day, as_month = (parse_stamps(texts, day_first=order).is_valid for order in (True, False))
    proofs = {True: as_day & ~as_month, False: as_month & ~as_day}
    return {order for order, proof in proofs.items() if proof.any()}


def _dated_form(match: re.Match[str]) -> StampForm:
    parts = match.groupdict()
    mark = parts.get("mark")
    if "first" in parts:
        family = f"?{mark}?{mark}Y"
    else:
        family = "Ymd" if mark is None else f"Y{mark}m{mark}d"
    sign = {"+": 1, "-": -1}.get(parts.get("sign") or "", 0)
    is_zoned = sign != 0 or parts.get("utc") is not None
    return StampForm(family, len(match.string), _spans(match), zone_sign=sign, is_zoned=is_zoned)


def _spans(match: re.Match[str]) -> tuple[tuple[str, Span], ...]:
    skipped = ("mark", "sign", "utc")
    found = [(name, match.span(name)) for name in match.groupdict() if name not in skipped]
    return tuple((name, span) for name, span in found if span[0] < span[1])


def _shapes(texts: pl.Series) -> pl.Series:
    short = texts.set(texts.str.len_bytes() > MAX_STAMP_CHARS, None)
    return short.str.replace_all("[0-9]", "9")


def _by_form(texts: pl.Series) -> Iterator[tuple[StampForm, np.ndarray, pl.Series]]:
    """Give each known shape's form, its rows and its texts."""
    shapes = _shapes(texts)
    for shape in shapes.drop_nulls().unique(maintain_order=True):
        if (form := form_of(shape)) is None:
            continue
        rows = (shapes == shape).fill_null(value=False)
        yield form, rows.to_numpy(), texts.filter(rows)


def _digit_matrix(texts: pl.Series, width: int) -> np.ndarray:
    """Return the digits' values, uint8 of shape (width, n_texts); other marks are meaningless."""
    joined = texts.str.join("").item().encode("ascii")
    characters = np.frombuffer(joined, np.uint8).reshape(-1, width)
    return np.ascontiguousarray(characters.T) - np.uint8(ord("0"))


def _read_form(
    form: StampForm, digits: np.ndarray, *, day_first: bool
) -> tuple[np.ndarray, np.ndarray]:
    spans = dict(form.spans)
    if form.unit_ns:
        return _read_epoch(spans, digits, form.unit_ns)
    if form.is_ambiguous:
        names = ("day", "month") if day_first else ("month", "day")
        spans |= dict(zip(names, (spans["first"], spans["second_part"]), strict=True))
    days, is_date = _read_date(spans, digits)
    clock, is_clock = _read_clock(spans, digits)
    shift_ns, is_shift = _read_shift(spans, digits)
    return days * NS_PER_DAY + clock - form.zone_sign * shift_ns, is_date & is_clock & is_shift


def _number(spans: dict[str, Span], name: str, digits: np.ndarray) -> np.ndarray:
    """Return the number that stands at a part's place, 0 where the form lacks the part."""
    value = np.zeros(digits.shape[1], np.int64)
    start, stop = spans.get(name, (0, 0))
    for position in range(start, stop):
        value *= 10
        value += digits[position]
    return value


def _read_epoch(
    spans: dict[str, Span], digits: np.ndarray, unit_ns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return epoch nanoseconds; digits of a fraction below the nanosecond are cut off."""
    whole = _number(spans, "whole", digits)
    n_kept = len(str(unit_ns)) - 1
    start, stop = spans.get("fraction", (0, 0))
    stop = min(stop, start + n_kept)
    fraction = _number({"fraction": (start, stop)}, "fraction", digits)
    # A 19-digit count beyond int64 has wrapped to a negative one.
    is_valid = whole >= 0
    return whole * unit_ns + fraction * 10 ** (n_kept - (stop - start)), is_valid


def _read_date(spans: dict[str, Span], digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return days since 1970-01-01, and whether year, month and day name a date."""
    year, month, day = (_number(spans, name, digits) for name in ("year", "month", "day"))
    is_month = (month >= 1) & (month <= 12) & (year >= FIRST_YEAR) & (year <= LAST_YEAR)
    months = (np.where(is_month, (year - 1970) * 12 + month - 1, 0)).astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    length = (months + 1).astype("datetime64[D]").astype(np.int64) - first
    return first + day - 1, is_month & (day >= 1) & (day <= length)


def _read_clock(spans: dict[str, Span], digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nanoseconds since midnight; hour 24 and second 60 are no clock's."""
    hour, minute, second = (_number(spans, name, digits) for name in ("hour", "minute", "second"))
    start, stop = spans.get("fraction", (0, 0))
    fraction = _number(spans, "fraction", digits) * 10 ** (9 - (stop - start))
    ns = hour * NS_PER_HOUR + minute * NS_PER_MINUTE + second * NS_PER_SECOND + fraction
    return ns, (hour <= 23) & (minute <= 59) & (second <= 59)


def _read_shift(spans: dict[str, Span], digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the offset from UTC in nanoseconds, at most 18 hours."""
    hour, minute = (_number(spans, name, digits) for name in ("zone_hour", "zone_minute"))
    return hour * NS_PER_HOUR + minute * NS_PER_MINUTE, (hour <= 18) & (minute <= 59)


def check_zone(zone: str, *, file_name: str) -> None:
    """Raise `FileRejectedError` under rule `unknown_zone` where there is no such IANA zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise refuse(
            file_name,
            rule="unknown_zone",
            found=f"there is no time zone {zone[:40]!r}",
            remedy="Give an IANA name with --tz, for example America/New_York.",
        ) from error
