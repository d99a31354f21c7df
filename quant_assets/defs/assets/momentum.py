"""The momentum index: days worth an episode."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES, look_back_mapping
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.momentum import LOOK_BACK_SESSIONS, MomentumDaysRecipe


@dg.asset(
    group_name=Stage.MOMENTUM.value,
    deps=[
        "raw_files",
        dg.AssetDep("bars", partition_mapping=look_back_mapping(LOOK_BACK_SESSIONS)),
    ],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR,
    check_specs=range_checks("momentum_days"),
)
def momentum_days(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Range, volume against its average, halts, class and quality of each day.

    One row a symbol and session; a day whose range and volume pass the scan is a momentum day.
    """
    yield from materialize_range(context, MomentumDaysRecipe(), workspace.open())
