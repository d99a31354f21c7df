"""What training asks of whatever keeps runs: MLflow behind it, or a list in a test."""

from collections.abc import Mapping
from typing import Protocol

from quant_assets.models.trained import TrainedModel


class Tracker(Protocol):
    """Keeper of training runs: one experiment a strategy, one run a model version."""

    def create_databases(self) -> None:
        """Make what is needed once, before anything runs beside it."""
        ...

    def find_run(self, *, strategy: str, model_version: str) -> str | None:
        """Return the run of a model version, or None."""
        ...

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
        """Record a model, its scores and pictures; a version recorded before is not repeated.

        Parameters
        ----------
        pictures
            File name (`importance.png`) to bytes.
        data_versions
            Name of each training partition to its data version.

        Returns
        -------
        str
            Identity of the run.
        """
        ...
