"""Resources of the code location."""

import dagster as dg

from quant_assets.resources.tracking import TrackingResource
from quant_assets.resources.workspace import WorkspaceResource


@dg.definitions
def resources() -> dg.Definitions:
    """Return what assets are given by name."""
    return dg.Definitions(
        resources={"workspace": WorkspaceResource(), "tracking": TrackingResource()}
    )
