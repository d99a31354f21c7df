"""Predictions of one session, each bar by the pipeline that never saw its outcome."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.market.errors import TrainingError
from quant_assets.models.dataset import feature_matrix
from quant_assets.models.schema import NO_FOLD_BEFORE, NO_FOLD_FINAL, PREDICTIONS
from quant_assets.models.trained import TrainedModel


@dataclass(frozen=True)
class ColumnReport:
    """What a prediction did not use.

    Parameters
    ----------
    extra_columns
        Columns that are no feature of the model, in the frame's order.
    n_without_trade
        Bars at which a meta-label's first rule trades on no side.
    n_without_value
        Other bars that have no prediction, for a null the estimator cannot read.
    """

    extra_columns: tuple[str, ...]
    n_without_trade: int
    n_without_value: int


def predict_session(model: TrainedModel, features_frame: pl.DataFrame) -> pl.DataFrame:
    """Return the probability of "target first" for each bar that can be predicted.

    A bar inside a test span is predicted by that fold's pipeline; one after the training's end by
    the final one (fold -1); both are out of sample. A bar before the first test span gets the
    final pipeline, fold -2, and is NOT out of sample.

    Parameters
    ----------
    features_frame
        Columns session, bar_start, the model's features, and for a meta-label the column of its
        first rule; in any order. Other columns are left out; `column_report` counts them.

    Returns
    -------
    DataFrame
        In the columns and order of `PREDICTIONS`. A bar has no row where a feature is null that
        the estimator cannot read, or where a meta-label's first rule trades on no side.

    Raises
    ------
    TrainingError
        If a feature of the model or the first rule's column is missing; it is named, nothing is
        filled in.
    """
    frame = features_frame.sort("bar_start")
    matrix = feature_matrix(frame, model.features)
    start_ns = frame["bar_start"].to_physical().to_numpy()
    side = sides(model, frame)
    fold = assign_folds(model, start_ns)
    proba = np.full(frame.height, np.nan)
    for number in np.unique(fold[side != 0]):
        rows = np.flatnonzero((fold == number) & (side != 0))
        proba[rows] = model.predict(matrix[rows], fold=int(number) if number >= 0 else None)
    made = frame.select("session", "bar_start").with_columns(
        fold=pl.Series(fold, dtype=pl.Int16),
        proba=pl.Series(proba, dtype=pl.Float64),
        side=pl.Series(side, dtype=pl.Int8),
        is_oos=pl.Series(fold != NO_FOLD_BEFORE, dtype=pl.Boolean),
        model_version=pl.lit(model.model_version, dtype=pl.String),
    )
    return PREDICTIONS.check(made.filter(pl.col("proba").is_not_nan()))


def column_report(
    model: TrainedModel, features_frame: pl.DataFrame, predicted: pl.DataFrame
) -> ColumnReport:
    """Count what `predict_session` left out of a frame.

    Parameters
    ----------
    predicted
        What `predict_session` returned for the same model and frame.
    """
    used = {"session", "bar_start", *model.features}
    if model.content.label.primary is not None:
        used.add(model.content.label.primary)
    n_without_trade = int((sides(model, features_frame) == 0).sum())
    n_missing = features_frame.height - predicted.height
    return ColumnReport(
        extra_columns=tuple(name for name in features_frame.columns if name not in used),
        n_without_trade=n_without_trade,
        n_without_value=n_missing - n_without_trade,
    )


def sides(model: TrainedModel, frame: pl.DataFrame) -> np.ndarray:
    """Return the side of the trade that each bar's probability speaks of: 1, -1, or 0 for none.

    It is the sign of the first rule's column for a meta-label, and 1 for other labels.
    """
    primary = model.content.label.primary
    if primary is None:
        return np.ones(frame.height, dtype=np.int8)
    if primary not in frame.columns:
        raise TrainingError(
            asked=f"the side of {model.content.label.kind} trades",
            found=f"column {primary} missing",
            remedy="Make the features again with the first rule's column; nothing is filled in.",
        )
    return (
        frame[primary]
        .cast(pl.Float64)
        .fill_nan(None)
        .fill_null(0.0)
        .sign()
        .to_numpy()
        .astype(np.int8)
    )


def assign_folds(model: TrainedModel, start_ns: np.ndarray) -> np.ndarray:
    """Return the fold of each bar start (int64 ns): its number, -1 after all, -2 before all."""
    starts = np.array([fold.test_start_ns for fold in model.folds], dtype=np.int64)
    fold = np.searchsorted(starts, start_ns, side="right") - 1
    fold[fold < 0] = NO_FOLD_BEFORE
    fold[start_ns >= model.oos_start_ns] = NO_FOLD_FINAL
    return fold.astype(np.int16)
