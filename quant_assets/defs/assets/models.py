"""Training sets, models and predictions."""

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES, STRATEGIES, look_forward_mapping
from quant_assets.defs.pictures import as_metadata
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.tracking import TrackingResource
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.recipes.predictions import PredictionsRecipe
from quant_assets.workflows.recipes.training_set import TrainingSetRecipe
from quant_assets.workflows.strategies import strategy
from quant_assets.workflows.strategy_model import train_strategy
from quant_assets.workflows.timings import Stopwatch

LOOK_FORWARD_SESSIONS = 2
"""Sessions that the default horizon of 24 bars reaches into."""


@dg.asset(
    group_name=Stage.MODELS.value,
    deps=[
        "features",
        "contract_table",
        dg.AssetDep("bars", partition_mapping=look_forward_mapping(LOOK_FORWARD_SESSIONS)),
    ],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR | {"numba"},
    check_specs=range_checks("training_set"),
)
def training_set(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Features joined to triple-barrier labels with their end time and uniqueness weight.

    A strategy whose source is the flat table learns from that one's figures instead.
    """
    yield from materialize_range(context, TrainingSetRecipe(), workspace.open())


@dg.asset(
    group_name=Stage.MODELS.value,
    deps=[dg.AssetDep("training_set", partition_mapping=dg.AllPartitionMapping())],
    partitions_def=STRATEGIES,
    kinds={"lightgbm", "mlflow"},
)
def model(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource, tracking: TrackingResource
) -> dg.MaterializeResult[None]:
    """Booster of a strategy: purged walk-forward folds and one on all rows, kept as text.

    A partition is a strategy: a file in `strategies` of the data root, or a built-in one.
    """
    opened = workspace.open()
    chosen = strategy(opened, context.partition_key)
    watch = Stopwatch(opened, "model")
    stored = train_strategy(opened, chosen, tracker=tracking.open, progress=context.log.info)
    watch.stop(is_new=stored.is_new)
    made = stored.model
    metadata: dict[str, dg.MetadataValue | str | int] = {
        "status": "made" if stored.is_new else "kept",
        "model_version": made.model_version,
        "rows": made.content.n_rows,
        "symbols": ", ".join(made.content.symbols),
        "folds": len(made.folds),
        "auc_by_fold": ", ".join(f"{fold.scores['auc'] or 0.5:.3f}" for fold in made.folds),
        "synthetic": stored.entry.synthetic,
        "sessions_set_aside": ", ".join(stored.set_aside) or "none",
    }
    for name, png in stored.pictures.items():
        metadata[name.removesuffix(".png")] = as_metadata(png)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(stored.entry.data_version), metadata=metadata
    )


@dg.asset(
    group_name=Stage.MODELS.value,
    deps=[
        "features",
        "contract_table",
        dg.AssetDep("model", partition_mapping=dg.AllPartitionMapping()),
    ],
    partitions_def=SYMBOL_DATES,
    backfill_policy=RANGES,
    kinds=TABULAR | {"lightgbm"},
    check_specs=range_checks("predictions"),
)
def predictions(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
    """Probability of "target first" a bar, by a booster that never saw its outcome."""
    yield from materialize_range(context, PredictionsRecipe(), workspace.open())
