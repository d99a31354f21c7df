"""Planted: the contract of the day is the one that will have traded more by its end."""

import polars as pl

from quant_assets.features.frame_feature import frame_feature


@frame_feature(
    name="rolled_close", inputs=("front_close", "back_close", "front_volume", "back_volume")
)
def rolled_close(bars):
    """Close of the contract with more volume on the session."""
    days = bars.group_by("session").agg(
        is_rolled=pl.col("back_volume").sum() > pl.col("front_volume").sum()
    )
    rows = bars.join(days, on="session", maintain_order="left")
    return rows.select(
        "bar_start",
        rolled_close=pl.when("is_rolled").then("back_close").otherwise("front_close"),
    )
