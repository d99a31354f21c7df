"""A series against a reference: float64 arrays of shape (n,) in and out, warm-up NaN."""

from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.kernels import correlation_of, log_returns, ratio, rolling_co_moments

CoMoments = tuple[FloatArray, FloatArray, FloatArray]
"""Sums of squares of the reference's and the own log returns, and of their products."""


def return_moments(close: FloatArray, reference: FloatArray, *, period: int) -> CoMoments:
    """Return the co-moments of the last `period` log returns about their means."""
    moments: CoMoments = rolling_co_moments(log_returns(reference), log_returns(close), period)
    return moments


def correlation(moments: CoMoments) -> FloatArray:
    """Return Pearson's correlation, -1 to 1; NaN where either price stands still."""
    result: FloatArray = correlation_of(*moments)
    return result


def beta(moments: CoMoments) -> FloatArray:
    """Return the least-squares slope on the reference; NaN where that stands still."""
    of_reference, _, of_both = moments
    return ratio(of_both, of_reference)
