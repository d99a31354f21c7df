"""The sensor on finished runs: what users query follows what was made."""

import dagster as dg
from dagster import DagsterRunStatus as Status

from quant_assets.defs.automation.jobs import backtest_job, publish_job, sessions_job
from quant_assets.defs.automation.requests import UNFINISHED

INTERVAL_S = 10
FEEDING = (sessions_job, backtest_job)


@dg.sensor(
    job=publish_job,
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Brings leaderboard and warehouse up to date when runs of sessions or backtests have "
        "succeeded and none of them waits or runs any more."
    ),
)
def finished_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Request one publication after the last of several runs, however that one ended.

    It looks at how runs stand, not at their events: Dagster tells of a success before the run
    counts as one, and a sensor on events that looks in between takes the run for one that waits,
    and never comes back to it.
    """
    succeeded = _succeeded(context.instance)
    waiting = sum(
        context.instance.get_runs_count(dg.RunsFilter(job_name=job.name, statuses=UNFINISHED))
        for job in FEEDING
    )
    if not succeeded:
        return _wait("No run has succeeded yet.", context.cursor)
    if not _is_new(succeeded, context.cursor or ""):
        return _wait("Nothing has been made since the last publication.", succeeded)
    if waiting:
        return _wait(f"{waiting} runs are still to end.", context.cursor)
    # Where runs were deleted a mark may come again, but not behind the same one.
    key = f"{context.cursor or ''} {succeeded}".strip()
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)], cursor=succeeded)


def _wait(reason: str, cursor: str | None) -> dg.SensorResult:
    """Request nothing, and look again from a cursor."""
    return dg.SensorResult(skip_reason=reason, cursor=cursor)


def _succeeded(instance: dg.DagsterInstance) -> str:
    """Return a mark that changes with each success: the newest run of each job and how many."""
    wanted = [dg.RunsFilter(job_name=job.name, statuses=[Status.SUCCESS]) for job in FEEDING]
    marks = [
        f"{run.run_id}:{instance.get_runs_count(one)}"
        for one in wanted
        for run in instance.get_runs(filters=one, limit=1)
    ]
    return ",".join(marks)


def _is_new(succeeded: str, before: str) -> bool:
    """Return whether a run has succeeded since a mark; that old ones were deleted makes nothing."""
    known = dict(mark.rpartition(":")[::2] for mark in before.split(","))
    marks = (mark.rpartition(":")[::2] for mark in succeeded.split(","))
    return any(run not in known or int(count) > int(known[run]) for run, count in marks)
