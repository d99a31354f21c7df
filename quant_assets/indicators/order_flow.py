"""Volume and order flow: float64 arrays of shape (n,) in and out, warm-up NaN."""

import numpy as np

from quant_assets.indicators.arrays import FloatArray, ratio
from quant_assets.indicators.kernels import anchored_vwap, rolling_mean, rolling_z_score


def volume_z_score(volume: FloatArray, *, period: int) -> FloatArray:
    """Return how many standard deviations the volume stands off its mean; NaN where it is even."""
    result: FloatArray = rolling_z_score(volume, period)
    return result


def delta_ratio(buy_volume: FloatArray, sell_volume: FloatArray, *, period: int) -> FloatArray:
    """Return (buys - sells) / (buys + sells) over `period` bars, -1 to 1.

    Volume of unknown side counts on neither hand; NaN where no side is known.
    """
    delta = rolling_mean(buy_volume - sell_volume, period)
    return ratio(delta, rolling_mean(buy_volume + sell_volume, period))


def vwap_from_start(
    high: FloatArray, low: FloatArray, close: FloatArray, vwap: FloatArray, volume: FloatArray
) -> FloatArray:
    """Return the volume-weighted price since the first row.

    A bar's price is its own VWAP where that is known, else (high + low + close) / 3. Rows with a
    NaN price or volume are passed over.
    """
    typical = (high + low + close) / 3.0
    result: FloatArray = anchored_vwap(np.where(np.isnan(vwap), typical, vwap), volume)
    return result
