"""Recursions that numpy has no word for."""

import numpy as np
import numpy.typing as npt
from numba import njit


@njit(cache=True, nogil=True)
def decaying_sums(
    shocks: npt.NDArray[np.float64], decay: float, start: float
) -> npt.NDArray[np.float64]:
    """Return y with `y[i] = decay * y[i - 1] + shocks[i]`, where `y[-1]` is `start`.

    Parameters
    ----------
    shocks : float64 array of shape (n,)
        What is added at each step.
    decay
        What is left of the sum after one step, 0 to 1.
    start
        The sum before the first step.

    Returns
    -------
    float64 array of shape (n,)
        The sum after each step; a NaN shock makes all later ones NaN.
    """
    sums = np.empty_like(shocks)
    current = start
    for idx in range(shocks.shape[0]):
        current = decay * current + shocks[idx]
        sums[idx] = current
    return sums
