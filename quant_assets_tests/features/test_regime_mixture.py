"""Gaussian mixtures: the figures of scikit-learn's, to the bit."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from quant_assets.features.regime_mixture import Mixture, fit_mixture

FLOOR, TOLERANCE = 1e-6, 1e-4


def clouds(n: int, width: int, *, seed: int, whole: bool) -> np.ndarray:
    """Return standardised rows from clouds that overlap; whole numbers come again and again."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, width)) * rng.uniform(0.2, 3.0, width) + rng.integers(0, 4, (n, 1))
    rows = np.round(rows) if whole else rows
    deviations = rows.std(axis=0)
    return np.ascontiguousarray((rows - rows.mean(axis=0)) / np.where(deviations, deviations, 1.0))


def beginning(rows: np.ndarray, components: int) -> Mixture:
    """Return the moments of parts of the rows, cut by their first column."""
    parts = np.array_split(rows[np.argsort(rows[:, 0], kind="stable")], components)
    floor = FLOOR * np.eye(rows.shape[1])
    return Mixture(
        weights=np.array([len(part) for part in parts]) / len(rows),
        means=np.array([part.mean(axis=0) for part in parts]),
        covariances=np.array([np.cov(part.T, bias=True) + floor for part in parts]),
        likelihood=-np.inf,
    )


def of_the_library(rows: np.ndarray, begin: Mixture, most_steps: int) -> Mixture:
    """Return what scikit-learn fits."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(
        len(begin.weights),
        reg_covar=FLOOR,
        tol=TOLERANCE,
        max_iter=most_steps,
        weights_init=begin.weights,
        means_init=begin.means,
        precisions_init=np.array([np.linalg.inv(one) for one in begin.covariances]),
        init_params="random_from_data",
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows)
    return Mixture(model.weights_, model.means_, model.covariances_, model.lower_bound_)


def bits_of(mixture: Mixture) -> list[bytes]:
    """Return every figure by its bits."""
    return [np.asarray(value).tobytes() for value in vars(mixture).values()]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(40, 900),
    st.integers(2, 3),
    st.integers(2, 8),
    st.booleans(),
    st.sampled_from([1, 3, 60]),
)
def test_a_mixture_is_that_of_the_library_to_the_bit(seed, n, width, components, whole, steps):
    """Of any number of components, settled or not, and of rows that are alike."""
    rows = clouds(n, width, seed=seed, whole=whole)
    begin = beginning(rows, components)
    with threadpool_limits(limits=1):
        found = fit_mixture(rows, begin, floor=FLOOR, tolerance=TOLERANCE, most_steps=steps)
        expected = of_the_library(rows, begin, steps)
    assert bits_of(found) == bits_of(expected)


def test_a_component_without_any_spread_is_refused():
    """Without a floor, rows on one point have no density."""
    rows = np.repeat([[0.0, 0.0], [1.0, 1.0]], 10, axis=0)
    begin = Mixture(np.full(2, 0.5), rows[[0, -1]], np.tile(np.eye(2), (2, 1, 1)), -np.inf)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        fit_mixture(rows * 40.0, begin, floor=0.0, tolerance=TOLERANCE, most_steps=50)
