"""Momentum: how far and how one-sidedly the price has moved."""

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.indicators import oscillators
from quant_assets.indicators.arrays import FloatArray


@feature(
    name="rsi_14",
    family=Family.MOMENTUM,
    unit="0-100",
    inputs=("close",),
    look_back=112,
    recursive_period=14,
    parameters={"period": 14},
    source="TA-Lib RSI; Wilder (1978)",
)
def rsi_14(bars: BarArrays, *, period: int) -> FloatArray:
    """Share of the rises in all moves of the close."""
    return oscillators.relative_strength(bars["close"], period=period)


@feature(
    name="roc_1",
    family=Family.MOMENTUM,
    unit="ratio",
    inputs=("close",),
    look_back=1,
    parameters={"period": 1},
    source="TA-Lib ROCP",
)
def roc_1(bars: BarArrays, *, period: int) -> FloatArray:
    """Change of the close against the bar before."""
    return oscillators.rate_of_change(bars["close"], period=period)


@feature(
    name="roc_10",
    family=Family.MOMENTUM,
    unit="ratio",
    inputs=("close",),
    look_back=10,
    parameters={"period": 10},
    source="TA-Lib ROCP",
)
def roc_10(bars: BarArrays, *, period: int) -> FloatArray:
    """Change of the close against 10 bars before."""
    return oscillators.rate_of_change(bars["close"], period=period)


@feature(
    name="stochastic_14",
    family=Family.MOMENTUM,
    unit="0-100",
    inputs=("high", "low", "close"),
    look_back=15,
    parameters={"period": 14, "smoothing": 3},
    source="TA-Lib STOCH, slow %K",
)
def stochastic_14(bars: BarArrays, *, period: int, smoothing: int) -> FloatArray:
    """Where the close stands in the range of 14 bars, mean of 3."""
    slow_k, _ = oscillators.stochastic(
        bars["high"], bars["low"], bars["close"], period=period, smoothing=smoothing, signal=1
    )
    return slow_k


@feature(
    name="cci_20",
    family=Family.MOMENTUM,
    unit="index",
    inputs=("high", "low", "close"),
    look_back=19,
    parameters={"period": 20},
    source="TA-Lib CCI; Lambert (1980)",
)
def cci_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Typical price off its mean of 20 bars, in mean deviations of 0.015."""
    return oscillators.commodity_channel(bars["high"], bars["low"], bars["close"], period=period)


@feature(
    name="roc_50",
    family=Family.MOMENTUM,
    unit="ratio",
    inputs=("close",),
    look_back=50,
    parameters={"period": 50},
    source="TA-Lib ROCP",
)
def roc_50(bars: BarArrays, *, period: int) -> FloatArray:
    """Change of the close against 50 bars before."""
    return oscillators.rate_of_change(bars["close"], period=period)


@feature(
    name="stochastic_d_14",
    family=Family.MOMENTUM,
    unit="0-100",
    inputs=("high", "low", "close"),
    look_back=17,
    parameters={"period": 14, "smoothing": 3, "signal": 3},
    source="TA-Lib STOCH, slow %D",
)
def stochastic_d_14(bars: BarArrays, *, period: int, smoothing: int, signal: int) -> FloatArray:
    """Mean of the last 3 values of stochastic_14."""
    _, slow_d = oscillators.stochastic(
        bars["high"], bars["low"], bars["close"], period=period, smoothing=smoothing, signal=signal
    )
    return slow_d
