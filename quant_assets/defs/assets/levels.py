"""Prices that traders watch, each from the bar on at whose end it is known."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.leak_checks import check_last_made, knows_no_future
from quant_assets.defs.level_picture import levels_picture
from quant_assets.defs.partitions import RANGES, look_back_mapping
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.levels import LevelsRecipe

LOOK_BACK_SESSIONS = 10
"""Sessions that hold the bars of the look-back at 15 minutes or less, and the week before."""

STRETCH_SESSIONS = 66
"""Sessions of a quarter, whose profiles are read; an anchor of the settings may lie before."""

CUTS = 50
"""Of the check: each costs a whole session of value areas, a seventh of a second at the most."""


@dg.asset(
    group_name=Stage.LEVELS.value,
    deps=[
        dg.AssetDep("bars", partition_mapping=look_back_mapping(LOOK_BACK_SESSIONS)),
        dg.AssetDep("footprint", partition_mapping=look_back_mapping(STRETCH_SESSIONS)),
    ],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR | {"numba"},
    check_specs=[*range_checks("levels"), knows_no_future("levels", n_cuts=CUTS)],
)
def levels(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """VWAP, Bollinger bands, volume profiles and marks of each bar, and the close's distances.

    All of a row is known at its bar's end. After a roll nothing of the old contract is shown.
    """
    recipe = LevelsRecipe()
    yield from materialize_range(
        context,
        recipe,
        workspace.open(),
        picture=levels_picture,
        checks=[lambda view, outcomes: check_last_made(view, recipe, outcomes, n_cuts=CUTS)],
    )
