"""Tables that features of a session read beside its bars: found by the index, joined when read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from quant_assets.bars.footprint_schema import FOOTPRINT_BARS
from quant_assets.features.calendar_inputs import (
    SessionFacts,
    clock_inputs,
    known_closes,
    reference_inputs,
)
from quant_assets.features.catalog import Feature
from quant_assets.features.inputs import (
    CLOCK_INPUTS,
    FOOTPRINT_INPUTS,
    FOOTPRINT_PREFIX,
    LEVEL_INPUTS,
    LEVEL_PREFIX,
    REFERENCE_INPUTS,
    REGIME_INPUTS,
    joined,
    prefixed,
)
from quant_assets.features.regime_schema import REGIMES
from quant_assets.levels.schema import LEVELS
from quant_assets.market.contracts import expiry_date, parse_contract
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.footprint import footprint_of, tick_units
from quant_assets.workflows.recipes.neighbours import BARS, research_bars, stacked
from quant_assets.workflows.recipes.roll_history import BUSINESS_DAYS
from quant_assets.workflows.view import LakeView, versions_or_absent

REFERENCE_DAYS = timedelta(days=7)
"""How far before a window's first session a close of the reference is looked for."""

_SPECS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "footprint": (FOOTPRINT_BARS.name, FOOTPRINT_PREFIX, FOOTPRINT_INPUTS),
    "levels": (LEVELS.name, LEVEL_PREFIX, LEVEL_INPUTS),
    "regimes": (REGIMES.name, "", REGIME_INPUTS),
}
"""Asset to its table, the prefix of its input columns, and these."""


@dataclass(frozen=True)
class FeatureSources:
    """What features of a session read: bars, and what stands beside them.

    Parameters
    ----------
    window
        Research bars, oldest first, the session's own last.
    tables
        Asset to entries of its table, oldest first.
    reference
        Research bars of the symbol's reference, oldest first.
    facts
        Session to the calendar's word on it.
    inputs, needs
        All that was looked at beside the bars, absent ones too.
    """

    window: tuple[Entry, ...]
    tables: dict[str, tuple[Entry, ...]]
    reference: tuple[Entry, ...]
    facts: dict[str, SessionFacts]
    inputs: dict[str, str]
    needs: tuple[tuple[str, Key], ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """What hangs on the calendar, which has no data version."""
        return {session: one.parameters for session, one in self.facts.items()}


def find_sources(
    view: LakeView, window: tuple[Entry, ...], chosen: Iterable[Feature]
) -> FeatureSources:
    """Return what the chosen features read; reads the index alone.

    A table that no feature asks for is not looked at, and one that is asked for only on sessions
    within the longest look-back of those that ask.
    """
    features = tuple(chosen)
    tables: dict[str, tuple[Entry, ...]] = {}
    inputs: dict[str, str] = {}
    needs: list[tuple[str, Key]] = []
    for asset, (table, _, names) in _SPECS.items():
        reached = _reached(window, features, names)
        found = [(bars, _entry_at(view, table, bars)) for bars in reached]
        for bars, entry in found:
            there = [entry] if entry else []
            inputs |= versions_or_absent(table, bars.symbol, bars.day, there)
        needs += [(asset, Key(bars.symbol, bars.day)) for bars in reached]
        tables[asset] = tuple(entry for _, entry in found if entry)
    reference = _reference(view, _reached(window, features, REFERENCE_INPUTS))
    return FeatureSources(
        window=window,
        tables=tables,
        reference=tuple(entry for entry in reference.values() if entry),
        facts={one.session: _facts(view, one) for one in _reached(window, features, CLOCK_INPUTS)},
        inputs=inputs | _looked_at(reference),
        needs=(*needs, *((BARS, key) for key in reference)),
    )


def window_frame(view: LakeView, sources: FeatureSources) -> pl.DataFrame:
    """Return the bars of a window with every input column beside them."""
    bars = stacked(view, sources.window)
    timeframe = Timeframe.parse(sources.window[-1].levels["timeframe"])
    frames: dict[str, pl.DataFrame] = {}
    for asset, (_, prefix, names) in _SPECS.items():
        if entries := sources.tables[asset]:
            parts = [prefixed(view.read(one), prefix=prefix, inputs=names) for one in entries]
            frames[asset] = pl.concat(parts)
    if sources.facts:
        frames["calendar"] = pl.concat(
            clock_inputs(view.read(one), sources.facts[one.session], timeframe=timeframe)
            for one in sources.window
            if one.session in sources.facts
        )
    if sources.reference:
        closes = pl.concat(
            known_closes(view.read(one), timeframe=Timeframe.parse(one.levels["timeframe"]))
            for one in sources.reference
        )
        frames["reference"] = reference_inputs(bars, closes, timeframe=timeframe)
    return joined(bars, frames)


def _reached(
    window: Sequence[Entry], features: Sequence[Feature], names: Iterable[str]
) -> Sequence[Entry]:
    """Return the sessions of a window that features which read some inputs see; maybe none."""
    timeframe = Timeframe.parse(window[-1].levels["timeframe"])
    asking = [one for one in features if set(names) & set(one.inputs)]
    if not asking:
        return ()
    left = max(one.look_back_bars(timeframe) for one in asking)
    first = len(window) - 1
    while first and left > 0:
        first -= 1
        left -= window[first].rows
    return window[first:]


def _entry_at(view: LakeView, table: str, bars: Entry) -> Entry | None:
    """Return the rows of a table that belong to a session's research bars, or None."""
    if table == FOOTPRINT_BARS.name:
        return footprint_of(view, table, bars, tick_units(view, bars.symbol))
    found = view.at(table, bars.symbol, bars.day, timeframe=bars.levels["timeframe"])
    return found[0] if found else None


def _facts(view: LakeView, bars: Entry) -> SessionFacts:
    """Return what the calendar says of a session, and when its contract ends."""
    contract = bars.stats.get("contract")
    days = view.workspace.calendars[BUSINESS_DAYS]
    expiry = expiry_date(parse_contract(contract), business_days=days) if contract else None
    return SessionFacts(view.workspace.calendar(bars.symbol).bounds(bars.day), expiry)


def _reference(view: LakeView, reached: Sequence[Entry]) -> dict[Key, Entry | None]:
    """Return the bars of the symbol's reference around some sessions, None where there are none.

    Nothing where the symbol has no reference, and where a bar is a session: closes of two markets
    on one date are not known at one instant.
    """
    here = reached[-1] if reached else None
    symbol = view.workspace.settings.member(here.symbol).reference if here else None
    if here is None or symbol is None or Timeframe.parse(here.levels["timeframe"]).is_daily:
        return {}
    end_ns = view.workspace.calendar(here.symbol).bounds(here.day).next_start_ns
    calendar = view.workspace.calendar(symbol)
    days = calendar.between(reached[0].day - REFERENCE_DAYS, here.day + REFERENCE_DAYS)
    known = [day for day in days if calendar.bounds(day).start_ns < end_ns]
    return {Key(symbol, day): research_bars(view, symbol, day) for day in known}


def _looked_at(reference: Mapping[Key, Entry | None]) -> dict[str, str]:
    """Return the sessions of the reference as inputs."""
    inputs: dict[str, str] = {}
    for key, entry in reference.items():
        inputs |= versions_or_absent(BARS, key.symbol, key.session, [entry] if entry else [])
    return inputs
