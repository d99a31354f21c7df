"""Levels of a session: from its bars and footprint, and from small tables of earlier sessions."""

from dataclasses import astuple
from typing import Any

import polars as pl

from quant_assets.bars.footprint_schema import FOOTPRINT
from quant_assets.levels.build import Earlier, build_levels
from quant_assets.levels.marks import Opening
from quant_assets.levels.schema import LEVEL_NAMES, LEVELS
from quant_assets.levels.technical import LOOK_BACK_BARS
from quant_assets.market.timeframes import Timeframe
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.footprint import footprint_of, tick_units
from quant_assets.workflows.recipes.level_sessions import (
    EarlierSessions,
    earlier_sessions,
    merged_profiles,
)
from quant_assets.workflows.recipes.neighbours import bars_before, research_bars, stacked
from quant_assets.workflows.recipes.tick_size import tick_size_of
from quant_assets.workflows.recomputation import Recomputation
from quant_assets.workflows.view import LakeView, versions, versions_or_absent


class LevelsRecipe:
    """VWAP, Bollinger bands, profiles and marks on the research timeframe."""

    asset = "levels"
    upstream = ("bars", "footprint")
    tables = (LEVELS,)
    modules = (
        __name__,
        "quant_assets.workflows.recipes.level_sessions",
        "quant_assets.levels.build",
    )

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's bars and footprint, those of the look-back, and earlier profiles."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        timeframe = Timeframe.parse(here.levels["timeframe"])
        anchor = view.workspace.settings.member(key.symbol).anchor
        minutes = view.workspace.settings.levels.opening_range_minutes
        opening = Opening(
            view.workspace.calendar(key.symbol).bounds(key.session), timeframe, minutes
        )
        tick_size = tick_size_of(view, key.symbol)
        before = bars_before(view, here, LOOK_BACK_BARS)
        earlier = earlier_sessions(view, here, anchor=anchor)
        tick = tick_units(view, key.symbol)
        footprint = footprint_of(view, FOOTPRINT.name, here, tick)
        rows = versions_or_absent(
            FOOTPRINT.name, key.symbol, key.session, [footprint] if footprint else []
        )
        return Plan(
            inputs=before.inputs | earlier.inputs | versions([here]) | rows,
            parameters={
                "timeframe": timeframe.name,
                "tick_size": tick_size,
                "anchor": anchor.isoformat() if anchor else None,
                "opening_range_minutes": minutes,
                "session": [opening.bounds.open_ns, opening.bounds.next_start_ns],
                **_told(earlier),
            },
            needs=tuple(dict.fromkeys((*before.needs(key.symbol), *earlier.needs))),
            payload=(here, before.entries, footprint, opening, tick, tick_size, earlier),
            origin=here.origin,
        )

    def recomputation(self, view: LakeView, key: Key, plan: Plan) -> Recomputation:
        """Return the bars of session and look-back, and what makes levels of them.

        What earlier sessions hand on is held as it is. Of the footprint are taken the rows up to
        the last bar that is there.
        """
        here, before, footprint, opening, tick, tick_size, earlier = plan.payload
        rows = view.read(footprint) if footprint else None
        handed_on = _merged(view, key.symbol, earlier)

        def compute(bars: pl.DataFrame) -> pl.DataFrame:
            is_own = bars["session"] == key.session
            last = bars["bar_start"].max()
            return build_levels(
                bars.filter(is_own),
                before=bars.filter(~is_own),
                footprint=rows.filter(pl.col("bar_start") <= last) if rows is not None else None,
                opening=opening,
                tick=tick,
                tick_size=tick_size,
                earlier=handed_on,
            )

        return Recomputation(compute, stacked(view, (*before, here)))

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Compute them."""
        here = plan.payload[0]
        making = self.recomputation(view, key, plan)
        frame = making.compute(making.bars)
        levels = {"timeframe": here.levels["timeframe"], "symbol": key.symbol}
        nulls = sum(frame[name].null_count() for name in LEVEL_NAMES)
        cells = frame.height * len(LEVEL_NAMES)
        return Made(
            (MadeFile(LEVELS, levels, frame, {"null_share": nulls / max(1, cells)}),),
            counts={"level_cells": cells, "level_nulls": nulls},
        )


def _told(earlier: EarlierSessions) -> dict[str, Any]:
    """Return what earlier sessions tell by the index alone, as parameters.

    A data version covers a file's rows, but not which of its neighbours it is put together with,
    nor the statistics beside it.
    """
    marks = {"previous_day": earlier.previous_day, "previous_week": earlier.previous_week}
    spans = {
        name: [entries[0].session, len(entries)] if entries else []
        for name, entries in earlier.stretches.items()
    }
    return {"sessions": spans} | {
        name: list(astuple(one)) if one else None for name, one in marks.items()
    }


def _merged(view: LakeView, symbol: str, earlier: EarlierSessions) -> Earlier:
    """Return what earlier sessions hand on, their profiles merged."""
    merged = merged_profiles(view, symbol)
    stretches = {name: merged.of(view, name, one) for name, one in earlier.stretches.items()}
    return Earlier(
        week=stretches["week"],
        contract=stretches["contract"],
        anchored=stretches.get("anchored"),
        previous_day=earlier.previous_day,
        previous_week=earlier.previous_week,
    )
