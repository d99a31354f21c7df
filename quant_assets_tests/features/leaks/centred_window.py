"""Planted: a mean over bars on both sides of its own."""

import numpy as np

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.features.frame_feature import frame_feature


@feature(
    name="smooth_close",
    family=Family.CUSTOM,
    unit="price",
    inputs=("close",),
    look_back=10,
    parameters={"reach": 2},
    source="own",
)
def smooth_close(bars: BarArrays, *, reach: int):
    """Mean of the close and its neighbours."""
    close = bars["close"]
    return np.array([close[max(0, at - reach) : at + reach + 1].mean() for at in range(len(close))])


@frame_feature(name="smooth_close_frame", inputs=("close",))
def smooth_close_frame(bars):
    """Mean of five closes, the bar's own in their midst."""
    return bars["close"].rolling_mean(5, center=True)
