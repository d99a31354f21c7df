"""The array type that indicators share, and the one division they all use."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
FlagArray = NDArray[np.bool_]


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide element by element; NaN where the denominator is not above zero.

    Prices may be negative (oil, April 2020); a share of a negative price means nothing.
    """
    quotient = np.full(numerator.shape[0], np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0.0)
    return quotient
