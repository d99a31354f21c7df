"""Signals: what models and rules ask for at the close of each bar."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES, look_back_mapping
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.defs.signal_picture import signals_picture
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.signals import SignalsRecipe

LOOK_BACK_SESSIONS = 3
"""Sessions that the means of a usual rule reach back to; the step itself asks the lake for more."""


@dg.asset(
    group_name=Stage.BACKTESTS.value,
    deps=[
        dg.AssetDep("bars", partition_mapping=look_back_mapping(LOOK_BACK_SESSIONS)),
        "regimes",
        "predictions",
    ],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR | {"numba"},
    check_specs=range_checks("signals"),
)
def signals(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Side that each strategy of the symbol wants after each bar: long, short or none.

    From its model's probabilities or from a rule; confirmed by a second model and filtered by the
    regime where the strategy says so. Known at the bar's end, acted on after it.
    """
    yield from materialize_range(
        context, SignalsRecipe(), workspace.open(), picture=signals_picture
    )
