"""A fitted pipeline, scaler to estimator to calibration, as plain values."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from quant_assets.models.calibration import Calibrator
from quant_assets.models.estimators import (
    check_estimator_text,
    predict_estimator,
    reads_null,
)
from quant_assets.models.spec import ModelSpec
from quant_assets.models.stored_errors import broken_estimator


class FittedPipeline(BaseModel):
    """What turns features into a probability, as plain values.

    Parameters
    ----------
    features
        Features kept, in the order the estimator knows.
    dropped
        Reason of each feature that is not.
    center, scale
        What each kept feature is moved and divided by.
    estimator
        The estimator as text; loading it runs no code.
    rounds
        Boosting rounds, 0 where there are none.
    n_fit, n_stop, n_calibrate
        Rows that were fitted on, that ended the rounds, and that calibrated.
    n_without_value
        Training rows left out for a null feature that the estimator cannot read.
    notes
        What was asked for and not done, by name, with the reason.
    importances
        Gain (boosters), impurity decrease (trees) or amount of the coefficient (linear) of each
        feature kept; empty where the estimator tells none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    features: tuple[str, ...] = Field(min_length=1)
    dropped: dict[str, str]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    kind: str
    estimator: str
    calibrator: Calibrator
    rounds: int = Field(ge=0)
    n_fit: int = Field(ge=1)
    n_stop: int = Field(ge=0)
    n_calibrate: int = Field(ge=0)
    n_without_value: int = Field(ge=0)
    notes: dict[str, str]
    importances: dict[str, float]

    def check(self, names: Sequence[str], spec: ModelSpec) -> None:
        """Raise `TrainingError` unless all parts fit each other and a model of these features."""
        sizes = {len(self.features), len(self.center), len(self.scale)}
        places = {name: number for number, name in enumerate(names)}
        order = [places.get(name, -1) for name in self.features]
        if len(sizes) != 1 or self.kind != spec.kind or any(value <= 0.0 for value in self.scale):
            raise broken_estimator("its scaler or kind does not fit its features")
        if -1 in order or order != sorted(set(order)):
            raise broken_estimator("it reads features that the model does not have")
        if set(self.dropped) != set(names) - set(self.features):
            raise broken_estimator("features are neither kept nor left out")
        check_estimator_text(self.kind, self.estimator, n_features=len(self.features))

    def predict(self, matrix: np.ndarray, names: Sequence[str], spec: ModelSpec) -> np.ndarray:
        """Return calibrated probabilities; NaN where the estimator cannot read a row.

        Parameters
        ----------
        matrix : float64 array of shape (n, features of the model)
            NaN is null.
        names
            The model's features, in the order of the columns.
        """
        places = [names.index(name) for name in self.features]
        scaled = (matrix[:, places] - np.array(self.center)) / np.array(self.scale)
        rows = readable(scaled, spec)
        proba = np.full(matrix.shape[0], np.nan)
        made = predict_estimator(self.kind, self.estimator, scaled[rows])
        proba[rows] = self.calibrator.apply(made)
        return proba


def readable(matrix: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """Return which rows an estimator can read: none with an infinite value, or a null for some.

    XGBoost and the trees of scikit-learn hold values as float32: what overflows there is infinite
    to them.
    """
    if spec.kind == "lightgbm":
        return np.asarray(~np.isinf(matrix).any(axis=1))
    is_finite = np.abs(matrix) <= np.finfo(np.float32).max
    if reads_null(spec):
        is_finite |= np.isnan(matrix)
    return np.asarray(is_finite.all(axis=1))
