"""Bars of any length for export, derived from each session's base in the lake."""

from datetime import date

import polars as pl

from quant_assets.bars.build import bars_from_ticks
from quant_assets.bars.landed import bars_from_landed
from quant_assets.bars.resample import resample_bars
from quant_assets.market.errors import TableMissingError, TimeframeError
from quant_assets.market.tables import check_symbol
from quant_assets.market.timeframes import Timeframe
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.bars import Base, find_base
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace


def derive_bars(
    workspace: Workspace,
    symbol: str,
    *,
    timeframe: str,
    first: date | None = None,
    last: date | None = None,
) -> pl.DataFrame:
    """Return bars of one symbol in time order, with session, from all its landed sessions.

    Raises
    ------
    TimeframeError
        If the name is no timeframe, or shorter than what was landed.
    TableMissingError
        If nothing of the symbol lies between the dates.
    """
    wanted = Timeframe.parse(timeframe)
    view = LakeView(workspace)
    days = [
        day
        for day in landed_sessions(view, check_symbol(symbol))
        if (first is None or day >= first) and (last is None or day <= last)
    ]
    frames = [
        frame for day in days if (frame := _session(view, Key(symbol, day), wanted)) is not None
    ]
    if not frames:
        there = landed_sessions(view, symbol)
        raise TableMissingError(
            asked=f"{timeframe} bars of {symbol}, {first or 'first'} to {last or 'last'}",
            found=f"landed: {there[0]} to {there[-1]}" if there else "nothing is landed",
            remedy="Land its files first, and for ticks: quant materialize clean_ticks",
        )
    return pl.concat(frames)


def _session(view: LakeView, key: Key, wanted: Timeframe) -> pl.DataFrame | None:
    """Return the bars of one session, or None where it has no base."""
    base = find_base(view, key.symbol, key.session)
    if not isinstance(base, Base):
        return None
    rows = view.read(base.entry)
    if base.timeframe is None:
        return bars_from_ticks(rows, timeframe=wanted)
    if wanted < base.timeframe:
        raise TimeframeError(
            asked=f"{wanted} bars of {key.symbol} on {key.session}",
            found=f"the finest that was landed are {base.timeframe} bars",
            remedy="Choose a longer timeframe, or land finer data.",
        )
    own = bars_from_landed(rows, contract=base.contract)
    return (
        own
        if wanted == base.timeframe
        else resample_bars(own, timeframe=wanted, source=base.timeframe)
    )
