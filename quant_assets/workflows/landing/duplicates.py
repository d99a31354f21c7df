"""Bars that one file gives twice: the same values are a duplicate, other values a conflict."""

from dataclasses import dataclass

import numpy as np
import polars as pl

CONFLICT = "conflicting_values"

BAR_VALUES = ("open", "high", "low", "close", "volume", "bid", "ask")


@dataclass(frozen=True)
class Settled:
    """The bars of one partition of one file, each key once.

    Parameters
    ----------
    kept
        Rows that stay, in the file's order.
    repeated
        Rows left out because an equal one is kept: the second and later ones.
    conflicting
        All rows of keys for which the file gives different values; nobody can say which is right.
    """

    kept: pl.DataFrame
    repeated: pl.DataFrame
    conflicting: pl.DataFrame


def settle_duplicates(bars: pl.DataFrame) -> Settled:
    """Part the rows of one partition by what their key and values say.

    Parameters
    ----------
    bars
        Rows with `bar_start` and any of `BAR_VALUES`; other columns (place, raw) do not count.
    """
    none = bars.clear()
    if _is_strictly_rising(bars["bar_start"]):
        return Settled(bars, none, none)
    values = [name for name in BAR_VALUES if name in bars.columns]
    numbered = bars.with_row_index("_row")
    first = numbered.unique(["bar_start", *values], keep="first", maintain_order=True)
    contested = first.filter(pl.col("bar_start").is_duplicated())["bar_start"].unique()
    is_contested = pl.col("bar_start").is_in(contested.implode())
    kept = first.filter(~is_contested)
    conflicting = numbered.filter(is_contested)
    repeated = numbered.filter(~is_contested).join(kept.select("_row"), on="_row", how="anti")
    return Settled(kept.drop("_row"), repeated.drop("_row"), conflicting.drop("_row"))


def _is_strictly_rising(stamps: pl.Series) -> bool:
    """Whether each stamp is later than the one before: the common case, decided in one pass."""
    values = stamps.to_physical().to_numpy()
    return bool(np.all(values[1:] > values[:-1]))
