"""Numba kernels of levels: running moments of prices by volume, and areas of growing profiles.

Everything is added in row order, and what a bar gets holds no later row.
"""

import numpy as np
from numba import njit

from quant_assets.bars.footprint_kernels import value_area

WEIGHT, FIRST, SHIFT, SQUARES = 0, 1, 2, 3
"""Places of moments: volume; first price; mean price less the first; volume times squared distance
from the mean.
"""

N_MOMENTS = 4

NOTHING = -1
"""Place of a level of a profile without volume."""


@njit(cache=True, nogil=True)
def add_moments(moments: np.ndarray, price: float, volume: float) -> None:
    """Add one price to moments, in place; a volume that is not above zero adds nothing.

    West (1979), Updating mean and variance estimates: an improved method. Prices are taken from
    the first one, and each is squared as its distance from the running mean, so no large square
    is taken from another.

    Parameters
    ----------
    moments : float64 array of shape (N_MOMENTS,)
        WEIGHT, FIRST, SHIFT, SQUARES; zeros before the first price.
    """
    if not volume > 0.0:
        return
    if moments[WEIGHT] == 0.0:
        moments[FIRST] = price
    moments[WEIGHT] += volume
    offset = price - moments[FIRST]
    distance = offset - moments[SHIFT]
    moments[SHIFT] += distance * (volume / moments[WEIGHT])
    moments[SQUARES] += volume * distance * (offset - moments[SHIFT])


@njit(cache=True, nogil=True)
def added_moments(moments: np.ndarray, price: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Return moments with some prices added, in row order.

    Parameters
    ----------
    moments : float64 array of shape (N_MOMENTS,)
    price, volume : float64 arrays of shape (n,)
    """
    sums = moments.copy()
    for idx in range(price.shape[0]):
        add_moments(sums, price[idx], volume[idx])
    return sums


@njit(cache=True, nogil=True)
def running_moments(
    before: np.ndarray,
    price: np.ndarray,
    volume: np.ndarray,
    row_price: np.ndarray,
    row_volume: np.ndarray,
    row_end: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the price by volume, as they stand at each bar's end.

    Parameters
    ----------
    before : float64 array of shape (N_MOMENTS,)
        Moments of what was traded before the first bar.
    price, volume : float64 arrays of shape (n_bars,)
        The mean is that of `before` and of the bars.
    row_price, row_volume : float64 arrays of shape (n_rows,)
        The deviation is that of `before` and of the rows, about their own mean.
    row_end : int64 array of shape (n_bars,)
        Rows known at each bar's end, counted from the first; never decreasing.

    Returns
    -------
    two float64 arrays of shape (n_bars,)
        NaN while nothing has volume; a deviation is never below zero.
    """
    n_bars = price.shape[0]
    mean = np.full(n_bars, np.nan)
    deviation = np.full(n_bars, np.nan)
    of_bars, of_rows = before.copy(), before.copy()
    row = 0
    for bar in range(n_bars):
        add_moments(of_bars, price[bar], volume[bar])
        while row < row_end[bar]:
            add_moments(of_rows, row_price[row], row_volume[row])
            row += 1
        if of_bars[WEIGHT] > 0.0:
            mean[bar] = of_bars[FIRST] + of_bars[SHIFT]
        if of_rows[WEIGHT] > 0.0:
            deviation[bar] = np.sqrt(max(of_rows[SQUARES], 0.0) / of_rows[WEIGHT])
    return mean, deviation


@njit(cache=True, nogil=True)
def developing_areas(
    before: np.ndarray,
    place: np.ndarray,
    volume: np.ndarray,
    row_end: np.ndarray,
    share: float,
) -> np.ndarray:
    """Return the value area of a growing profile, as it stands at each bar's end.

    Only prices that have traded by then are rows of the profile: one that trades later must not
    count as an empty row between them.

    Parameters
    ----------
    before : float64 array of shape (n_prices,)
        Volume by ascending price before the first bar, 0 at prices that trade later.
    place : int64 array of shape (n_rows,)
        Price of each row, as its place in `before`.
    volume : float64 array of shape (n_rows,)
    row_end : int64 array of shape (n_bars,)
        Rows known at each bar's end, counted from the first; never decreasing.
    share
        Share of the volume that the area holds at least.

    Returns
    -------
    int64 array of shape (n_bars, 3)
        Places of the point of control and of the area's lowest and highest price; NOTHING while
        nothing has volume.
    """
    n_bars = row_end.shape[0]
    areas = np.full((n_bars, 3), NOTHING, dtype=np.int64)
    held = before.copy()
    rows = np.empty(before.shape[0], dtype=np.float64)
    places = np.empty(before.shape[0], dtype=np.int64)
    rank = np.full(before.shape[0], NOTHING, dtype=np.int64)
    n_rows = _list_traded(held, rows, places, rank)
    row = 0
    for bar in range(n_bars):
        if bar > 0 and row == row_end[bar]:
            areas[bar] = areas[bar - 1]
            continue
        is_new = False
        while row < row_end[bar]:
            here = place[row]
            held[here] += volume[row]
            if rank[here] == NOTHING:
                is_new = True
            else:
                rows[rank[here]] = held[here]
            row += 1
        if is_new:
            n_rows = _list_traded(held, rows, places, rank)
        if n_rows > 0:
            poc, low, high = value_area(rows[:n_rows], share)
            areas[bar, 0], areas[bar, 1], areas[bar, 2] = places[poc], places[low], places[high]
    return areas


@njit(cache=True, nogil=True)
def _list_traded(held: np.ndarray, rows: np.ndarray, places: np.ndarray, rank: np.ndarray) -> int:
    """Write the volumes above zero without gaps, and which is where; return how many.

    Parameters
    ----------
    held : float64 array of shape (n_prices,)
    rows, places : float64 and int64 arrays of shape (n_prices,)
        Volume of each row, and its place in `held`.
    rank : int64 array of shape (n_prices,)
        Row of each place in `held`; what has no row is left as it is.
    """
    n_rows = 0
    for idx in range(held.shape[0]):
        if held[idx] > 0.0:
            rows[n_rows] = held[idx]
            places[n_rows] = idx
            rank[idx] = n_rows
            n_rows += 1
    return n_rows
