"""How a stored partition comes from bars, for whoever wants to make it again from other ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from quant_assets.workflows.recipe import Key, Plan, Recipe
from quant_assets.workflows.view import LakeView


@dataclass(frozen=True)
class Recomputation:
    """How a partition's rows come from bars.

    Parameters
    ----------
    compute
        From bars, of which rows after a stamp may be gone or changed, to the partition's columns
        by `bar_start`.
    bars
        The bars that it was made from, all inputs beside them.
    """

    compute: Callable[[pl.DataFrame], pl.DataFrame]
    bars: pl.DataFrame


class RecomputableRecipe(Recipe, Protocol):
    """A recipe whose partitions can be computed again from changed bars."""

    def recomputation(self, view: LakeView, key: Key, plan: Plan) -> Recomputation:
        """Return how the partition of a plan is made."""
        ...
