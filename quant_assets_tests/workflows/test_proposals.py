"""Cells that Optuna proposes: hanging on the spec and the results alone, computed once."""

import shutil
import sys
from pathlib import Path

import pytest

from quant_assets.market.errors import InputError
from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.storage.job_queue import JobQueue
from quant_assets.storage.state_tables import JOBS
from quant_assets.workflows.configuration import ConfigurationRunner
from quant_assets.workflows.proposals import ROUND, Proposer
from quant_assets.workflows.sweep import Queued, ranked_cells
from quant_assets.workflows.sweep_jobs import Reads, sweep_code_version
from quant_assets.workflows.sweep_run import run_sweep
from quant_assets.workflows.sweep_worker import Worker, WorkerRules
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows.sweep_market import CROSS, land

TRIALS = ROUND + 4

SPEC = SweepSpec.parse(
    {
        "name": "proposed",
        "base": CROSS,
        "vary": {
            "signal.fast": {"from": 2, "to": 9},
            "signal.slow": {"from": 5, "to": 40, "scale": "log"},
            "exits.stop": {"from": 0.001, "to": 0.01, "steps": 4},
            "execution.realism": ["ideal", "spread"],
        },
        "constraints": [["signal.fast", "<", "signal.slow"]],
        "kind": "optuna",
        "trials": TRIALS,
        "seed": 5,
    }
)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root with a week of a currency pair."""
    root = tmp_path_factory.mktemp("proposals") / "data"
    land(root).state.engine.dispose()
    return root


def proposed(workspace: Workspace, *, n_workers: int) -> tuple[Queued, int]:
    """Run the sweep with some workers in turn; return what was queued, and how often they ran."""
    queue, view = JobQueue(workspace.state), LakeView(workspace)
    run, waits = ConfigurationRunner(view), 0

    def wait() -> None:
        nonlocal waits
        waits += 1
        for number in range(n_workers):
            rules = WorkerRules(idle_exit_s=0.0)
            code = sweep_code_version()
            Worker(queue, run, name=f"w{number}", code=code, rules=rules).work()

    told = Proposer(workspace, queue, SPEC, Reads(view), wait=wait).run()
    return told, waits


def test_the_same_spec_proposes_the_same_cells_and_computes_them_once(
    landed: Path, tmp_path: Path
) -> None:
    """In another root with more workers too; run again, nothing is new."""
    found = []
    for n_workers in (1, 2):
        root = tmp_path / f"root{n_workers}"
        shutil.copytree(landed, root)
        workspace = Workspace.open(root)
        told, waits = proposed(workspace, n_workers=n_workers)
        assert told.cells + told.invalid == TRIALS
        assert waits == 2
        cells = sorted(ranked_cells(workspace, SPEC), key=lambda one: one.result.cell)
        assert [one.result.cell for one in cells] == list(range(TRIALS))
        found.append([(dict(one.result.values), one.score) for one in cells])
        jobs = workspace.state.select(JOBS)
        again, _ = proposed(workspace, n_workers=1)
        assert (again.cells, again.new) == (told.cells, 0)
        assert workspace.state.select(JOBS) == jobs
        workspace.state.close()
    assert found[0] == found[1]


def test_without_optuna_the_extra_is_named(
    landed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to install, or what to use instead."""
    shutil.copytree(landed, tmp_path / "data")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"Optuna is not installed\. Install the extra"):
        proposed(Workspace.open(tmp_path / "data"), n_workers=1)


def test_what_is_run_again_executes_nothing(landed: Path, tmp_path: Path) -> None:
    """The trials of a later round were not run because they come to be known later."""
    shutil.copytree(landed, tmp_path / "data")
    workspace = Workspace.open(tmp_path / "data")
    told, _ = proposed(workspace, n_workers=1)
    seen: list[int] = []
    nobody = [sys.executable, "-c", "import sys; sys.exit('no worker was wanted')"]
    again = run_sweep(
        workspace,
        SPEC,
        command=nobody,
        workers=1,
        watch=lambda _counts, executed: seen.append(executed),
    )
    assert again.known == told.new > ROUND
    assert seen == [0, 0]
    workspace.state.close()
