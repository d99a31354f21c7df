"""A user's word on sessions: dates that are closed, open all the same, or at other hours.

It is laid over the baked sessions calendar by calendar. Sessions still tile the time line: what
traded on a date that is closed belongs to the session before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import SettingsError
from quant_assets.market.sessions import CALENDARS

STARTS = {
    "XNYS": ("America/New_York", time(0), 0),
    "CME_EQUITY": ("America/Chicago", time(17), -1),
    "CME_METALS": ("America/Chicago", time(17), -1),
    "FX": ("UTC", time(0), 0),
    "CRYPTO": ("UTC", time(0), 0),
}
"""Where a session starts: zone, clock, and days after its date."""

_REMEDY = (
    f"Calendars are {', '.join(CALENDARS)}; a date reads 2026-11-27, an instant "
    "2026-11-27T18:00:00Z."
)

_Row = dict[str, Any]


def _refuse_number(value: object) -> object:
    """Refuse what pydantic would take for seconds since 1970."""
    digits = value.replace(".", "", 1) if isinstance(value, str) else ""
    if isinstance(value, int | float) or digits.isdigit():
        msg = "should be a date or an instant"
        raise ValueError(msg)
    return value


_Day = Annotated[date, BeforeValidator(_refuse_number)]
_Instant = Annotated[AwareDatetime, BeforeValidator(_refuse_number)]


class _Hours(BaseModel):
    """What a file says of one session; what it leaves out is as baked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: _Instant | None = None
    open: _Instant | None = None
    close: _Instant | None = None
    is_half_day: bool | None = None

    def stated(self) -> _Row:
        """Return the fields that the file states, instants in UTC."""
        given = self.model_dump(exclude_none=True)
        return {k: v.astimezone(UTC) if isinstance(v, datetime) else v for k, v in given.items()}


class _Changes(BaseModel):
    """What a file says of one calendar."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    closed: tuple[_Day, ...] = ()
    sessions: dict[_Day, _Hours] = Field(default_factory=dict)


class _Content(BaseModel):
    """One file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calendars: dict[Literal["XNYS", "CME_EQUITY", "CME_METALS", "FX", "CRYPTO"], _Changes] = Field(
        default_factory=dict
    )


