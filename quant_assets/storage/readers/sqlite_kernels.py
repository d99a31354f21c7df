"""Stamps as text to nanoseconds, on the bytes of an Arrow column; prices to whole counts."""

# numba's decorators carry no types, which each `type: ignore` below is for.

import numpy as np
import numpy.typing as npt
from numba import njit

from quant_assets.storage.readers.sqlite_page_kernels import read_word

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
_NO_MINUTE = 1


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
def _minute_seconds(data: npt.NDArray[np.uint8], at: int) -> int:
    """Return the seconds at the start of the minute `YYYY-MM-DD HH:MM`, or `_NO_MINUTE`."""
    day = _date_seconds(data, at)
    hour = _number(data, at + 11, at + 13)
    minute = _number(data, at + 14, at + 16)
    if day == _NO_DAY or (data[at + 10] != 32 and data[at + 10] != 84) or data[at + 13] != 58:
        return _NO_MINUTE
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return _NO_MINUTE
    seconds: int = day + hour * 3600 + minute * 60
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
    A fraction has one to nine digits; a zone is `Z`, `+HH:MM` or `+HHMM`, or with a minus. A leap
    second is no stamp. The first 16 bytes say the minute; of rows that share them it is read once.
    """
    minute = _NO_MINUTE
    high = low = 0
    for row in range(stamps_ns.shape[0]):
        stamps_ns[row] = 0
        kinds[row] = BAD
        at = offsets[row]
        end = offsets[row + 1]
        if end - at < 19:
            continue
        row_high, row_low = read_word(data, at), read_word(data, at + 8)
        if row_high != high or row_low != low:
            minute, high, low = _minute_seconds(data, at), row_high, row_low
        second = _number(data, at + 17, at + 19)
        if minute == _NO_MINUTE or data[at + 16] != 58 or second < 0 or second > 59:
            continue
        at += 19

        nanos = 0
        if at < end and data[at] == 46:
            start = at + 1
            at = start
            while at < end and at - start < 9 and 48 <= data[at] <= 57:
                nanos = nanos * 10 + int(data[at]) - 48
                at += 1
            if at == start:
                continue
            for _ in range(9 - (at - start)):
                nanos *= 10

        shift = 0 if at == end else _zone_seconds(data, at, end)
        if shift == _NO_ZONE:
            continue
        kinds[row] = NAIVE if at == end else UTC
        stamps_ns[row] = (minute + second - shift) * _NS + nanos


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def count_fixed(
    values: npt.NDArray[np.float64], scale: float, counts: npt.NDArray[np.int64]
) -> int:
    """Turn numbers into whole counts, rounded half to even; return how many are not finite.

    Parameters
    ----------
    values : float64 array of shape (n,)
        Times `scale` within 64 bits, where finite.
    scale
        Counts that are one.
    counts : int64 array of shape (n,)
        Written; 0 where the number is not finite.
    """
    n_other = 0
    for row in range(values.shape[0]):
        is_number = np.isfinite(values[row])
        counts[row] = np.int64(np.rint(values[row] * scale)) if is_number else 0
        n_other += not is_number
    return n_other
