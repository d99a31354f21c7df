"""The catalogue that comes with the package."""

from functools import cache

from quant_assets.features import (
    clock,
    cross_asset,
    levels,
    longer_bars,
    order_flow,
    oscillators,
    regime_labels,
    trend,
    volatility,
)
from quant_assets.features.catalog import Catalog, features_of


@cache
def standard_catalog() -> Catalog:
    """Return the package's features; extend it with `Catalog.extended`, which makes a new one."""
    families = (
        trend,
        oscillators,
        volatility,
        order_flow,
        clock,
        levels,
        cross_asset,
        regime_labels,
        longer_bars,
    )
    return Catalog(tuple(one for module in families for one in features_of(module)))
