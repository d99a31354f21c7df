"""Which fitted state stands before a session: a stored one, or one that is fitted on the way.

A state follows from the bars of its window and from the state before it, and so on back. Where
states before a session are not stored yet, because its range is made before theirs, they are
fitted again from the bars: the labels are the same to the bit in whatever order ranges are made.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from quant_assets.features.regime_fit import RegimeState
from quant_assets.features.regime_schema import REGIME_MODELS, REGIMES
from quant_assets.features.regimes import fit_window, is_refit, standing_sessions, state_of
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.lineage.records import ABSENT
from quant_assets.settings.model import RegimeSettings
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.neighbours import BARS, research_history
from quant_assets.workflows.view import LakeView, versions, versions_or_absent

COLUMNS = ("session", "bar_start", "contract", "close", "volume")
"""What regimes read of bars."""

Standing = tuple[date, RegimeState]
"""A state and the session that it stands from."""


@dataclass(frozen=True)
class Window:
    """The sessions before a refit that a state is fitted on.

    Parameters
    ----------
    entries
        Their bars, oldest first.
    inputs, needs
        Of all of them, those without bars too.
    """

    entries: tuple[Entry, ...]
    inputs: dict[str, str]
    needs: tuple[tuple[str, Key], ...]


@dataclass(frozen=True)
class EarlierStates:
    """What says which state stands before a session.

    Parameters
    ----------
    stored
        Latest stored state; None where there is none.
    unmade
        Bars of the refit sessions behind it that are not made yet, oldest first.
    inputs, needs
        What was looked at: of states, and of the bars that unmade ones follow from.
    """

    stored: Entry | None
    unmade: tuple[Entry, ...]
    inputs: dict[str, str]
    needs: tuple[tuple[str, Key], ...]

    @property
    def days(self) -> list[str]:
        """Sessions of the states, as texts."""
        return [one.session for one in (self.stored, *self.unmade) if one]


def refits_at(view: LakeView, symbol: str, session: date, rules: RegimeSettings) -> bool:
    """Whether a state is fitted at a session, by the symbol's calendar."""
    before = view.workspace.calendar(symbol).previous(session, 1)
    return is_refit(session, before[0] if before else None, rules)


def window_before(view: LakeView, here: Entry, rules: RegimeSettings) -> Window:
    """Return the bars that a state of a session is fitted on; reads the index alone."""
    entries: list[Entry] = []
    inputs: dict[str, str] = {}
    days = view.workspace.calendar(here.symbol).previous(here.day, rules.window_sessions)
    for day in days:
        found = view.at(BARS, here.symbol, day, timeframe=here.levels["timeframe"])
        inputs |= versions_or_absent(BARS, here.symbol, day, found)
        entries += [entry for entry in found if entry.rows]
    return Window(tuple(entries), inputs, tuple((BARS, Key(here.symbol, day)) for day in days))


def earlier_states(view: LakeView, here: Entry, rules: RegimeSettings) -> EarlierStates:
    """Return what says which state stands before a session; reads the index alone.

    It walks the calendar back over sessions with bars at which states are fitted, no farther than
    a state stands.
    """
    timeframe = here.levels["timeframe"]
    sessions = view.workspace.calendar(here.symbol).sessions
    reach = standing_sessions(rules)
    place = bisect_left(sessions, here.day)
    limit = place - reach
    unmade: list[Entry] = []
    looked_at: list[date] = []
    stored: list[Entry] = []
    while not stored and (place := place - 1) >= max(0, limit):
        day = sessions[place]
        if not is_refit(day, sessions[place - 1] if place else None, rules):
            continue
        bars = view.at(BARS, here.symbol, day, timeframe=timeframe)
        if not any(entry.rows for entry in bars):
            continue
        looked_at.append(day)
        stored = view.at(REGIME_MODELS.name, here.symbol, day, timeframe=timeframe)
        if not stored and not view.at(REGIMES.name, here.symbol, day, timeframe=timeframe):
            unmade.insert(0, bars[0])
            limit = place - reach
    return EarlierStates(
        stored=stored[0] if stored else None,
        unmade=tuple(unmade),
        inputs=_inputs(view, here, stored, unmade),
        needs=tuple((REGIMES.name, Key(here.symbol, day)) for day in looked_at),
    )


def state_before(
    view: LakeView, here: Entry, earlier: EarlierStates, rules: RegimeSettings
) -> Standing | None:
    """Return the state that stands before a session, those not stored yet fitted on the way."""
    latest: Standing | None = None
    if earlier.stored:
        latest = earlier.stored.day, state_of(view.read(earlier.stored))
    for bars in earlier.unmade:
        fitted = _fitted_on_the_way(view, bars, latest, rules)
        latest = (bars.day, fitted) if fitted else latest
    return _if_it_stands(view, here, latest, rules)


def fit_at(
    view: LakeView, window: Window, previous: Standing | None, rules: RegimeSettings
) -> RegimeState | None:
    """Fit the state of a session on its window."""
    past = [_read(view, entry) for entry in window.entries]
    return fit_window(past, rules=rules, previous=previous[1] if previous else None)


def bars_of(view: LakeView, entries: Sequence[Entry]) -> pl.DataFrame:
    """Return the bars of some sessions under each other, as far as regimes read them."""
    return pl.concat([_read(view, entry) for entry in entries])


def _read(view: LakeView, entry: Entry) -> pl.DataFrame:
    return view.read(entry, COLUMNS)


def _fitted_on_the_way(
    view: LakeView, bars: Entry, latest: Standing | None, rules: RegimeSettings
) -> RegimeState | None:
    """Return the state of a session that is not made yet, fitted once while its bars stand."""
    known: dict[tuple[date, date | None], RegimeState | None] = view.remembered(
        ("regime_states", bars.levels["timeframe"], rules),
        (BARS, REGIME_MODELS.name),
        bars.symbol,
        dict,
    )
    previous = _if_it_stands(view, bars, latest, rules)
    name = bars.day, previous[0] if previous else None
    if name not in known:
        known[name] = fit_at(view, window_before(view, bars, rules), previous, rules)
    return known[name]


def _if_it_stands(
    view: LakeView, here: Entry, state: Standing | None, rules: RegimeSettings
) -> Standing | None:
    """Return a state if it is not too old for a session."""
    if state is None:
        return None
    between = view.workspace.calendar(here.symbol).between(state[0], here.day)
    return state if len(between) - 1 <= standing_sessions(rules) else None


def _inputs(
    view: LakeView, here: Entry, stored: list[Entry], unmade: list[Entry]
) -> dict[str, str]:
    """Return the states as inputs; for unmade ones the bars that they follow from."""
    if not stored and not unmade:
        return {f"{REGIME_MODELS.name}/symbol={here.symbol}/before {here.session}": ABSENT}
    inputs = versions(stored)
    if unmade:
        until = unmade[-1].day
        inputs[f"{BARS}/symbol={here.symbol}/before {until}"] = _bars_version(view, here, until)
    return inputs


def _bars_version(view: LakeView, here: Entry, until: date) -> str:
    """Return one version of all research bars before a session."""

    def digests() -> tuple[list[date], list[str]]:
        days, told = [], [""]
        for entry in research_history(view, here.symbol):
            days.append(entry.day)
            told.append(digest_of([told[-1], entry.name, entry.data_version]))
        return days, told

    days, told = view.remembered("research_versions", (BARS,), here.symbol, digests)
    return told[bisect_left(days, until)]
