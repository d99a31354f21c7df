"""Planted: a gap is filled on a line to the value that comes after it."""

import numpy as np
import polars as pl

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.features.frame_feature import frame_feature


@feature(
    name="filled_close",
    family=Family.CUSTOM,
    unit="price",
    inputs=("close",),
    look_back=10,
    nulls="pass",
    source="own",
)
def filled_close(bars: BarArrays):
    """Close, where there is none by its neighbours."""
    close = bars["close"]
    there = np.flatnonzero(~np.isnan(close))
    if not there.size:
        return close
    return np.interp(np.arange(len(close)), there, close[there], left=np.nan, right=np.nan)


@frame_feature(name="filled_close_frame", inputs=("close",))
def filled_close_frame(bars):
    """Close, where there is none by its neighbours."""
    return pl.col("close").interpolate()
