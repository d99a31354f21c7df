"""Earlier sessions that levels of a session look at: its week, its contract, its anchor."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from quant_assets.bars.footprint_schema import PROFILES
from quant_assets.levels.marks import Marks
from quant_assets.levels.stretches import Stretch
from quant_assets.market.periods import contract_period, week_of
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.neighbours import BARS, back_while, research_history
from quant_assets.workflows.view import LakeView, versions_or_absent

FOOTPRINT_ASSET = "footprint"
"""Asset that makes the profiles."""

Stretches = dict[str, tuple[Entry, ...]]


@dataclass(frozen=True)
class EarlierSessions:
    """What stands of the sessions before one.

    Parameters
    ----------
    stretches
        Profiles of the earlier sessions of `week`, `contract` and `anchored`, oldest first;
        without `anchored` where the session is before its anchor.
    previous_day, previous_week
        Marks by the bars' own statistics; None where a contract differs.
    inputs, needs
        All that was looked at, absent ones too.
    """

    stretches: Stretches
    previous_day: Marks | None
    previous_week: Marks | None
    inputs: dict[str, str]
    needs: tuple[tuple[str, Key], ...]


def earlier_sessions(view: LakeView, here: Entry, *, anchor: date | None) -> EarlierSessions:
    """Return what the levels of a session know of the sessions before it; reads the index alone.

    A stretch ends, seen from the session, where the contract was another one: unadjusted prices
    of two contracts make no common mean and no common profile.

    Parameters
    ----------
    here
        Research bars of the session.
    anchor
        First session of anchored VWAP; None is the first of the contract or quarter.
    """
    history = research_history(view, here.symbol)
    before = history[: bisect_left(history, here.day, key=lambda entry: entry.day)]
    days = {"week": _back(before, here, _same_week), "contract": _back(before, here, _same_period)}
    if anchor is None:
        days["anchored"] = days["contract"]
    elif here.day >= anchor:
        days["anchored"] = _back(before, here, lambda one, _: one.day >= anchor)
    last_day, last_week = before[-1:], _last_week(before, here)
    stretched = sorted({one.day for entries in days.values() for one in entries})
    marked = sorted({one.day for one in (*last_day, *last_week)})
    profiles = {day: view.at(PROFILES.name, here.symbol, day) for day in stretched}
    return EarlierSessions(
        stretches={
            name: tuple(profile for one in entries for profile in profiles[one.day])
            for name, entries in days.items()
        },
        previous_day=_marks(last_day, here),
        previous_week=_marks(last_week, here),
        inputs=_inputs(view, here, stretched, marked),
        needs=(
            *((BARS, Key(here.symbol, day)) for day in marked),
            *((FOOTPRINT_ASSET, Key(here.symbol, day)) for day in stretched),
        ),
    )


class MergedProfiles:
    """Stretches grown session by session: neighbouring partitions share all but one profile."""

    def __init__(self) -> None:
        self._grown: dict[str, tuple[tuple[Entry, ...], Stretch]] = {}

    def of(self, view: LakeView, name: str, entries: tuple[Entry, ...]) -> Stretch:
        """Return the stretch of some profiles; what the last one of the name holds is kept.

        Parameters
        ----------
        name
            Under which the stretch is kept.
        entries
            Entries of table `profiles`, oldest first.
        """
        known, stretch = self._grown.get(name, ((), Stretch.empty()))
        if entries[: len(known)] != known:
            known, stretch = (), Stretch.empty()
        for entry in entries[len(known) :]:
            stretch = stretch.extended(view.read(entry, ("price", "volume")))
        self._grown[name] = entries, stretch
        return stretch


def merged_profiles(view: LakeView, symbol: str) -> MergedProfiles:
    """Return what was merged of a symbol's profiles in this view, while they stand."""
    return view.remembered("merged_profiles", (PROFILES.name,), symbol, MergedProfiles)


def _contract(entry: Entry) -> str | None:
    """Return the contract of a session's bars; None where the symbol has none."""
    contract: str | None = entry.stats["contract"]
    return contract


def _same_week(one: Entry, here: Entry) -> bool:
    return week_of(one.day) == week_of(here.day)


def _same_period(one: Entry, here: Entry) -> bool:
    one_period = contract_period(one.symbol, one.day, _contract(one))
    return one_period == contract_period(here.symbol, here.day, _contract(here))


def _back(
    before: list[Entry], here: Entry, belongs: Callable[[Entry, Entry], bool]
) -> Sequence[Entry]:
    """Return the sessions right before one that belong to it and are of its contract."""
    return back_while(before, lambda one: belongs(one, here) and _contract(one) == _contract(here))


def _last_week(before: list[Entry], here: Entry) -> Sequence[Entry]:
    """Return the sessions of the last week before a session's own that has any."""
    earlier = before[: len(before) - len(back_while(before, lambda one: _same_week(one, here)))]
    return back_while(earlier, lambda one: _same_week(one, earlier[-1]))


def _marks(entries: Sequence[Entry], here: Entry) -> Marks | None:
    """Return the extremes and the last close of some sessions, if all are of one contract.

    None too where bars of an older code told no extremes yet: they are made anew.
    """
    if not entries or any(_contract(one) != _contract(here) for one in entries):
        return None
    told = [[one.stats.get(name) for name in ("high", "low", "close")] for one in entries]
    if any(value is None for values in told for value in values):
        return None
    highs, lows, closes = zip(*told, strict=True)
    return Marks(high=max(highs), low=min(lows), close=closes[-1])


def _inputs(
    view: LakeView, here: Entry, stretched: Iterable[date], marked: Iterable[date]
) -> dict[str, str]:
    """Return every session between the first one used and this one, with or without data."""
    inputs: dict[str, str] = {}
    for table, days in ((PROFILES.name, stretched), (BARS, marked)):
        calendar = view.workspace.calendar(here.symbol)
        earliest = next(iter(days), None)
        looked_at = calendar.between(earliest, here.day)[:-1] if earliest else []
        for day in looked_at or calendar.previous(here.day, 1):
            found = view.at(table, here.symbol, day)
            if table == BARS:
                found = [entry for entry in found if entry.stats.get("research")]
            inputs |= versions_or_absent(table, here.symbol, day, found)
    return inputs
