"""The data root as a Dagster resource: lake, state, settings, instruments and calendars."""

from pathlib import Path

import dagster as dg

from quant_assets.workflows.workspace import Workspace


class WorkspaceResource(dg.ConfigurableResource):
    """One data root; empty means `QUANT_DATA`, or `data` under the working folder."""

    data_root: str = ""

    def open(self) -> Workspace:
        """Open the data root."""
        return Workspace.open(Path(self.data_root) if self.data_root else None)
