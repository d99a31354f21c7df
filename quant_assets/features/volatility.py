"""Volatility: how much the price moves a bar, as a share of the price; nothing annualised."""

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.indicators import volatility
from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.kernels import ratio


@feature(
    name="atr_ratio_14",
    family=Family.VOLATILITY,
    unit="ratio",
    inputs=("high", "low", "close"),
    look_back=112,
    recursive_period=14,
    parameters={"period": 14},
    source="TA-Lib ATR; Wilder (1978)",
)
def atr_ratio_14(bars: BarArrays, *, period: int) -> FloatArray:
    """Average true range as a share of the close."""
    close = bars["close"]
    true_range = volatility.average_true_range(bars["high"], bars["low"], close, period=period)
    return ratio(true_range, close)


@feature(
    name="bollinger_b_20",
    family=Family.VOLATILITY,
    unit="ratio",
    inputs=("close",),
    look_back=19,
    parameters={"period": 20, "deviations": 2.0},
    source="TA-Lib BBANDS",
)
def bollinger_b_20(bars: BarArrays, *, period: int, deviations: float) -> FloatArray:
    """Where the close stands between the Bollinger bands: 0 lower, 1 upper."""
    bands = bars.shared(volatility.bollinger_bands, "close", period=period, deviations=deviations)
    return volatility.band_position(bars["close"], bands)


@feature(
    name="parkinson_20",
    family=Family.VOLATILITY,
    unit="ratio a bar",
    inputs=("high", "low"),
    look_back=19,
    parameters={"period": 20},
    source="Parkinson (1980)",
)
def parkinson_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Volatility by the bars' high and low."""
    return volatility.parkinson(bars["high"], bars["low"], period=period)


@feature(
    name="garman_klass_20",
    family=Family.VOLATILITY,
    unit="ratio a bar",
    inputs=("open", "high", "low", "close"),
    look_back=19,
    parameters={"period": 20},
    source="Garman and Klass (1980)",
)
def garman_klass_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Volatility by the bars' four prices."""
    return volatility.garman_klass(
        bars["open"], bars["high"], bars["low"], bars["close"], period=period
    )


@feature(
    name="realized_volatility_20",
    family=Family.VOLATILITY,
    unit="ratio a bar",
    inputs=("close",),
    look_back=20,
    parameters={"period": 20},
    source="Root mean square of log returns; Andersen and Bollerslev (1998)",
)
def realized_volatility_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Volatility by the last 20 log returns."""
    return volatility.realized(bars["close"], period=period)


@feature(
    name="bollinger_width_20",
    family=Family.VOLATILITY,
    unit="ratio",
    inputs=("close",),
    look_back=19,
    parameters={"period": 20, "deviations": 2.0},
    source="TA-Lib BBANDS",
)
def bollinger_width_20(bars: BarArrays, *, period: int, deviations: float) -> FloatArray:
    """Distance of the Bollinger bands, as a share of the mean between them."""
    bands = bars.shared(volatility.bollinger_bands, "close", period=period, deviations=deviations)
    return volatility.band_width(bands)
