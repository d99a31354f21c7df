"""The features table: its columns follow from the features that are asked for."""

from collections.abc import Sequence

import dataframely as dy

from quant_assets.features.catalog import Catalog, Family, Feature
from quant_assets.features.standard import standard_catalog
from quant_assets.market.columns import day, instant, real
from quant_assets.market.tables import Table


def features_table(names: Sequence[str] | None = None, *, catalog: Catalog | None = None) -> Table:
    """Return the table for the named features, default all.

    Columns stand in the catalogue's order, whatever the order of the names: the same set of
    features always gives the same columns.
    """
    chosen = (catalog or standard_catalog()).select(names)
    columns: dict[str, dy.Column] = {
        "session": day("Session that the bar belongs to."),
        "bar_start": instant("Start of the bar; its features are known at its end.", key=True),
    }
    columns |= {one.name: _column(one) for one in chosen}
    schema = type("FeaturesSchema", (dy.Schema,), {"__module__": __name__, **columns})
    return Table(
        name="features", schema=schema, levels=("timeframe", "symbol"), order=("bar_start",)
    )


def _column(one: Feature) -> dy.Column:
    """Declare a feature's column: labels are small whole numbers, all else is real."""
    if one.family is Family.REGIME:
        return dy.Int8(nullable=True, metadata={"unit": one.unit, "meaning": one.meaning})
    return real(one.meaning, unit=one.unit, nullable=True)


FEATURES = features_table()
"""The table with every feature of the package."""
