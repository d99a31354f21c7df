"""Tables of regimes: what each bar is labelled by, and the fitted states that label."""

import dataframely as dy

from quant_assets.market.columns import choice, day, instant, real
from quant_assets.market.tables import Table

INGREDIENTS = {
    "log_volatility": ("log of the root mean square of 20 log returns", "log ratio a bar"),
    "drift": ("log return over 20 bars, over its expected size by that volatility", "deviations"),
    "log_volume_ratio": ("log of the mean volume of 5 bars over that of 20", "log ratio"),
}
"""What regimes are told apart by, with meaning and unit, in the order of their columns."""

INGREDIENT_NAMES = tuple(INGREDIENTS)

MIXTURE, VOLATILITY = "mixture", "volatility"
"""Kinds of regimes: components of the Gaussian mixture, and clusters of volatility alone."""


def _date(meaning: str, *, nullable: bool = False) -> dy.Date:
    return dy.Date(nullable=nullable, metadata={"unit": "date", "meaning": meaning})


def _label(meaning: str, *, nullable: bool = False, key: bool = False) -> dy.Int8:
    return dy.Int8(
        nullable=nullable, primary_key=key, metadata={"unit": "regime", "meaning": meaning}
    )


def _reals(prefix: str, what: str) -> dict[str, dy.Column]:
    """Return a nullable column for each ingredient."""
    return {
        f"{prefix}_{name}": real(f"{what} of {name}", unit=unit, nullable=True)
        for name, (_, unit) in INGREDIENTS.items()
    }


def covariance_name(one: str, other: str) -> str:
    """Return the column of a covariance; of the two ingredients the earlier one is named first."""
    first, second = sorted((one, other), key=INGREDIENT_NAMES.index)
    return f"cov_{first}_{second}"


def _covariances() -> dict[str, dy.Column]:
    """Return a column for each pair of ingredients."""
    return {
        covariance_name(one, other): real(
            f"covariance of {one} and {other}", unit="product of their units", nullable=True
        )
        for place, one in enumerate(INGREDIENT_NAMES)
        for other in INGREDIENT_NAMES[place:]
    }


_regimes: dict[str, dy.Column] = {
    "session": day("session that the bar belongs to"),
    "bar_start": instant("start of the bar; the row is known at its end", key=True),
    **{
        name: real(meaning, unit=unit, nullable=True)
        for name, (meaning, unit) in INGREDIENTS.items()
    },
    "mixture_label": _label(
        "likeliest component of the mixture; null without a state or an ingredient", nullable=True
    ),
    "volatility_label": _label(
        "nearest cluster of volatility, 0 the calmest; null without a state", nullable=True
    ),
    "state_session": _date(
        "session whose state labels, from earlier sessions alone; null without one", nullable=True
    ),
}

RegimesSchema: type[dy.Schema] = type(
    "RegimesSchema", (dy.Schema,), {"__module__": __name__, **_regimes}
)

REGIMES = Table(
    name="regimes", schema=RegimesSchema, levels=("timeframe", "symbol"), order=("bar_start",)
)

_models: dict[str, dy.Column] = {
    "session": day("session that the state stands from: it is fitted before it"),
    "known_at": instant("start of that session"),
    "kind": choice((MIXTURE, VOLATILITY), "what the row is a part of", key=True),
    "label": _label("regime that it gives; 2 stays the same from state to state", key=True),
    "weight": real("share of the mixture, or of the rows", unit="0 to 1"),
    **_reals("mean", "mean"),
    **_covariances(),
    **_reals("center", "mean over the window"),
    **_reals("scale", "standard deviation over the window, 1 where there is none"),
    "n_rows": dy.UInt32(
        nullable=False, metadata={"unit": "rows", "meaning": "complete rows of the window"}
    ),
    "first_session": _date("first session of the window that has bars"),
    "last_session": _date("last session of the window that has bars"),
}

RegimeModelsSchema: type[dy.Schema] = type(
    "RegimeModelsSchema", (dy.Schema,), {"__module__": __name__, **_models}
)

REGIME_MODELS = Table(
    name="regime_models",
    schema=RegimeModelsSchema,
    levels=("timeframe", "symbol"),
    order=("kind", "label"),
)
"""A row a regime; an ingredient that a state leaves out is null in all of its columns."""
