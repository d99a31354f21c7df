"""The sensor on finished runs: one publication after the last of them."""

import dagster as dg

from quant_assets.defs.automation.publishing import finished_runs
from quant_assets.storage.warehouse import WAREHOUSE_FILE
from quant_assets_tests.defs.automation.conftest import Desk
from quant_assets_tests.defs.automation.market import job_of


def _after(desk: Desk, run: dg.DagsterRun) -> object:
    """Evaluate the sensor on a run that has succeeded."""
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.RUN_SUCCESS.value, job_name=run.job_name
    )
    context = dg.build_run_status_sensor_context(
        sensor_name=finished_runs.name,
        dagster_event=event,
        dagster_instance=desk.instance,
        dagster_run=run,
    )
    return finished_runs(context)


def test_the_last_run_of_several_publishes(made):
    """While another run waits nothing is published; then leaderboard and warehouse are made."""
    first, second = (
        made.instance.create_run_for_job(job_of(name), status=dg.DagsterRunStatus.STARTED)
        for name in ("sessions_job", "backtest_job")
    )
    made.instance.report_run_canceled(first)
    assert isinstance(_after(made, first), dg.SkipReason)
    made.instance.report_run_canceled(second)
    request = _after(made, second)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == second.run_id
    assert made.run(request, "publish_job").success
    assert (made.workspace.root / WAREHOUSE_FILE).is_file()
