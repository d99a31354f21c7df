"""Trend: where the price stands against its own past, as a share of the price."""

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.indicators import trend
from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.kernels import ratio


@feature(
    name="sma_distance_20",
    family=Family.TREND,
    unit="ratio",
    inputs=("close",),
    look_back=19,
    parameters={"period": 20},
    source="TA-Lib SMA",
)
def sma_distance_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Close over its simple mean of 20 bars, less 1."""
    return ratio(bars["close"], trend.simple_mean(bars["close"], period=period)) - 1.0


@feature(
    name="sma_distance_50",
    family=Family.TREND,
    unit="ratio",
    inputs=("close",),
    look_back=49,
    parameters={"period": 50},
    source="TA-Lib SMA",
)
def sma_distance_50(bars: BarArrays, *, period: int) -> FloatArray:
    """Close over its simple mean of 50 bars, less 1."""
    return ratio(bars["close"], trend.simple_mean(bars["close"], period=period)) - 1.0


@feature(
    name="ema_distance_20",
    family=Family.TREND,
    unit="ratio",
    inputs=("close",),
    look_back=160,
    recursive_period=20,
    parameters={"period": 20},
    source="TA-Lib EMA",
)
def ema_distance_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Close over its exponential mean of 20 bars, less 1."""
    return ratio(bars["close"], trend.exponential_mean(bars["close"], period=period)) - 1.0


@feature(
    name="macd_histogram",
    family=Family.TREND,
    unit="ratio",
    inputs=("close",),
    look_back=280,
    # The slow mean and the signal line behind it are smoothed one after the other.
    recursive_period=26 + 9,
    parameters={"fast": 12, "slow": 26, "signal": 9},
    source="TA-Lib MACD",
)
def macd_histogram(bars: BarArrays, *, fast: int, slow: int, signal: int) -> FloatArray:
    """MACD line less its signal line, as a share of the close."""
    _, _, histogram = bars.shared(trend.macd, "close", fast=fast, slow=slow, signal=signal)
    return ratio(histogram, bars["close"])


@feature(
    name="adx_14",
    family=Family.TREND,
    unit="0-100",
    inputs=("high", "low", "close"),
    look_back=224,
    # Wilder smooths twice: the directional moves, then their index.
    recursive_period=2 * 14,
    parameters={"period": 14},
    source="TA-Lib ADX; Wilder (1978)",
)
def adx_14(bars: BarArrays, *, period: int) -> FloatArray:
    """Strength of the trend, whichever its direction."""
    return trend.directional_index(bars["high"], bars["low"], bars["close"], period=period)


@feature(
    name="slope_20",
    family=Family.TREND,
    unit="ratio a bar",
    inputs=("close",),
    look_back=19,
    parameters={"period": 20},
    source="TA-Lib LINEARREG_SLOPE",
)
def slope_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Least-squares slope of the last 20 closes, as a share of the close."""
    return ratio(trend.regression_slope(bars["close"], period=period), bars["close"])


@feature(
    name="macd_line",
    family=Family.TREND,
    unit="ratio",
    inputs=("close",),
    look_back=280,
    recursive_period=26 + 9,
    parameters={"fast": 12, "slow": 26, "signal": 9},
    source="TA-Lib MACD",
)
def macd_line(bars: BarArrays, *, fast: int, slow: int, signal: int) -> FloatArray:
    """Fast less slow exponential mean of the close, as a share of the close."""
    line, _, _ = bars.shared(trend.macd, "close", fast=fast, slow=slow, signal=signal)
    return ratio(line, bars["close"])


@feature(
    name="macd_signal",
    family=Family.TREND,
    unit="ratio",
    inputs=("close",),
    look_back=280,
    recursive_period=26 + 9,
    parameters={"fast": 12, "slow": 26, "signal": 9},
    source="TA-Lib MACD",
)
def macd_signal(bars: BarArrays, *, fast: int, slow: int, signal: int) -> FloatArray:
    """Exponential mean of the MACD line, as a share of the close."""
    _, signal_line, _ = bars.shared(trend.macd, "close", fast=fast, slow=slow, signal=signal)
    return ratio(signal_line, bars["close"])


@feature(
    name="plus_di_14",
    family=Family.TREND,
    unit="0-100",
    inputs=("high", "low", "close"),
    look_back=112,
    recursive_period=14,
    parameters={"period": 14},
    source="TA-Lib PLUS_DI; Wilder (1978)",
)
def plus_di_14(bars: BarArrays, *, period: int) -> FloatArray:
    """Share of moves up in the true range."""
    return trend.plus_directional(bars["high"], bars["low"], bars["close"], period=period)


@feature(
    name="minus_di_14",
    family=Family.TREND,
    unit="0-100",
    inputs=("high", "low", "close"),
    look_back=112,
    recursive_period=14,
    parameters={"period": 14},
    source="TA-Lib MINUS_DI; Wilder (1978)",
)
def minus_di_14(bars: BarArrays, *, period: int) -> FloatArray:
    """Share of moves down in the true range."""
    return trend.minus_directional(bars["high"], bars["low"], bars["close"], period=period)


@feature(
    name="slope_50",
    family=Family.TREND,
    unit="ratio a bar",
    inputs=("close",),
    look_back=49,
    parameters={"period": 50},
    source="TA-Lib LINEARREG_SLOPE",
)
def slope_50(bars: BarArrays, *, period: int) -> FloatArray:
    """Least-squares slope of the last 50 closes, as a share of the close."""
    return ratio(trend.regression_slope(bars["close"], period=period), bars["close"])
