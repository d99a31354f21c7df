"""Rolling figures on float64 arrays, each window summed anew in row order.

A running sum would be faster and would drift: its bits would depend on where it started, and a
sum of squares could fall below zero. Sums go over all windows at once, one row of each at a time:
the order within a window stays, and processors add several windows in one step. All arrays have
shape (n,); NaN in a window makes NaN; the first `period - 1` values are NaN.
"""

import numpy as np
from numba import njit

from quant_assets.indicators.arrays import FloatArray, IntArray

FIRST, HIGHEST, LOWEST, LAST, TOTAL = range(5)
"""How the values of several bars become one."""


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_mean(values: FloatArray, period: int) -> FloatArray:
    """Return the mean of the last `period` values, the own one included."""
    n = values.shape[0]
    out = np.full(n, np.nan)
    n_windows = n - period + 1
    if n_windows <= 0:
        return out
    total = np.zeros(n_windows)
    for row in range(period):
        for idx in range(n_windows):
            total[idx] += values[idx + row]
    for idx in range(n_windows):
        out[idx + period - 1] = total[idx] / period
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_z_score(values: FloatArray, period: int) -> FloatArray:
    """Return (value - mean) / standard deviation over the last `period` values.

    The deviation divides by `period - 1`; NaN where it is zero.
    """
    n = values.shape[0]
    out = np.full(n, np.nan)
    mean = rolling_mean(values, period)[period - 1 :]
    squares = np.zeros(mean.shape[0])
    for row in range(period):
        for idx in range(mean.shape[0]):
            squares[idx] += (values[idx + row] - mean[idx]) ** 2
    for idx in range(mean.shape[0]):
        if squares[idx] > 0.0:
            own = idx + period - 1
            out[own] = (values[own] - mean[idx]) / np.sqrt(squares[idx] / (period - 1))
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_co_moments(
    x: FloatArray, y: FloatArray, period: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return sums of squares of x and of y and of products about their means in each window.

    Shape (n - period + 1,) each, one a whole window. Values count from the window's first, so that
    a flat series has a sum of exactly zero.
    """
    n_windows = max(0, x.shape[0] - period + 1)
    mean_x, mean_y = np.zeros(n_windows), np.zeros(n_windows)
    for row in range(period):
        for idx in range(n_windows):
            mean_x[idx] += x[idx + row] - x[idx]
            mean_y[idx] += y[idx + row] - y[idx]
    for idx in range(n_windows):
        mean_x[idx] = mean_x[idx] / period
        mean_y[idx] = mean_y[idx] / period
    xx, yy, xy = np.zeros(n_windows), np.zeros(n_windows), np.zeros(n_windows)
    for row in range(period):
        for idx in range(n_windows):
            off_x = x[idx + row] - x[idx] - mean_x[idx]
            off_y = y[idx + row] - y[idx] - mean_y[idx]
            xx[idx] += off_x * off_x
            yy[idx] += off_y * off_y
            xy[idx] += off_x * off_y
    return xx, yy, xy


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_correlation(x: FloatArray, y: FloatArray, period: int) -> FloatArray:
    """Return Pearson's correlation over the last `period` rows; NaN where one series is flat."""
    out = np.full(x.shape[0], np.nan)
    xx, yy, xy = rolling_co_moments(x, y, period)
    for idx in range(xx.shape[0]):
        scale = np.sqrt(xx[idx]) * np.sqrt(yy[idx])
        if scale > 0.0:
            out[idx + period - 1] = min(1.0, max(-1.0, xy[idx] / scale))
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_beta(x: FloatArray, y: FloatArray, period: int) -> FloatArray:
    """Return the least-squares slope of y on x over the last `period` rows; NaN for a flat x."""
    out = np.full(x.shape[0], np.nan)
    xx, _, xy = rolling_co_moments(x, y, period)
    for idx in range(xx.shape[0]):
        if xx[idx] > 0.0:
            out[idx + period - 1] = xy[idx] / xx[idx]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_trend(values: FloatArray, period: int) -> FloatArray:
    """Return the correlation of the last `period` values with time, -1 to 1; NaN where flat.

    It is the slope of the least-squares line once values and time are both standard scores.
    """
    time = np.arange(values.shape[0]).astype(np.float64)
    return rolling_correlation(time, values, period)


@njit(cache=True, nogil=True, error_model="numpy")
def log_returns(close: FloatArray) -> FloatArray:
    """Return ln(close / close before); the first is NaN, as is one of a price not above zero."""
    n = close.shape[0]
    out = np.full(n, np.nan)
    for idx in range(1, n):
        if close[idx] > 0.0 and close[idx - 1] > 0.0:
            out[idx] = np.log(close[idx] / close[idx - 1])
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def squared_returns(close: FloatArray) -> FloatArray:
    """Return ln(close / close before)^2; the first is NaN, as is one of a price not above zero."""
    return log_returns(close) ** 2


@njit(cache=True, nogil=True, error_model="numpy")
def parkinson_variances(high: FloatArray, low: FloatArray) -> FloatArray:
    """Return a bar's variance by its range: ln(high / low)^2 / (4 ln 2)."""
    n = high.shape[0]
    out = np.full(n, np.nan)
    for idx in range(n):
        if low[idx] > 0.0:
            out[idx] = np.log(high[idx] / low[idx]) ** 2 / (4.0 * np.log(2.0))
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def garman_klass_variances(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray
) -> FloatArray:
    """Return a bar's variance: ln(high/low)^2 / 2 - (2 ln 2 - 1) ln(close/open)^2."""
    n = high.shape[0]
    out = np.full(n, np.nan)
    body_weight = 2.0 * np.log(2.0) - 1.0
    for idx in range(n):
        if low[idx] > 0.0 and open_[idx] > 0.0:
            spread = np.log(high[idx] / low[idx])
            body = np.log(close[idx] / open_[idx])
            out[idx] = 0.5 * spread**2 - body_weight * body**2
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def anchored_vwap(price: FloatArray, volume: FloatArray) -> FloatArray:
    """Return the volume-weighted mean price from the first row on.

    A row with a NaN is passed over: it adds nothing and its own value is NaN. So is the value
    before any volume.
    """
    n = price.shape[0]
    out = np.full(n, np.nan)
    value = 0.0
    total = 0.0
    for idx in range(n):
        if np.isnan(price[idx]) or np.isnan(volume[idx]):
            continue
        value += price[idx] * volume[idx]
        total += volume[idx]
        if total > 0.0:
            out[idx] = value / total
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def running_total(values: FloatArray) -> FloatArray:
    """Return the sum of the values so far, in row order."""
    out = np.empty(values.shape[0])
    total = 0.0
    for idx in range(values.shape[0]):
        total += values[idx]
        out[idx] = total
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def aggregated(values: FloatArray, edges: IntArray, how: int) -> FloatArray:
    """Return one value for the rows between each two neighbouring edges, totals in row order."""
    n_groups = max(0, edges.shape[0] - 1)
    out = np.empty(n_groups)
    for group in range(n_groups):
        first, stop = edges[group], edges[group + 1]
        kept = values[stop - 1] if how == LAST else values[first]
        for idx in range(first + 1, stop):
            if how == HIGHEST:
                kept = max(kept, values[idx])
            elif how == LOWEST:
                kept = min(kept, values[idx])
            elif how == TOTAL:
                kept += values[idx]
        out[group] = kept
    return out
