"""Footprints: who traded how much at which price, bar by bar."""

import dagster as dg

from quant_assets.defs.footprint_picture import footprint_picture
from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.footprint import FootprintRecipe


@dg.asset(
    group_name=Stage.BARS.value,
    deps=["clean_ticks", "bars"],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR | {"numba"},
    check_specs=range_checks("footprint"),
)
def footprint(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Bid and ask volume of each bar at each price, delta, imbalances and value area.

    Beside it each session's volume profile, which is all that a session without ticks has.
    """
    yield from materialize_range(
        context, FootprintRecipe(), workspace.open(), picture=footprint_picture
    )
