"""Calibration: probabilities mapped to frequencies by a monotone curve, stored as numbers."""

import math
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

MIN_ROWS = 50
"""Fewest rows that a curve is fitted on, and that may stop a booster."""

MIN_SLOPE = 1e-3
"""Least slope of a sigmoid: where the tail shows no edge the curve is flat, never falling."""

_SMALLEST = 1e-12
_MAX_STEPS = 100


class Calibrator(BaseModel):
    """A monotone curve from the estimator's probability to a calibrated one.

    Parameters
    ----------
    kind
        `sigmoid`: 1 / (1 + exp(-(slope * logit(p) + intercept))), Platt (1999) on the logit.
        `isotonic`: straight lines between `knots` and `levels`, flat outside. `none`: as it is.
    note
        Why there is none, though one was asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["none", "sigmoid", "isotonic"] = "none"
    slope: float = Field(default=1.0, gt=0.0)
    intercept: float = 0.0
    knots: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _is_monotone(self) -> Self:
        """Refuse knots and levels that are no rising curve of probabilities."""
        if (self.kind == "isotonic") != bool(self.knots) or len(self.knots) != len(self.levels):
            raise ValueError("knots and levels do not belong to each other")
        if any(b <= a for a, b in zip(self.knots, self.knots[1:], strict=False)):
            raise ValueError("knots do not rise")
        if list(self.levels) != sorted(self.levels) or any(not 0 <= y <= 1 for y in self.levels):
            raise ValueError("levels fall, or are no probabilities")
        return self

    def apply(self, proba: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities; each row's bits hang on that row alone."""
        if self.kind == "sigmoid":
            return np.array([self._sigmoid(p) for p in proba.tolist()], dtype=np.float64)
        if self.kind == "isotonic":
            return np.asarray(np.interp(proba, np.array(self.knots), np.array(self.levels)))
        return proba

    def _sigmoid(self, proba: float) -> float:
        """Map one probability; libm's own exp and log, since vectorised ones differ at edges."""
        return sigmoid(self.slope * _logit(proba) + self.intercept)


def fit_calibrator(
    proba: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    *,
    kind: Literal["none", "sigmoid", "isotonic"],
) -> Calibrator:
    """Fit a curve on rows that the estimator was not trained on.

    Parameters
    ----------
    proba, target, weight : float64 arrays of shape (n,)
        The estimator's probabilities, the classes 0 and 1, and positive weights.

    Returns
    -------
    Calibrator
        Of kind `none`, with a note, where there are fewer than `MIN_ROWS` rows or one class.
    """
    if kind == "none":
        return Calibrator()
    why_not = too_few(target)
    if why_not:
        return Calibrator(note=f"none: {why_not}")
    return (
        _fit_sigmoid(proba, target, weight)
        if kind == "sigmoid"
        else _fit_isotonic(proba, target, weight)
    )


