"""MLflow behind its protocol: a run a model version, found again and never repeated."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quant_assets.models.tracker_protocol import Tracker
from quant_assets.models.trained import TrainedModel
from quant_assets.models.training import train_model
from quant_assets.storage.tracker import MlflowTracker
from quant_assets_tests.models.market import FEATURES, Plan, training_rows

# MLflow 3.17 uses a loader option that SQLAlchemy 2.1 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

INPUTS = {"training_set/AA/2024-03-04": "1" * 64}


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> MlflowTracker:
    """A tracker whose database is made."""
    made = MlflowTracker(tmp_path_factory.mktemp("runs") / "mlflow")
    made.create_databases()
    return made


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """A small model."""
    return train_model(training_rows(), feature_names=FEATURES, strategy=Plan())


def log(tracker: Tracker, model: TrainedModel, strategy: str = "fx_trial") -> str:
    """Record a model with a picture."""
    return tracker.log_model(
        model,
        strategy=strategy,
        params={"seed": "7"},
        tags={"code_version": "c" * 64},
        pictures={"importance.png": b"\x89PNG"},
        data_versions=INPUTS,
    )


def test_a_version_is_recorded_once_and_found_again(tracker, model):
    """The second call returns the first one's run, in a new tracker too."""
    assert tracker.find_run(strategy="fx_trial", model_version=model.model_version) is None
    run = log(tracker, model)
    again = MlflowTracker(tracker.folder)
    assert log(again, model) == run
    assert again.find_run(strategy="fx_trial", model_version=model.model_version) == run
    experiment = again._client().get_experiment_by_name("fx_trial")
    assert len(again._client().search_runs([experiment.experiment_id])) == 1


def test_a_run_holds_model_scores_inputs_and_picture(tracker, model, tmp_path):
    """What is stored can be read back, and the model predicts as before."""
    run = log(tracker, model, "stored")
    client = tracker._client()
    names = {item.path for item in client.list_artifacts(run)}
    assert names == {
        "model.json",
        "fold_scores.json",
        "features.json",
        "importances.json",
        "data_versions.json",
        "importance.png",
    }
    folder = Path(client.download_artifacts(run, "", str(tmp_path)))
    text = (folder / "model.json").read_text(encoding="utf-8")
    assert TrainedModel.from_text(text).model_version == model.model_version
    assert json.loads((folder / "data_versions.json").read_text(encoding="utf-8")) == INPUTS
    history = client.get_metric_history(run, "auc")
    assert [point.value for point in sorted(history, key=lambda p: p.step)] == [
        fold.scores["auc"] for fold in model.folds
    ]
    kept = client.get_run(run)
    assert kept.data.tags["model_version"] == model.model_version
    assert kept.data.params["seed"] == "7"


def test_a_run_that_was_cut_off_is_made_again(tracker, model, monkeypatch):
    """A run counts once it is finished."""
    monkeypatch.setattr(MlflowTracker, "_store_files", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        log(tracker, model, "cut_off")
    monkeypatch.undo()
    assert tracker.find_run(strategy="cut_off", model_version=model.model_version) is None
    run = log(tracker, model, "cut_off")
    assert tracker.find_run(strategy="cut_off", model_version=model.model_version) == run


def test_pickle_is_forbidden_here_and_in_children(tracker):
    """MLflow's own default would load pickles."""
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION

    assert MLFLOW_ALLOW_PICKLE_DESERIALIZATION.get() is False
    assert tracker.uri.startswith("sqlite:///")


def test_making_the_databases_is_quiet_and_stays_in_its_folder(tmp_path):
    """No line of a migration on either stream, and no file beside the folder."""
    code = (
        "import logging, sys; from pathlib import Path\n"
        "logging.basicConfig(level=logging.INFO)\n"
        "from quant_assets.storage.tracker import MlflowTracker\n"
        "MlflowTracker(Path('kept')).create_databases()"
    )
    here = tmp_path / "here"
    here.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=here,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert [item.name for item in here.iterdir()] == ["kept"]
    assert [item.name for item in (here / "kept").iterdir()] == ["mlflow.db"]


def test_warnings_of_mlflow_still_pass(tracker):
    """Quiet is not deaf."""
    assert tracker
    assert logging.getLogger("mlflow").isEnabledFor(logging.WARNING)
    assert not logging.getLogger("mlflow").isEnabledFor(logging.INFO)
