"""Ticks: which contract is read on a session, and its trades, cleaned."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES
from quant_assets.defs.pictures import roll_picture
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.clean_ticks import CleanTicksRecipe
from quant_assets.workflows.recipes.roll_map import RollMapRecipe


@dg.asset(
    group_name=Stage.TICKS.value,
    deps=["raw_files"],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR,
    check_specs=range_checks("roll_map"),
)
def roll_map(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Active contract of each futures root and session, by the settings; never goes back.

    What is no futures root has no rows here: its partitions are not due.
    """
    yield from materialize_range(context, RollMapRecipe(), workspace.open(), picture=roll_picture)


@dg.asset(
    group_name=Stage.TICKS.value,
    deps=["raw_files", "roll_map"],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR,
    check_specs=range_checks("clean_ticks"),
)
def clean_ticks(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Trades of the active contract in time order, with aggressor side and how it was told."""
    yield from materialize_range(context, CleanTicksRecipe(), workspace.open())
