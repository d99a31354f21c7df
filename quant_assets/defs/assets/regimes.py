"""Regimes: which state the market is in, told by nothing but its past."""

import dagster as dg

from quant_assets.defs.graph import SETTINGS, SYMBOL_DATES, TABULAR
from quant_assets.defs.leak_checks import check_last_made, knows_no_future
from quant_assets.defs.partitions import RANGES, look_back_mapping
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.defs.regime_picture import regimes_picture
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.regimes import RegimesRecipe

LOOK_BACK_SESSIONS = min(SETTINGS.regimes.window_sessions, 66)
"""Sessions that a state is fitted on; a quarter at most, more makes Dagster pass the edge over."""


# It depends on no earlier partition of its own here: Dagster would take the partitions of a long
# backfill in no order. States that are not made yet are fitted on the way, to the same bits.
@dg.asset(
    group_name=Stage.FEATURES.value,
    deps=[dg.AssetDep("bars", partition_mapping=look_back_mapping(LOOK_BACK_SESSIONS))],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR | {"scikitlearn"},
    check_specs=[*range_checks("regimes"), knows_no_future("regimes")],
)
def regimes(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Regime of each bar by volatility, drift and volume: a Gaussian mixture and clusters.

    A state is fitted at the first session of each week, or as the settings say, on the sessions
    before it alone, and stored in `regime_models`. It labels what comes next. Labels are matched
    from state to state, so that 2 stays the same regime; of the first state 0 is the calmest.
    Labels are null until there are enough bars for a state, and in the 20 bars after a roll.
    """
    recipe = RegimesRecipe()
    yield from materialize_range(
        context,
        recipe,
        workspace.open(),
        picture=regimes_picture,
        checks=[lambda view, outcomes: check_last_made(view, recipe, outcomes)],
    )
