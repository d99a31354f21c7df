"""Regimes: labels that were fitted on the past alone, as the table `regimes` has them."""

from quant_assets.features.catalog import BarArrays, Family, feature
from quant_assets.indicators.arrays import FloatArray


@feature(
    name="regime_mixture",
    family=Family.REGIME,
    unit="label",
    inputs=("mixture_label",),
    look_back=0,
    nulls="pass",
    source="Gaussian mixture, refitted on the past",
)
def regime_mixture(bars: BarArrays) -> FloatArray:
    """Regime of the bar by a Gaussian mixture; the same number is the same regime."""
    return bars["mixture_label"]


@feature(
    name="regime_volatility",
    family=Family.REGIME,
    unit="label",
    inputs=("volatility_label",),
    look_back=0,
    nulls="pass",
    source="Clusters of volatility, refitted on the past",
)
def regime_volatility(bars: BarArrays) -> FloatArray:
    """Volatility regime of the bar; the same number is the same regime."""
    return bars["volatility_label"]