def too_few(target: np.ndarray) -> str:
    """Return why rows can neither calibrate nor stop a booster, or nothing where they can."""
    if target.size < MIN_ROWS:
        return f"{target.size} rows in the tail, {MIN_ROWS} are needed"
    return "" if 0 < target.sum() < target.size else "1 class in the tail"


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + exp(-logit)) without overflow."""
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    grown = math.exp(logit)
    return grown / (1.0 + grown)


def _logit(proba: float) -> float:
    """Return the log odds, kept off the infinite ends."""
    kept = min(max(proba, _SMALLEST), 1.0 - _SMALLEST)
    return math.log(kept / (1.0 - kept))


def _fit_sigmoid(proba: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Calibrator:
    """Fit slope and intercept by Newton steps on Platt's prior-corrected targets.

    The targets (N+ + 1) / (N+ + 2) and 1 / (N- + 2) lie inside (0, 1), so that the optimum is
    finite for separable rows too. Should it fall, the slope is held at `MIN_SLOPE`: the log loss
    is convex, so that its optimum under the bound stands on the bound.
    """
    score = np.array([_logit(p) for p in proba.tolist()])
    n_hits, n_misses = float(weight[target == 1].sum()), float(weight[target != 1].sum())
    wanted = np.where(target == 1, (n_hits + 1.0) / (n_hits + 2.0), 1.0 / (n_misses + 2.0))
    slope, intercept = _newton(score, wanted, weight, slope=None)
    if not slope >= MIN_SLOPE:
        slope, intercept = _newton(score, wanted, weight, slope=MIN_SLOPE)
    return Calibrator(kind="sigmoid", slope=slope, intercept=intercept)


def _newton(
    score: np.ndarray, wanted: np.ndarray, weight: np.ndarray, *, slope: float | None
) -> tuple[float, float]:
    """Minimise the weighted log loss over the intercept, and over the slope unless it is given."""
    # Scores near one value would leave the Hessian singular: they are centred, and ridged a hair.
    middle = float((weight * score).sum() / weight.sum())
    centred = score - middle
    base = float((weight * wanted).sum() / weight.sum())
    point = np.array([0.0 if slope is None else slope, _logit(base)])
    is_free = np.array([1.0 if slope is None else 0.0, 1.0])
    best = _loss(point, centred, wanted, weight)
    for _ in range(_MAX_STEPS):
        step = _newton_step(point, centred, wanted, weight) if slope is None else None
        if step is None:
            step = _intercept_step(point, centred, wanted, weight)
        size, moved = 1.0, best
        while size > 1e-10:
            moved = _loss(point - size * step * is_free, centred, wanted, weight)
            if moved < best:
                break
            size /= 2.0
        if not moved < best - 1e-13 * abs(best):
            break
        point, best = point - size * step * is_free, moved
    return float(point[0]), float(point[1] - point[0] * middle)


def _odds(point: np.ndarray, centred: np.ndarray) -> np.ndarray:
    """Return the probabilities of a slope and intercept."""
    logit = np.clip(point[0] * centred + point[1], -500.0, 500.0)
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def _loss(point: np.ndarray, centred: np.ndarray, wanted: np.ndarray, weight: np.ndarray) -> float:
    """Return the weighted log loss, in a form that does not overflow."""
    logit = point[0] * centred + point[1]
    return float((weight * (np.logaddexp(0.0, logit) - wanted * logit)).sum())


def _newton_step(
    point: np.ndarray, centred: np.ndarray, wanted: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return the Newton step of slope and intercept, of a 2 x 2 system solved by hand."""
    proba = _odds(point, centred)
    gap, bend = weight * (proba - wanted), weight * proba * (1.0 - proba)
    slope, intercept = float((gap * centred).sum()), float(gap.sum())
    aa = float((bend * centred * centred).sum()) + 1e-9
    ab, bb = float((bend * centred).sum()), float(bend.sum()) + 1e-9
    det = aa * bb - ab * ab
    return np.array([(bb * slope - ab * intercept) / det, (aa * intercept - ab * slope) / det])


def _intercept_step(
    point: np.ndarray, centred: np.ndarray, wanted: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return the Newton step of the intercept alone."""
    proba = _odds(point, centred)
    bend = float((weight * proba * (1.0 - proba)).sum()) + 1e-9
    return np.array([0.0, float((weight * (proba - wanted)).sum()) / bend])


def _fit_isotonic(proba: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Calibrator:
    """Fit the rising steps of least weighted squares by pooling adjacent violators.

    Levels are kept 1 / (n + 2) off 0 and 1: n rows do not show that something never happens.
    """
    knots, group = np.unique(proba, return_inverse=True)
    mass = np.bincount(group, weights=weight)
    hits = np.bincount(group, weights=weight * target)
    blocks: list[tuple[float, float, int]] = []
    for own_mass, own_hits in zip(mass.tolist(), hits.tolist(), strict=True):
        block = (own_mass, own_hits, 1)
        while blocks and blocks[-1][1] * block[0] >= block[1] * blocks[-1][0]:
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    levels = np.repeat([hit / all_ for all_, hit, _ in blocks], [n for _, _, n in blocks])
    edge = 1.0 / (target.size + 2.0)
    kept = np.maximum.accumulate(np.clip(levels, edge, 1.0 - edge))
    # Inside a step only its two ends matter.
    is_end = np.ones(kept.size, dtype=bool)
    is_end[1:-1] = (kept[1:-1] != kept[:-2]) | (kept[1:-1] != kept[2:])
    return Calibrator(
        kind="isotonic", knots=tuple(knots[is_end].tolist()), levels=tuple(kept[is_end].tolist())
    )
