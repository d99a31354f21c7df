"""Sweeps on a lake: each cell is a trial, computed once, whoever asks for it and by what name."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quant_assets.market.errors import QuantError, StateError, StrategyError
from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.storage.job_queue import Counts, JobQueue, JobState
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import JOBS, TRIALS
from quant_assets.workflows.configuration import Cache, ConfigurationRunner, run_configuration
from quant_assets.workflows.sweep import (
    Queued,
    cells_of,
    queue_cells,
    ranked_cells,
    read_sweep,
    sweep_page,
)
from quant_assets.workflows.sweep_jobs import Reads, sweep_code_version
from quant_assets.workflows.sweep_run import run_sweep
from quant_assets.workflows.sweep_worker import Worker, WorkerRules
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows.sweep_market import CROSS, LEARNER, land, write_strategy

NOBODY = [sys.executable, "-c", "import sys; sys.exit('no worker was wanted')"]
"""A worker that ends at once: what starts it had something left to do."""


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root with a week of a currency pair, and two strategies."""
    root = tmp_path_factory.mktemp("sweep") / "data"
    land(root).state.engine.dispose()
    for values in (CROSS, LEARNER):
        write_strategy(root, values)
    return root


@pytest.fixture
def workspace(landed: Path, tmp_path: Path) -> Workspace:
    """Return a copy of it, to be changed."""
    shutil.copytree(landed, tmp_path / "data")
    return Workspace.open(tmp_path / "data")


def spec(**changes: Any) -> SweepSpec:
    """Return a sweep of six crosses, with some keys changed."""
    values = {
        "name": "crosses",
        "base": "cross",
        "vary": {"signal.fast": [2, 3, 9], "signal.slow": [9, 12]},
        "constraints": [["signal.fast", "<", "signal.slow"]],
    }
    return SweepSpec.parse(values | changes)


def queued(workspace: Workspace, one: SweepSpec) -> Queued:
    """Queue a sweep."""
    queue, reads = JobQueue(workspace.state), Reads(LakeView(workspace))
    return queue_cells(workspace, queue, one, cells_of(workspace, one), reads)


def worked(workspace: Workspace) -> ConfigurationRunner:
    """Compute all that is pending, in this process."""
    run = ConfigurationRunner(LakeView(workspace))
    Worker(
        JobQueue(workspace.state),
        run,
        name="w",
        code=sweep_code_version(),
        rules=WorkerRules(idle_exit_s=0.0),
    ).work()
    return run


def test_a_sweep_by_processes_gives_the_trials_of_its_strategies(workspace: Workspace) -> None:
    """Each cell's trial is that of its strategy alone; run again, no worker is started."""
    command = [sys.executable, "-m", "quant_assets.cli.main", "worker"]
    environment = pytest.MonkeyPatch()
    environment.setenv("QUANT_DATA", str(workspace.root))
    try:
        told = run_sweep(workspace, spec(), command=command, workers=1)
    finally:
        environment.undo()
    assert told == Queued(cells=5, invalid=0, new=5, known=0)
    view, cache = LakeView(workspace), Cache()
    wanted = {
        cell.number: run_configuration(view, cell.strategy, cache).trial
        for cell in cells_of(workspace, spec())
        if cell.strategy
    }
    ranked = ranked_cells(workspace, spec())
    assert {one.result.cell: one.result.trial_id for one in ranked} == {
        number: trial.trial_id for number, trial in wanted.items()
    }
    scores = [wanted[one.result.cell].metrics["sharpe"] for one in ranked]
    assert [one.score for one in ranked] == scores == sorted(scores, reverse=True)
    assert {row["details"]["sweep"] for row in workspace.state.select(TRIALS)} == {"crosses"}
    again = run_sweep(workspace, spec(), command=NOBODY, workers=1)
    assert again == Queued(cells=5, invalid=0, new=0, known=5)
    page = sweep_page(workspace, spec(), ranked)
    text = page.read_text()
    assert "signal.fast" in text
    page.write_text("kept")
    assert sweep_page(workspace, spec(), ranked).read_text() == "kept"


