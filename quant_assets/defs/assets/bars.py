"""Bars of the base's and of the research timeframe."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES
from quant_assets.defs.pictures import bars_picture
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.bars import BarsRecipe


@dg.asset(
    group_name=Stage.BARS.value,
    deps=["raw_files", "roll_map", "clean_ticks"],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR | {"numba"},
    check_specs=range_checks("bars"),
)
def bars(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """OHLCV bars of each session, of the landed base timeframe and of the research timeframe.

    Futures follow the roll map's contract, unadjusted. A stretch without trades has no row.
    """
    yield from materialize_range(context, BarsRecipe(), workspace.open(), picture=bars_picture)
