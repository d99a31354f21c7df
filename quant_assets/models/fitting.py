"""Fitting a fold's pipeline: all of it on the fold's training rows, none on what is tested."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from quant_assets.market.errors import TrainingError
from quant_assets.models.boosters import Rows
from quant_assets.models.calibration import Calibrator, fit_calibrator, too_few
from quant_assets.models.estimators import (
    fit_estimator,
    is_booster,
    predict_estimator,
    reads_null,
)
from quant_assets.models.pipeline import FittedPipeline
from quant_assets.models.pruning import Pruned, prune_columns, prune_unhelpful, prune_unimportant
from quant_assets.models.scores import log_loss
from quant_assets.models.spec import ModelSpec, TrainingPlan
from quant_assets.models.tail import Tail, cut_tail, plan_tail
from quant_assets.models.threads import one_thread


@dataclass(frozen=True)
class TrainingRows:
    """All rows that a model may be trained on, in time order; arrays of shape (n, ...)."""

    names: tuple[str, ...]
    matrix: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    t0: np.ndarray
    t1: np.ndarray

    def take(self, idx: np.ndarray, columns: Sequence[int]) -> Rows:
        """Return some rows of some features."""
        return Rows(self.matrix[idx][:, list(columns)], self.target[idx], self.weight[idx])


@dataclass(frozen=True)
class Prepared:
    """A fold ready to be fitted: its rows, and the features that are worth a look."""

    name: str
    tail: Tail
    judge: tuple[np.ndarray, np.ndarray]
    pruned: Pruned
    n_without_value: int


@one_thread()
def prepare_fold(
    rows: TrainingRows, train: np.ndarray, plan: TrainingPlan, *, name: str
) -> Prepared:
    """Cut the tail, prune what needs no fit, and see that both classes are there to be learned.

    Raises
    ------
    TrainingError
        If no feature is left, or the rows to fit have one class; it names the fold.
    """
    _check_classes(rows.target[train], name, "training labels")
    tail = plan_tail(
        rows.t0,
        rows.t1,
        rows.target,
        train=train,
        spec=plan.tail,
        can_stop=is_booster(plan.model.kind),
    )
    pruned = prune_columns(rows.matrix[tail.fit], rows.names, plan.pruning)
    _check_left(pruned, name)
    judge = cut_tail(rows.t0, rows.t1, train=train, share=plan.tail.share)
    n_lost = 0
    if not reads_null(plan.model):
        is_whole = ~np.isnan(rows.matrix[:, pruned.kept]).any(axis=1)
        n_lost = int((~is_whole[train]).sum())
        _check_whole(rows, tail.fit, pruned, is_whole, name)
        left = tail.calibrate[is_whole[tail.calibrate]]
        notes = dict(tail.notes)
        if tail.calibrate.size and not left.size:
            notes["calibration"] = f"none: {too_few(rows.target[left])}"
        tail = replace(tail, fit=tail.fit[is_whole[tail.fit]], calibrate=left, notes=notes)
        judge = (judge[0][is_whole[judge[0]]], judge[1][is_whole[judge[1]]])
    _check_classes(rows.target[tail.fit], name, "labels to fit on")
    return Prepared(name, tail, judge, pruned, n_lost)


@one_thread()
def fit_pipeline(rows: TrainingRows, fold: Prepared, plan: TrainingPlan) -> FittedPipeline:
    """Fit scaler, estimator and calibration of a prepared fold.

    Raises
    ------
    TrainingError
        If the tests of the tail leave no feature, or the estimator refuses the rows.
    """
    notes = dict(fold.tail.notes)
    pruned = _prune_by_fits(rows, fold, plan, notes)
    fit, stop, calibrate = (
        rows.take(idx, pruned.kept) for idx in (fold.tail.fit, fold.tail.stop, fold.tail.calibrate)
    )
    center, scale = _fit_scaler(fit.matrix, plan.model)
    fit, stop, calibrate = (
        part._replace(matrix=(part.matrix - center) / scale) for part in (fit, stop, calibrate)
    )
    made = fit_estimator(
        plan.model,
        fit,
        seed=plan.seed,
        stop=stop if stop.target.size else None,
        stop_rounds=plan.tail.early_stopping_rounds,
    )
    calibrator = Calibrator()
    if calibrate.target.size:
        proba = predict_estimator(plan.model.kind, made.text, calibrate.matrix)
        calibrator = fit_calibrator(
            proba, calibrate.target, calibrate.weight, kind=plan.tail.calibration
        )
    if calibrator.note:
        notes["calibration"] = calibrator.note
    kept = tuple(rows.names[column] for column in pruned.kept)
    return FittedPipeline(
        features=kept,
        dropped=pruned.dropped,
        center=tuple(center.tolist()),
        scale=tuple(scale.tolist()),
        kind=plan.model.kind,
        estimator=made.text,
        calibrator=calibrator,
        rounds=made.rounds,
        n_fit=fit.target.size,
        n_stop=stop.target.size,
        n_calibrate=calibrate.target.size,
        n_without_value=fold.n_without_value,
        notes=notes,
        importances={} if made.gains is None else dict(zip(kept, made.gains, strict=True)),
    )


def _prune_by_fits(
    rows: TrainingRows, fold: Prepared, plan: TrainingPlan, notes: dict[str, str]
) -> Pruned:
    """Prune by the tests that need a fit, on the fold's rows before the tail and on the tail."""
    pruned = fold.pruned
    before, tail = fold.judge
    if plan.pruning.permutation:
        why_not = too_few(rows.target[tail]) or _one_class(rows.target[before])
        if why_not:
            notes["permutation"] = f"none: {why_not}"
        else:
            unhelpful = _unhelpful(rows, fold, plan)
            pruned = _dropped(pruned, unhelpful, rows.names, "permutation", notes)
    if plan.pruning.null_importance:
        reasons = _unimportant(rows, fold, pruned, plan)
        if reasons is None:
            notes["null_importance"] = "none: the estimator tells no importances"
        else:
            pruned = _dropped(pruned, reasons, rows.names, "null_importance", notes)
    return pruned