def test_a_finished_sweep_imports_nothing_that_it_has_no_use_for(workspace: Workspace) -> None:
    """It is looked at in two seconds, and numba alone takes a good part of one to import."""
    queued(workspace, spec())
    worked(workspace)
    workspace.root.joinpath("crosses.yaml").write_text(json.dumps(spec().to_mapping()))
    code = (
        "import sys; from quant_assets.cli.main import app;"
        "app(['sweep', sys.argv[1], '--json'], standalone_mode=False);"
        "print({'numba', 'scipy', 'pandas', 'dagster', 'sklearn', 'plotly'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code, str(workspace.root / "crosses.yaml")]
    environment = os.environ | {"QUANT_DATA": str(workspace.root)}
    for last in ("", "set()"):  # the first run writes the page
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert "0 trials executed" in ran.stderr
        assert ran.stdout.splitlines()[-1].endswith(last)


def test_a_trial_is_never_run_twice_in_a_later_sweep(workspace: Workspace) -> None:
    """Another sweep, of another name and shape, queues only the cells that are new."""
    queued(workspace, spec())
    worked(workspace)
    before = {row["job_id"]: row["attempts"] for row in workspace.state.select(JOBS)}
    wider = spec(name="wider", vary={"signal.slow": [12, 9, 15], "signal.fast": [3, 2]})
    assert queued(workspace, wider) == Queued(cells=6, invalid=0, new=2, known=4)
    worked(workspace)
    after = {row["job_id"]: row["attempts"] for row in workspace.state.select(JOBS)}
    assert len(after) == 7
    assert {job: after[job] for job in before} == before
    assert len(workspace.state.select(TRIALS)) == 7
    assert sum(one.result.trial_id is not None for one in ranked_cells(workspace, wider)) == 6


def test_cells_of_one_model_train_it_once_and_bad_ones_are_told(workspace: Workspace) -> None:
    """Cells that a strategy refuses never run; one that cannot be trained fails with the reason."""
    one = spec(
        name="learners",
        base="learner",
        vary={
            "model.params.num_iterations": [5, 8],
            "decision.threshold": [0.05, 0.1, 2.0],
            "splits.min_train_sessions": [1, 900],
        },
        constraints=[],
    )
    assert queued(workspace, one) == Queued(cells=8, invalid=4, new=8, known=0)
    run = worked(workspace)
    assert run.cache.made["model"] == 2
    ranked = ranked_cells(workspace, one)
    states = [one.result.state for one in ranked]
    assert states.count(JobState.COMPLETED) == states.count(JobState.FAILED) == 4
    failed = {one.result.message for one in ranked if one.result.state is JobState.FAILED}
    assert all("903 are needed" in message for message in failed)
    invalid = {one.result.message for one in ranked if one.result.state is None}
    assert invalid == {"decision.threshold: Input should be less than 1"}


def test_other_data_is_another_trial_and_old_jobs_leave_the_queue(workspace: Workspace) -> None:
    """A session that is gone changes every job; what was queued for it is not run."""
    queued(workspace, spec())
    last = workspace.lake.index.entries("bars", symbol="EURUSD")[-1]
    workspace.lake.index.drop(last)
    run = ConfigurationRunner(LakeView(workspace))
    worked(workspace)
    rows = workspace.state.select(JOBS)
    assert {row["state"] for row in rows} == {"failed"}
    assert all("has changed since it was queued" in row["message"] for row in rows)
    assert queued(workspace, spec()) == Queued(cells=5, invalid=0, new=5, known=0)
    workspace.lake.index.put([last])
    assert queued(workspace, spec()).known == 5
    assert JobQueue(workspace.state).counts()[JobState.PENDING] == 0
    assert run.cache.made == {}


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (NOBODY, "with code 1: no worker was wanted"),
        (
            [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"],
            "killed by SIGKILL: it said nothing",
        ),
    ],
    ids=["ends", "killed"],
)
def test_workers_that_do_not_start_are_told_with_their_last_words(
    workspace: Workspace, command: list[str], told: str
) -> None:
    """It ends by itself, and what is queued stays queued."""
    with pytest.raises(QuantError, match=told):
        run_sweep(workspace, spec(), command=command, workers=1)
    assert JobQueue(workspace.state).counts("crosses")[JobState.PENDING] == 5


@pytest.mark.parametrize("replaced", ["database", "spec"])
def test_a_sweep_that_is_replaced_while_it_runs_is_not_taken_for_done(
    workspace: Workspace, replaced: str
) -> None:
    """Nothing is open in a new empty database, nor once another spec of the name is computed."""

    def replace(counts: Counts, _executed: int) -> None:
        if replaced == "spec":
            queued(workspace, spec(vary={"signal.fast": [2], "signal.slow": [9]}))
            worked(workspace)
        elif counts.open:
            for file in workspace.root.glob("state.db*"):
                file.unlink()
            State.at(workspace.root / "state.db").close()

    told = "holds none of it" if replaced == "database" else "another spec of it"
    with pytest.raises(StateError, match=told):
        run_sweep(workspace, spec(), command=NOBODY, workers=0, watch=replace)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"base": "crss"}, "strategy 'crss': strategies with bars are cross, "),
        ({"base": CROSS | {"symbols": ["GBPUSD"]}}, "bars of GBPUSD at 15m"),
        ({"vary": {"symbols": [["EURUSD"], ["GBPUSD"]]}, "constraints": []}, "bars of GBPUSD"),
        ({"base": {"label": "tb(1"}}, "the base of sweep 'crosses': .*label 'tb"),
    ],
    ids=["base", "symbol", "varied_symbol", "label"],
)
def test_a_sweep_that_cannot_run_here_says_why(
    workspace: Workspace, changes: dict[str, Any], told: str
) -> None:
    """Before anything is queued."""
    with pytest.raises(StrategyError, match=told):
        queued(workspace, spec(**changes))
    assert workspace.state.select(JOBS) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [", "a sweep from s.yaml: .*parsing"),
        ("- 1", "a list at the top level"),
        ("name: s", "base: Field required; vary: Field required"),
        (
            "{name: s, base: b, vary: {seed: {from: 1, to: 999999, steps: 99999}}, max_trials: 5}",
            "99,999 cells",
        ),
    ],
    ids=["yaml", "list", "keys", "size"],
)
def test_a_bad_file_is_told_by_its_name(tmp_path: Path, text: str, told: str) -> None:
    """No YAML, no mapping, keys that are missing, more cells than are allowed."""
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(StrategyError, match=told):
        read_sweep(tmp_path / "s.yaml")
