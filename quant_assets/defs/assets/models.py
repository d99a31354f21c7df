"""Training sets, models and predictions."""

from collections.abc import Iterable, Mapping

import dagster as dg

from quant_assets.defs.graph import SYMBOL_DATES, TABULAR
from quant_assets.defs.partitions import RANGES, STRATEGIES, look_forward_mapping
from quant_assets.defs.pictures import as_metadata
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.tracking import TrackingResource
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.model_list import mean_score
from quant_assets.workflows.recipes.predictions import PredictionsRecipe
from quant_assets.workflows.recipes.training_set import TrainingSetRecipe
from quant_assets.workflows.strategies import strategy
from quant_assets.workflows.strategy_model import train_model_task
from quant_assets.workflows.timings import Stopwatch
from quant_assets.workflows.training import TEAR, model_tear

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
    """Features joined to labels with their end time and uniqueness weight.

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
    """Pipeline of a strategy: purged walk-forward folds and one on all rows, kept as text.

    A partition is a strategy: a file in `strategies` of the data root, or a built-in one.
    """
    opened = workspace.open()
    chosen = strategy(opened, context.partition_key)
    if not chosen.learns:
        reason = f"signals come from {chosen.signal.kind}: there is nothing to learn"
        return dg.MaterializeResult(metadata={"status": "not_due", "reason": reason})
    watch = Stopwatch(opened, "model")
    stored = train_model_task(opened, chosen, tracker=tracking.open, progress=context.log.info)
    watch.stop(is_new=stored.is_new)
    made = stored.model
    metadata: dict[str, dg.MetadataValue | str | int | float] = {
        "status": "made" if stored.is_new else "kept",
        "model_version": made.model_version,
        "rows": made.content.n_rows,
        "symbols": ", ".join(made.content.symbols),
        "estimator": made.content.model.kind,
        "label": made.content.label.dataset,
        "folds": len(made.folds),
        "auc_by_fold": ", ".join(_score(fold.scores["auc"]) for fold in made.folds),
        "rows_without_value": made.content.final.n_without_value,
        "features_kept": dg.MetadataValue.md(listing(made.content.final.features)),
        "features_left_out": dg.MetadataValue.md(reasons(made.content.final.dropped)),
        "synthetic": stored.entry.synthetic,
        "sessions_set_aside": ", ".join(stored.set_aside) or "none",
    }
    for name, score in (("log_loss", "logloss"), ("log_loss_of_base_rate", "logloss_of_base_rate")):
        value = mean_score(made, score)
        if value is not None:
            metadata[name] = value
    # The page of an asset shows its last event: of a model that stands too.
    png = stored.pictures.get(TEAR) or model_tear(
        made, name=chosen.name, synthetic=stored.entry.synthetic
    )
    metadata[TEAR.removesuffix(".png")] = as_metadata(png)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(stored.entry.data_version), metadata=metadata
    )


def _score(value: float | None) -> str:
    """Write a score; a fold of one class has no AUC."""
    return "-" if value is None else f"{value:.3f}"


def listing(names: Iterable[str]) -> str:
    """Return names as a line of code words."""
    return ", ".join(f"`{name}`" for name in names) or "none"


def reasons(dropped: Mapping[str, str]) -> str:
    """Return features that were left out, each with its reason, as a list."""
    return "\n".join(f"- `{name}` {reason}" for name, reason in dropped.items()) or "none"


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
    """Probability of "target first" a bar, by a pipeline that never saw its outcome."""
    yield from materialize_range(context, PredictionsRecipe(), workspace.open())
