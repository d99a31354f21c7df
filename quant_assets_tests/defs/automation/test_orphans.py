"""Runs that a killed server left behind."""

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

from quant_assets.defs.automation.jobs import land_files
from quant_assets.defs.automation.orphans import end_orphans

CONFIG = {"ops": {"land": {"config": {"paths": []}}}}


def test_runs_of_a_server_that_is_gone_are_ended(tmp_path):
    """What a killed server left running is ended at the next start; other runs go on."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        statuses = []
        for tags in ({GRPC_INFO_TAG: "{}"}, {}):
            run = instance.create_run_for_job(
                land_files, run_config=CONFIG, tags=tags, status=dg.DagsterRunStatus.STARTED
            )
            statuses.append(lambda one=run.run_id: instance.get_run_by_id(one).status)
        assert end_orphans(instance) == 1
        assert [status() for status in statuses] == [
            dg.DagsterRunStatus.FAILURE,
            dg.DagsterRunStatus.STARTED,
        ]
