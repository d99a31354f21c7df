"""Bars of any length for export, derived from each session's base in the lake."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from quant_assets.bars.adjustment import Adjustment, adjust_bars, gap_sizes, parse_adjustment
from quant_assets.bars.build import bars_from_ticks
from quant_assets.bars.landed import bars_from_landed
from quant_assets.bars.resample import resample_bars
from quant_assets.market.errors import InputError, TableMissingError, TimeframeError
from quant_assets.market.tables import check_symbol
from quant_assets.market.timeframes import Timeframe
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.bars import Base, find_base
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.roll_gaps import roll_gaps
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
    return _derived(LakeView(workspace), symbol, Timeframe.parse(timeframe), first, last)


@dataclass(frozen=True)
class AdjustedBars:
    """Bars with adjusted prices beside the raw ones, and the gaps they were adjusted by."""

    bars: pl.DataFrame
    gaps: pl.DataFrame
    by: Adjustment

    @property
    def remarks(self) -> list[str]:
        """What to say of rolls over which nothing could be adjusted."""
        step = gap_sizes(self.gaps)[self.by.value]
        bare = self.gaps.filter(step.is_null())
        return [
            f"{session}: no {self.by} between {old} and {new}, "
            + ("their prices are not above 0" if price else "which never traded in one session")
            + ": adjusted prices before that day are empty."
            for session, old, new, price in bare.select(
                "session", "from_contract", "to_contract", pl.col("from_price").is_not_null()
            ).rows()
        ]


def derive_adjusted_bars(
    workspace: Workspace,
    symbol: str,
    *,
    timeframe: str,
    adjust: str,
    first: date | None = None,
    last: date | None = None,
) -> AdjustedBars:
    """Return bars of a futures root with prices that are continuous over its rolls.

    The newest contract of the bars keeps its prices; a `last` date leaves later rolls out.

    Parameters
    ----------
    adjust
        `difference` or `ratio`.

    Raises
    ------
    InputError
        If the adjustment is unknown, or the symbol has no contracts.
    TimeframeError, TableMissingError
        As `derive_bars` does.
    """
    by = parse_adjustment(adjust)
    view = LakeView(workspace)
    bars = _derived(view, symbol, Timeframe.parse(timeframe), first, last)
    gaps = roll_gaps(view, symbol, bars)
    return AdjustedBars(adjust_bars(bars, gaps, by=by), gaps, by)


def _derived(
    view: LakeView, symbol: str, wanted: Timeframe, first: date | None, last: date | None
) -> pl.DataFrame:
    """Return the bars of all sessions between two dates, both included."""
    if first and last and last < first:
        raise InputError(
            asked=f"{wanted} bars of {symbol}, {first} to {last}",
            found="the last date lies before the first",
            remedy="Swap --from and --to.",
        )
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
            asked=f"{wanted} bars of {symbol}, {first or 'first'} to {last or 'last'}",
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
