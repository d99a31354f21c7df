"""The tear of a model: what it looks at, whether its probabilities hold, and how each fold went."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quant_assets.reports.pictures import BLUE, RED, as_png, new_figure

_SIZE_INCHES = (11.0, 7.0)
_MOST_FEATURES = 20
_GREY = "#8a8f98"


def draw_model_tear(
    *,
    importances: Mapping[str, float],
    fold_scores: Sequence[Mapping[str, float | None]],
    calibration: Sequence[Mapping[str, float | int | None]],
    title: str,
    cv_scores: Sequence[Mapping[str, float | None]] = (),
    importance_unit: str = "importance",
) -> bytes:
    """Return importances beside the calibration curve, above the scores of each fold.

    Parameters
    ----------
    importances
        Feature to its importance; the largest are shown.
    fold_scores
        `auc`, `logloss` and `logloss_of_base_rate` of each walk-forward fold, out of sample.
    calibration
        Bins of out-of-sample probabilities: `mean_proba`, `frequency`, `count`; a bin without rows
        has none of the first two.
    cv_scores
        The same scores of further folds by cross-validation.
    importance_unit
        What an importance counts, as the axis tells it.
    """
    figure = new_figure(_SIZE_INCHES)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.1, 1.0))
    figure.suptitle(title)
    _draw_importances(figure.add_subplot(grid[:, 0]), importances, importance_unit)
    _draw_calibration(figure.add_subplot(grid[0, 1]), calibration)
    _draw_folds(figure.add_subplot(grid[1, 1]), fold_scores, cv_scores)
    return as_png(figure)


def _draw_importances(axes: Any, importances: Mapping[str, float], unit: str) -> None:
    """Draw the most important features as bars, the first on top."""
    ranked = sorted(importances.items(), key=lambda item: (-item[1], item[0]))
    shown = [(name, value) for name, value in ranked if value > 0.0][:_MOST_FEATURES][::-1]
    axes.barh([name for name, _ in shown], [value for _, value in shown], color=BLUE)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel(unit)
    axes.set_title(f"importance: {len(shown)} of {len(ranked)} features", fontsize=9)
    if not shown:
        axes.text(0.5, 0.5, "the estimator tells none", ha="center", transform=axes.transAxes)


def _draw_calibration(axes: Any, calibration: Sequence[Mapping[str, float | int | None]]) -> None:
    """Draw how often the target came first where the model gave a probability."""
    filled = [one for one in calibration if one["count"]]
    mean = np.array([one["mean_proba"] for one in filled], dtype=np.float64)
    frequency = np.array([one["frequency"] for one in filled], dtype=np.float64)
    count = np.array([one["count"] for one in filled], dtype=np.float64)
    error = np.sqrt(np.clip(frequency * (1.0 - frequency), 0.0, None) / np.maximum(count, 1.0))
    axes.plot([0.0, 1.0], [0.0, 1.0], color=_GREY, linestyle="--", linewidth=1.0)
    axes.errorbar(mean, frequency, yerr=2.0 * error, color=BLUE, marker="o", markersize=4)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_xlabel("probability, out of sample")
    axes.set_ylabel("frequency")
    axes.set_title(f"calibration over {int(count.sum()):,} rows, ± 2 standard errors", fontsize=9)


def _draw_folds(
    axes: Any,
    fold_scores: Sequence[Mapping[str, float | None]],
    cv_scores: Sequence[Mapping[str, float | None]],
) -> None:
    """Draw AUC by fold, beside 0.5, which is a coin's."""
    for scores, color, name in (
        (fold_scores, BLUE, "walk-forward"),
        (cv_scores, RED, "cross-validation"),
    ):
        known = [(at, one["auc"]) for at, one in enumerate(scores) if one.get("auc") is not None]
        if known:
            axes.plot(*zip(*known, strict=True), color=color, marker="o", markersize=4, label=name)
    axes.axhline(0.5, color=_GREY, linestyle="--", linewidth=1.0)
    axes.set_xlabel("fold")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("AUC")
    axes.set_title("score by fold", fontsize=9)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)
