"""How far a Sharpe ratio can be believed: length, shape of the returns, number of trials.

All Sharpe ratios here are per observation (a session), not annualised.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

_NORMAL = NormalDist()
_EULER = 0.577_215_664_901_532_9
_HALF_NORMAL = 1.0 - 2.0 / math.pi


def sharpe_variance(sharpe: float, *, skewness: float, kurtosis: float) -> float:
    """Return n - 1 times the variance of an estimated Sharpe ratio; above 0 for real samples.

    Parameters
    ----------
    kurtosis
        Not in excess: 3 for a normal distribution.

    Notes
    -----
    Mertens, Comments on variance of the IID estimator in Lo (2002), 2002.
    """
    return 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2


def probabilistic_sharpe(
    sharpe: float,
    *,
    n_returns: int,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    benchmark: float = 0.0,
) -> float | None:
    """Return the probability that the true Sharpe ratio is above the benchmark.

    None below two returns, or where the variance is not above 0.

    Notes
    -----
    Bailey and Lopez de Prado, The Sharpe Ratio Efficient Frontier, Journal of Risk 15, 2012.
    """
    variance = sharpe_variance(sharpe, skewness=skewness, kurtosis=kurtosis)
    if n_returns < 2 or variance <= 0.0:
        return None
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt((n_returns - 1) / variance))


def minimum_track_record(
    sharpe: float,
    *,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    benchmark: float = 0.0,
    confidence: float = 0.95,
) -> float | None:
    """Return the number of returns needed to believe, at a confidence, in more than the benchmark.

    None where the Sharpe ratio is not above the benchmark: no length would do.

    Notes
    -----
    Bailey and Lopez de Prado, 2012, as above.
    """
    variance = sharpe_variance(sharpe, skewness=skewness, kurtosis=kurtosis)
    if sharpe <= benchmark or variance <= 0.0:
        return None
    return 1.0 + variance * (_NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2


def expected_best_sharpe(*, n_trials: int, variance: float) -> float:
    """Return the Sharpe ratio that the best of n worthless trials is expected to show.

    Parameters
    ----------
    n_trials
        Independent trials; one trial expects 0.
    variance
        Variance of the trials' Sharpe ratios.

    Notes
    -----
    Bailey and Lopez de Prado, The Deflated Sharpe Ratio, Journal of Portfolio Management 40, 2014,
    equation 1.
    """
    if n_trials < 2 or variance <= 0.0:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / n_trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (n_trials * math.e))
    return math.sqrt(variance) * ((1.0 - _EULER) * first + _EULER * second)


def deflated_sharpe(
    sharpe: float,
    *,
    n_returns: int,
    trial_sharpes: Sequence[float],
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float | None:
    """Return the probability that a Sharpe ratio beats the best of as many worthless trials.

    Parameters
    ----------
    trial_sharpes
        Sharpe ratios of all trials on that data, this one among them.

    Notes
    -----
    Bailey and Lopez de Prado, 2014, as above; see `luck_variance` for the variance over trials.
    """
    return deflate(
        sharpe,
        n_returns=n_returns,
        n_trials=len(trial_sharpes),
        gained_variance=gained_variance(np.asarray(trial_sharpes, dtype=np.float64)),
        skewness=skewness,
        kurtosis=kurtosis,
    )


def deflate(
    sharpe: float,
    *,
    n_returns: int,
    n_trials: int,
    gained_variance: float,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float | None:
    """Return the deflated Sharpe ratio where count and variance of the trials are known.

    None below two returns, or where the variance of the Sharpe ratio is not above 0.
    """
    if n_returns < 2:
        return None
    variance = luck_variance(n_returns=n_returns, gained_variance=gained_variance)
    best = expected_best_sharpe(n_trials=n_trials, variance=variance)
    return probabilistic_sharpe(
        sharpe, n_returns=n_returns, skewness=skewness, kurtosis=kurtosis, benchmark=best
    )


def luck_variance(*, n_returns: int, gained_variance: float) -> float:
    """Return the variance of worthless trials' Sharpe ratios, as the deflation takes it.

    Notes
    -----
    The paper takes the sample's variance over all trials. Two things differ here. It is never below
    that of a worthless trial of this length, 1 / (n_returns - 1): few and similar trials must not
    make the bar vanish. And trials that did not gain are counted without entering it: from nine
    trials on, one more loser near the mean narrows the spread by more than its number raises the
    bar, so that a failure would speak for the other trials. Where losers are spread more widely
    than gainers, the bar is lower than the paper's.
    """
    return max(gained_variance, 1.0 / (n_returns - 1))


def gained_variance(sharpes: npt.NDArray[np.float64]) -> float:
    """Return the variance of worthless trials, as the Sharpe ratios above 0 tell it; 0 below two.

    Notes
    -----
    The upper half of a normal distribution around 0 has 1 - 2 / pi of the whole's variance (Leone,
    Nelson and Nottingham, The Folded Normal Distribution, Technometrics 3, 1961): the sample's
    variance (n - 1) is divided by it.
    """
    gained = sharpes[sharpes > 0.0]
    return float(np.var(gained, ddof=1)) / _HALF_NORMAL if gained.size > 1 else 0.0
