"""Volatility: float64 arrays of shape (n,) in and out, warm-up NaN, nothing annualised."""

import numpy as np

from quant_assets.indicators.arrays import FloatArray, ratio
from quant_assets.indicators.kernels import (
    garman_klass_variances,
    parkinson_variances,
    rolling_mean,
    squared_returns,
)


def average_true_range(
    high: FloatArray, low: FloatArray, close: FloatArray, *, period: int
) -> FloatArray:
    """Return Wilder's average true range, in units of price (TA-Lib ATR); recursive."""
    import talib

    result: FloatArray = talib.ATR(high, low, close, timeperiod=period)
    return result


def bollinger_position(close: FloatArray, *, period: int, deviations: float) -> FloatArray:
    """Return %b: 0 on the lower Bollinger band, 1 on the upper (TA-Lib BBANDS).

    NaN where the bands have no width: a flat market has no position.
    """
    import talib

    upper, _, lower = talib.BBANDS(close, timeperiod=period, nbdevup=deviations, nbdevdn=deviations)
    return ratio(close - lower, upper - lower)


def parkinson(high: FloatArray, low: FloatArray, *, period: int) -> FloatArray:
    """Return Parkinson's volatility a bar, from high and low.

    Parkinson (1980), The extreme value method for estimating the variance of the rate of return.
    """
    return _root(rolling_mean(parkinson_variances(high, low), period))


def garman_klass(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, *, period: int
) -> FloatArray:
    """Return Garman and Klass' volatility a bar, from all four prices.

    Garman and Klass (1980), On the estimation of security price volatilities from historical data.
    """
    return _root(rolling_mean(garman_klass_variances(open_, high, low, close), period))


def realized(close: FloatArray, *, period: int) -> FloatArray:
    """Return the root mean square of log returns a bar; no mean is taken off."""
    return _root(rolling_mean(squared_returns(close), period))


def _root(variances: FloatArray) -> FloatArray:
    """Return square roots; NaN below zero."""
    roots = np.full(variances.shape[0], np.nan)
    np.sqrt(variances, out=roots, where=variances >= 0.0)
    return roots
