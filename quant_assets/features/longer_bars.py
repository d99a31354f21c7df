"""Other lengths of bar: indicators of bars 4 and 12 times as long, of complete ones only.

Look-backs hold one longer bar more than eight periods, since the first may be incomplete.
"""

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.indicators import oscillators, trend, volatility
from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.kernels import ratio


@feature(
    name="rsi_14_x4",
    family=Family.MOMENTUM,
    unit="0-100",
    inputs=("close",),
    look_back=4 * (8 * 14 + 1),
    recursive_period=14,
    parameters={"period": 14},
    source="TA-Lib RSI; Wilder (1978)",
    multiple=4,
)
def rsi_14_x4(bars: BarArrays, *, period: int) -> FloatArray:
    """Share of the rises in all moves of the close, on bars 4 times as long."""
    return oscillators.relative_strength(bars["close"], period=period)


@feature(
    name="ema_distance_20_x4",
    family=Family.TREND,
    unit="ratio",
    inputs=("close",),
    look_back=4 * (8 * 20 + 1),
    recursive_period=20,
    parameters={"period": 20},
    source="TA-Lib EMA",
    multiple=4,
)
def ema_distance_20_x4(bars: BarArrays, *, period: int) -> FloatArray:
    """Close over its exponential mean of 20 bars, less 1, on bars 4 times as long."""
    return ratio(bars["close"], trend.exponential_mean(bars["close"], period=period)) - 1.0


@feature(
    name="atr_ratio_14_x4",
    family=Family.VOLATILITY,
    unit="ratio",
    inputs=("high", "low", "close"),
    look_back=4 * (8 * 14 + 1),
    recursive_period=14,
    parameters={"period": 14},
    source="TA-Lib ATR; Wilder (1978)",
    multiple=4,
)
def atr_ratio_14_x4(bars: BarArrays, *, period: int) -> FloatArray:
    """Average true range as a share of the close, on bars 4 times as long."""
    close = bars["close"]
    true_range = volatility.average_true_range(bars["high"], bars["low"], close, period=period)
    return ratio(true_range, close)


@feature(
    name="rsi_14_x12",
    family=Family.MOMENTUM,
    unit="0-100",
    inputs=("close",),
    look_back=12 * (8 * 14 + 1),
    recursive_period=14,
    parameters={"period": 14},
    source="TA-Lib RSI; Wilder (1978)",
    multiple=12,
)
def rsi_14_x12(bars: BarArrays, *, period: int) -> FloatArray:
    """Share of the rises in all moves of the close, on bars 12 times as long."""
    return oscillators.relative_strength(bars["close"], period=period)


@feature(
    name="ema_distance_14_x12",
    family=Family.TREND,
    unit="ratio",
    inputs=("close",),
    look_back=12 * (8 * 14 + 1),
    recursive_period=14,
    parameters={"period": 14},
    source="TA-Lib EMA",
    multiple=12,
)
def ema_distance_14_x12(bars: BarArrays, *, period: int) -> FloatArray:
    """Close over its exponential mean of 14 bars, less 1, on bars 12 times as long."""
    return ratio(bars["close"], trend.exponential_mean(bars["close"], period=period)) - 1.0


@feature(
    name="atr_ratio_14_x12",
    family=Family.VOLATILITY,
    unit="ratio",
    inputs=("high", "low", "close"),
    look_back=12 * (8 * 14 + 1),
    recursive_period=14,
    parameters={"period": 14},
    source="TA-Lib ATR; Wilder (1978)",
    multiple=12,
)
def atr_ratio_14_x12(bars: BarArrays, *, period: int) -> FloatArray:
    """Average true range as a share of the close, on bars 12 times as long."""
    close = bars["close"]
    true_range = volatility.average_true_range(bars["high"], bars["low"], close, period=period)
    return ratio(true_range, close)
