"""Trading sessions: which session an instant belongs to, and when a market is open.

An instant t belongs to session s when `start(s) <= t < start(next session)`: sessions tile the
time line, so nights, weekends and holidays belong to the session before them. Whether the market
was open at t is another question: see `SessionCalendar.outside_hours`.

The table of sessions is baked (see `storage.bake_sessions`) and handed in as a frame; a user's file
may change it (see `session_overrides`).
"""

import hashlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date
from typing import Self

import dataframely as dy
import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.columns import UTC_NS, day, flag, instant
from quant_assets.market.errors import SessionError
from quant_assets.market.tables import Grain, Table

CALENDARS = ("XNYS", "CME_EQUITY", "CME_METALS", "FX", "CRYPTO")
"""Names of the baked calendars."""

Instants = npt.NDArray[np.int64]
Days = npt.NDArray[np.datetime64]
Flags = npt.NDArray[np.bool_]


class SessionsSchema(dy.Schema):
    """One row a session of one calendar; instants are half open, [open, close)."""

    session = day("date by which the exchange names the session", key=True)
    start = instant("first instant that belongs to the session")
    open = instant("first instant at which the market trades")
    close = instant("first instant at which it no longer trades")
    next_start = instant("start of the next session")
    pre_open = instant("start of pre-market trading", nullable=True)
    post_close = instant("end of after-hours trading", nullable=True)
    breaks = dy.List(
        dy.Struct(
            {
                "start": dy.Datetime(time_unit="ns", time_zone="UTC"),
                "end": dy.Datetime(time_unit="ns", time_zone="UTC"),
            }
        ),
        metadata={"unit": "ns, UTC", "meaning": "stretches [start, end) without trading"},
    )
    is_half_day = flag("closes an hour or more before its regular close")

    @dy.rule()
    def is_in_order(cls) -> pl.Expr:
        """A session starts, opens, closes and is followed, in this order."""
        return (
            (pl.col("start") <= pl.col("open"))
            & (pl.col("open") < pl.col("close"))
            & (pl.col("close") <= pl.col("next_start"))
        )


SESSIONS = Table(
    name="sessions",
    schema=SessionsSchema,
    levels=("calendar",),
    order=("session",),
    grain=Grain.WHOLE,
)


@dataclass(frozen=True)
class SessionBounds:
    """Instants of one session as ns since the epoch, UTC: [start, next_start) holds its rows."""

    session: date
    start_ns: int
    open_ns: int
    close_ns: int
    next_start_ns: int


