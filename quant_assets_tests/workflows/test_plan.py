"""The plan says what a range would make, before anything is made."""

from datetime import date
from pathlib import Path

from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.plan import PlanLine, plan_assets
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows.trading import make, run, write_rule

ASSETS = ("bars", "features")
DAYS = [date(2024, 3, day) for day in (4, 5, 6)]
KEYS = [Key("EURUSD", day) for day in DAYS]


def _land(workspace: Workspace, folder: Path, *, close: str) -> None:
    """Land three sessions of hourly bars, the last bar of the first one with a given close."""
    lines = [f"{day:%Y.%m.%d},{h:02d}:00,1.1,1.2,1.0,1.1,5" for day in DAYS for h in range(24)]
    lines[23] = f"2024.03.04,23:00,1.1,1.2,1.0,{close},5"
    file = folder / "EURUSD60.csv"
    file.write_text("\n".join(lines) + "\n")
    assert next(report.status for report in ingest_files(workspace, [file])) != "reject"


def _plan(workspace: Workspace) -> dict[str, PlanLine]:
    return {line.asset: line for line in plan_assets(workspace, ASSETS, KEYS)}


def _make(workspace: Workspace) -> None:
    for asset in ASSETS:
        assert all(
            one.status in {"made", "kept"} for one in make_range(workspace, recipes()[asset], KEYS)
        )


def test_it_counts_what_would_run_and_why(tmp_path: Path) -> None:
    """Nothing made yet: bars never were, features wait for them; afterwards all is fresh."""
    workspace = Workspace.open(tmp_path / "data")
    _land(workspace, tmp_path, close="1.1")
    before = _plan(workspace)
    assert before["bars"].reasons == {"never made": 3}
    assert before["features"].reasons == {"input would be made": 3}
    assert before["bars"].seconds is None
    _make(workspace)
    after = _plan(workspace)
    assert [line.would_run for line in after.values()] == [0, 0]
    assert [line.fresh for line in after.values()] == [3, 3]


def test_a_restated_session_shows_all_that_looks_back_on_it(tmp_path: Path) -> None:
    """One landed value changes: its bars would run, and the features of all that look back."""
    workspace = Workspace.open(tmp_path / "data")
    _land(workspace, tmp_path, close="1.1")
    _make(workspace)
    _land(workspace, tmp_path, close="1.15")
    plan = _plan(workspace)
    assert plan["bars"].reasons == {"inputs changed": 1}
    assert plan["features"].reasons == {"input would be made": 3}
    assert plan["bars"].seconds is not None


def test_a_rule_is_backtested_and_has_no_model_to_train(tmp_path: Path) -> None:
    """Without any training set its backtest is due, whatever is made first; then it is fresh."""
    workspace = Workspace.open(tmp_path / "data")
    _land(workspace, tmp_path, close="1.1")
    write_rule(workspace.root, "coin", symbols=["EURUSD"], timeframe="1h")
    assets = ("bars", "training_set", "signals", "model", "backtest")

    def lines() -> dict[str, tuple[int, int]]:
        plan = plan_assets(workspace, assets, KEYS, names=["coin"])
        return {line.asset: (line.would_run, line.fresh) for line in plan}

    before = lines()
    assert before["backtest"] == (1, 0)
    make(workspace, "bars", "signals")
    assert lines()["backtest"] == (1, 0)
    run(workspace, "coin")
    after = lines()
    assert after["backtest"] == (0, 1)
    assert after["model"] == (0, 0)
