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


def macd(
    close: FloatArray, *, fast: int, slow: int, signal: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the MACD line, its signal line, and their difference, in units of price (MACD)."""
    import talib

    result: tuple[FloatArray, FloatArray, FloatArray] = talib.MACD(
        close, fastperiod=fast, slowperiod=slow, signalperiod=signal
    )
    return result


def directional_index(
    high: FloatArray, low: FloatArray, close: FloatArray, *, period: int
) -> FloatArray:
    """Return Wilder's average directional index, 0 to 100 (TA-Lib ADX)."""
    import talib

    result: FloatArray = talib.ADX(high, low, close, timeperiod=period)
    return result


def plus_directional(
    high: FloatArray, low: FloatArray, close: FloatArray, *, period: int
) -> FloatArray:
    """Return Wilder's positive directional indicator, 0 to 100 (TA-Lib PLUS_DI); recursive."""
    import talib

    result: FloatArray = talib.PLUS_DI(high, low, close, timeperiod=period)
    return result


def minus_directional(
    high: FloatArray, low: FloatArray, close: FloatArray, *, period: int
) -> FloatArray:
    """Return Wilder's negative directional indicator, 0 to 100 (TA-Lib MINUS_DI); recursive."""
    import talib

    result: FloatArray = talib.MINUS_DI(high, low, close, timeperiod=period)
    return result


def regression_slope(values: FloatArray, *, period: int) -> FloatArray:
    """Return the least-squares slope over the last `period` values, a bar (LINEARREG_SLOPE)."""
    import talib

    result: FloatArray = talib.LINEARREG_SLOPE(values, timeperiod=period)
    return result
