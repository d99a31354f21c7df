"""Volume and order flow: float64 arrays of shape (n,) in and out, warm-up NaN."""

import numpy as np

from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.kernels import (
    anchored_vwap,
    ratio,
    rolling_mean,
    rolling_trend,
    rolling_z_score,
    running_total,
)


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


def delta_divergence(
    close: FloatArray, buy_volume: FloatArray, sell_volume: FloatArray, *, period: int
) -> FloatArray:
    """Return the trend of the close less the trend of cumulative delta, -2 to 2.

    Each trend is the slope over `period` bars once series and time are standard scores. Above zero
    the price holds up better than the buying does. NaN where either is flat.
    """
    delta = running_total(buy_volume - sell_volume)
    difference: FloatArray = rolling_trend(close, period) - rolling_trend(delta, period)
    return difference


def imbalance_share(buy: FloatArray, sell: FloatArray) -> FloatArray:
    """Return (buy - sell) / (buy + sell) of counted imbalances, -1 to 1; 0 where there are none."""
    return (buy - sell) / np.maximum(buy + sell, 1.0)
