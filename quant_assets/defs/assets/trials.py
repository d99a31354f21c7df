"""The trials that were ever computed: by single backtests, sweeps and workers alike."""

import dagster as dg
import numpy as np

from quant_assets.defs.pictures import as_metadata
from quant_assets.optimization.overfitting import expected_best_sharpe
from quant_assets.reports.trial_pictures import draw_trials
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.timings import Stopwatch
from quant_assets.workflows.trials import StoredTrials, store_trials


@dg.asset(
    group_name=Stage.LEADERBOARD.value,
    deps=[dg.AssetDep("backtest", partition_mapping=dg.AllPartitionMapping())],
    kinds={"polars", "parquet"},
)
def trials(workspace: WorkspaceResource) -> dg.MaterializeResult[None]:
    """Every configuration whose out-of-sample result was computed, by whatever way; `simulations`.

    The picture shows how their Sharpe ratios are spread, and which one the best of as many
    worthless trials would be expected to show.
    """
    opened = workspace.open()
    watch = Stopwatch(opened, "trials")
    stored = store_trials(opened)
    watch.stop(is_new=stored.is_new)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(stored.entry.data_version),
        metadata={
            "status": "made" if stored.is_new else "kept",
            "dagster/row_count": stored.entry.rows,
            "sweeps": ", ".join(sorted({one.sweep for one in stored.trials if one.sweep}))
            or "none",
            "sharpe_ratios": as_metadata(_picture(stored)),
        },
    )


def _picture(stored: StoredTrials) -> bytes:
    """Draw the annualised Sharpe ratios of all trials."""
    sharpes = [trial.metrics.get("sharpe") for trial in stored.trials]
    known = [value for value in sharpes if value is not None]
    best = None
    if len(known) > 1:
        variance = float(np.var(known, ddof=1))
        best = expected_best_sharpe(n_trials=len(known), variance=variance)
    market = ", SYNTHETIC market" if stored.entry.synthetic else ""
    title = f"{len(sharpes):,} trials: annualised Sharpe ratio out of sample{market}"
    return draw_trials(sharpes, expected_best=best, title=title)
