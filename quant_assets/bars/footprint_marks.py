"""Rows of a footprint with what a chart marks: point of control, value area, imbalances."""

import numpy as np
import polars as pl

from quant_assets.bars.footprint_kernels import value_area
from quant_assets.bars.footprint_tables import FootprintRules
from quant_assets.market.columns import PRICE_SCALE

_SUMS = ("bid_volume", "ask_volume", "unknown_volume", "delta")


_BAR = ("session", "bar_start")
"""A session that starts inside a bucket gives both sessions a bar of that start."""


def coarser_rows(rows: pl.DataFrame, *, bucket: int, factor: int) -> pl.DataFrame:
    """Return rows of wider buckets, each the sum of the rows within it.

    Parameters
    ----------
    rows
        Table `footprint`, in order.
    bucket
        Width of the rows in 1e-9.
    factor
        How many of them make a wider one.
    """
    keys = (pl.col("price") * PRICE_SCALE / bucket).round().cast(pl.Int64)
    wider = rows.with_columns(keys.floordiv(factor).alias("price"))
    summed = wider.group_by(*_BAR, "price", maintain_order=True).agg(
        pl.col(*_SUMS).sum(), pl.col("trades").sum().cast(pl.UInt32)
    )
    # Divided by numpy: polars multiplies by the inverse, which is one bit off for many prices.
    width = bucket * factor
    return summed.with_columns(price=pl.Series(summed["price"].to_numpy() * width / PRICE_SCALE))


def mark_rows(rows: pl.DataFrame, *, bucket: int, rules: FootprintRules) -> pl.DataFrame:
    """Return rows with the marks of their bars; the rules are those of table `footprint_bars`.

    Parameters
    ----------
    rows
        Table `footprint`, in order of (session, bar_start, price).
    bucket
        Width of the rows in 1e-9.

    Returns
    -------
    DataFrame
        The rows with `volume`, and Bool `is_poc`, `in_value_area`, `buy_imbalance`,
        `sell_imbalance`.
    """
    key = (pl.col("price") * PRICE_SCALE / bucket).round().cast(pl.Int64)
    total = pl.col("bid_volume") + pl.col("ask_volume") + pl.col("unknown_volume")
    keyed = rows.with_columns(key=key, volume=total)
    bars = keyed.partition_by(_BAR, maintain_order=True) or [keyed]
    marked = pl.concat([_with_area(bar, rules.value_area_share) for bar in bars])
    below = keyed.select(*_BAR, pl.col("key") + 1, below="bid_volume")
    above = keyed.select(*_BAR, pl.col("key") - 1, above="ask_volume")
    joined = marked
    for beside in (below, above):
        joined = joined.join(beside, on=[*_BAR, "key"], how="left", maintain_order="left")
    lowest, highest = (getattr(pl.col("key"), end)().over(_BAR) for end in ("min", "max"))
    return joined.with_columns(
        buy_imbalance=_outweighs("ask_volume", "below", rules) & (pl.col("key") > lowest),
        sell_imbalance=_outweighs("bid_volume", "above", rules) & (pl.col("key") < highest),
    ).drop("key", "below", "above")


def _outweighs(own: str, other: str, rules: FootprintRules) -> pl.Expr:
    """Whether a side's volume outweighs the other side's, diagonally beside it."""
    against = rules.imbalance_ratio * pl.col(other).fill_null(0.0)
    return (pl.col(own) >= rules.imbalance_volume) & (pl.col(own) >= against)


def _with_area(bar: pl.DataFrame, share: float) -> pl.DataFrame:
    """Return one bar's rows with point of control and value area marked."""
    volume = np.ascontiguousarray(bar["volume"].to_numpy())
    poc, low, high = value_area(volume, share) if bar.height else (0, 0, 0)
    place = np.arange(bar.height)
    return bar.with_columns(
        is_poc=pl.Series(place == poc), in_value_area=pl.Series((place >= low) & (place <= high))
    )
