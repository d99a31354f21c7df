"""The table of levels: each one's price, and how far the close stands from it."""

import dataframely as dy

from quant_assets.market.columns import day, instant, real
from quant_assets.market.tables import Table

BAND_DEVIATIONS = (1, 2)
"""Bands of a volume-weighted mean price, in volume-weighted standard deviations."""


def _with_bands(name: str, meaning: str) -> dict[str, str]:
    """Return a mean price and its bands, each with its meaning."""
    bands = {
        f"{name}_{side}_{n}": f"{meaning}, {sign} {n} deviations"
        for n in BAND_DEVIATIONS
        for side, sign in (("upper", "plus"), ("lower", "minus"))
    }
    return {name: meaning, **bands}


def _profile(name: str, stretch: str) -> dict[str, str]:
    """Return the levels of a volume profile."""
    return {
        f"{name}_poc": f"price of the most volume of {stretch} so far",
        f"{name}_vah": f"highest price of the value area of {stretch} so far",
        f"{name}_val": f"lowest price of the value area of {stretch} so far",
    }


def _prices(name: str, stretch: str) -> dict[str, str]:
    """Return the levels of an earlier stretch."""
    return {
        f"{name}_high": f"highest price of {stretch}",
        f"{name}_low": f"lowest price of {stretch}",
        f"{name}_close": f"last price of {stretch}",
    }


LEVEL_MEANINGS: dict[str, str] = {
    **_with_bands("session_vwap", "volume-weighted mean price of the session so far"),
    **_with_bands("week_vwap", "volume-weighted mean price of the week so far"),
    **_with_bands("anchored_vwap", "volume-weighted mean price since the anchor, or a roll"),
    "bollinger_middle": "mean close of 20 bars",
    "bollinger_upper": "mean close of 20 bars, plus 2 standard deviations",
    "bollinger_lower": "mean close of 20 bars, minus 2 standard deviations",
    **_profile("session", "the session"),
    **_profile("week", "the week"),
    **_profile("contract", "the contract"),
    **_prices("previous_day", "the session before, null where it is of another contract"),
    **_prices("previous_week", "the last week before, null where any is of another contract"),
    "opening_range_high": "highest price of the opening range, null until it is over",
    "opening_range_low": "lowest price of the opening range, null until it is over",
    "session_open": "first price at or after the session's open, null before",
}
"""Levels in the order of their columns; all of a bar's are known at its end."""

LEVEL_NAMES = tuple(LEVEL_MEANINGS)


def _columns() -> dict[str, dy.Column]:
    """Return the columns of the table."""
    columns: dict[str, dy.Column] = {
        "session": day("session that the bar belongs to"),
        "bar_start": instant("start of the bar", key=True),
        "known_at": instant("when the row is known: the bar's end"),
        "atr": real("average true range of 14 bars", unit="price", nullable=True),
    }
    for name, meaning in LEVEL_MEANINGS.items():
        columns[name] = real(meaning, unit="price", nullable=True)
        columns[f"{name}_dist_ticks"] = real(
            f"close less {name}", unit="ticks; null where no tick size is known", nullable=True
        )
        columns[f"{name}_dist_atr"] = real(f"close less {name}", unit="atr", nullable=True)
    return columns


LevelsSchema: type[dy.Schema] = type(
    "LevelsSchema", (dy.Schema,), {"__module__": __name__, **_columns()}
)

LEVELS = Table(
    name="levels", schema=LevelsSchema, levels=("timeframe", "symbol"), order=("bar_start",)
)
