"""Numba kernels of regimes: a bar's ingredients, densities of a mixture, clusters on a line.

Every row is worked out alone, in plain loops: its bits do not depend on what stands beside it.
"""

import numpy as np
from numba import njit

from quant_assets.indicators.arrays import FlagArray, FloatArray, IntArray

PERIOD = 20
"""Bars that an ingredient looks at: returns of the last 20, which need 20 closes before."""

RECENT = 5
"""Last bars whose volume is compared with that of all."""

_BLOCK = 32
"""First rows of a cluster that are passed over together."""


@njit(cache=True, nogil=True, error_model="numpy")
def bar_ingredients(close: FloatArray, volume: FloatArray, starts: FlagArray) -> FloatArray:
    """Return log volatility, drift and log volume ratio of each bar.

    Realized volatility: root mean square of log returns; Andersen and Bollerslev (1998).

    Parameters
    ----------
    close, volume : float64 arrays of shape (n,)
        NaN where missing. A close that is missing or not above zero starts anew behind it; so
        does nothing of volume, which is only looked at in the last 20 bars.
    starts : bool array of shape (n,)
        True where a bar begins something new, for example another contract.

    Returns
    -------
    float64 array of shape (n, 3)
        NaN in the first 20 bars of a run, in a flat stretch, and for a volume that is not there.
    """
    n = close.shape[0]
    out = np.full((n, 3), np.nan)
    run = 0
    for idx in range(n):
        if not (np.isfinite(close[idx]) and close[idx] > 0.0):
            run = 0
            continue
        run = 1 if starts[idx] else run + 1
        if run <= PERIOD:
            continue
        squares = 0.0
        for back in range(idx - PERIOD + 1, idx + 1):
            squares += np.log(close[back] / close[back - 1]) ** 2
        volatility = np.sqrt(squares / PERIOD)
        if volatility > 0.0:
            out[idx, 0] = np.log(volatility)
            moved = np.log(close[idx] / close[idx - PERIOD])
            out[idx, 1] = moved / (volatility * np.sqrt(float(PERIOD)))
        recent, whole = 0.0, 0.0
        for back in range(idx - PERIOD + 1, idx + 1):
            whole += volume[back]
            if back > idx - RECENT:
                recent += volume[back]
        if recent > 0.0 and np.isfinite(whole):
            out[idx, 2] = np.log((recent / RECENT) / (whole / PERIOD))
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def cholesky(matrix: FloatArray) -> FloatArray:
    """Return the lower triangle L with L L' = matrix, row by row (Cholesky-Banachiewicz)."""
    n = matrix.shape[0]
    lower = np.zeros((n, n))
    for row in range(n):
        for column in range(row + 1):
            total = matrix[row, column]
            for idx in range(column):
                total -= lower[row, idx] * lower[column, idx]
            if row == column:
                lower[row, row] = np.sqrt(total)
            else:
                lower[row, column] = total / lower[column, column]
    return lower


@njit(cache=True, nogil=True, error_model="numpy")
def likeliest(
    rows: FloatArray, weights: FloatArray, means: FloatArray, lowers: FloatArray
) -> IntArray:
    """Return the component of the highest weighted normal density for each row.

    Parameters
    ----------
    rows : float64 array of shape (n, d)
    weights : float64 array of shape (k,)
    means : float64 array of shape (k, d)
    lowers : float64 array of shape (k, d, d)
        Cholesky factors of the covariances.

    Returns
    -------
    int64 array of shape (n,)
        The lower one of two alike; -1 where a value is NaN.
    """
    n, width = rows.shape
    out = np.full(n, -1, dtype=np.int64)
    solved = np.empty(width)
    for idx in range(n):
        best = -np.inf
        for component in range(weights.shape[0]):
            density = np.log(weights[component])
            for row in range(width):
                total = rows[idx, row] - means[component, row]
                for column in range(row):
                    total -= lowers[component, row, column] * solved[column]
                solved[row] = total / lowers[component, row, row]
                density -= np.log(lowers[component, row, row]) + 0.5 * solved[row] ** 2
            if density > best:
                best = density
                out[idx] = component
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def nearest(values: FloatArray, centers: FloatArray) -> IntArray:
    """Return the nearest of ascending centres for each value; the lower of two, -1 for NaN."""
    out = np.full(values.shape[0], -1, dtype=np.int64)
    for idx in range(values.shape[0]):
        best = np.inf
        for place in range(centers.shape[0]):
            distance = abs(values[idx] - centers[place])
            if distance < best:
                best = distance
                out[idx] = place
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _squares(sums: FloatArray, squares: FloatArray, start: int, stop: int) -> float:
    """Return the squares of the rows [start, stop) about their mean, by sums of the rows before."""
    inside = sums[stop] - sums[start]
    own: float = squares[stop] - squares[start] - inside**2 / (stop - start)
    return max(0.0, own)


@njit(cache=True, nogil=True, error_model="numpy")
def cut_line(ordered: FloatArray, clusters: int) -> IntArray:
    """Return where each cluster of ascending values begins, so that their squares are least.

    Wang and Song (2011), Ckmeans.1d.dp: optimal k-means clustering in one dimension. Of two cuts
    alike the earlier one is taken. The squares of a cluster grow with its rows, and so do those of
    the clusters before it with theirs: a block of first rows whose least of both together is more
    than a cut already known is passed over, which finds the same cuts as to look at every row.

    Parameters
    ----------
    ordered : float64 array of shape (n,)
        Ascending, with `clusters` different values at least.
    clusters : int

    Returns
    -------
    int64 array of shape (clusters,)
        First row of each cluster; none is empty.
    """
    n = ordered.shape[0]
    sums, squares = np.zeros(n + 1), np.zeros(n + 1)
    middle = ordered[n // 2]
    for idx in range(n):
        offset = ordered[idx] - middle
        sums[idx + 1] = sums[idx] + offset
        squares[idx + 1] = squares[idx] + offset * offset
    costs = np.full((clusters, n + 1), np.inf)
    cuts = np.zeros((clusters, n + 1), dtype=np.int64)
    for stop in range(1, n + 1):
        costs[0, stop] = max(0.0, squares[stop] - sums[stop] ** 2 / stop)
    # What rounding may make of a sum of n terms, many times over.
    slack = 1e-9 * squares[n]
    for cluster in range(1, clusters):
        for stop in range(cluster + 1, n + 1):
            last = max(cuts[cluster, stop - 1], cluster)
            known = costs[cluster - 1, last] + _squares(sums, squares, last, stop)
            for block in range(cluster, stop, _BLOCK):
                end = min(block + _BLOCK, stop)
                least = costs[cluster - 1, block] + _squares(sums, squares, end - 1, stop)
                if least > known + slack:
                    continue
                for start in range(block, end):
                    cost = costs[cluster - 1, start] + _squares(sums, squares, start, stop)
                    if cost < costs[cluster, stop]:
                        costs[cluster, stop] = cost
                        cuts[cluster, stop] = start
    firsts = np.zeros(clusters, dtype=np.int64)
    stop = n
    for cluster in range(clusters - 1, 0, -1):
        stop = cuts[cluster, stop]
        firsts[cluster] = stop
    return firsts
