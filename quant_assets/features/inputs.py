"""Columns beside the bars' own that features may read, joined on `bar_start`: no row more or less.

All of a row's values are known at its bar's end. Where a source has nothing for a bar they are
null.
"""

from collections.abc import Iterable, Mapping

import polars as pl

from quant_assets.bars.schema import BARS
from quant_assets.levels.schema import LEVEL_NAMES
from quant_assets.market.errors import InputError

BAR_INPUTS = tuple(
    name for name in BARS.schema.column_names() if name not in {"session", "bar_start", "contract"}
)
"""Numeric columns of `bars`."""

FOOTPRINT_PREFIX, LEVEL_PREFIX = "footprint_", "level_"

_FOOTPRINT_COLUMNS = (
    "volume", "bid_volume", "ask_volume", "delta", "cum_delta", "min_delta", "max_delta",
    "poc", "vah", "val", "imbalance_buy", "imbalance_sell", "stacked_buy", "stacked_sell",
    "unfinished_high", "unfinished_low", "absorption",
)  # fmt: skip

FOOTPRINT_INPUTS = tuple(FOOTPRINT_PREFIX + name for name in _FOOTPRINT_COLUMNS)
"""Columns of `footprint_bars`; flags are 1 and 0."""

LEVEL_INPUTS = tuple(LEVEL_PREFIX + name for name in (*LEVEL_NAMES, "atr"))
"""Columns of `levels`: prices."""

CLOCK_INPUTS = ("minutes_since_open", "minutes_to_close", "session_minutes", "days_to_expiry")
"""By the calendar: minutes from the official open to the bar's end, from there to the official
close (negative after it), the official length, and calendar days to the contract's expiry."""

REFERENCE_INPUTS = ("reference_close",)
"""Last close of the symbol's reference whose bar has ended when the own bar ends."""

REFERENCE_CONTRACT = "reference_contract"
"""Text beside it: the contract of that close. Features that read the close start anew at another,
as all do at another contract of the symbol itself."""

REGIME_INPUTS = ("mixture_label", "volatility_label")
"""Labels of `regimes`."""

JOINED_INPUTS = (
    *FOOTPRINT_INPUTS,
    *LEVEL_INPUTS,
    *CLOCK_INPUTS,
    *REFERENCE_INPUTS,
    *REGIME_INPUTS,
)
"""Every column that is joined, in order."""

FEATURE_INPUTS = (*BAR_INPUTS, *JOINED_INPUTS)
"""Every column that a feature may name as an input."""


def joined(bars: pl.DataFrame, sources: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return bars with the columns of other tables beside them.

    Parameters
    ----------
    bars
        Bars of one symbol and one timeframe, in any order.
    sources
        Name of a source to a frame of bar_start and columns of `JOINED_INPUTS`.

    Returns
    -------
    DataFrame
        The bars' rows in their order, each once, with every column of `JOINED_INPUTS`; Float64,
        null where no source has one. Behind them `REFERENCE_CONTRACT`, where a source has it.

    Raises
    ------
    InputError
        If a source has two rows for one bar.
    """
    rows = bars
    for name, frame in sources.items():
        if frame["bar_start"].n_unique() != frame.height:
            raise InputError(
                asked=f"join {name} to {bars.height} bars",
                found=f"{frame.height - frame['bar_start'].n_unique()} bars have two rows of it",
                remedy=f"Make {name} again: its key is the bar's start.",
            )
        rows = rows.join(frame, on="bar_start", how="left", maintain_order="left")
    return rows.select(
        *bars.columns,
        *(
            (pl.col(name) if name in rows.columns else pl.lit(None)).cast(pl.Float64).alias(name)
            for name in JOINED_INPUTS
        ),
        *(name for name in (REFERENCE_CONTRACT,) if name in rows.columns),
    )


def prefixed(frame: pl.DataFrame, *, prefix: str, inputs: Iterable[str]) -> pl.DataFrame:
    """Return bar_start and the columns of a table that are inputs, under the inputs' names."""
    names = [name.removeprefix(prefix) for name in inputs]
    return frame.select("bar_start", *(pl.col(name).alias(prefix + name) for name in names))
