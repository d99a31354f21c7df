"""A trial is stale where anything that it came from has changed, a cell of a sweep too."""

import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from quant_assets.cli.main import app
from quant_assets.market.errors import InputError
from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.optimization.trials import Trial
from quant_assets.storage.job_queue import JobQueue
from quant_assets.storage.state_tables import TRIALS
from quant_assets.workflows import trial_staleness
from quant_assets.workflows.configuration import ConfigurationRunner
from quant_assets.workflows.explain import explain_trades
from quant_assets.workflows.leaderboard import all_trials, ranked, store_leaderboard
from quant_assets.workflows.sweep import cells_of, queue_cells
from quant_assets.workflows.sweep_jobs import Reads, sweep_code_version
from quant_assets.workflows.trial_staleness import stale_trials
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv
from quant_assets_tests.workflows.trading import land, make, run, write_rule

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 26))
FILE = "EURUSD15.csv"
SWEEP = {"name": "chances", "base": "luck", "vary": {"signal.chance": [0.1, 0.2, 0.3]}}


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root on which a rule has traded, alone and in a sweep of three cells."""
    workspace = Workspace.open(tmp_path_factory.mktemp("traded") / "data")
    write_csv(workspace.root / "raw" / FILE, DAYS, seed=1)
    land(workspace, [workspace.root / "raw"])
    write_rule(workspace.root, "luck", symbols=["EURUSD"], timeframe="15m")
    make(workspace)
    sweep(workspace)
    run(workspace, "luck")
    workspace.state.engine.dispose()
    return workspace.root


@pytest.fixture
def workspace(traded: Path, tmp_path: Path) -> Workspace:
    """Return a copy of it, to be changed."""
    shutil.copytree(traded, tmp_path / "data")
    return Workspace.open(tmp_path / "data")


def sweep(workspace: Workspace) -> None:
    """Run the sweep in this process, as a worker does."""
    spec = SweepSpec.parse(SWEEP)
    view, queue = LakeView(workspace), JobQueue(workspace.state)
    queue_cells(workspace, queue, spec, cells_of(workspace, spec), Reads(view))
    runner = ConfigurationRunner(view)
    while jobs := queue.claim("me", most=9, now=0.0, lease_s=60.0, code=sweep_code_version()):
        queue.record("me", [runner(job) for job in jobs])


def stale(workspace: Workspace) -> set[str]:
    """Return the ids of the stale trials."""
    return stale_trials(workspace, all_trials(workspace))


def ids(workspace: Workspace) -> set[str]:
    """Return the ids of all trials."""
    return {trial.trial_id for trial in all_trials(workspace)}


def test_another_fee_makes_stale_what_paid_the_old_one(workspace):
    """What is known of an instrument is an input like any other; told as before, all is fresh."""
    file = workspace.root / "instruments.yaml"
    file.write_text("instruments: {EURUSD: {class: fx, fee_bps: 2}}")
    changed = Workspace.open(workspace.root)
    assert stale(changed) == ids(changed)
    assert run(changed, "luck").is_new
    file.unlink()
    assert not run(Workspace.open(workspace.root), "luck").is_new


def test_nothing_is_stale_where_nothing_has_changed(workspace):
    """Three trials: one cell of the sweep is the backtest itself. Other strategies say nothing."""
    assert (len(ids(workspace)), stale(workspace)) == (3, set())
    write_rule(workspace.root, "other", symbols=["EURUSD"], timeframe="15m", qty=3)
    assert stale(workspace) == set()


def test_a_file_that_is_landed_anew_makes_all_stale_before_anything_is_made(workspace):
    """Bars are still those of before: what stands above them has changed."""
    before = ids(workspace)
    write_csv(workspace.root / "raw" / FILE, DAYS, seed=2)
    land(workspace, [workspace.root / "raw"])
    assert stale(workspace) == before
    make(workspace)
    assert stale(workspace) == before
    run(workspace, "luck")
    assert stale(workspace) == before
    assert len(ids(workspace)) == 4


def test_a_session_that_is_added_makes_cells_stale_and_no_stored_run(workspace):
    """A run names the sessions that it read; a cell would be another job, on more of them."""
    single = run(workspace, "luck").trial.trial_id
    more = [*DAYS, *sessions(date(2024, 1, 29), date(2024, 1, 29))]
    write_csv(workspace.root / "raw" / FILE, more, seed=1)
    land(workspace, [workspace.root / "raw"])
    make(workspace)
    assert stale(workspace) == ids(workspace) - {single}


@pytest.mark.parametrize("code", ["backtest_code_version", "sweep_code_version"])
def test_other_code_makes_stale(workspace, monkeypatch, code):
    """That of backtests all of them, that of the chain above them the cells alone."""
    monkeypatch.setattr(trial_staleness, code, lambda: "f" * 64)
    single = run(workspace, "luck").trial.trial_id
    wanted = ids(workspace) - ({single} if code == "sweep_code_version" else set())
    assert stale(workspace) == wanted


def test_code_of_a_stage_above_makes_stale(workspace, monkeypatch):
    """Bars that would be built otherwise now."""
    real = trial_staleness.staleness

    def changed(recipe, plan, stored):
        return "code changed" if recipe.asset == "bars" else real(recipe, plan, stored)

    monkeypatch.setattr(trial_staleness, "staleness", changed)
    assert stale(workspace) == ids(workspace)


def test_a_losing_trial_lowers_the_others_and_its_sweep_is_told(workspace):
    """By backtest of another rule, which pays a wide spread: what was tried and lost counts."""
    before = dict(ranked(workspace).select("trial_id", "dsr").rows())
    costly = {"execution": {"spread_ticks": 50.0}}
    write_rule(workspace.root, "loser", symbols=["EURUSD"], timeframe="15m", **costly)
    make(workspace, "signals")
    loser = run(workspace, "loser").trial
    assert loser.metrics["sharpe"] < 0.0
    after = dict(ranked(workspace).select("trial_id", "dsr").rows())
    assert set(after) == {*before, loser.trial_id}
    assert all(after[one] < before[one] for one in before)
    # The backtest that is a cell too was computed after its sweep, and wrote its trial anew.
    board = ranked(workspace, sweep="chances")
    assert set(board["trial_id"]) == set(before)
    assert board["pbo"].null_count() == 0
    assert loser.sweep is None
    with pytest.raises(InputError, match="sweeps with trials are chances"):
        ranked(workspace, sweep="nothing")


def test_a_cell_is_explained_as_its_sweep_computed_it(workspace):
    """Its trades were never stored."""
    stored = run(workspace, "luck").trial.trial_id
    cell = next(one for one in all_trials(workspace) if one.trial_id != stored)
    told = explain_trades(workspace, [f"{cell.trial_id[:10]}-000001"])[0]
    assert told.is_resolved
    assert any("of sweep chances, computed again" in step.told for step in told.steps)


def test_the_stored_leaderboard_and_the_command_agree(workspace, monkeypatch):
    """Stored, listed and cut to a limit; JSON holds what the table shows."""
    entry = store_leaderboard(workspace).entry
    board = workspace.lake.read(entry)
    monkeypatch.setenv("QUANT_DATA", str(workspace.root))
    arguments = ["leaderboard", "--by", "net", "--sweep", "chances", "--json"]
    shown = CliRunner().invoke(app, arguments)
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [row["net"] for row in rows] == sorted(board["net"], reverse=True)
    table = CliRunner().invoke(app, ["leaderboard", "--limit", "1"])
    assert "1 of 3 trials, 0 of them stale" in table.output
    assert CliRunner().invoke(app, ["leaderboard", "--by", "strategy"]).exit_code != 0


def test_a_trial_that_knows_nothing_of_its_making_is_stale(workspace):
    """Neither a stored run nor a job: nobody can say that it still holds."""
    one = all_trials(workspace)[0]
    row = one.to_row() | {"trial_id": "0" * 64}
    workspace.state.upsert(TRIALS, [row])
    assert stale(workspace) == {Trial.from_row(row).trial_id}
    assert isinstance(ranked(workspace), pl.DataFrame)
