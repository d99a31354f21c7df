"""The jobs of the code location: what they hold, and how their runs are executed."""

import dagster as dg
import pytest

from quant_assets.defs.graph import SYMBOL_DATES
from quant_assets.defs.partitions import CONTRACTS, STRATEGIES
from quant_assets.defs.runs import load_graph


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    """Return the code location."""
    return load_graph()[0]


def _assets(definitions: dg.Definitions, job: str) -> set[str]:
    """Return the assets that a job makes."""
    layer = definitions.resolve_job_def(job).asset_layer
    return {key.to_user_string() for key in layer.executable_asset_keys}


@pytest.mark.parametrize(
    ("jobs", "partitions"),
    [
        pytest.param(["sessions_job"], SYMBOL_DATES, id="symbol_and_date"),
        pytest.param(["model_job", "backtest_job"], STRATEGIES, id="strategy"),
        pytest.param(["contract_job"], CONTRACTS, id="contract"),
        pytest.param(["publish_job"], None, id="unpartitioned"),
    ],
)
def test_jobs_hold_all_assets_of_their_partitions(definitions, jobs, partitions):
    """An asset that is added to the graph cannot be forgotten by its job."""
    graph = definitions.resolve_asset_graph()
    there = {
        key.to_user_string()
        for key in graph.materializable_asset_keys
        if graph.get(key).partitions_def == partitions
    }
    assert set().union(*(_assets(definitions, job) for job in jobs)) == there


def test_no_run_starts_a_process_a_step(definitions):
    """Runs of the UI too, whose job Dagster makes itself, execute their steps in one process."""
    repository = definitions.get_repository_def()
    executors = {job.name: job.executor_def.name for job in repository.get_all_jobs()}
    assert set(executors.values()) == {"in_process"}
    assert "land_files" in executors
