"""Bronze: every trade that would have won, and what became of all others."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES, look_forward_mapping
from quant_assets.defs.pictures import bronze_picture, outcomes_picture
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.bronze import BronzeStatsRecipe, BronzeTradesRecipe

LOOK_FORWARD_SESSIONS = 3
"""Sessions that 200 candles of 15 minutes or less reach into."""


@dg.asset(
    group_name=Stage.BRONZE.value,
    deps=[dg.AssetDep("bars", partition_mapping=look_forward_mapping(LOOK_FORWARD_SESSIONS))],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR | {"numba"},
    check_specs=range_checks("bronze_trades"),
)
def bronze_trades(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Each candle, direction, stop and target of the grid whose target was reached first.

    The rows look ahead: they tell what would have won, and are never features.
    """
    yield from materialize_range(
        context, BronzeTradesRecipe(), workspace.open(), picture=bronze_picture
    )


@dg.asset(
    group_name=Stage.BRONZE.value,
    deps=[dg.AssetDep("bars", partition_mapping=look_forward_mapping(LOOK_FORWARD_SESSIONS))],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR | {"numba"},
    check_specs=range_checks("bronze_stats"),
)
def bronze_stats(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Wins, losses, timeouts and expectancy of every direction, stop and target, by hour.

    Straight from the kernel, whether rows of trades are stored or not. They look ahead, too.
    """
    yield from materialize_range(
        context, BronzeStatsRecipe(), workspace.open(), picture=outcomes_picture
    )
