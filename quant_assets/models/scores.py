"""Scores of probabilities, by their published formulas."""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict

_SMALLEST = 1e-15

N_BINS = 10
"""Bins of equal width that calibration is told in."""


class CalibrationBin(BaseModel):
    """Rows whose probability lies in [low, high), the last bin with its end.

    Parameters
    ----------
    mean_proba, frequency
        Mean probability of the rows, and share of them that met the target.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: float
    high: float
    mean_proba: float
    frequency: float
    count: int


def log_loss(target: np.ndarray, proba: np.ndarray, *, weight: np.ndarray | None = None) -> float:
    """Return the mean negative log-likelihood, in nats; probabilities are kept off 0 and 1."""
    kept = np.clip(proba, _SMALLEST, 1.0 - _SMALLEST)
    each = -(target * np.log(kept) + (1.0 - target) * np.log1p(-kept))
    return float(np.average(each, weights=weight))


def brier_score(target: np.ndarray, proba: np.ndarray) -> float:
    """Return the mean squared gap between probability and outcome (Brier, 1950)."""
    return float(np.mean((proba - target) ** 2))


def calibration_bins(target: np.ndarray, proba: np.ndarray) -> list[CalibrationBin]:
    """Return the bins that hold a row, by rising probability."""
    place = np.minimum((proba * N_BINS).astype(np.int64), N_BINS - 1)
    bins = []
    for number in np.unique(place).tolist():
        rows = place == number
        bins.append(
            CalibrationBin(
                low=number / N_BINS,
                high=(number + 1) / N_BINS,
                mean_proba=float(np.mean(proba[rows])),
                frequency=float(np.mean(target[rows])),
                count=int(rows.sum()),
            )
        )
    return bins


def expected_calibration_error(target: np.ndarray, proba: np.ndarray) -> float:
    """Return the mean gap of probability and frequency over bins, by count (Naeini, 2015)."""
    bins = calibration_bins(target, proba)
    return sum(b.count * abs(b.mean_proba - b.frequency) for b in bins) / target.size


def area_under_curve(target: np.ndarray, proba: np.ndarray) -> float | None:
    """Return the area under the ROC curve by the Mann-Whitney statistic; ties count one half.

    None where only one class is there.
    """
    n_positive = int(target.sum())
    n_negative = target.size - n_positive
    if n_positive == 0 or n_negative == 0:
        return None
    _, group, count = np.unique(proba, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(count)
    mean_rank = last_rank - (count - 1) / 2.0
    rank_sum = math.fsum(mean_rank[group][target == 1])
    return (rank_sum - n_positive * (n_positive + 1) / 2.0) / (n_positive * n_negative)


def accuracy(target: np.ndarray, proba: np.ndarray) -> float:
    """Return the share of rows where `proba >= 0.5` is the target."""
    return float(np.mean((proba >= 0.5) == (target == 1)))


def score_fold(target: np.ndarray, proba: np.ndarray) -> dict[str, float | None]:
    """Return the scores of one test fold, beside the base rate that they have to beat.

    Rows with probability NaN were not predicted and are left out; `n_scored` counts the others.
    Without any, all scores are None.
    """
    is_there = ~np.isnan(proba)
    target, proba = target[is_there], proba[is_there]
    counts = {"n_scored": float(target.size), "n_hits": float(target.sum())}
    if not target.size:
        return dict.fromkeys(SCORES) | counts
    base = float(np.mean(target))
    return {
        "logloss": log_loss(target, proba),
        "logloss_of_base_rate": log_loss(target, np.full(target.size, base)),
        "auc": area_under_curve(target, proba),
        "accuracy": accuracy(target, proba),
        "base_rate": base,
        "brier": brier_score(target, proba),
        "calibration_error": expected_calibration_error(target, proba),
        **counts,
    }


SCORES = (
    "logloss",
    "logloss_of_base_rate",
    "auc",
    "accuracy",
    "base_rate",
    "brier",
    "calibration_error",
)
"""Names of the scores of a fold."""
