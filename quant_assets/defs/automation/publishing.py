"""The sensor on finished runs: what users query follows what was made."""

import dagster as dg

from quant_assets.defs.automation.jobs import backtest_job, publish_job, sessions_job
from quant_assets.defs.automation.requests import UNFINISHED

INTERVAL_S = 10
FEEDING = (sessions_job, backtest_job)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=list(FEEDING),
    request_job=publish_job,
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Brings leaderboard and warehouse up to date when the last run of sessions or backtests "
        "that waits has succeeded."
    ),
)
def finished_runs(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Request one publication after the last of several runs."""
    waiting = [
        run.run_id
        for job in FEEDING
        for run in context.instance.get_runs(
            filters=dg.RunsFilter(job_name=job.name, statuses=UNFINISHED)
        )
    ]
    if waiting:
        return dg.SkipReason(f"{len(waiting)} runs are still to end.")
    return dg.RunRequest(run_key=context.dagster_run.run_id)
