"""The flat table of each session, and each contract as files for other programs."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import CONTRACTS, RANGES, look_back_mapping
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.contract_files import (
    ContractFile,
    store_contract_json,
    store_contract_parquet,
)
from quant_assets.workflows.recipes.contract_table import ContractTableRecipe
from quant_assets.workflows.timings import Stopwatch

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


@dg.asset(
    group_name=Stage.CONTRACTS.value,
    deps=[
        dg.AssetDep("contract_table", partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep("footprint", partition_mapping=dg.AllPartitionMapping()),
    ],
    partitions_def=CONTRACTS,
    kinds={"json"},
)
def contract_json(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> dg.MaterializeResult[None]:
    """A contract as one nested file: weeks, days, bars, and each bar's footprint.

    A partition is a contract, or a quarter of a symbol that has none.
    """
    opened = workspace.open()
    watch = Stopwatch(opened, "contract_json")
    stored = store_contract_json(opened, context.partition_key)
    watch.stop(is_new=stored.is_new)
    return _told(stored)


@dg.asset(
    group_name=Stage.CONTRACTS.value,
    deps=["contract_json"],
    partitions_def=CONTRACTS,
    kinds={"parquet"},
)
def contract_parquet(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> dg.MaterializeResult[None]:
    """A contract as one flat table made of its JSON: a row a bar, its footprint a list in it."""
    opened = workspace.open()
    watch = Stopwatch(opened, "contract_parquet")
    stored = store_contract_parquet(opened, context.partition_key)
    watch.stop(is_new=stored.is_new)
    return _told(stored)


def _told(stored: ContractFile) -> dg.MaterializeResult[None]:
    """Return what a contract's page shows."""
    parts = stored.parts
    return dg.MaterializeResult(
        data_version=dg.DataVersion(stored.version),
        metadata={
            "status": "made" if stored.is_new else "kept",
            "rows": parts.rows,
            "weeks": parts.weeks,
            "days": len(parts.tables),
            "bytes": stored.path.stat().st_size,
            "path": dg.MetadataValue.path(str(stored.path)),
            "timeframe": parts.head.timeframe,
            "sessions_of_other_timeframes": parts.other_timeframes,
            "synthetic": parts.origin.synthetic,
        },
    )
