"""Earlier sessions of a session's week and contract: what they came to, by the index alone."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from quant_assets.bars.footprint_schema import FOOTPRINT_BARS
from quant_assets.contracts.totals import Before, SessionTotals
from quant_assets.market.periods import contract_period, week_of
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.footprint import footprint_of, tick_units
from quant_assets.workflows.recipes.neighbours import (
    BARS,
    back_while,
    research_bars,
    research_history,
)
from quant_assets.workflows.view import LakeView, versions_or_absent

TICKS = "ticks"
"""Base of bars that were made from trades: a vendor's own may know others, or fewer."""

_TOTALS = ("open", "high", "low", "volume")
_ABOVE = (BARS, "footprint")
"""Assets whose statistics are read."""


@dataclass(frozen=True)
class SessionsBefore:
    """What the sessions before one came to.

    Parameters
    ----------
    week, contract
        Of the same contract, back to the first one of the ISO week and of the contract period.
    inputs, needs
        Every session between the first one used and this one, with or without data.
    """

    week: Before
    contract: Before
    inputs: dict[str, str]
    needs: tuple[tuple[str, Key], ...]


def period_of(here: Entry) -> str:
    """Return the name of the contract period that a session's bars belong to."""
    return contract_period(here.symbol, here.day, here.stats["contract"])


def sessions_before(view: LakeView, here: Entry) -> SessionsBefore | None:
    """Return what the context of a session is counted on from; it opens no file.

    Parameters
    ----------
    here
        Research bars of the session.

    Returns
    -------
    SessionsBefore | None
        None where bars of an older code tell no totals yet: they are to be made anew.
    """
    history = research_history(view, here.symbol)
    before = history[: bisect_left(history, here.day, key=lambda one: one.day)]
    period = back_while(before, lambda one: period_of(one) == period_of(here))
    week = back_while(before, lambda one: _is_of_week(one, here))
    # A week may reach back over the end of a quarter.
    used = max(period, week, key=len)
    if any(one.stats.get(name) is None for one in used for name in _TOTALS):
        return None
    tick = tick_units(view, here.symbol)
    flows = {one.day: footprint_of(view, FOOTPRINT_BARS.name, one, tick) for one in used}
    totals = {one.day: _totals(one, flows[one.day]) for one in used}
    days = _looked_at(view, here, used)
    return SessionsBefore(
        week=Before.of(totals[one.day] for one in week),
        contract=Before.of(totals[one.day] for one in period),
        inputs=_inputs(view, here, days, flows),
        needs=tuple((asset, Key(here.symbol, day)) for asset in _ABOVE for day in days),
    )


def _is_of_week(one: Entry, here: Entry) -> bool:
    """Whether a session is of the same week and the same contract."""
    is_same = one.stats["contract"] == here.stats["contract"]
    return is_same and week_of(one.day) == week_of(here.day)


def _totals(bars: Entry, flow: Entry | None) -> SessionTotals:
    """Return what a session came to; its delta where bars and order flow are of the same trades."""
    is_same = bars.stats["base"] == TICKS
    is_known = flow is not None and is_same and flow.stats["bars"] == bars.rows
    return SessionTotals(
        open=float(bars.stats["open"]),
        high=float(bars.stats["high"]),
        low=float(bars.stats["low"]),
        volume=float(bars.stats["volume"]),
        delta=float(flow.stats["delta"]) if flow and is_known else None,
        bars=bars.rows,
    )


def _looked_at(view: LakeView, here: Entry, used: Sequence[Entry]) -> list[date]:
    """Return the sessions between the first one used and this one; at least the one before."""
    calendar = view.workspace.calendar(here.symbol)
    if not used:
        return list(calendar.previous(here.day, 1))
    return list(calendar.between(used[0].day, here.day)[:-1])


def _inputs(
    view: LakeView, here: Entry, days: Sequence[date], flows: dict[date, Entry | None]
) -> dict[str, str]:
    """Return the tables whose statistics were read, those that are absent too."""
    inputs: dict[str, str] = {}
    for day in days:
        bars = research_bars(view, here.symbol, day)
        flow = flows.get(day)
        inputs |= versions_or_absent(BARS, here.symbol, day, [bars] if bars else [])
        inputs |= versions_or_absent(FOOTPRINT_BARS.name, here.symbol, day, [flow] if flow else [])
    return inputs
