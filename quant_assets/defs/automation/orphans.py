"""Runs whose server is gone: nothing else would ever end them."""

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

RUNNING = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def end_orphans(instance: dg.DagsterInstance) -> int:
    """Mark the runs of servers that were killed as failed; return how many there were.

    Such a run would hold its place in the queue, and its symbol, until its longest time is over.
    The daemon makes it once more. To be called before a server is started: all that a server
    launched is then an orphan. Runs of the command line are in no server's hands, and stay.
    """
    running = instance.get_runs(filters=dg.RunsFilter(statuses=RUNNING))
    orphans = [run for run in running if GRPC_INFO_TAG in run.tags]
    for run in orphans:
        instance.report_run_failed(run, "The server that made this run was stopped meanwhile.")
    return len(orphans)
