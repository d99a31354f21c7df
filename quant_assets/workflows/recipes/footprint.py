"""Footprints of a session: of its research bars by tick, others by wish, and the profile."""

import polars as pl

from quant_assets.bars.footprint import Footprints, build_footprint
from quant_assets.bars.footprint_schema import FOOTPRINT, FOOTPRINT_BARS, PROFILES
from quant_assets.bars.profile import profile_of_bars, profile_of_ticks
from quant_assets.market.bar_spec import FootprintSpec
from quant_assets.market.tick_size import price_name, price_units
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import research_bars
from quant_assets.workflows.recipes.tick_size import tick_size_of
from quant_assets.workflows.view import LakeView, versions

FINEST_TICK = 1
"""Tick in 1e-9 of a symbol whose prices tell none."""


def tick_units(view: LakeView, symbol: str) -> int:
    """Return the tick size of a symbol in 1e-9."""
    tick_size = tick_size_of(view, symbol)
    return price_units(tick_size) if tick_size else FINEST_TICK


def footprint_of(view: LakeView, table: str, here: Entry, tick: int) -> Entry | None:
    """Return the footprint, by tick, of a session's research bars; None where it has no ticks.

    Parameters
    ----------
    table
        `footprint` or `footprint_bars`.
    here
        The research bars.
    """
    levels = {"timeframe": here.levels["timeframe"], "bucket": price_name(tick)}
    found = view.at(table, here.symbol, here.day, **levels)
    return found[0] if found else None


class FootprintRecipe:
    """Volume by bar, price and aggressor; of a session without ticks the profile alone."""

    asset = "footprint"
    upstream = ("clean_ticks", "bars")
    tables = (FOOTPRINT, FOOTPRINT_BARS, PROFILES)
    modules = (
        __name__,
        "quant_assets.workflows.recipes.tick_size",
        "quant_assets.bars.footprint",
        "quant_assets.bars.profile",
    )

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's cleaned ticks, or else its research bars."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        ticks = view.at("clean_ticks", key.symbol, key.session)
        tick = tick_units(view, key.symbol)
        source = ticks[0] if ticks else here
        wanted = self._wanted(view, here, tick) if ticks else []
        # Of the bars only the timeframe matters where there are ticks, and the levels say that.
        parameters = {
            "tick_size": price_name(tick),
            "footprints": [levels for levels, _ in wanted],
            "next_start": view.workspace.calendar(key.symbol).bounds(key.session).next_start_ns,
        }
        return Plan(
            inputs=versions([source]),
            parameters=parameters,
            payload=(source, wanted, tick),
            origin=source.origin,
        )

    def _wanted(
        self, view: LakeView, here: Entry, tick: int
    ) -> list[tuple[dict[str, str], FootprintSpec]]:
        """Return the footprints to make with their levels, the research timeframe's first."""
        names = (
            here.levels["timeframe"],
            *view.workspace.settings.member(here.symbol).footprints,
        )
        wanted: list[tuple[dict[str, str], FootprintSpec]] = []
        for spec in map(FootprintSpec.parse, names):
            bucket = price_name(spec.bucket or tick)
            levels = {"timeframe": spec.bars.name, "bucket": bucket, "symbol": here.symbol}
            if levels not in (known for known, _ in wanted):
                wanted.append((levels, spec))
        return wanted

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Build them."""
        source, wanted, tick = plan.payload
        rows = view.read(source)
        if not wanted:
            profile = profile_of_bars(rows, tick=tick)
            return Made((self._profile(key, profile, "bars"),))
        files = [self._profile(key, profile_of_ticks(rows, tick=tick), "ticks")]
        counts: dict[str, float] = {}
        for levels, spec in wanted:
            made = build_footprint(
                rows,
                bars=spec.bars,
                bucket=spec.bucket or tick,
                tick=tick,
                calendar=view.workspace.calendar(key.symbol),
            )
            files += self._footprint(made, levels)
            counts = counts or _counted(made.bars)
        return Made(tuple(files), counts=counts)

    def _profile(self, key: Key, profile: pl.DataFrame, base: str) -> MadeFile:
        """Return the file of a profile."""
        stats = {"volume": float(profile["volume"].sum()), "base": base}
        return MadeFile(PROFILES, {"symbol": key.symbol}, profile, stats)

    def _footprint(self, made: Footprints, levels: dict[str, str]) -> list[MadeFile]:
        """Return the files of one footprint: its rows, its bars."""
        stats = {
            "bars": made.bars.height,
            "volume": float(made.bars["volume"].sum()),
            "delta": float(made.bars["delta"].sum()),
        }
        return [
            MadeFile(FOOTPRINT, levels, made.rows, stats),
            MadeFile(FOOTPRINT_BARS, levels, made.bars, stats),
        ]


_COUNTED = (
    "volume",
    "unknown_volume",
    "stacked_buy",
    "stacked_sell",
    "unfinished_high",
    "unfinished_low",
    "absorption",
)


def _counted(bars: pl.DataFrame) -> dict[str, float]:
    """Return totals of the research footprint for the run's metadata."""
    counted = {name: float(bars[name].sum()) for name in _COUNTED}
    return {"footprint_bars": float(bars.height), **counted}
