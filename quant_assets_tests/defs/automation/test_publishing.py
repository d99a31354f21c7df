"""The sensor on finished runs: one publication after the last of them."""

import dagster as dg
import pytest

from quant_assets.defs.automation.publishing import finished_runs
from quant_assets.storage.warehouse import WAREHOUSE_FILE
from quant_assets_tests.defs.automation.conftest import Desk
from quant_assets_tests.defs.automation.market import job_of, tick


class Publisher:
    """The sensor and its cursor."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.cursor: str | None = None

    def look(self) -> list[dg.RunRequest]:
        """Let the sensor look once."""
        result = tick(finished_runs, self.desk.instance, self.desk.workspace.root, self.cursor)
        self.cursor = result.cursor
        return list(result.run_requests or [])


def _start(desk: Desk, *jobs: str) -> list[dg.DagsterRun]:
    """Return runs that are going on."""
    started = dg.DagsterRunStatus.STARTED
    return [desk.instance.create_run_for_job(job_of(job), status=started) for job in jobs]


def _succeed(desk: Desk, run: dg.DagsterRun) -> dg.DagsterEvent:
    """Let a run succeed, as its process would report it, and return the event."""
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.RUN_SUCCESS.value, job_name=run.job_name
    )
    desk.instance.report_dagster_event(event, run.run_id)
    return event


def test_the_last_run_of_several_publishes(made):
    """While another run waits nothing is published; then leaderboard and warehouse are made."""
    publisher = Publisher(made)
    publisher.look()
    first, second = _start(made, "sessions_job", "backtest_job")
    _succeed(made, first)
    assert publisher.look() == []
    _succeed(made, second)
    (request,) = publisher.look()
    assert publisher.look() == []
    assert made.run(request, "publish_job").success
    assert publisher.look() == []
    assert (made.workspace.root / WAREHOUSE_FILE).is_file()


@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_a_last_run_that_does_not_succeed_holds_nothing_back(made, end):
    """What the others made is published all the same."""
    publisher = Publisher(made)
    publisher.look()
    first, second = _start(made, "sessions_job", "sessions_job")
    _succeed(made, first)
    assert publisher.look() == []
    getattr(made.instance, f"report_run_{end}")(second)
    assert len(publisher.look()) == 1


def test_runs_that_only_fail_publish_nothing(made):
    """Nothing was made, so nothing changes."""
    publisher = Publisher(made)
    publisher.look()
    (run,) = _start(made, "backtest_job")
    made.instance.report_run_failed(run)
    assert publisher.look() == []


def test_a_success_that_does_not_count_yet_is_published_later(made):
    """Dagster stores the event first, and then how the run stands; the sensor may look between."""
    publisher = Publisher(made)
    publisher.look()
    (run,) = _start(made, "sessions_job")
    storage = made.instance.run_storage
    handle, storage.handle_run_event = storage.handle_run_event, lambda *_: None
    try:
        event = _succeed(made, run)
        assert publisher.look() == []
    finally:
        storage.handle_run_event = handle
    storage.handle_run_event(run.run_id, event)
    assert len(publisher.look()) == 1


def test_every_publication_is_requested_under_its_own_key(made):
    """Two successes, one after the other, are two publications."""
    publisher = Publisher(made)
    keys = [request.run_key for request in publisher.look()]
    for run in _start(made, "sessions_job", "sessions_job"):
        _succeed(made, run)
    keys += [request.run_key for request in publisher.look()]
    for run in _start(made, "backtest_job"):
        _succeed(made, run)
    keys += [request.run_key for request in publisher.look()]
    assert len(keys) == len(set(keys)) >= 2


def test_old_runs_that_are_deleted_publish_nothing_and_hold_nothing_back(made):
    """Nothing was made; and a run that ends behind a newer one counts though as many are there."""
    publisher = Publisher(made)
    old, slow, quick = _start(made, "sessions_job", "sessions_job", "sessions_job")
    _succeed(made, old)
    _succeed(made, quick)
    made.instance.report_run_canceling(slow)
    made.instance.report_run_canceled(slow)
    (first,) = publisher.look()
    made.instance.delete_run(old.run_id)
    assert publisher.look() == []
    # It was taken for lost, and ends well after all.
    _succeed(made, slow)
    (second,) = publisher.look()
    assert second.run_key != first.run_key
