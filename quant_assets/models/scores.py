"""Scores of probabilities, by their published formulas."""

import math

import numpy as np

_SMALLEST = 1e-15


def log_loss(target: np.ndarray, proba: np.ndarray) -> float:
    """Return the mean negative log-likelihood, in nats; probabilities are kept off 0 and 1."""
    kept = np.clip(proba, _SMALLEST, 1.0 - _SMALLEST)
    return float(-np.mean(target * np.log(kept) + (1.0 - target) * np.log1p(-kept)))


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
    """Return the scores of one test fold, beside the base rate that they have to beat."""
    base = float(np.mean(target))
    return {
        "logloss": log_loss(target, proba),
        "logloss_of_base_rate": log_loss(target, np.full(target.size, base)),
        "auc": area_under_curve(target, proba),
        "accuracy": accuracy(target, proba),
        "base_rate": base,
    }
