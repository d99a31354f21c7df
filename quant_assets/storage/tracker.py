"""MLflow behind the protocol Tracker: an experiment a strategy, a run a model version."""

import json
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quant_assets.market.errors import StateError
from quant_assets.models.trained import CrossValidated, FoldModel, TrainedModel
from quant_assets.storage.model_registry import VERSION_TAG, ModelRegistry

PICKLE_SWITCH = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"

_NOISY = ("alembic", "mlflow")
_LONGEST_PARAM = 500


def forbid_pickle() -> None:
    """Tell MLflow, here and in child processes, that no pickle is ever loaded."""
    os.environ[PICKLE_SWITCH] = "false"


class MlflowTracker:
    """Keeper of training runs in `<folder>/mlflow.db`, files in `<folder>/artifacts`.

    Parameters
    ----------
    folder
        Made on first use. `create_databases` must have run once before several processes use it:
        two that create MLflow's tables at once corrupt them.
    """

    def __init__(self, folder: Path) -> None:
        forbid_pickle()
        self.folder = folder
        self._kept: Any = None

    @property
    def uri(self) -> str:
        """URI of the tracking store, as `mlflow ui --backend-store-uri` takes it."""
        return f"sqlite:///{self.folder.absolute() / 'mlflow.db'}"

    def create_databases(self) -> None:
        """Make the database once, before anything runs beside it."""
        self._client().search_experiments(max_results=1)

    def registry(self) -> ModelRegistry:
        """Return the registry of model versions."""
        return ModelRegistry(self._client())

    def find_run(self, *, strategy: str, model_version: str) -> str | None:
        """Return the finished run of a model version, or None."""
        experiment = self._client().get_experiment_by_name(strategy)
        if experiment is None:
            return None
        return self._find(experiment.experiment_id, model_version)

    def log_model(
        self,
        model: TrainedModel,
        *,
        strategy: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
        pictures: Mapping[str, bytes],
        data_versions: Mapping[str, str],
    ) -> str:
        """Record a model and make it the candidate; a version recorded before keeps its run.

        A run counts once it is finished: one that was cut off is not found, and made again.

        Raises
        ------
        StateError
            If MLflow refuses; its reason is in the message.
        """
        from mlflow.exceptions import MlflowException

        try:
            experiment = self._experiment(strategy)
            run_id = self._find(experiment, model.model_version) or self._record(
                model, experiment, params, tags, pictures, data_versions
            )
            self.registry().register(strategy, run_id=run_id, model_version=model.model_version)
        except MlflowException as error:
            raise StateError(
                asked=f"record model {model.model_version[:10]} of {strategy!r} in MLflow",
                found=" ".join(str(error).split())[:300],
                remedy=f"Check the database {self.folder / 'mlflow.db'}.",
            ) from error
        return run_id

    def _record(
        self,
        model: TrainedModel,
        experiment: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
        pictures: Mapping[str, bytes],
        data_versions: Mapping[str, str],
    ) -> str:
        """Write a run whole and mark it finished last."""
        client = self._client()
        identity = {VERSION_TAG: model.model_version, "data_versions": str(len(data_versions))}
        run = client.create_run(
            experiment, tags={**tags, **identity}, run_name=model.model_version[:10]
        )
        run_id = str(run.info.run_id)
        for name, value in sorted(params.items()):
            client.log_param(run_id, name, value[:_LONGEST_PARAM])
        for number, fold in enumerate(model.folds):
            for name, score in fold.scores.items():
                if score is not None:
                    client.log_metric(run_id, name, score, step=number)
        for name, mean in _means(model.folds).items():
            client.log_metric(run_id, f"mean_{name}", mean)
        for name, mean in _means(model.cv).items():
            client.log_metric(run_id, f"cv_mean_{name}", mean)
        self._store_files(run_id, model, pictures, data_versions)
        client.set_terminated(run_id, status="FINISHED")
        return run_id

    def _store_files(
        self,
        run_id: str,
        model: TrainedModel,
        pictures: Mapping[str, bytes],
        data_versions: Mapping[str, str],
    ) -> None:
        """Store the model's text, its scores, importances and inputs, and the pictures."""
        final = model.content.final
        scores = {
            "walk_forward": [{"fold": at, **fold.scores} for at, fold in enumerate(model.folds)],
            "cross_validation": [
                {"blocks": fold.blocks, **fold.scores} for fold in model.content.cv
            ],
        }
        features = {"kept": final.features, "dropped": final.dropped, "notes": final.notes}
        texts = {
            "model.json": model.to_text(),
            "fold_scores.json": json.dumps(scores, indent=1, sort_keys=True) + "\n",
            "features.json": json.dumps(features, indent=1) + "\n",
            "importances.json": json.dumps(dict(model.importances), indent=1) + "\n",
            "data_versions.json": json.dumps(dict(data_versions), indent=1, sort_keys=True) + "\n",
        }
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            for name, text in texts.items():
                (folder / name).write_text(text, encoding="utf-8")
            for name, picture in pictures.items():
                (folder / Path(name).name).write_bytes(picture)
            self._client().log_artifacts(run_id, str(folder))

    def _experiment(self, strategy: str) -> str:
        """Return the strategy's experiment, making it where it is not; a race has one winner."""
        from mlflow.exceptions import MlflowException

        client = self._client()
        found = client.get_experiment_by_name(strategy)
        if found is not None:
            return str(found.experiment_id)
        artifacts = (self.folder.absolute() / "artifacts" / strategy).as_uri()
        try:
            return str(client.create_experiment(strategy, artifact_location=artifacts))
        except MlflowException:
            found = client.get_experiment_by_name(strategy)
            if found is None:
                raise
            return str(found.experiment_id)

    def _find(self, experiment: str, model_version: str) -> str | None:
        """Return the finished run with a version's tag."""
        if not all(char in "0123456789abcdef" for char in model_version):
            return None
        runs = self._client().search_runs(
            [experiment],
            filter_string=(
                f"tags.{VERSION_TAG} = '{model_version}' and attributes.status = 'FINISHED'"
            ),
            max_results=1,
            order_by=["attributes.start_time ASC"],
        )
        return str(runs[0].info.run_id) if runs else None

    def _client(self) -> Any:
        """Return the client, opened on first use."""
        if self._kept is None:
            from mlflow import MlflowClient

            # Only now: MLflow sets its loggers' levels when it is imported.
            _quieten()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._kept = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
        return self._kept


def _means(folds: Sequence[FoldModel | CrossValidated]) -> dict[str, float]:
    """Return the mean of each score over the folds that have it: runs are ranked by these."""
    told: dict[str, list[float]] = {}
    for fold in folds:
        for name, score in fold.scores.items():
            told.setdefault(name, []).extend([] if score is None else [score])
    return {name: sum(scores) / len(scores) for name, scores in told.items() if scores}


def _quieten() -> None:
    """Keep hints and migrations of MLflow and Alembic off the log; warnings still pass."""
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
