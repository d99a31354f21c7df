"""Momentum oscillators by TA-Lib: float64 arrays of shape (n,) in and out, warm-up NaN."""

from quant_assets.indicators.arrays import FloatArray


def relative_strength(close: FloatArray, *, period: int) -> FloatArray:
    """Return Wilder's relative strength index, 0 to 100 (TA-Lib RSI); recursive."""
    import talib

    result: FloatArray = talib.RSI(close, timeperiod=period)
    return result


def rate_of_change(close: FloatArray, *, period: int) -> FloatArray:
    """Return close / close `period` bars before - 1 (TA-Lib ROCP)."""
    import talib

    result: FloatArray = talib.ROCP(close, timeperiod=period)
    return result


def stochastic(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    *,
    period: int,
    smoothing: int,
    signal: int,
) -> tuple[FloatArray, FloatArray]:
    """Return slow %K of Lane's stochastic and its mean %D, 0 to 100 (TA-Lib STOCH).

    Both are NaN until %D is there: TA-Lib starts the two together.
    """
    import talib

    result: tuple[FloatArray, FloatArray] = talib.STOCH(
        high, low, close, fastk_period=period, slowk_period=smoothing, slowd_period=signal
    )
    return result


def commodity_channel(
    high: FloatArray, low: FloatArray, close: FloatArray, *, period: int
) -> FloatArray:
    """Return Lambert's commodity channel index (TA-Lib CCI); 0 where the market is flat."""
    import talib

    result: FloatArray = talib.CCI(high, low, close, timeperiod=period)
    return result
