"""What ingest landed, as Dagster sees it: observed, never made by the graph."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES
from quant_assets.defs.landed import landed_versions
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage


@dg.observable_source_asset(
    group_name=Stage.INGEST.value,
    partitions_def=SYMBOL_DATES,
    description=(
        "Landed trades, bars and status records of each symbol and session, as `quant ingest` or "
        "the sensor on `data/raw` stored them. Its data version is that of the landed content."
    ),
)
def raw_files(workspace: WorkspaceResource) -> dg.DataVersionsByPartition:
    """Observe the version of every landed partition."""
    return dg.DataVersionsByPartition(landed_versions(workspace.open()))
