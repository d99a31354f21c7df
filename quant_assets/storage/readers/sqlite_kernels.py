"""Stamps as text to nanoseconds, on the bytes of an Arrow column."""

# numba's decorators carry no types, which each `type: ignore` below is for.

import numpy as np
import numpy.typing as npt
from numba import njit

NAIVE = 0
"""The text has no zone: nanoseconds since 1970-01-01 of the local clock."""
UTC = 1
"""The text states its offset: nanoseconds UTC."""
BAD = 2
"""The text is no stamp."""

_SECONDS_OF_DAY = 86_400
_NS = 1_000_000_000
_NO_NUMBER = -1
_NO_ZONE = 1_000_000
_NO_DAY = 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _number(data: npt.NDArray[np.uint8], start: int, end: int) -> int:
    """Return the digits of `data[start:end]` as a number, or `_NO_NUMBER`."""
    number = 0
    for at in range(start, end):
        digit = int(data[at]) - 48
        if digit < 0 or digit > 9:
            return _NO_NUMBER
        number = number * 10 + digit
    return number


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _days(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01, by Howard Hinnant's `days_from_civil`; year > 0."""
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _days_of_month(year: int, month: int) -> int:
    """Return the length of a month."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _date_seconds(data: npt.NDArray[np.uint8], at: int) -> int:
    """Return the seconds at the start of the day `YYYY-MM-DD`, or `_NO_DAY`."""
    year = _number(data, at, at + 4)
    month = _number(data, at + 5, at + 7)
    day = _number(data, at + 8, at + 10)
    if data[at + 4] != 45 or data[at + 7] != 45:
        return _NO_DAY
    if year < 1700 or year > 2199 or month < 1 or month > 12:
        return _NO_DAY
    if day < 1 or day > _days_of_month(year, month):
        return _NO_DAY
    seconds: int = _days(year, month, day) * _SECONDS_OF_DAY
    return seconds


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _clock_seconds(data: npt.NDArray[np.uint8], at: int) -> int:
    """Return the seconds of `HH:MM:SS`, or `_NO_NUMBER`; a leap second is none."""
    hour = _number(data, at, at + 2)
    minute = _number(data, at + 3, at + 5)
    second = _number(data, at + 6, at + 8)
    if data[at + 2] != 58 or data[at + 5] != 58:
        return _NO_NUMBER
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return _NO_NUMBER
    seconds: int = hour * 3600 + minute * 60 + second
    return seconds


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _zone_seconds(data: npt.NDArray[np.uint8], at: int, end: int) -> int:
    """Return the offset of `Z`, `+HH:MM` or `+HHMM` (or with a minus), or `_NO_ZONE`."""
    if end - at == 1 and data[at] == 90:
        return 0
    has_colon = end - at == 6 and data[at + 3] == 58
    if (end - at != 5 and not has_colon) or (data[at] != 43 and data[at] != 45):
        return _NO_ZONE
    hours = _number(data, at + 1, at + 3)
    minutes = _number(data, end - 2, end)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return _NO_ZONE
    seconds: int = hours * 3600 + minutes * 60
    return -seconds if data[at] == 45 else seconds


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def parse_stamps(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int32],
    stamps_ns: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.uint8],
) -> None:
    """Read `YYYY-MM-DD HH:MM:SS[.f][zone]`, with `T` or a blank between, from 1700 to 2199.

    Parameters
    ----------
    data : uint8 array
        Texts one after the other.
    offsets : int32 array of shape (n + 1,)
        Text `i` is `data[offsets[i]:offsets[i + 1]]`.
    stamps_ns : int64 array of shape (n,)
        Written: nanoseconds; 0 where the text is bad.
    kinds : uint8 array of shape (n,)
        Written: `NAIVE`, `UTC` or `BAD`.

    Notes
    -----
    A fraction has one to nine digits; a zone is `Z`, `+HH:MM` or `+HHMM`, or with a minus.
    """
    for row in range(stamps_ns.shape[0]):
        stamps_ns[row] = 0
        kinds[row] = BAD
        at = offsets[row]
        end = offsets[row + 1]
        if end - at < 19 or (data[at + 10] != 32 and data[at + 10] != 84):
            continue
        day = _date_seconds(data, at)
        clock = _clock_seconds(data, at + 11)
        if day == _NO_DAY or clock == _NO_NUMBER:
            continue
        at += 19

        nanos = 0
        if at < end and data[at] == 46:
            start = at + 1
            at = start
            while at < end and at - start < 9 and 48 <= data[at] <= 57:
                at += 1
            if at == start:
                continue
            nanos = _number(data, start, at)
            for _ in range(9 - (at - start)):
                nanos *= 10

        shift = 0 if at == end else _zone_seconds(data, at, end)
        if shift == _NO_ZONE:
            continue
        kinds[row] = NAIVE if at == end else UTC
        stamps_ns[row] = (day + clock - shift) * _NS + nanos
