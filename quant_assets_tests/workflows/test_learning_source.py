"""A strategy that learns from the flat table: trained, predicted, traded beside the usual one."""

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml

from quant_assets.contracts.learning import learning_frame
from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.features.standard import standard_catalog
from quant_assets.models.schema import MODELS
from quant_assets.signals.built_in import default_strategy
from quant_assets.storage.state_tables import FAILURES
from quant_assets.workflows.changes import pending_partitions
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.model_list import list_models
from quant_assets.workflows.plan import INPUT, plan_assets
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key, Plan, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.strategy_backtest import run_simulation
from quant_assets.workflows.strategy_model import stored_model, train_model_task
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 14))
KEYS = [Key("EURUSD", day) for day in DAYS]
USUAL, FLAT = "fx_15m_barriers", "from_the_flat_table"
RANGED = tuple(recipes())


def _write_strategy(root: Path, *, name: str = FLAT, **changes: object) -> None:
    """Write the default strategy with the flat table as its source."""
    values = default_strategy("fx", "15m").to_mapping()
    values |= {"name": name, "source": "contract_table", **changes}
    (root / "strategies").mkdir(exist_ok=True)
    (root / "strategies" / f"{name}.yaml").write_text(yaml.safe_dump(values))


def _make(workspace: Workspace, *assets: str) -> dict[str, set[str]]:
    """Make some assets; return how the partitions of each ended."""
    ended = {}
    for asset in assets or RANGED:
        if asset == "predictions":
            for one in strategies(workspace).values():
                train_model_task(workspace, one)
        outcomes = list(make_range(workspace, recipes()[asset], KEYS))
        assert not [one.reason for one in outcomes if one.status in {Status.FAILED, Status.SKIPPED}]
        ended[asset] = {one.status.value for one in outcomes}
    return ended


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root with a week of a currency pair, all made but what models need."""
    root = tmp_path_factory.mktemp("source") / "data"
    workspace = Workspace.open(root)
    file = root / "raw" / "EURUSD15.csv"
    write_csv(file, DAYS, seed=1)
    list(ingest_files(workspace, [file]))
    _make(
        workspace,
        *[asset for asset in RANGED if asset not in {"training_set", "predictions", "signals"}],
    )
    workspace.state.engine.dispose()
    return root


@pytest.fixture
def root(landed: Path, tmp_path: Path) -> Path:
    """Return a copy of it, to be changed."""
    shutil.copytree(landed, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture(scope="module")
def learned(landed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of it in which the usual strategy has its training set and its model."""
    root = tmp_path_factory.mktemp("learned") / "data"
    shutil.copytree(landed, root)
    workspace = Workspace.open(root)
    _make(workspace, "training_set")
    assert train_model_task(workspace, strategies(workspace)[USUAL]).is_new
    workspace.state.engine.dispose()
    return root


def test_it_trains_predicts_and_trades_beside_the_usual_strategy(root):
    """Both learn, each from its own table; both are predicted, traded and counted."""
    _write_strategy(root)
    workspace = Workspace.open(root)
    ended = _make(workspace, "training_set", "predictions", "signals")
    assert ended == {"training_set": {"made"}, "predictions": {"made"}, "signals": {"made"}}
    flat, usual = stored_model(workspace, FLAT).model, stored_model(workspace, USUAL).model
    assert set(flat.features) == set(learning_frame(CONTRACT_TABLE.empty()).columns[2:])
    assert set(usual.features) == set(standard_catalog().names)
    label = strategies(workspace)[USUAL].label.dataset
    datasets = {e.levels["dataset"] for e in workspace.lake.index.entries("training_set")}
    assert datasets == {label, f"contract_{label}"}
    models = {e.levels["model"] for e in workspace.lake.index.entries("predictions")}
    assert models == {USUAL, FLAT}
    trials = {run_simulation(workspace, strategies(workspace)[n]).run for n in (USUAL, FLAT)}
    assert len(trials) == 2
    assert _make(workspace, "training_set", "predictions", "signals") == {
        "training_set": {"kept"},
        "predictions": {"kept"},
        "signals": {"kept"},
    }
    assert not any(line.would_run for line in plan_assets(workspace, RANGED, KEYS))


@pytest.mark.parametrize("harm", ["torn", "lost"])
def test_a_model_whose_file_cannot_be_read_is_made_again(learned, tmp_path, harm):
    """It counts as none, to the list of models too; the same model comes back."""
    workspace = Workspace.open(shutil.copytree(learned, tmp_path / "data"))
    chosen = strategies(workspace)[USUAL]
    made = train_model_task(workspace, chosen)
    assert not made.is_new
    path = workspace.lake.root / made.entry.path
    path.write_bytes(path.read_bytes()[:500])
    if harm == "lost":
        path.unlink()
    assert list_models(workspace, ()) == []
    again = train_model_task(workspace, chosen)
    assert (again.is_new, again.model.model_version) == (True, made.model.model_version)
    assert not train_model_task(workspace, chosen).is_new


