"""Planted: a z-score by mean and deviation of all that there is."""

import polars as pl

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.features.frame_feature import frame_feature


@feature(
    name="volume_z",
    family=Family.CUSTOM,
    unit="deviations",
    inputs=("volume",),
    look_back=60,
    source="own",
)
def volume_z(bars: BarArrays):
    """Volume in deviations of the window's."""
    volume = bars["volume"]
    return (volume - volume.mean()) / volume.std()


@frame_feature(name="volume_z_frame", inputs=("volume",))
def volume_z_frame(bars):
    """Volume in deviations of the frame's."""
    return (pl.col("volume") - pl.col("volume").mean()) / pl.col("volume").std()
