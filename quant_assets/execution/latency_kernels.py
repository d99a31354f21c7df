"""Numba functions that draw how long an order is on its way, from nothing but its number.

Contract: the same rules, seed and order number give the same times, whatever was drawn before, in
which thread and in which order. Times are whole nanoseconds. Nothing here reads a market.
"""

import math

import numpy as np
from numba import njit

from quant_assets.signals.kernels import uniform

UNIFORM = 0.0
CONSTANT = 1.0
LOGNORMAL = 2.0
EMPIRICAL = 3.0

_MS = 1_000_000
_HALF_STEP = 2.0**-54

# Coefficients of AS 241: the middle, the tails, and the far tails.
_MIDDLE_TOP = (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
               4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
               1.3314166789178437745e2, 3.3871328727963666080)  # fmt: skip
_MIDDLE_LOW = (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
               2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
               4.2313330701600911252e1, 1.0)  # fmt: skip
_TAIL_TOP = (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
             1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550,
             4.63033784615654529590, 1.42343711074968357734)  # fmt: skip
_TAIL_LOW = (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
             1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940,
             2.05319162663775882187, 1.0)  # fmt: skip
_FAR_TOP = (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
            2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580,
            5.46378491116411436990, 6.65790464350110377720)  # fmt: skip
_FAR_LOW = (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
            7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
            5.99832206555887937690e-1, 1.0)  # fmt: skip


@njit(cache=True, nogil=True)
def _between(low_ns: int, high_ns: int, draw: float) -> int:
    """Return the place of a draw from [0, 1) in a range of whole nanoseconds."""
    return low_ns + int(draw * (high_ns - low_ns))


@njit(cache=True, nogil=True)
def _polynomial(coefficients: tuple[float, ...], r: float) -> float:
    """Return a polynomial by Horner's rule, highest power first."""
    total = 0.0
    for coefficient in coefficients:
        total = total * r + coefficient
    return total


@njit(cache=True, nogil=True)
def normal_quantile(probability: float) -> float:
    """Return the standard normal's quantile of a probability in (0, 1).

    Wichura, The percentage points of the normal distribution, Applied Statistics 37 (1988),
    algorithm AS 241, about 1 part in 1e16.
    """
    q = probability - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return float(q * _polynomial(_MIDDLE_TOP, r) / _polynomial(_MIDDLE_LOW, r))
    root = math.sqrt(-math.log(min(probability, 1.0 - probability)))
    if root <= 5.0:
        size = _polynomial(_TAIL_TOP, root - 1.6) / _polynomial(_TAIL_LOW, root - 1.6)
    else:
        size = _polynomial(_FAR_TOP, root - 5.0) / _polynomial(_FAR_LOW, root - 5.0)
    return float(-size if q < 0.0 else size)


@njit(cache=True, nogil=True)
def _one_way(rules: np.ndarray, samples: np.ndarray, draw: float) -> int:
    """Return one way's time by the rules that know but one distribution."""
    if rules[0] == LOGNORMAL:
        z = normal_quantile((draw + _HALF_STEP) * rules[3])
        return int(min(math.exp(rules[1] + rules[2] * z), rules[4]))
    if rules[0] == EMPIRICAL:
        place = draw * (samples.shape[0] - 1)
        below = int(place)
        above = min(below + 1, samples.shape[0] - 1)
        return int(samples[below] + (place - below) * (samples[above] - samples[below]))
    return int(rules[1])


@njit(cache=True, nogil=True)
def order_latency(
    rules: np.ndarray, samples: np.ndarray, seed: int, order_number: int
) -> tuple[int, int]:
    """Return how long an order is on its way, and how long after a fill that fill is known.

    Parameters
    ----------
    rules : float64 array of shape (5,)
        What `latency.latency_rules` made of a LatencySpec.
    samples : float64 array of shape (n,)
        Sorted ways in ns of kind `empirical`; empty otherwise.
    seed, order_number : int64
        The draws hang on them alone.

    Returns
    -------
    tuple of int and int
        Nanoseconds from the decision to the arrival, and from a fill to its being known.

    Notes
    -----
    Kind `uniform`: network N of [10, 50) ms and exchange X of [20, 100) ms are drawn, then the
    client's share C such that C + N + X lies in [50, 200) ms; the way back is another N. The other
    kinds draw the way back anew from the way's own distribution.
    """
    first = uniform(seed, order_number, 0)
    second = uniform(seed, order_number, 1)
    if rules[0] != UNIFORM:
        return _one_way(rules, samples, first), _one_way(rules, samples, second)
    way = _between(10 * _MS, 50 * _MS, first) + _between(20 * _MS, 100 * _MS, second)
    least = max(0, 50 * _MS - way)
    most = min(50 * _MS, 200 * _MS - way)
    client = _between(least, most, uniform(seed, order_number, 2))
    return client + way, _between(10 * _MS, 50 * _MS, uniform(seed, order_number, 3))
