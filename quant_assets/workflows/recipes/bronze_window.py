"""What the possibility engine reads for the entries of one session."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from quant_assets.bronze.engine import Candles, FinePrices, Search
from quant_assets.bronze.presets import Grid
from quant_assets.market.columns import PRICE_SCALE, UTC_NS
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.index import Entry
from quant_assets.workflows.bronze_grid import grid_of, spread_of
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.neighbours import bars_after, research_bars, stacked
from quant_assets.workflows.view import LakeView, versions, versions_or_absent

BARS, CLEAN_TICKS = "bars", "clean_ticks"


@dataclass(frozen=True)
class BronzeWindow:
    """A session's entries, and the bars behind them that their look-forward may read.

    Parameters
    ----------
    here
        Research bars of the session.
    after
        Those of the sessions behind it, as far as the contract is the same.
    fine
        Finer bars or ticks of these sessions, for `tie="drill_down"`.
    is_final
        Whether no later bar can change any outcome.
    """

    here: Entry
    after: tuple[Entry, ...]
    fine: tuple[Entry, ...]
    grid: Grid
    spread: float
    is_final: bool
    inputs: Mapping[str, str]
    needs: tuple[tuple[str, Key], ...]

    @property
    def timeframe(self) -> Timeframe:
        """Length of the candles."""
        return Timeframe.parse(self.here.levels["timeframe"])

    @property
    def parameters(self) -> dict[str, Any]:
        """What outcomes depend on besides prices."""
        return {"grid": self.grid.hash8, "spread": self.spread}

    @property
    def levels(self) -> dict[str, str]:
        """Levels of the path of whatever is made of it."""
        return {
            "timeframe": self.here.levels["timeframe"],
            "grid": self.grid.hash8,
            "symbol": self.here.symbol,
        }

    @property
    def final_through(self) -> date:
        """Last session whose bars were looked at."""
        return self.after[-1].day if self.after else self.here.day


def bronze_window(
    view: LakeView, symbol: str, session: date, *, grid: Grid | None = None
) -> BronzeWindow | None:
    """Return the window of a session, None where it has no bars; reads the index alone.

    Parameters
    ----------
    grid
        In place of the one that the settings give the symbol.
    """
    here = research_bars(view, symbol, session)
    if here is None:
        return None
    settings = view.workspace.settings
    name = settings.member(symbol).grid or here.levels["timeframe"]
    chosen = grid or grid_of(settings, Timeframe.parse(name))
    after = bars_after(view, here, chosen.max_lookforward)
    same = tuple(e for e in after.entries if e.stats["contract"] == here.stats["contract"])
    fine, fine_inputs = (
        _fine_prices(view, (here, *same)) if chosen.tie == "drill_down" else ((), {})
    )
    return BronzeWindow(
        here=here,
        after=same,
        fine=fine,
        grid=chosen,
        spread=spread_of(settings, view.workspace.instrument(symbol)),
        is_final=after.is_complete or len(same) < len(after.entries),
        inputs=versions([here]) | after.inputs | fine_inputs,
        needs=after.needs(symbol),
    )


def _fine_prices(
    view: LakeView, entries: tuple[Entry, ...]
) -> tuple[tuple[Entry, ...], dict[str, str]]:
    """Return the finest prices of each session: bars below the candles' length, else ticks."""
    found: list[Entry] = []
    inputs: dict[str, str] = {}
    for entry in entries:
        candle = Timeframe.parse(entry.levels["timeframe"])
        lengths = {
            Timeframe.parse(e.levels["timeframe"]): e
            for e in view.at(BARS, entry.symbol, entry.day)
        }
        finest = min(lengths)
        ticks = view.at(CLEAN_TICKS, entry.symbol, entry.day)
        chosen = [lengths[finest]] if finest < candle else ticks
        found += chosen
        inputs |= versions_or_absent(CLEAN_TICKS, entry.symbol, entry.day, chosen)
    return tuple(found), inputs


def search_of(view: LakeView, window: BronzeWindow, *, grid: Grid | None = None) -> Search:
    """Return the search of a window, its candles read.

    Parameters
    ----------
    grid
        Some of the window's levels, in place of all.
    """
    candles = Candles.of(stacked(view, (window.here, *window.after)))
    fine = None
    if window.fine:
        prices = pl.concat([_prices(view, entry) for entry in window.fine])
        fine = FinePrices.of(candles, prices, step_ns=window.timeframe.ns)
    return Search(candles, grid or window.grid, window.spread, fine)


def finer_prices(view: LakeView, symbol: str, timeframe: Timeframe) -> pl.DataFrame:
    """Return all landed bars of a symbol below a length, the finest of each session.

    Columns ts, high and low in time order; empty where nothing finer is landed.
    """
    frames = [pl.DataFrame(schema=_PRICE_COLUMNS)]
    for session in view.sessions(_RAW_BARS, symbol):
        lengths = {
            Timeframe.parse(e.levels["schema"].removeprefix("ohlcv-")): e
            for e in view.at(_RAW_BARS, symbol, session)
            if "contract" not in e.levels
        }
        if lengths and (finest := min(lengths)) < timeframe:
            frames.append(_prices(view, lengths[finest]))
    return pl.concat(frames)


_RAW_BARS = "raw_bars"
_PRICE_COLUMNS = {"ts": UTC_NS, "high": pl.Float64(), "low": pl.Float64()}


def _prices(view: LakeView, entry: Entry) -> pl.DataFrame:
    """Return finer prices as ts, high and low."""
    if entry.table == CLEAN_TICKS:
        ticks = view.read(entry, ("ts", "price"))
        price = pl.Series("price", ticks["price"].to_numpy() / PRICE_SCALE)
        return pl.DataFrame({"ts": ticks["ts"], "high": price, "low": price})
    return view.read(entry, ("bar_start", "high", "low")).rename({"bar_start": "ts"})


def with_levels(grid: Grid, *, sl: tuple[float, float], tp: tuple[float, float]) -> Grid | None:
    """Return a grid of those levels that lie in two ranges, ends included; None without any."""
    stops = tuple(level for level in grid.sl_ratios if sl[0] <= level <= sl[1])
    targets = tuple(level for level in grid.tp_ratios if tp[0] <= level <= tp[1])
    return replace(grid, sl_ratios=stops, tp_ratios=targets) if stops and targets else None
