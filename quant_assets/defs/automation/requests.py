"""What sensors and schedules share: range-tagged run requests, and what was requested before."""

from collections.abc import Mapping, Sequence

import dagster as dg

from quant_assets.defs.automation.jobs import sessions_job
from quant_assets.defs.partitions import range_tags
from quant_assets.defs.selection import SessionRange, edges
from quant_assets.workflows.workspace import Workspace

SYMBOL_TAG = "quant/symbol"
"""Tag of runs over a range: whose sessions it makes."""

RUN_KEY_TAG = "dagster/run_key"

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def range_request(
    workspace: Workspace,
    wanted: SessionRange,
    *,
    key: str,
    assets: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
) -> dg.RunRequest:
    """Return the run that makes a range of one symbol: all its tables, or some.

    Parameters
    ----------
    key
        What the run is requested under; Dagster makes one run of it, however often it is asked.
    """
    first, last = edges(workspace, wanted)
    return dg.RunRequest(
        run_key=key,
        job_name=sessions_job.name,
        asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
        tags=range_tags(first, last) | {SYMBOL_TAG: wanted.symbol} | dict(tags or {}),
    )


def requested_keys(instance: dg.DagsterInstance) -> set[str]:
    """Return what all runs that there are were requested under."""
    return {key for _, keys in instance.get_run_tags(tag_keys=[RUN_KEY_TAG]) for key in keys}


def busy_symbols(instance: dg.DagsterInstance) -> set[str]:
    """Return the symbols whose ranges are being made or wait in the queue."""
    unfinished = dg.RunsFilter(job_name=sessions_job.name, statuses=UNFINISHED)
    return {run.tags.get(SYMBOL_TAG, "") for run in instance.get_runs(filters=unfinished)}
