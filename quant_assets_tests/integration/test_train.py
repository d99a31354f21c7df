"""`quant train` and `quant models` as a user runs them: a file, a model, a champion, mistakes."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from quant_assets.cli.main import app
from quant_assets.market.errors import InputError, TrainingError
from quant_assets.models.trained import TrainedModel
from quant_assets.storage.tracker import MlflowTracker
from quant_assets_tests.defs.automation.market import sessions, write_csv
from quant_assets_tests.integration.command import Root

pytestmark = [
    pytest.mark.slow,
    # MLflow 3.17 uses a loader option that SQLAlchemy 2.1 calls deprecated.
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 16))
STRATEGY: dict[str, Any] = {
    "name": "mine",
    "symbols": ["EURUSD"],
    "timeframe": "15m",
    "label": "tb(0.001, 0.001, 12)",
    "model": {"kind": "lightgbm", "params": {"num_iterations": 30}},
    "splits": {"n_folds": 3, "min_train_sessions": 3, "embargo_bars": 1},
    "cv": {"kind": "purged_kfold", "n_folds": 3, "embargo_bars": 12},
    "decision": {"threshold": 0.5},
    "capital": 100_000,
    "qty": 1,
}


class Desk:
    """A data root with a pair's bars landed, and a place for files of the user's own."""

    def __init__(self, folder: Path) -> None:
        self.root = Root(folder / "data")
        file = self.root.folder / "raw" / "EURUSD15.csv"
        write_csv(file, DAYS, seed=1)
        self.root.rows("ingest", str(file))

    def quant(self, *words: str) -> str:
        """Run a command in this process, which knows MLflow already; return its stdout."""
        done = CliRunner(env={"QUANT_DATA": str(self.root.folder)}).invoke(app, words)
        if done.exception:
            raise done.exception
        return done.stdout

    def models(self) -> list[dict[str, Any]]:
        """Return what `quant models` lists."""
        return [json.loads(line) for line in self.quant("models", "--json").splitlines()]

    def file(self, **changes: object) -> str:
        """Write a strategy's file."""
        path = self.root.folder.parent / "strategy.yaml"
        path.write_text(yaml.safe_dump(STRATEGY | changes))
        return str(path)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Land the bars; nothing is made of them yet."""
    return Desk(tmp_path_factory.mktemp("train"))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"features": ["rsi_41"]}, id="feature"),
        pytest.param({"label": "barriers(1, 2)"}, id="label"),
        pytest.param({"label": "return(90000)"}, id="horizon"),
        pytest.param({"model": {"kind": "sklearn.ensemble.Forest"}}, id="estimator"),
    ],
)
def test_a_mistake_is_told_before_anything_is_made(desk, changes):
    """The run ends at once, with exit code 2, and the lake holds what was landed alone."""
    desk.root.run("train", desk.file(name="wrong", **changes), code=2)
    assert "bars" not in desk.root.open().lake.index.tables()
    assert not (desk.root.folder / "strategies").exists()


def test_a_file_becomes_a_registered_model(desk):
    """Everything that it needs is made first; MLflow knows what it was made of."""
    told = desk.root.run("train", desk.file())
    assert "features kept" in told
    (line,) = desk.models()
    assert line["strategy"] == "mine"
    assert line["aliases"] == ["candidate"]
    lake = desk.root.open().lake
    client = MlflowTracker(desk.root.folder / "mlflow")._client()
    run = client.get_run(line["run_id"])
    assert run.data.params["model.kind"] == "lightgbm"
    assert {"auc", "logloss", "brier", "cv_mean_auc"} <= set(run.data.metrics)
    assert run.data.metrics["mean_auc"] == pytest.approx(line["auc"])
    folder = Path(client.download_artifacts(run.info.run_id, "", str(desk.root.folder / "got")))
    learned = yaml.safe_load((folder / "data_versions.json").read_text())
    dataset = "tb_0.001_0.001_12"
    assert learned == {
        entry.name: entry.data_version
        for entry in lake.index.entries("training_set")
        if entry.levels["dataset"] == dataset
    }
    assert len(learned) == len(DAYS)
    assert (folder / "model_tear.png").read_bytes().startswith(b"\x89PNG")
    stored = TrainedModel.from_text((folder / "model.json").read_text())
    assert stored.model_version == line["model_version"]
    assert len(stored.cv) == 3


def test_the_same_again_trains_nothing_and_adds_no_version(desk):
    """A version is its content."""
    desk.root.run("train", "mine")
    assert [line["number"] for line in desk.models()] == [1]


def test_the_candidate_becomes_the_champion(desk):
    """By name; a version that there is not is wrong usage."""
    assert "version 1 is the champion" in desk.quant("models", "promote", "mine")
    assert desk.models()[0]["aliases"] == ["candidate", "champion"]
    assert "mine" in desk.quant("models")
    with pytest.raises(InputError, match="registered versions are 1"):
        desk.quant("models", "promote", "mine", "--version", "9")


def test_a_damaged_model_is_refused_and_made_again(desk):
    """Reading it says so; training does not stand on it."""
    lake = desk.root.open().lake
    (entry,) = lake.index.entries("models", symbol="mine")
    row = lake.read(entry)
    damaged = row["text"][0].replace('"seed":7', '"seed":8')
    with pytest.raises(TrainingError, match="SHA-256"):
        TrainedModel.from_text(damaged)