def _dropped(
    pruned: Pruned,
    reasons: dict[int, str],
    names: Sequence[str],
    test: str,
    notes: dict[str, str],
) -> Pruned:
    """Return what a test leaves; where that is nothing, all of it stays, and a note says so."""
    left = pruned.drop(reasons, names)
    if left.kept:
        return left
    notes[test] = f"none: no feature passed the test, so all {len(pruned.kept)} stay"
    return pruned


def _unhelpful(rows: TrainingRows, fold: Prepared, plan: TrainingPlan) -> dict[int, str]:
    """Return the columns that the permutation test leaves out."""
    columns = fold.pruned.kept
    fit, tail = (rows.take(idx, columns) for idx in fold.judge)
    center, scale = _fit_scaler(fit.matrix, plan.model)
    scaled = fit._replace(matrix=(fit.matrix - center) / scale)
    made = fit_estimator(plan.model, scaled, seed=plan.seed)

    def loss(matrix: np.ndarray) -> float:
        proba = predict_estimator(plan.model.kind, made.text, matrix)
        return log_loss(tail.target, proba, weight=tail.weight)

    reasons = prune_unhelpful((tail.matrix - center) / scale, loss=loss, seed=plan.seed)
    return {columns[place]: reason for place, reason in reasons.items()}


def _unimportant(
    rows: TrainingRows, fold: Prepared, pruned: Pruned, plan: TrainingPlan
) -> dict[int, str] | None:
    """Return the columns that the null-importance test leaves out; None without importances."""
    fit = rows.take(fold.tail.fit, pruned.kept)
    center, scale = _fit_scaler(fit.matrix, plan.model)
    scaled = fit._replace(matrix=(fit.matrix - center) / scale)
    gains = fit_estimator(plan.model, scaled, seed=plan.seed).gains
    if gains is None:
        return None

    def null_gains(rng: np.random.Generator) -> list[float]:
        order = rng.permutation(scaled.target.size)
        shuffled = scaled._replace(target=scaled.target[order], weight=scaled.weight[order])
        return fit_estimator(plan.model, shuffled, seed=plan.seed).gains or []

    reasons = prune_unimportant(gains, null_gains=null_gains, seed=plan.seed)
    return {pruned.kept[place]: reason for place, reason in reasons.items()}


def _fit_scaler(matrix: np.ndarray, spec: ModelSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of each column, nulls left out; a constant one has scale 1."""
    n_columns = matrix.shape[1]
    if spec.scaler == "none":
        return np.zeros(n_columns), np.ones(n_columns)
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(matrix)
    # A column that is null in every row has neither: it is left as it is.
    center = np.where(np.isnan(scaler.mean_), 0.0, scaler.mean_)
    scale = np.where(np.isnan(scaler.scale_), 1.0, scaler.scale_)
    return center, scale


def _check_classes(target: np.ndarray, name: str, what: str) -> None:
    """Refuse rows of one class: there is nothing to tell apart."""
    found = _one_class(target)
    if found:
        raise TrainingError(
            asked=name,
            found=f"{int(target.sum())} of {target.size} {what} meet their target",
            remedy="Both classes are needed: change label.tp or label.sl, or train on more.",
        )


def _check_whole(
    rows: TrainingRows, fit: np.ndarray, pruned: Pruned, is_whole: np.ndarray, name: str
) -> None:
    """Refuse rows each of which lacks a feature that the estimator needs; the worst are told."""
    if is_whole[fit].any():
        return
    lacking = np.isnan(rows.matrix[fit][:, pruned.kept]).sum(axis=0).tolist()
    worst = sorted(zip(lacking, pruned.kept, strict=True), key=lambda pair: (-pair[0], pair[1]))
    told = ", ".join(f"{rows.names[column]} in {count}" for count, column in worst[:5])
    raise TrainingError(
        asked=name,
        found=f"none of {fit.size} rows to fit on has a value of all {len(worst)} features; "
        f"null is most often {told}",
        remedy="Leave these out of `features`, or choose an estimator that reads nulls: lightgbm.",
    )


def _one_class(target: np.ndarray) -> str:
    """Return why rows cannot be learned from, or nothing where they can."""
    return "" if 0 < target.sum() < target.size else "1 class before the tail"


def _check_left(pruned: Pruned, name: str) -> None:
    """Refuse a fold that is left without a feature; the reasons are told."""
    if not pruned.kept:
        reasons = [f"{feature} ({reason})" for feature, reason in pruned.dropped.items()]
        more = f" and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        raise TrainingError(
            asked=f"{name}, pruned",
            found=f"no feature is left: {', '.join(reasons[:5])}{more}",
            remedy="Loosen strategy.pruning, or give features that tell something of the label.",
        )
