"""Cuts a batch's rows by the session that they belong to."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.sessions import SessionCalendar
from quant_assets.market.timeframes import NS_PER_DAY, Timeframe

OUTSIDE_CALENDAR = "outside_calendar"
"""A stamp before the first or after the last session that the calendar knows."""

NO_SESSION = "no_session"
"""A daily bar for a date on which the market did not trade."""


@dataclass(frozen=True)
class Cut:
    """A batch's rows by session, each in the batch's order, and those that have none."""

    pieces: list[tuple[date, pl.DataFrame]]
    without: pl.DataFrame
    rule: str


def step_of(bar_schema: str) -> Timeframe:
    """Return the bar length that a name such as `ohlcv-15m` says."""
    return Timeframe.parse(bar_schema.removeprefix("ohlcv-"))


def cut_by_session(frame: pl.DataFrame, *, time: str, calendar: SessionCalendar) -> Cut:
    """Cut rows at session starts; a row belongs to s when start(s) <= t < start(next s).

    Parameters
    ----------
    frame
        Rows with a stamp each, in any order.
    time
        Column of stamps.
    """
    stamps = frame[time].to_physical().to_numpy()
    first = calendar.bounds(calendar.first).start_ns
    end = calendar.bounds(calendar.last).next_start_ns
    without = frame.clear()
    if stamps.size == 0:
        return Cut([], without, OUTSIDE_CALENDAR)
    edges = np.array([stamps.min(), stamps.max()])
    if edges[0] < first or edges[1] >= end:
        is_known = (stamps >= first) & (stamps < end)
        known = cut_by_session(frame.filter(is_known), time=time, calendar=calendar)
        return Cut(known.pieces, frame.filter(~is_known), OUTSIDE_CALENDAR)
    days = calendar.assign(edges)
    # Feeds are ordered by arrival: their stamps cross, but seldom the start of a session.
    if days[0] == days[1]:
        return Cut([(days[0].item(), frame)], without, OUTSIDE_CALENDAR)
    if bool(np.all(stamps[1:] >= stamps[:-1])):
        return Cut(_sliced(frame, stamps, calendar), without, OUTSIDE_CALENDAR)
    return Cut(_parted(frame, calendar.assign(stamps)), without, OUTSIDE_CALENDAR)


def cut_by_date(frame: pl.DataFrame, *, time: str, calendar: SessionCalendar) -> Cut:
    """Cut daily bars: the stamp's UTC date is the session; a date that is none has no place."""
    days = (frame[time].to_physical().to_numpy() // NS_PER_DAY).astype("datetime64[D]")
    known = np.array(calendar.sessions, dtype="datetime64[D]")
    is_session = np.isin(days, known)
    without = frame.filter(~is_session)
    return Cut(_parted(frame.filter(is_session), days[is_session]), without, NO_SESSION)


def is_outside_hours(
    stamps: npt.NDArray[np.int64], *, session: date, calendar: SessionCalendar
) -> npt.NDArray[np.bool_]:
    """Tell for each stamp of one session whether its market did not trade, by the calendar.

    The same as `calendar.outside_hours`, which looks every stamp up among all sessions; the answer
    changes only where the market opens or closes, so these few instants are looked up instead.
    """
    bounds = calendar.bounds(session)
    turns = np.concatenate([calendar.break_start_ns, calendar.break_end_ns])
    inside = turns[(turns > bounds.start_ns) & (turns < bounds.next_start_ns)]
    edges = np.unique([bounds.start_ns, bounds.open_ns, bounds.close_ns, *inside])
    edges = edges[edges < bounds.next_start_ns]
    is_out = calendar.outside_hours(edges)
    lowest, highest = np.searchsorted(edges, [stamps.min(), stamps.max()], side="right") - 1
    if lowest == highest:
        return np.full(stamps.size, is_out[lowest])
    if bool(np.all(stamps[1:] >= stamps[:-1])):
        ends = np.append(np.searchsorted(stamps, edges[1:], side="left"), stamps.size)
        return np.repeat(is_out, np.diff(ends, prepend=0))
    return is_out[np.searchsorted(edges, stamps, side="right") - 1]


def _sliced(
    frame: pl.DataFrame, stamps: npt.NDArray[np.int64], calendar: SessionCalendar
) -> list[tuple[date, pl.DataFrame]]:
    """Cut ascending rows without copying them."""
    first, last = (day.item() for day in calendar.assign(stamps[[0, -1]]))
    pieces, begin = [], 0
    for session in calendar.between(first, last):
        end = int(np.searchsorted(stamps, calendar.bounds(session).next_start_ns, side="left"))
        if end > begin:
            pieces.append((session, frame.slice(begin, end - begin)))
        begin = end
    return pieces


def _parted(
    frame: pl.DataFrame, days: npt.NDArray[np.datetime64]
) -> list[tuple[date, pl.DataFrame]]:
    """Group rows of any order by their session."""
    marked = frame.with_columns(pl.Series("_session", days))
    groups = marked.partition_by("_session", maintain_order=True, include_key=True)
    return [(group["_session"][0], group.drop("_session")) for group in groups]
