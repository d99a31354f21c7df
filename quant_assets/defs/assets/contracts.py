"""The flat table of each session."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES, look_back_mapping
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.contract_table import ContractTableRecipe

PERIOD_SESSIONS = 66
"""Sessions of a quarter, whose totals are read."""


@dg.asset(
    group_name=Stage.CONTRACTS.value,
    deps=[
        dg.AssetDep("bars", partition_mapping=look_back_mapping(PERIOD_SESSIONS)),
        dg.AssetDep("footprint", partition_mapping=look_back_mapping(PERIOD_SESSIONS)),
        "levels",
    ],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR,
    check_specs=range_checks("contract_table"),
)
def contract_table(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """One row a bar: prices, order flow, levels, and day, week and contract up to its end.

    Nothing of a row is later than its bar. The context starts anew with the contract.
    """
    yield from materialize_range(context, ContractTableRecipe(), workspace.open())
