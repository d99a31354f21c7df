"""The footprint as a ladder: which bars and price rows a chart shows, and its cells as text."""

from dataclasses import dataclass
from itertools import count

import numpy as np
import polars as pl

from quant_assets.bars.footprint_marks import coarser_rows, mark_rows
from quant_assets.bars.footprint_tables import FootprintRules
from quant_assets.market.columns import PRICE_SCALE

_BAR = ["session", "bar_start"]


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
    places = bars.select(_BAR).with_row_index("at")
    own = rows.join(places, on=_BAR, how="semi", maintain_order="left")
    factor = _fitting(own, bucket, most_rows)
    shown = coarser_rows(own, bucket=bucket, factor=factor) if factor > 1 else own
    marked = mark_rows(shown, bucket=bucket * factor, rules=rules)
    cells = marked.join(places, on=_BAR, maintain_order="left")
    return Ladder(cells, bars, bucket * factor)


def busiest_bars(bars: pl.DataFrame, n_bars: int) -> pl.DataFrame:
    """Return the `n_bars` bars in a row that hold most volume, the first of equals."""
    if bars.height <= n_bars:
        return bars
    sums = np.convolve(bars["volume"].to_numpy(), np.ones(n_bars), mode="valid")
    return bars.slice(int(np.argmax(sums)), n_bars)


def quantity(value: float) -> str:
    """Return a quantity as short as a cell of a ladder needs it: 1.2k, 340, 0.015."""
    if value >= 10_000:
        return f"{value / 1_000:.0f}k" if value < 10_000_000 else f"{value / 1e6:.0f}M"
    if value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}"


def price_span(prices: pl.Series) -> tuple[float, float]:
    """Return the lowest and the highest price; 0 and 0 where there is none."""
    values = prices.to_numpy()
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _fitting(rows: pl.DataFrame, bucket: int, most_rows: int) -> int:
    """Return how many buckets, 1, 2, 5, 10 ..., make the narrowest rows that are no more."""
    low, high = price_span(rows["price"])
    n_rows = (high - low) * PRICE_SCALE / bucket + 1
    steps = (step * 10**power for power in count() for step in (1, 2, 5))
    factor: int = next(step for step in steps if n_rows / step <= most_rows)
    return factor
