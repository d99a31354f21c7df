"""Training from rows to a recorded model, without lake and Dagster: both are handed in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from quant_assets.market.errors import TrainingError
from quant_assets.models.dataset import feature_columns, split_final
from quant_assets.models.tracker_protocol import Tracker
from quant_assets.models.trained import TrainedModel
from quant_assets.models.training import train_model
from quant_assets.reports.model_pictures import draw_model_tear
from quant_assets.signals.strategy import Strategy

Progress = Callable[[str], None]

TEAR = "model_tear.png"
"""File name of the picture of a model."""


_IMPORTANCES = {
    "lightgbm": "gain in log loss, all splits",
    "xgboost": "gain in log loss, all splits",
    "random_forest": "share of the impurity's decrease",
    "logistic_regression": "amount of the coefficient, a standard deviation",
}
_OTHERS = "importance by the estimator"


@dataclass(frozen=True)
class Training:
    """What a training gave.

    Parameters
    ----------
    sessions_set_aside
        Sessions with labels that may still change, as `SYMBOL YYYY-MM-DD`; not trained on.
    run_id
        Run of the tracker, None without one.
    """

    model: TrainedModel
    sessions_set_aside: Sequence[str]
    pictures: Mapping[str, bytes]
    run_id: str | None


def fit_model(
    frame: pl.DataFrame, strategy: Strategy, *, progress: Progress = lambda _: None
) -> tuple[TrainedModel, list[str]]:
    """Train a strategy's model on rows of training sets, and return it.

    Returns
    -------
    tuple
        The model, and the sessions set aside because a label may still change.

    Raises
    ------
    TrainingError
        As `train_and_log`.
    """
    names = choose_features(frame, strategy)
    kept, set_aside = split_final(frame)
    if set_aside:
        progress(f"not final, set aside: {', '.join(set_aside)}")
    n_sessions = kept["session"].n_unique()
    progress(f"training on {kept.height} rows of {n_sessions} sessions, {len(names)} features")
    model = train_model(
        kept,
        feature_names=names,
        strategy=strategy.learning,
        progress=lambda done, total: progress(f"fit {done} of {total}"),
    )
    return model, set_aside


def train_and_log(
    frame: pl.DataFrame,
    *,
    strategy: Strategy,
    data_versions: Mapping[str, str],
    code_version: str,
    synthetic: bool,
    tracker: Tracker | None = None,
    progress: Progress = lambda _: None,
) -> Training:
    """Train a strategy's model and record it once.

    Parameters
    ----------
    frame
        Rows of training sets with a column `symbol`; sessions that are not final are set aside.
    data_versions
        Name of each training partition to its data version.

    Raises
    ------
    TrainingError
        Before any training, if what is there does not do; see `train_model`.
    """
    model, set_aside = fit_model(frame, strategy, progress=progress)
    pictures = {TEAR: model_tear(model, name=strategy.name, synthetic=synthetic)}
    run_id = None
    if tracker is not None:
        run_id = tracker.log_model(
            model,
            strategy=strategy.name,
            params=_params(strategy, model),
            tags={"code_version": code_version, "synthetic": str(synthetic).lower()},
            pictures=pictures,
            data_versions=data_versions,
        )
        progress(f"recorded as run {run_id}")
    return Training(model, set_aside, pictures, run_id)


def model_tear(model: TrainedModel, *, name: str, synthetic: bool) -> bytes:
    """Return importances, calibration and the score of each fold as one picture."""
    market = ", SYNTHETIC market" if synthetic else ""
    return draw_model_tear(
        importances=model.importances,
        fold_scores=[fold.scores for fold in model.folds],
        cv_scores=[fold.scores for fold in model.cv],
        calibration=[one.model_dump() for one in model.calibration],
        title=f"{name}: {model.content.model.kind} on {model.content.label.dataset}{market}",
        importance_unit=_IMPORTANCES.get(model.content.model.kind, _OTHERS),
    )


def choose_features(frame: pl.DataFrame, strategy: Strategy) -> list[str]:
    """Return the features to train on, sorted where the strategy leaves the choice open.

    Raises
    ------
    TrainingError
        If a feature is named that the rows do not have.
    """
    there = sorted(feature_columns(frame))
    if strategy.features is None:
        return there
    missing = [name for name in strategy.features if name not in there]
    if missing:
        raise TrainingError(
            asked=f"features of strategy {strategy.name!r}",
            found=f"{', '.join(missing)} not among {', '.join(there)}",
            remedy="Correct `features`, or make features and training set with them.",
        )
    return list(strategy.features)


def _params(strategy: Strategy, model: TrainedModel) -> dict[str, str]:
    """Return what a run is compared by, flat and as text."""
    values = {"model.kind": strategy.model.kind, "model.scaler": strategy.model.scaler}
    values |= {f"model.{name}": str(value) for name, value in strategy.model.params.items()}
    for name in ("splits", "cv", "pruning", "tail"):
        section = getattr(strategy, name)
        values |= {f"{name}.{key}": str(value) for key, value in section or ()}
    label = strategy.learning.label.to_mapping()
    values |= {f"label.{name}": str(value) for name, value in label.items()}
    return values | {
        "timeframe": strategy.timeframe,
        "seed": str(strategy.seed),
        "symbols": ",".join(model.content.symbols),
        "n_rows": str(model.content.n_rows),
        "n_features": str(len(model.features)),
        "n_features_kept": str(len(model.content.final.features)),
    }
