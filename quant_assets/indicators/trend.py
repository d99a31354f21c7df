"""Trend indicators by TA-Lib: float64 arrays of shape (n,) in and out, warm-up NaN.

Recursive ones (EMA, MACD, ADX) depend on where their array starts: the session-window rule of
`features.window` fixes that start.
"""

from quant_assets.indicators.arrays import FloatArray


def simple_mean(values: FloatArray, *, period: int) -> FloatArray:
    """Return the simple moving average (TA-Lib SMA)."""
    import talib

    result: FloatArray = talib.SMA(values, timeperiod=period)
    return result


def exponential_mean(values: FloatArray, *, period: int) -> FloatArray:
    """Return the exponential moving average (TA-Lib EMA); it starts at a simple mean."""
    import talib

    result: FloatArray = talib.EMA(values, timeperiod=period)
    return result


def macd_histogram(close: FloatArray, *, fast: int, slow: int, signal: int) -> FloatArray:
    """Return MACD line less its signal line, in units of price (TA-Lib MACD)."""
    import talib

    _, _, histogram = talib.MACD(close, fastperiod=fast, slowperiod=slow, signalperiod=signal)
    result: FloatArray = histogram
    return result


def directional_index(
    high: FloatArray, low: FloatArray, close: FloatArray, *, period: int
) -> FloatArray:
    """Return Wilder's average directional index, 0 to 100 (TA-Lib ADX)."""
    import talib

    result: FloatArray = talib.ADX(high, low, close, timeperiod=period)
    return result


def regression_slope(values: FloatArray, *, period: int) -> FloatArray:
    """Return the least-squares slope over the last `period` values, a bar (LINEARREG_SLOPE)."""
    import talib

    result: FloatArray = talib.LINEARREG_SLOPE(values, timeperiod=period)
    return result
