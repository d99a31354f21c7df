"""Cross-asset: the symbol against its reference, whose bar has ended when the own bar ends."""

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.indicators import cross_asset, oscillators
from quant_assets.indicators.arrays import FloatArray

_PAIR = ("close", "reference_close")


@feature(
    name="reference_return_20",
    family=Family.CROSS_ASSET,
    unit="ratio",
    inputs=("reference_close",),
    look_back=20,
    parameters={"period": 20},
    source="TA-Lib ROCP",
)
def reference_return_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Change of the reference against 20 bars before."""
    return oscillators.rate_of_change(bars["reference_close"], period=period)


@feature(
    name="relative_return_20",
    family=Family.CROSS_ASSET,
    unit="ratio",
    inputs=_PAIR,
    look_back=20,
    parameters={"period": 20},
    source="TA-Lib ROCP",
)
def relative_return_20(bars: BarArrays, *, period: int) -> FloatArray:
    """Change of the close against 20 bars before, less that of the reference."""
    own, reference = (oscillators.rate_of_change(bars[name], period=period) for name in _PAIR)
    return own - reference


@feature(
    name="reference_correlation_50",
    family=Family.CROSS_ASSET,
    unit="-1 to 1",
    inputs=_PAIR,
    look_back=50,
    parameters={"period": 50},
    source="Pearson's correlation of log returns",
)
def reference_correlation_50(bars: BarArrays, *, period: int) -> FloatArray:
    """Correlation of 50 log returns with those of the reference."""
    return cross_asset.correlation(bars.shared(cross_asset.return_moments, *_PAIR, period=period))


@feature(
    name="reference_beta_50",
    family=Family.CROSS_ASSET,
    unit="ratio",
    inputs=_PAIR,
    look_back=50,
    parameters={"period": 50},
    source="Least squares of log returns",
)
def reference_beta_50(bars: BarArrays, *, period: int) -> FloatArray:
    """Log return for one of the reference's, by least squares over 50 bars."""
    return cross_asset.beta(bars.shared(cross_asset.return_moments, *_PAIR, period=period))
