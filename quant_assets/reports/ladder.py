"""The footprint as a ladder: which bars and price rows a chart shows, and its cells as text."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.bars.footprint_marks import coarser_rows, mark_rows
from quant_assets.bars.footprint_tables import FootprintRules

_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Ladder:
    """Cells of some bars, and those bars.

    Parameters
    ----------
    cells
        Rows of `mark_rows`, with the place of their bar as `at`.
    bars
        Rows of table `footprint_bars`.
    bucket
        Width of a row in 1e-9; wider than the footprint's where its rows would be too many.
    """

    cells: pl.DataFrame
    bars: pl.DataFrame
    bucket: int


def build_ladder(
    rows: pl.DataFrame,
    bars: pl.DataFrame,
    *,
    bucket: int,
    rules: FootprintRules,
    most_rows: int,
) -> Ladder:
    """Return what a chart of all the given bars shows.

    Parameters
    ----------
    rows, bars
        Tables `footprint` and `footprint_bars`, in order; rows of other bars are left out.
    bucket
        Width of the rows in 1e-9.
    most_rows
        Price rows between the highest and the lowest; above it they are made wider by 2, 5, 10 ...
    """
    own = rows.join(bars.select("bar_start"), on="bar_start", how="semi", maintain_order="left")
    width = _fitting(own, bucket, most_rows)
    shown = coarser_rows(own, bucket=width) if width != bucket else own
    places = bars.select("bar_start").with_row_index("at")
    marked = mark_rows(shown, bucket=width, rules=rules)
    return Ladder(marked.join(places, on="bar_start", maintain_order="left"), bars, width)


def busiest_bars(bars: pl.DataFrame, count: int) -> pl.DataFrame:
    """Return the `count` bars in a row that hold most volume, the first of equals."""
    if bars.height <= count:
        return bars
    sums = np.convolve(bars["volume"].to_numpy(), np.ones(count), mode="valid")
    return bars.slice(int(np.argmax(sums)), count)


def quantity(value: float) -> str:
    """Return a quantity as short as a cell of a ladder needs it: 1.2k, 340, 0.015."""
    if value >= 10_000:
        return f"{value / 1_000:.0f}k" if value < 10_000_000 else f"{value / 1e6:.0f}M"
    if value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}"


def _fitting(rows: pl.DataFrame, bucket: int, most_rows: int) -> int:
    """Return the narrowest width by 1, 2, 5, 10 ... buckets that gives no more rows."""
    if rows.is_empty():
        return bucket
    span = (float(rows["price"].max()) - float(rows["price"].min())) * 1e9 / bucket + 1  # type: ignore[arg-type]
    factor = 1
    while span / factor > most_rows:
        factor = next(
            10**power * step for power in range(20) for step in _STEPS if 10**power * step > factor
        )
    return bucket * factor