@dataclass(frozen=True, eq=False)
class SessionCalendar:
    """The sessions of one market, oldest first.

    Make it with `from_frame`. Arrays have shape (n_sessions,), but the breaks (n_breaks,).
    """

    name: str
    sessions: tuple[date, ...]
    days: Days
    start_ns: Instants
    open_ns: Instants
    close_ns: Instants
    next_start_ns: Instants
    break_start_ns: Instants
    break_end_ns: Instants

    @classmethod
    def from_frame(cls, name: str, frame: pl.DataFrame) -> Self:
        """Build a calendar from its rows in the columns of table `sessions`.

        Raises
        ------
        SessionError
            If there is no row, or a session does not end where the next one starts.
        """
        rows = frame.sort("session")
        breaks = rows.select(pl.col("breaks").explode(empty_as_null=False)).unnest("breaks")
        calendar = cls(
            name=name,
            sessions=tuple(rows["session"].to_list()),
            days=rows["session"].to_numpy().astype("datetime64[D]"),
            start_ns=_ns(rows["start"]),
            open_ns=_ns(rows["open"]),
            close_ns=_ns(rows["close"]),
            next_start_ns=_ns(rows["next_start"]),
            break_start_ns=_ns(breaks["start"]),
            break_end_ns=_ns(breaks["end"]),
        )
        calendar._check_tiling()
        return calendar

    @property
    def first(self) -> date:
        """Oldest session."""
        return self.sessions[0]

    @property
    def last(self) -> date:
        """Newest session."""
        return self.sessions[-1]

    def is_session(self, d: date) -> bool:
        """Tell whether `d` is a session; False also outside `first` to `last`."""
        place = bisect_left(self.sessions, d)
        return place < len(self.sessions) and self.sessions[place] == d

    def bounds(self, d: date) -> SessionBounds:
        """Return the instants of session `d`.

        Raises
        ------
        SessionError
            If `d` is no session of this calendar.
        """
        if not self.is_session(d):
            raise SessionError(
                asked=f"session {d} of calendar {self.name}",
                found=self._what_stands_around(d),
                remedy="Choose a session of the calendar.",
            )
        place = bisect_left(self.sessions, d)
        return SessionBounds(
            session=d,
            start_ns=int(self.start_ns[place]),
            open_ns=int(self.open_ns[place]),
            close_ns=int(self.close_ns[place]),
            next_start_ns=int(self.next_start_ns[place]),
        )

    def between(self, first: date, last: date) -> list[date]:
        """Return the sessions from `first` to `last`, both included; neither need be one."""
        return list(
            self.sessions[bisect_left(self.sessions, first) : bisect_right(self.sessions, last)]
        )

    def previous(self, d: date, count: int) -> list[date]:
        """Return up to `count` sessions before `d`, oldest first; `d` need not be a session."""
        end = bisect_left(self.sessions, d)
        return list(self.sessions[max(0, end - max(0, count)) : end])

    def next(self, d: date, count: int) -> list[date]:
        """Return up to `count` sessions after `d`, oldest first; `d` need not be a session."""
        begin = bisect_right(self.sessions, d)
        return list(self.sessions[begin : begin + max(0, count)])

    def version(self, first: date, last: date) -> str:
        """Return SHA-256 over the sessions from `first` to `last`, both included.

        Two calendars give the same where dates, starts, opens, closes and breaks there are equal.
        """
        begin, end = bisect_left(self.sessions, first), bisect_right(self.sessions, last)
        digest = hashlib.sha256()
        for instants in (self.start_ns, self.open_ns, self.close_ns, self.next_start_ns):
            digest.update(instants[begin:end].tobytes())
        digest.update(self.days[begin:end].tobytes())
        if begin < end:
            within = (self.start_ns[begin], self.next_start_ns[end - 1])
            some = slice(*np.searchsorted(self.break_start_ns, within))
            digest.update(self.break_start_ns[some].tobytes() + self.break_end_ns[some].tobytes())
        return digest.hexdigest()

    def assign(self, ts_ns: Instants) -> Days:
        """Return the session of each instant.

        Parameters
        ----------
        ts_ns : int64 array of shape (n,)
            Instants as ns since the epoch, UTC, in any order.

        Returns
        -------
        datetime64[D] array of shape (n,)
            The session s with `start(s) <= t < start(next session)`.

        Raises
        ------
        SessionError
            If an instant lies outside the calendar; the first such one is named.
        """
        return self.days[self._place(ts_ns)]

    def outside_hours(self, ts_ns: Instants) -> Flags:
        """Tell for each instant whether its market did not trade, by the calendar.

        Parameters
        ----------
        ts_ns : int64 array of shape (n,)
            Instants as ns since the epoch, UTC, in any order.

        Returns
        -------
        bool array of shape (n,)
            True outside [open, close) of the instant's session, and inside a break of it.
            Pre-market and after-hours trading of equities is outside.

        Raises
        ------
        SessionError
            If an instant lies outside the calendar; the first such one is named.
        """
        stamps = np.asarray(ts_ns, dtype=np.int64)
        place = self._place(stamps)
        is_out = (stamps < self.open_ns[place]) | (stamps >= self.close_ns[place])
        return is_out | self._in_break(stamps)

    def _place(self, ts_ns: Instants) -> npt.NDArray[np.intp]:
        """Return the position of each instant's session, or raise `SessionError`."""
        stamps = np.asarray(ts_ns, dtype=np.int64)
        is_foreign = (stamps < self.start_ns[0]) | (stamps >= self.next_start_ns[-1])
        if is_foreign.any():
            raise SessionError(
                asked=f"the {self.name} session of {_iso(stamps[np.argmax(is_foreign)])}",
                found=f"its sessions span {_iso(self.start_ns[0])} "
                f"to {_iso(self.next_start_ns[-1])}",
                remedy="Look at the time stamps of the file, or at its time zone.",
            )
        return np.searchsorted(self.start_ns, stamps, side="right") - 1

    def _in_break(self, stamps: Instants) -> Flags:
        """Tell for each instant whether it lies in a break; breaks do not overlap."""
        if self.break_start_ns.size == 0:
            return np.zeros(stamps.shape, dtype=np.bool_)
        place = np.searchsorted(self.break_start_ns, stamps, side="right") - 1
        is_before_end = stamps < self.break_end_ns[np.maximum(place, 0)]
        return (place >= 0) & is_before_end

    def _check_tiling(self) -> None:
        """Refuse sessions with a gap or an overlap between them."""
        if not self.sessions:
            found = "no row"
        elif (torn := np.flatnonzero(self.next_start_ns[:-1] != self.start_ns[1:])).size:
            found = f"{self.sessions[torn[0]]} does not end where the next session starts"
        else:
            return
        raise SessionError(
            asked=f"the sessions of calendar {self.name}",
            found=found,
            remedy="Bake them anew: python -m quant_assets.storage.bake_sessions",
        )

    def _what_stands_around(self, d: date) -> str:
        """Say which sessions stand before and after a date that is none."""
        neighbours = [*self.previous(d, 1), *self.next(d, 1)]
        if d < self.first or d > self.last:
            return f"its sessions span {self.first} to {self.last}"
        return f"no session; beside it stand {' and '.join(str(n) for n in neighbours)}"


def _ns(column: pl.Series) -> Instants:
    """Return a column of instants as int64 ns since the epoch."""
    return column.cast(UTC_NS).cast(pl.Int64).to_numpy().astype(np.int64)


def _iso(stamp_ns: np.int64) -> str:
    """Write an instant for a message, in ISO 8601."""
    return f"{np.datetime_as_string(np.datetime64(int(stamp_ns), 'ns'), unit='ms')}Z"