@dataclass(frozen=True)
class SessionOverrides:
    """The changes of one file. Make it with `from_mapping`.

    Parameters
    ----------
    source
        Name of the file, for messages.
    changes
        Changes by calendar.
    """

    source: str
    changes: Mapping[str, _Changes]

    @classmethod
    def from_mapping(cls, raw: Mapping[str, object], *, source: str) -> Self:
        """Check a file's content, whose dates and instants may be texts.

        Raises
        ------
        SettingsError
            If a key is unknown or a value is wrong; the message names file, calendar and key.
        """
        try:
            content = _Content.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"] if part != "[key]")
            told = first["msg"][:1].lower() + first["msg"][1:]
            raise _refused(source, place, f"{first['input']!s:.80}: {told}") from error
        for calendar, changes in content.calendars.items():
            for day in sorted(set(changes.closed) & set(changes.sessions)):
                key = f"calendars.{calendar}.sessions.{day}"
                raise _refused(source, key, "the date stands under `closed` too")
        return cls(source, {str(name): changes for name, changes in content.calendars.items()})

    @property
    def calendars(self) -> tuple[str, ...]:
        """Calendars of which the file says anything."""
        return tuple(sorted(self.changes))

    def applied(self, calendar: str, baked: pl.DataFrame) -> pl.DataFrame:
        """Return the sessions of one calendar as the file has them.

        Parameters
        ----------
        baked
            All its sessions, in the columns of table `sessions`, oldest first.

        Raises
        ------
        SettingsError
            If a date lies outside the calendar, a new session lacks its hours, or sessions would
            overlap.
        """
        changes = self.changes.get(calendar)
        if changes is None:
            return baked
        self._check_span(calendar, changes, baked)
        is_stated = pl.col("session").is_in(list(changes.sessions))
        stated = {row["session"]: row for row in baked.filter(is_stated).iter_rows(named=True)}
        rows = [
            self._changed(calendar, day, hours, stated.get(day))
            for day, hours in changes.sessions.items()
        ]
        is_closed = pl.col("session").is_in(list(changes.closed))
        kept = baked.filter(~is_stated & ~is_closed)
        made = pl.concat([kept, pl.DataFrame(rows, schema=baked.schema)]).sort("session")
        self._check_order(calendar, made, is_stated)
        end = pl.lit(baked["next_start"][-1], dtype=UTC_NS)
        return made.with_columns(next_start=pl.col("start").shift(-1).fill_null(end))

    def _check_span(self, calendar: str, changes: _Changes, baked: pl.DataFrame) -> None:
        """Refuse dates that the calendar does not reach."""
        first, last = baked["session"][0], baked["session"][-1]
        places = [(day, "closed") for day in changes.closed]
        places += [(day, f"sessions.{day}") for day in changes.sessions]
        for day, place in sorted(places):
            if not first <= day <= last:
                found = f"{day} lies outside the calendar, which spans {first} to {last}"
                raise self._refused(calendar, place, found)

    def _changed(self, calendar: str, day: date, hours: _Hours, baked: _Row | None) -> _Row:
        """Return the row of a session, from its baked one or made anew."""
        stated = hours.stated()
        if baked is None:
            for name in ("open", "close"):
                if name not in stated:
                    found = "no baked session has this date, so its open and close must be said"
                    raise self._refused(calendar, f"sessions.{day}.{name}", found)
            start = min(_default_start(calendar, day), stated["open"])
            return {"session": day, "start": start, **_NOTHING_MORE} | stated
        row = baked | stated
        if row["pre_open"] is not None:
            row["pre_open"] = min(row["pre_open"], row["open"])
        if row["post_close"] is not None:
            row["post_close"] = max(row["post_close"], row["close"])
        row["breaks"] = [
            one
            for one in row["breaks"]
            if row["open"] <= one["start"] <= one["end"] <= row["close"]
        ]
        return row

    def _check_order(self, calendar: str, made: pl.DataFrame, is_stated: pl.Expr) -> None:
        """Refuse a session whose instants do not rise, or reach into the session beside it."""
        rises = (pl.col("start") <= pl.col("open")) & (pl.col("open") < pl.col("close"))
        for row in made.filter(is_stated & ~rises).head(1).iter_rows(named=True):
            told = ", ".join(f"{name} {_iso(row[name])}" for name in ("start", "open", "close"))
            raise self._refused(calendar, f"sessions.{row['session']}", f"{told} do not rise")
        pairs = made.select(
            pl.col("session", "start"),
            before=pl.col("session").shift(1),
            closed=pl.col("close").shift(1),
            key=pl.when(is_stated).then("session").otherwise(pl.col("session").shift(1)),
        )
        overlaps = pl.col("closed") > pl.col("start")
        for row in pairs.filter(overlaps).head(1).iter_rows(named=True):
            ends = f"{row['before']} closes at {_iso(row['closed'])}"
            starts = f"{row['session']} starts at {_iso(row['start'])}"
            raise self._refused(calendar, f"sessions.{row['key']}", f"{ends}, after {starts}")

    def _refused(self, calendar: str, place: str, found: str) -> SettingsError:
        """Return an error about one calendar."""
        return _refused(self.source, f"calendars.{calendar}.{place}", found)


_NOTHING_MORE: _Row = {"pre_open": None, "post_close": None, "breaks": [], "is_half_day": False}


def _default_start(calendar: str, day: date) -> datetime:
    """Return where a session of that date starts by its market's rule."""
    zone, clock, offset = STARTS[calendar]
    local = datetime.combine(day + timedelta(days=offset), clock, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)


def _refused(source: str, key: str, found: str) -> SettingsError:
    """Return an error that names file and key."""
    return SettingsError(asked=f"key {key!r} of {source}", found=found, remedy=_REMEDY)


def _iso(moment: datetime) -> str:
    """Write an instant for a message."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
