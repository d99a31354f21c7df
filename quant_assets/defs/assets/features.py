"""Features that know nothing later than their own bar."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.leak_checks import check_last_made, knows_no_future
from quant_assets.defs.partitions import RANGES, look_back_mapping
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.features import FeaturesRecipe

LOOK_BACK_SESSIONS = 15
"""Sessions that hold the longest look-back, of 1356 bars, at 15 minutes and all day; where fewer
bars a session make it longer, the lake knows it and only Dagster's view of what is stale does not.
"""


@dg.asset(
    group_name=Stage.FEATURES.value,
    deps=[
        dg.AssetDep("bars", partition_mapping=look_back_mapping(LOOK_BACK_SESSIONS)),
        dg.AssetDep("footprint", partition_mapping=look_back_mapping(LOOK_BACK_SESSIONS)),
        "levels",
        "regimes",
    ],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR,
    check_specs=[*range_checks("features"), knows_no_future("features")],
)
def features(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """What each bar looks like at its end, in numbers: the catalogue, and the user's own features.

    Trend, momentum, volatility, order flow, levels, clock, another symbol, regimes, and longer bars
    that are complete; warm-up is null, and so is what a symbol has no source for.

    A value knows its own bar and the bars before it, also of earlier sessions, and no later one.
    """
    recipe = FeaturesRecipe()
    yield from materialize_range(
        context,
        recipe,
        workspace.open(),
        checks=[lambda view, outcomes: check_last_made(view, recipe.apart(view), outcomes)],
    )
