"""Gaussian mixtures by expectation and maximisation, from given beginnings.

Dempster, Laird and Rubin (1977). Each step does what `sklearn.mixture.GaussianMixture` does with
full covariances, in the same order, so that the figures are its own to the bit; what that class
makes of arrays of every kind, of every shape of covariance and of its beginnings is left out.
"""

import math
from dataclasses import dataclass

import numpy as np

from quant_assets.indicators.arrays import FloatArray

_PAIRWISE = 8
"""Numbers from which on NumPy adds a row up in another order than from left to right."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture, and the mean log likelihood of a row before its last step.

    Parameters
    ----------
    weights, means, covariances
        Shapes (k,), (k, d) and (k, d, d).
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    likelihood: float


def fit_mixture(
    rows: FloatArray,
    begin: Mixture,
    *,
    floor: float,
    tolerance: float,
    most_steps: int,
) -> Mixture:
    """Fit a mixture to rows.

    Parameters
    ----------
    rows
        Shape (n, d), finite, in C order.
    begin
        Where it begins; its likelihood is not looked at.
    floor
        Added to variances.
    tolerance, most_steps
        Gain in mean log likelihood of a row below which the fit has settled, and steps after which
        it is taken as it is.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance is not positive definite.
    """
    factors = _factors_of_precisions(np.array([np.linalg.inv(one) for one in begin.covariances]))
    found = begin
    likelihood = -math.inf
    for _ in range(most_steps):
        before = likelihood
        likelihood, shares = _expected(rows, found, factors)
        found = _maximised(rows, shares, likelihood, floor=floor)
        factors = np.array([_inverse_factor(one) for one in found.covariances])
        if abs(likelihood - before) < tolerance:
            break
    return found


def _expected(rows: FloatArray, mixture: Mixture, factors: FloatArray) -> tuple[float, FloatArray]:
    """Return the mean log likelihood of a row, and the components' shares in it, shape (k, n)."""
    weighted = _log_densities(rows, mixture.means, factors) + np.log(mixture.weights)[:, np.newaxis]
    whole = _log_sums(weighted)
    return float(whole.mean()), np.exp(weighted - whole)


def _log_densities(rows: FloatArray, means: FloatArray, factors: FloatArray) -> FloatArray:
    """Return the log density of each row in each component, shape (k, n)."""
    width = rows.shape[1]
    found = np.empty((means.shape[0], rows.shape[0]))
    for component, (mean, factor) in enumerate(zip(means, factors, strict=True)):
        away = (rows @ factor) - (mean @ factor)
        found[component] = _added(np.square(away.T))
    scale = np.log(factors.reshape(len(factors), -1)[:, :: width + 1]).sum(axis=1)
    densities: FloatArray = -0.5 * (width * math.log(2 * math.pi) + found) + scale[:, np.newaxis]
    return densities


def _log_sums(values: FloatArray) -> FloatArray:
    """Return the log of the sum of exponentials over the components, shape (n,).

    The largest is kept apart from the sum of the others, as many as are alike to it with it.
    """
    most = values.max(axis=0)
    is_most = values == most
    alike = np.count_nonzero(is_most, axis=0).astype(np.float64)
    others = _added(np.exp(np.where(is_most, -np.inf, values) - most))
    whole: FloatArray = np.log1p(others / alike) + np.log(alike) + most
    return whole


def _maximised(rows: FloatArray, shares: FloatArray, likelihood: float, *, floor: float) -> Mixture:
    """Return the mixture that rows make by their shares."""
    in_rows = np.ascontiguousarray(shares.T)
    counts = in_rows.sum(axis=0) + 10 * np.finfo(np.float64).eps
    means = (in_rows.T @ rows) / counts[:, np.newaxis]
    covariances = np.empty((*means.shape, rows.shape[1]))
    for component, mean in enumerate(means):
        away = rows - mean
        covariances[component] = ((shares[component] * away.T) @ away) / counts[component]
        covariances[component].flat[:: rows.shape[1] + 1] += floor
    return Mixture(counts / counts.sum(), means, covariances, likelihood)


def _added(columns: FloatArray) -> FloatArray:
    """Return the sum over the first axis, in the order in which NumPy adds up a row."""
    if columns.shape[0] >= _PAIRWISE:
        rows: FloatArray = np.ascontiguousarray(columns.T).sum(axis=1)
        return rows
    total: FloatArray = columns[0]
    for column in columns[1:]:
        total = total + column
    return total


def _factors_of_precisions(precisions: FloatArray) -> FloatArray:
    """Return upper factors U of precisions U U', by turning rows and columns round.

    They are stacked as they lie in memory, column by column: products of matrices that lie in
    another order may end in other bits.
    """
    return np.stack([_cholesky(one[::-1, ::-1])[::-1, ::-1] for one in precisions])


def _inverse_factor(covariance: FloatArray) -> FloatArray:
    """Return the upper factor of a covariance's inverse."""
    from scipy.linalg.lapack import dtrtrs

    solved, _ = dtrtrs(_cholesky(covariance), np.eye(covariance.shape[0]), lower=1)
    factor: FloatArray = solved.T
    return factor


def _cholesky(matrix: FloatArray) -> FloatArray:
    """Return the lower factor of a positive definite matrix."""
    from scipy.linalg.lapack import dpotrf

    lower, failed = dpotrf(matrix, lower=1, clean=1)
    if failed:
        message = "a component's covariance is not positive definite"
        raise np.linalg.LinAlgError(message)
    factor: FloatArray = lower
    return factor
