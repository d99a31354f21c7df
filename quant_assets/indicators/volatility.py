"""Volatility: float64 arrays of shape (n,) in and out, warm-up NaN, nothing annualised."""

from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.kernels import (
    garman_klass_variances,
    parkinson_variances,
    ratio,
    rolling_root_mean,
    squared_returns,
)


def average_true_range(
    high: FloatArray, low: FloatArray, close: FloatArray, *, period: int
) -> FloatArray:
    """Return Wilder's average true range, in units of price (TA-Lib ATR); recursive."""
    import talib

    result: FloatArray = talib.ATR(high, low, close, timeperiod=period)
    return result


def bollinger_bands(
    close: FloatArray, *, period: int, deviations: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the upper, middle and lower Bollinger band, in units of price (TA-Lib BBANDS)."""
    import talib

    result: tuple[FloatArray, FloatArray, FloatArray] = talib.BBANDS(
        close, timeperiod=period, nbdevup=deviations, nbdevdn=deviations
    )
    return result


def band_position(
    values: FloatArray, bands: tuple[FloatArray, FloatArray, FloatArray]
) -> FloatArray:
    """Return where values stand in upper, middle and lower bands: 0 on the lower, 1 on the upper.

    NaN where the bands have no width: a flat market has no position.
    """
    upper, _, lower = bands
    return ratio(values - lower, upper - lower)


def band_width(bands: tuple[FloatArray, FloatArray, FloatArray]) -> FloatArray:
    """Return the distance of the upper from the lower band, as a share of the middle."""
    upper, middle, lower = bands
    return ratio(upper - lower, middle)


def parkinson(high: FloatArray, low: FloatArray, *, period: int) -> FloatArray:
    """Return Parkinson's volatility a bar, from high and low.

    Parkinson (1980), The extreme value method for estimating the variance of the rate of return.
    """
    result: FloatArray = rolling_root_mean(parkinson_variances(high, low), period)
    return result


def garman_klass(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, *, period: int
) -> FloatArray:
    """Return Garman and Klass' volatility a bar, from all four prices.

    Garman and Klass (1980), On the estimation of security price volatilities from historical data.
    """
    variances = garman_klass_variances(open_, high, low, close)
    result: FloatArray = rolling_root_mean(variances, period)
    return result


def realized(close: FloatArray, *, period: int) -> FloatArray:
    """Return the root mean square of log returns a bar; no mean is taken off."""
    result: FloatArray = rolling_root_mean(squared_returns(close), period)
    return result
