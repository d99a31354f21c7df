"""Bronze: every trade that would have won."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES, look_forward_mapping
from quant_assets.defs.pictures import bronze_picture
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.bronze import BronzeTradesRecipe

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
