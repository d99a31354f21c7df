"""Levels of a session: each as it is known at a bar's end, and how far the close stands from it."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.columns import nullable_columns
from quant_assets.indicators.kernels import ratio
from quant_assets.levels.flow import Flow
from quant_assets.levels.marks import Marks, Opening, earlier_marks, opening_marks
from quant_assets.levels.schema import LEVEL_NAMES, LEVELS
from quant_assets.levels.stretches import Stretch
from quant_assets.levels.technical import bollinger_bands, true_range_average
from quant_assets.market.columns import UTC_NS


@dataclass(frozen=True)
class Earlier:
    """What the sessions before one hand on to it.

    All of it is of the session's own contract: after a roll the prices of the old one are those
    of another market, so a week begins anew at a roll, and marks of another contract are None.

    Parameters
    ----------
    week, contract
        Earlier sessions of the week, and of the contract or quarter.
    anchored
        Sessions since the anchor; None where the session is before it.
    previous_day, previous_week
        Marks of the last session with bars, and of the last week before this one with bars.
    """

    week: Stretch = field(default_factory=Stretch.empty)
    contract: Stretch = field(default_factory=Stretch.empty)
    anchored: Stretch | None = field(default_factory=Stretch.empty)
    previous_day: Marks | None = None
    previous_week: Marks | None = None


def build_levels(
    bars: pl.DataFrame,
    *,
    before: pl.DataFrame,
    footprint: pl.DataFrame | None,
    opening: Opening,
    tick: int,
    tick_size: float | None,
    earlier: Earlier,
) -> pl.DataFrame:
    """Return the levels of one session.

    A row knows its own bar, the bars before it and earlier sessions; no later row changes a bit.

    Parameters
    ----------
    bars
        Table `bars` of the session, all of one contract, in time order.
    before
        Table `bars` of earlier sessions: `technical.LOOK_BACK_BARS` at least where they exist;
        more change nothing.
    footprint
        Table `footprint` of the session, of the bars' timeframe and by tick; None where the
        session has none: each bar's volume then lies at its average price.
    opening
        The session's open, and the bars' length.
    tick
        Step of the prices of profiles, in 1e-9.
    tick_size
        Smallest price step; None where none is known: distances in ticks are then null.
    earlier
        What earlier sessions hand on.

    Returns
    -------
    DataFrame
        Rows of table `levels`; its contract is checked where they are stored.
    """
    if bars.is_empty():
        return LEVELS.empty()
    atr = true_range_average(before, bars)
    flow = Flow.of(bars, footprint, tick=tick)
    levels = {
        **_flow_levels(flow, earlier),
        **bollinger_bands(before, bars),
        **earlier_marks("previous_day", earlier.previous_day, bars.height),
        **earlier_marks("previous_week", earlier.previous_week, bars.height),
        **opening_marks(bars, opening),
    }
    columns = _with_distances(levels, bars["close"].to_numpy(), atr=atr, tick_size=tick_size)
    rows = _keys(bars, opening).hstack(_nullable({"atr": atr} | columns))
    return rows[LEVELS.schema.column_names()]


def _flow_levels(flow: Flow, earlier: Earlier) -> dict[str, FloatArray]:
    """Return mean prices, their bands and value areas."""
    nothing = Stretch.empty()
    anchored = flow.bands("anchored_vwap", earlier.anchored or nothing)
    if earlier.anchored is None:
        anchored = {name: np.full(values.shape[0], np.nan) for name, values in anchored.items()}
    return {
        **flow.bands("session_vwap", nothing),
        **flow.bands("week_vwap", earlier.week),
        **anchored,
        **flow.area("session", nothing),
        **flow.area("week", earlier.week),
        **flow.area("contract", earlier.contract),
    }


def _with_distances(
    levels: dict[str, FloatArray], close: FloatArray, *, atr: FloatArray, tick_size: float | None
) -> dict[str, FloatArray]:
    """Return each level with the close's distance from it, in ticks and in average true ranges."""
    step = np.full(close.shape[0], np.nan if tick_size is None else tick_size)
    columns = {}
    for name in LEVEL_NAMES:
        away = close - levels[name]
        columns[name] = levels[name]
        columns[f"{name}_dist_ticks"] = ratio(away, step)
        columns[f"{name}_dist_atr"] = ratio(away, atr)
    return columns


def _keys(bars: pl.DataFrame, opening: Opening) -> pl.DataFrame:
    """Return session, start and end of each bar."""
    end = pl.col("bar_start").to_physical() + opening.timeframe.ns
    if opening.timeframe.is_daily:
        end = pl.lit(opening.bounds.next_start_ns)
    return bars.select("session", "bar_start", end.cast(UTC_NS).alias("known_at"))


def _nullable(columns: dict[str, FloatArray]) -> list[pl.Series]:
    """Return arrays as columns, null for what is not finite."""
    table = np.array(list(columns.values()))
    return nullable_columns(list(columns), np.where(np.isfinite(table), table, np.nan))
