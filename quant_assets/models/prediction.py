"""Predictions of one session, each bar by the booster that never saw its outcome."""

import numpy as np
import polars as pl

from quant_assets.models.dataset import feature_matrix
from quant_assets.models.schema import NO_FOLD_BEFORE, NO_FOLD_FINAL, PREDICTIONS
from quant_assets.models.trained import TrainedModel


def predict_session(model: TrainedModel, features_frame: pl.DataFrame) -> pl.DataFrame:
    """Return the probability of "target first" for each bar.

    A bar inside a test span is predicted by that fold's booster; one after the training's end by
    the final booster (fold -1); both are out of sample. A bar before the first test span gets the
    final booster, fold -2, and is NOT out of sample.

    Parameters
    ----------
    features_frame
        Columns session, bar_start and the model's features; other columns are left out.

    Returns
    -------
    DataFrame
        In the columns and order of `PREDICTIONS`, one row a bar.

    Raises
    ------
    TrainingError
        If a feature of the model is missing; it is named, nothing is filled in.
    """
    frame = features_frame.sort("bar_start")
    matrix = feature_matrix(frame, model.features)
    start_ns = frame["bar_start"].to_physical().to_numpy()
    fold = assign_folds(model, start_ns)
    proba = np.empty(frame.height, dtype=np.float64)
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        proba[rows] = model.predict(matrix[rows], fold=int(number) if number >= 0 else None)
    made = frame.select("session", "bar_start").with_columns(
        fold=pl.Series(fold, dtype=pl.Int16),
        proba=pl.Series(proba, dtype=pl.Float64),
        is_oos=pl.Series(fold != NO_FOLD_BEFORE, dtype=pl.Boolean),
        model_version=pl.lit(model.model_version, dtype=pl.String),
    )
    return PREDICTIONS.check(made)


def assign_folds(model: TrainedModel, start_ns: np.ndarray) -> np.ndarray:
    """Return the fold of each bar start (int64 ns): its number, -1 after all, -2 before all."""
    starts = np.array([fold.test_start_ns for fold in model.folds], dtype=np.int64)
    fold = np.searchsorted(starts, start_ns, side="right") - 1
    fold[fold < 0] = NO_FOLD_BEFORE
    fold[start_ns >= model.oos_start_ns] = NO_FOLD_FINAL
    return fold.astype(np.int16)
