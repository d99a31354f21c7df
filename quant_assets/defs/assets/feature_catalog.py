"""The catalogue of features, with what the lake holds of them."""

import dagster as dg

from quant_assets.defs.graph import TABULAR
from quant_assets.defs.pictures import as_metadata
from quant_assets.reports.feature_pictures import draw_drifts
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.feature_catalog import largest_drifts, store_feature_catalog
from quant_assets.workflows.timings import Stopwatch

SHOWN = 25


# With the models, whose training period it measures drift against: groups feed one another one way.
@dg.asset(
    group_name=Stage.MODELS.value,
    deps=[
        dg.AssetDep("features", partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep("model", partition_mapping=dg.AllPartitionMapping()),
    ],
    kinds=TABULAR,
)
def feature_catalog(workspace: WorkspaceResource) -> dg.MaterializeResult[None]:
    """Each feature on each symbol: parameters, version, coverage, nulls, drift since training.

    Drift is the population stability index of the values after the training period of the newest
    model, or after the first 70 % of sessions, against those in it.
    """
    opened = workspace.open()
    watch = Stopwatch(opened, "feature_catalog")
    stored = store_feature_catalog(opened)
    watch.stop(is_new=stored.is_new)
    frame = opened.lake.read(stored.entry)
    metadata: dict[str, dg.MetadataValue | str | int | bool] = {
        "status": "made" if stored.is_new else "kept",
        "dagster/row_count": frame.height,
        "features": frame["name"].n_unique(),
        "synthetic": stored.entry.synthetic,
        "without_a_value": frame.filter(frame["sessions_with_values"] == 0)["name"].n_unique(),
    }
    drifts = largest_drifts(frame)
    if drifts:
        metadata["picture"] = as_metadata(draw_drifts(drifts, n_shown=SHOWN))
    return dg.MaterializeResult(
        data_version=dg.DataVersion(stored.entry.data_version), metadata=metadata
    )
