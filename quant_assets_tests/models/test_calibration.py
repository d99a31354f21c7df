"""Calibration: monotone curves that equal independent fits, and stay finite on any tail."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.models.calibration import MIN_SLOPE, Calibrator, fit_calibrator


def tail(seed: int, n: int = 400, *, edge: float = 1.5) -> tuple[np.ndarray, ...]:
    """Return probabilities that are too sure of themselves, classes and weights."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    proba = 1.0 / (1.0 + np.exp(-3.0 * score))
    target = (rng.random(n) < 1.0 / (1.0 + np.exp(-edge * score - 0.4))).astype(float)
    return proba, target, rng.uniform(0.1, 1.0, size=n)


@pytest.mark.parametrize("seed", range(5))
def test_the_sigmoid_is_the_best_of_its_kind(seed):
    """Slope and intercept are those that a general optimiser finds on Platt's targets."""
    from scipy.optimize import minimize

    proba, target, weight = tail(seed)
    hits, misses = weight[target == 1].sum(), weight[target == 0].sum()
    wanted = np.where(target == 1, (hits + 1) / (hits + 2), 1 / (misses + 2))
    logit = np.log(proba / (1 - proba))

    def loss(point: np.ndarray) -> float:
        z = point[0] * logit + point[1]
        return float(np.sum(weight * (np.logaddexp(0, z) - wanted * z)))

    best = minimize(loss, [1.0, 0.0], method="BFGS", options={"gtol": 1e-9})
    made = fit_calibrator(proba, target, weight, kind="sigmoid")
    assert made.slope == pytest.approx(best.x[0], abs=1e-5)
    assert made.intercept == pytest.approx(best.x[1], abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_isotonic_curve_is_scikit_learns(seed):
    """Knots and levels agree, the levels kept off 0 and 1, and so do the lines between them."""
    from sklearn.isotonic import IsotonicRegression

    proba, target, weight = tail(seed)
    oracle = IsotonicRegression().fit(proba, target, sample_weight=weight)
    edge = 1.0 / (target.size + 2)
    levels = np.clip(oracle.y_thresholds_, edge, 1 - edge)
    at = np.linspace(0.0, 1.0, 501)
    made = fit_calibrator(proba, target, weight, kind="isotonic")
    assert made.apply(at) == pytest.approx(np.interp(at, oracle.X_thresholds_, levels), abs=1e-9)


@st.composite
def odd_tails(draw):
    """Return tails of any shape: separable, upside down, of one score, near 0 and 1."""
    n = draw(st.integers(50, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    target = (np.arange(n) < draw(st.integers(1, n - 1))).astype(float)
    shapes = {
        "separable": 0.25 + 0.5 * target,
        "upside_down": 0.75 - 0.5 * target,
        "one_score": np.full(n, 0.3),
        "extreme": np.where(rng.random(n) < 0.5, 0.0, 1.0),
        "tiny": rng.random(n) * 1e-300,
        "random": rng.random(n),
    }
    return shapes[draw(st.sampled_from(sorted(shapes)))], target, rng.uniform(1e-3, 1.0, size=n)


@settings(max_examples=150, deadline=None)
@given(rows=odd_tails(), kind=st.sampled_from(["sigmoid", "isotonic"]))
def test_every_curve_is_finite_and_never_falls(rows, kind):
    """Whatever the tail, a higher probability stays a higher or equal one inside (0, 1)."""
    made = fit_calibrator(*rows, kind=kind)
    assert made.kind == kind
    curve = made.apply(np.linspace(0.0, 1.0, 301))
    assert np.isfinite(curve).all()
    assert (np.diff(curve) >= 0.0).all()
    assert curve.min() > 0.0 or kind == "sigmoid"
    assert curve.max() < 1.0 or kind == "sigmoid"


def test_a_tail_without_an_edge_flattens_the_curve_and_does_not_turn_it():
    """An estimator that was wrong on the tail keeps its order, around the tail's frequency."""
    rng = np.random.default_rng(3)
    proba = rng.uniform(0.2, 0.8, size=500)
    target = (rng.random(500) < 1.0 - proba).astype(float)
    made = fit_calibrator(proba, target, np.ones(500), kind="sigmoid")
    assert made.slope == MIN_SLOPE
    assert made.apply(proba) == pytest.approx(np.full(500, target.mean()), abs=0.01)


def test_weights_count():
    """A row of weight 2 is two rows of weight 1, for either curve."""
    proba, target, _ = tail(1, n=100)
    twice = np.where(np.arange(100) < 30, 2.0, 1.0)
    repeated = np.repeat(np.arange(100), twice.astype(int))
    for kind in ("sigmoid", "isotonic"):
        weighed = fit_calibrator(proba, target, twice, kind=kind)
        counted = fit_calibrator(proba[repeated], target[repeated], np.ones(130), kind=kind)
        inside = weighed.apply(proba)
        is_inside = (inside > 0.02) & (inside < 0.98)
        assert inside[is_inside] == pytest.approx(counted.apply(proba)[is_inside], abs=1e-6)


@pytest.mark.parametrize(
    ("n", "share", "says"), [(49, 0.5, "49 rows"), (60, 0.0, "1 class"), (60, 1.0, "1 class")]
)
def test_too_little_to_calibrate_on_is_told(n, share, says):
    """Few rows or one class give no curve, and a note."""
    target = (np.arange(n) < share * n).astype(float)
    made = fit_calibrator(np.linspace(0.1, 0.9, n), target, np.ones(n), kind="sigmoid")
    assert made.kind == "none"
    assert says in made.note


@settings(max_examples=50, deadline=None)
@given(start=st.integers(0, 300), length=st.integers(1, 300), kind=st.sampled_from(["a", "b"]))
def test_a_row_is_calibrated_as_it_is_alone(start, length, kind):
    """Bits do not hang on the number of rows beside."""
    proba, target, weight = tail(2, n=700)
    made = fit_calibrator(proba, target, weight, kind="sigmoid" if kind == "a" else "isotonic")
    part = slice(start, start + length)
    assert (made.apply(proba)[part] == made.apply(proba[part])).all()


def test_a_curve_is_plain_numbers():
    """A curve that was written as JSON and read is the same to the bit."""
    for kind in ("sigmoid", "isotonic"):
        made = fit_calibrator(*tail(4), kind=kind)
        assert Calibrator.model_validate_json(made.model_dump_json()) == made
