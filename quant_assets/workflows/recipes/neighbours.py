"""Sessions around a partition: what was landed, and the bars before and after."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

import polars as pl

from quant_assets.market.timeframes import NS_PER_MINUTE, Timeframe
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key, NotDue, Status
from quant_assets.workflows.view import LakeView, versions_or_absent

LANDED_TABLES = ("raw_bars", "raw_ticks")
BARS = "bars"

_SPARE_SESSIONS = 5


def landed_sessions(view: LakeView, symbol: str) -> list[date]:
    """Return the sessions for which trades or bars of a symbol were landed, ascending.

    A date that is no session any more, by the user's file, is not among them.
    """
    calendar = view.workspace.calendar(symbol)
    found: set[date] = set()
    for table in LANDED_TABLES:
        found |= set(view.sessions(table, symbol))
    return sorted(day for day in found if calendar.is_session(day))


def nothing_landed(view: LakeView, key: Key) -> NotDue:
    """Say whether data was due: inside the landed span it was, outside it was not."""
    landed = landed_sessions(view, key.symbol)
    if landed and landed[0] < key.session < landed[-1]:
        return NotDue(Status.MISSING, "no data was landed for this session")
    span = f"{landed[0]} to {landed[-1]}" if landed else "none"
    return NotDue(Status.NOT_DUE, f"outside what was landed: {span}")


def research_bars(view: LakeView, symbol: str, session: date) -> Entry | None:
    """Return the bars that research uses on a session, or None where there are none."""
    found = (e for e in view.at(BARS, symbol, session) if e.stats.get("research"))
    return next(found, None)


def bar_length(landed: Entry) -> Timeframe:
    """Return the bar length of landed bars by their schema: `ohlcv-15m` is fifteen minutes."""
    return Timeframe.parse(landed.levels["schema"].removeprefix("ohlcv-"))


def research_history(view: LakeView, symbol: str) -> list[Entry]:
    """Return the research bars of every session that has any, oldest first."""

    def gather() -> list[Entry]:
        calendar = view.workspace.calendar(symbol)
        found = (research_bars(view, symbol, day) for day in view.sessions(BARS, symbol))
        return [one for one in found if one and one.rows and calendar.is_session(one.day)]

    return view.remembered("research_history", (BARS,), symbol, gather)


def back_while(before: Sequence[Entry], belongs: Callable[[Entry], bool]) -> Sequence[Entry]:
    """Return the sessions at the end that belong to a stretch, oldest first."""
    first = len(before)
    while first and belongs(before[first - 1]):
        first -= 1
    return before[first:]


@dataclass(frozen=True)
class Neighbourhood:
    """Bars of some sessions, oldest first, and all sessions that were looked at."""

    entries: tuple[Entry, ...]
    looked_at: tuple[date, ...]
    inputs: dict[str, str]
    is_complete: bool
    """Whether as many bars as asked for were found."""

    @property
    def through(self) -> date | None:
        """Last session whose bars were found."""
        return self.entries[-1].day if self.entries else None

    def needs(self, symbol: str) -> tuple[tuple[str, Key], ...]:
        """Return the bars of every session looked at as needs."""
        return tuple((BARS, Key(symbol, session)) for session in self.looked_at)


def bars_before(view: LakeView, here: Entry, count: int) -> Neighbourhood:
    """Return the sessions before one that hold the last `count` bars of its timeframe.

    It walks the symbol's calendar back; a session without bars counts as an absent input, so
    that its arrival makes the partition stale. Where sessions lack bars, or trade seldom, it goes
    on over those that have some: as many bars are found as there are.
    """
    calendar = view.workspace.calendar(here.symbol)
    near = calendar.previous(here.day, _sessions_for(view, here, count))
    walked = _walk(view, here, chain(reversed(near), _with_bars_before(view, here, near)), count)
    return Neighbourhood(
        entries=tuple(reversed(walked.entries)),
        looked_at=walked.looked_at,
        inputs=walked.inputs,
        is_complete=walked.is_complete,
    )


def _with_bars_before(view: LakeView, here: Entry, near: Sequence[date]) -> Iterator[date]:
    """Yield the sessions with bars before some others, the latest first."""
    if near:
        calendar = view.workspace.calendar(here.symbol)
        there = view.sessions(BARS, here.symbol)
        yield from (day for day in reversed(there) if day < near[0] and calendar.is_session(day))


def bars_after(view: LakeView, here: Entry, count: int) -> Neighbourhood:
    """Return the sessions after one that hold at least `count` bars of its timeframe.

    It stops at the first session without bars: what follows a hole is not what followed.
    """
    calendar = view.workspace.calendar(here.symbol)
    days = iter(calendar.next(here.day, _sessions_for(view, here, count)))
    return _walk(view, here, days, count, stop_at_hole=True)


def _sessions_for(view: LakeView, here: Entry, count: int) -> int:
    """Return how many whole sessions surely hold `count` bars, by the session's opening hours."""
    timeframe = Timeframe.parse(here.levels["timeframe"])
    bounds = view.workspace.calendar(here.symbol).bounds(here.day)
    length = min(timeframe.ns, bounds.close_ns - bounds.open_ns)
    a_session = max(1, (bounds.close_ns - bounds.open_ns) // max(length, NS_PER_MINUTE // 60))
    return 2 * -(-count // int(a_session)) + _SPARE_SESSIONS


def _walk(
    view: LakeView, here: Entry, days: Iterator[date], count: int, *, stop_at_hole: bool = False
) -> Neighbourhood:
    """Collect sessions until enough bars are there."""
    entries: list[Entry] = []
    looked_at: list[date] = []
    inputs: dict[str, str] = {}
    bars = 0
    for session in days:
        if bars >= count:
            break
        found = view.at(BARS, here.symbol, session, timeframe=here.levels["timeframe"])
        inputs |= versions_or_absent(BARS, here.symbol, session, found)
        looked_at.append(session)
        if not found and stop_at_hole:
            break
        entries += found
        bars += sum(entry.rows for entry in found)
    return Neighbourhood(tuple(entries), tuple(looked_at), inputs, bars >= count)


def stacked(view: LakeView, entries: tuple[Entry, ...]) -> pl.DataFrame:
    """Return the rows of several entries of one table under each other."""
    return pl.concat([view.read(entry) for entry in entries])
