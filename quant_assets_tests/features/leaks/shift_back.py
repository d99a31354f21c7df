"""Planted: the return of the bar that comes next."""

import numpy as np
import polars as pl

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.features.frame_feature import frame_feature


@feature(
    name="return_1",
    family=Family.CUSTOM,
    unit="ratio",
    inputs=("close",),
    look_back=1,
    source="own",
)
def return_1(bars: BarArrays):
    """Return over one bar, the wrong one."""
    close = bars["close"]
    return np.append(close[1:] / close[:-1] - 1.0, np.nan)


@frame_feature(name="return_1_frame", inputs=("close",))
def return_1_frame(bars):
    """Return over one bar, the wrong one."""
    return pl.col("close").shift(-1) / pl.col("close") - 1.0
