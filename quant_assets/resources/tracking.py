"""MLflow as a Dagster resource, its database under the data root."""

from pathlib import Path

import dagster as dg

from quant_assets.storage.tracker import MlflowTracker
from quant_assets.workflows.workspace import data_root


class TrackingResource(dg.ConfigurableResource):
    """Keeper of training runs; empty means `mlflow` under the data root."""

    folder: str = ""

    def open(self) -> MlflowTracker:
        """Open the tracker, making its database on first use."""
        tracker = MlflowTracker(Path(self.folder) if self.folder else data_root() / "mlflow")
        tracker.create_databases()
        return tracker
