"""Numba functions of market impact: how far an order moves the price against itself.

The square-root law I(q) = Y * sigma * sqrt(q / V) holds for single orders as for whole programs
(Toth et al., Physical Review X 1, 2011, 021006; Sato and Kanazawa, arXiv 2411.13965, exponent
0.489 +- 0.07 over all stocks of Tokyo). sigma and V are of one same stretch of time, known before
the order. Without either, the law says nothing: the impact is 0.
"""

import math

from numba import njit


@njit(cache=True, nogil=True)
def _scale(impact_y: float, sigma_day: float, volume_day: float) -> float:
    """Return the move of an order of size 1; NaN and 0 know nothing."""
    if sigma_day > 0.0 and volume_day > 0.0 and impact_y > 0.0:
        return impact_y * sigma_day / math.sqrt(volume_day)
    return 0.0


@njit(cache=True, nogil=True)
def impact_ratio(impact_y: float, sigma_day: float, qty: float, volume_day: float) -> float:
    """Return what the last unit of an order pays over the touch, as a ratio of the price.

    Parameters
    ----------
    impact_y
        Y of the law, about 0.5 to 1.
    sigma_day, volume_day
        Standard deviation of a day's log return, and a day's volume; 0 or NaN where not known.
    qty
        Size up to and with that unit, of either side, in the volume's unit.

    Returns
    -------
    float
        0 or more; 0 where sigma or volume is not known.
    """
    return float(_scale(impact_y, sigma_day, volume_day) * math.sqrt(max(qty, 0.0)))


@njit(cache=True, nogil=True)
def mean_root(before: float, qty: float) -> float:
    """Return the mean square root of a size that grows from `before` by `qty`.

    (2/3) (b^1.5 - a^1.5) / (b - a) from a to b, written in the roots as
    (2/3) (b + sqrt(a b) + a) / (sqrt(b) + sqrt(a)): it loses no digits where qty is small.
    """
    low = math.sqrt(max(before, 0.0))
    high = math.sqrt(max(before, 0.0) + max(qty, 0.0))
    if high <= 0.0:
        return 0.0
    return (high * high + high * low + low * low) / (1.5 * (high + low))


@njit(cache=True, nogil=True)
def average_impact_ratio(
    impact_y: float, sigma_day: float, qty_before: float, qty: float, volume_day: float
) -> float:
    """Return what the next units of an order pay on average over the touch, as a ratio.

    Parameters
    ----------
    qty_before, qty
        Size that is filled already, and size that comes on top.

    Notes
    -----
    The mean of `impact_ratio` over the units from qty_before to qty_before + qty, in closed form.
    Parts of an order thus pay together what it pays at once. An order of 0 pays the marginal.
    """
    return float(_scale(impact_y, sigma_day, volume_day) * mean_root(qty_before, qty))