def test_a_model_that_cannot_be_read_keeps_no_other_from_predicting(root):
    """The usual strategy is predicted; once the other model is sound again, so is that one."""
    _write_strategy(root)
    workspace = Workspace.open(root)
    _make(workspace, "training_set", "predictions")
    (entry,) = workspace.lake.index.entries(MODELS.name, symbol=FLAT)
    sound, lineage = workspace.lake.read(entry), workspace.lake.lineage(entry)
    torn = sound.with_columns(pl.col("text").str.head(1000))
    for frame, models in ((torn, {USUAL}), (sound, {USUAL, FLAT})):
        workspace.lake.commit(MODELS, {"strategy": FLAT}, frame, lineage)
        outcomes = list(make_range(workspace, recipes()["predictions"], KEYS))
        assert {one.status for one in outcomes} == {Status.MADE}
        found = workspace.lake.index.entries("predictions")
        assert {e.levels["model"] for e in found} == models


def test_what_is_learned_are_the_rows_of_the_flat_table(root):
    """Each row of the dataset holds its own bar's figures."""
    _write_strategy(root)
    workspace = Workspace.open(root)
    _make(workspace, "training_set")
    view = LakeView(workspace)
    (rows,) = view.at("contract_table", "EURUSD", DAYS[1])
    (made,) = [
        entry
        for entry in view.at("training_set", "EURUSD", DAYS[1])
        if entry.levels["dataset"].startswith("contract_")
    ]
    learned, told = view.read(made), learning_frame(view.read(rows))
    kept = told.join(learned.select("bar_start"), on="bar_start", how="semi")
    assert learned.height > 50
    assert learned.select(told.columns).equals(kept)


def test_without_such_a_strategy_nobody_waits_for_the_flat_table(root):
    """It is no input, no need, and its failure would skip nothing."""
    workspace = Workspace.open(root)
    for entry in workspace.lake.index.entries("contract_table"):
        workspace.lake.drop(entry)
    assert _make(workspace, "training_set", "predictions") == {
        "training_set": {"made"},
        "predictions": {"made"},
    }
    for asset in ("training_set", "predictions"):
        plan = recipes()[asset].plan(LakeView(workspace), KEYS[1])
        assert isinstance(plan, Plan)
        assert not [name for name in plan.inputs if name.startswith("contract_table")]
        assert "contract_table" not in {need for need, _ in plan.needs}
        assert "contract_table" not in recipes()[asset].upstream


def test_where_the_flat_table_is_not_made_the_usual_dataset_does_not_wait(root):
    """Its own dataset comes once the table is there; the plan and the sensor know."""
    _write_strategy(root)
    workspace = Workspace.open(root)
    for entry in workspace.lake.index.entries("contract_table"):
        workspace.lake.drop(entry)
    assert _make(workspace, "training_set") == {"training_set": {"made"}}
    assert {len(LakeView(workspace).at("training_set", k.symbol, k.session)) for k in KEYS} == {1}
    (line,) = plan_assets(workspace, ["contract_table", "training_set"], KEYS)[1:]
    assert line.reasons == {INPUT: len(KEYS)}
    pending = pending_partitions(LakeView(workspace), "EURUSD", DAYS)
    assert {key for asset, key in pending if asset == "training_set"} == set(KEYS)
    _make(workspace, "contract_table", "training_set")
    assert {len(LakeView(workspace).at("training_set", k.symbol, k.session)) for k in KEYS} == {2}


def test_a_symbol_that_only_learns_from_the_flat_table_waits_for_it(root):
    """Where it replaces the usual strategy there is nothing else to make."""
    _write_strategy(root, name=USUAL)
    workspace = Workspace.open(root)
    for entry in workspace.lake.index.entries("contract_table"):
        workspace.lake.drop(entry)
    (outcome,) = make_range(workspace, recipes()["training_set"], KEYS[:1])
    assert (outcome.status, outcome.reason) == (Status.MISSING, "no contract_table")
    (line,) = plan_assets(workspace, ["contract_table", "training_set"], KEYS)[1:]
    assert line.reasons == {INPUT: len(KEYS)}
    assert _make(workspace, "contract_table", "training_set")["training_set"] == {"made"}
    assert set(_make(workspace, "predictions")["predictions"]) == {"made"}


def test_features_that_failed_keep_nobody_from_learning_from_the_flat_table(root):
    """Only who asks for features waits for them."""
    workspace = Workspace.open(root)
    row = {"kind": "failed", "message": "bad", "version": "failed-1", "partition": str(KEYS[1])}
    workspace.state.upsert(FAILURES, [{"asset": "features", **row}])
    (usual,) = make_range(workspace, recipes()["training_set"], KEYS[1:2])
    assert usual.status is Status.SKIPPED
    _write_strategy(root, name=USUAL)
    assert _make(Workspace.open(root), "training_set") == {"training_set": {"made"}}
