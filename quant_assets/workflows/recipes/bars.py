"""Bars of a session: one base, and the research timeframe derived from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from quant_assets.bars.build import bars_from_ticks
from quant_assets.bars.landed import bars_from_landed
from quant_assets.bars.resample import resample_bars
from quant_assets.bars.schema import BARS
from quant_assets.market.errors import TimeframeError
from quant_assets.market.instruments import AssetClass
from quant_assets.market.timeframes import NS_PER_MINUTE, NS_PER_SECOND, Timeframe
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import bar_length, nothing_landed
from quant_assets.workflows.recipes.placement import check_placed, session_span
from quant_assets.workflows.recipes.roll_map import active_contract
from quant_assets.workflows.view import LakeView, versions

SECOND = Timeframe(NS_PER_SECOND)
MINUTE = Timeframe(NS_PER_MINUTE)


@dataclass(frozen=True)
class Base:
    """What a session's bars are made from.

    `timeframe` is None where they are made from ticks, which make bars of any length.
    """

    entry: Entry
    timeframe: Timeframe | None
    contract: str | None
    decided: Entry | None
    """The roll map's row, for futures."""

    @property
    def name(self) -> str:
        """How the footer names the base: `ticks`, or the vendor's schema."""
        return "ticks" if self.timeframe is None else self.entry.levels["schema"]


def find_base(view: LakeView, symbol: str, session: date) -> Base | NotDue | None:
    """Return the base of a session: vendor 1s bars, else cleaned ticks, else the finest bars.

    None where nothing was landed.
    """
    landed = view.at("raw_bars", symbol, session)
    ticks = view.at("clean_ticks", symbol, session)
    decided, contract = None, None
    if view.workspace.instrument(symbol).asset_class is AssetClass.FUTURE and (landed or ticks):
        decided = active_contract(view, symbol, session)
        if decided is None:
            return NotDue(Status.MISSING, "the roll map holds no row for this session")
        contract = decided.stats["contract"]
        landed = [entry for entry in landed if entry.levels.get("contract") == contract]
    by_length = sorted(landed, key=bar_length)
    if by_length and bar_length(by_length[0]) == SECOND:
        return Base(by_length[0], SECOND, contract, decided)
    if ticks:
        return Base(ticks[0], None, contract, decided)
    if by_length:
        return Base(by_length[0], bar_length(by_length[0]), contract, decided)
    return NotDue(Status.MISSING, f"no data of the active contract {contract}") if decided else None


def expected_bars(view: LakeView, keys: Iterable[Key]) -> set[tuple[str, str]]:
    """Return symbol and timeframe of the research bars that sessions would have, once made.

    It goes by what was landed of them; a session of which nothing was has none.
    """
    found = ((key.symbol, _expected_timeframe(view, key)) for key in keys)
    return {(symbol, timeframe.name) for symbol, timeframe in found if timeframe}


def _expected_timeframe(view: LakeView, key: Key) -> Timeframe | None:
    """Return the research timeframe of a session's bars by what was landed of it, if anything."""
    ticks = view.at("raw_ticks", key.symbol, key.session)
    lengths = [bar_length(entry) for entry in view.at("raw_bars", key.symbol, key.session)]
    if not ticks and not lengths:
        return None
    wanted = view.workspace.settings.member(key.symbol).timeframe
    if wanted:
        return Timeframe.parse(wanted)
    return MINUTE if ticks else max(MINUTE, min(lengths))


class BarsRecipe:
    """OHLCV of the base's own and of the research timeframe."""

    asset = "bars"
    upstream = ("roll_map", "clean_ticks")
    tables = (BARS,)
    modules = (
        __name__,
        "quant_assets.bars.build",
        "quant_assets.bars.landed",
        "quant_assets.bars.resample",
    )

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Choose the base and the research timeframe."""
        base = find_base(view, key.symbol, key.session)
        if base is None:
            return nothing_landed(view, key)
        if isinstance(base, NotDue):
            return base
        wanted = view.workspace.settings.member(key.symbol).timeframe
        research = Timeframe.parse(wanted) if wanted else max(MINUTE, base.timeframe or MINUTE)
        inputs = versions([base.entry, *([base.decided] if base.decided else [])])
        return Plan(
            inputs=inputs,
            parameters={
                "base": base.name,
                "research": research.name,
                "session": session_span(view, key),
            },
            payload=(base, research),
            origin=base.entry.origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Build them."""
        base, research = plan.payload
        if base.timeframe is not None and research < base.timeframe:
            raise TimeframeError(
                asked=f"{research} bars of {key.symbol} on {key.session}",
                found=f"the finest that was landed are {base.timeframe} bars",
                remedy="Choose a longer timeframe in the settings' universe, or land finer data.",
            )
        rows = view.read(base.entry)
        if base.timeframe is None:
            made = {research: bars_from_ticks(rows, timeframe=research)}
            return self._made(key, base, made, research)
        # A daily bar is of its date, wherever its stamp lies.
        if not base.timeframe.is_daily:
            check_placed(base.entry, rows["bar_start"], plan.parameters["session"])
        own = bars_from_landed(rows, contract=base.contract)
        made = {base.timeframe: own}
        if research != base.timeframe:
            made[research] = resample_bars(own, timeframe=research, source=base.timeframe)
        return self._made(key, base, made, research)

    def _made(
        self, key: Key, base: Base, frames: dict[Timeframe, pl.DataFrame], research: Timeframe
    ) -> Made:
        """Return the files of the partition."""
        files = tuple(
            MadeFile(
                BARS,
                {"timeframe": timeframe.name, "symbol": key.symbol},
                frame,
                {
                    **_extremes(frame),
                    "volume": float(frame["volume"].sum()),
                    "research": timeframe == research,
                    "base": base.name,
                    "contract": base.contract,
                },
            )
            for timeframe, frame in sorted(frames.items())
        )
        bars = frames[research].height
        return Made(files, counts={"research_bars": float(bars)})


def _extremes(frame: pl.DataFrame) -> dict[str, float | None]:
    """Return the session's first, highest, lowest and last price, None where it has no bar."""
    if frame.is_empty():
        return dict.fromkeys(("open", "high", "low", "close"))
    return {
        "open": float(frame["open"][0]),
        "high": float(np.max(frame["high"].to_numpy())),
        "low": float(np.min(frame["low"].to_numpy())),
        "close": float(frame["close"][-1]),
    }
