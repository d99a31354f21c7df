"""The trials that were ever computed: by single backtests, sweeps and workers alike."""

from collections.abc import Mapping, Sequence

import dagster as dg
import numpy as np

from quant_assets.defs.pictures import as_metadata
from quant_assets.optimization.overfitting import (
    expected_best_sharpe,
    gained_variance,
    luck_variance,
)
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


def _best_by_luck(metrics: Sequence[Mapping[str, float | None]]) -> float | None:
    """Return the Sharpe ratio, annualised as the best trial's is, that luck alone would show."""
    known = [one for one in metrics if one["sharpe"] and one["sharpe_per_session"]]
    if len(known) < 2:
        return None
    by_session = np.array([one["sharpe_per_session"] for one in known], dtype=np.float64)
    best = known[int(np.argmax(by_session))]
    variance = luck_variance(
        n_returns=int(best["n_sessions"] or 2), gained_variance=gained_variance(by_session)
    )
    annual = (best["sharpe"] or 0.0) / (best["sharpe_per_session"] or 1.0)
    return annual * expected_best_sharpe(n_trials=len(known), variance=variance)


def _picture(stored: StoredTrials) -> bytes:
    """Draw the annualised Sharpe ratios of all trials."""
    sharpes = [trial.metrics.get("sharpe") for trial in stored.trials]
    best = _best_by_luck([trial.metrics for trial in stored.trials])
    market = ", SYNTHETIC market" if stored.entry.synthetic else ""
    title = f"{len(sharpes):,} trials: annualised Sharpe ratio out of sample{market}"
    return draw_trials(sharpes, expected_best=best, title=title)
