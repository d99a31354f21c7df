"""Rolling figures on float64 arrays, each window summed anew in row order.

A running sum would be faster and would drift: its bits would depend on where it started, and a
sum of squares could fall below zero. Sums go over all windows at once, one row of each at a time:
the order within a window stays, and processors add several windows in one step. All arrays have
shape (n,); NaN in a window makes NaN; the first `period - 1` values are NaN.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

from quant_assets.indicators.arrays import FloatArray, IntArray

FIRST, HIGHEST, LOWEST, LAST, TOTAL = range(5)
"""How the values of several bars become one."""


@njit(cache=True, nogil=True, error_model="numpy")
def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide element by element; NaN where the denominator is not above zero.

    Prices may be negative (oil, April 2020); a share of a negative price means nothing.

    Raises
    ------
    ValueError
        Where the lengths differ.
    """
    n = numerator.shape[0]
    if denominator.shape[0] != n:
        raise ValueError("a ratio needs arrays of one length")
    out = np.empty(n)
    for idx in range(n):
        out[idx] = numerator[idx] / denominator[idx] if denominator[idx] > 0.0 else np.nan
    return out


ratio: Callable[[FloatArray, FloatArray], FloatArray] = _ratio
"""Under its type, which a compiled function does not show: features return what it returns."""


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
def rolling_root_mean(variances: FloatArray, period: int) -> FloatArray:
    """Return the square root of the mean of the last `period` values; NaN where that is below 0."""
    out: FloatArray = rolling_mean(variances, period)
    for idx in range(out.shape[0]):
        out[idx] = np.sqrt(out[idx]) if out[idx] >= 0.0 else np.nan
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
def rolling_centres(values: FloatArray, period: int) -> FloatArray:
    """Return the mean of each whole window, shape (n - period + 1,).

    Values count from the window's first, so that the mean of a flat window is exactly its value.
    """
    n_windows = max(0, values.shape[0] - period + 1)
    centre = np.zeros(n_windows)
    for row in range(period):
        for idx in range(n_windows):
            centre[idx] += values[idx + row] - values[idx]
    for idx in range(n_windows):
        centre[idx] = values[idx] + centre[idx] / period
    return centre


@njit(cache=True, nogil=True, error_model="numpy")
def warmed_up(of_windows: FloatArray, n: int) -> FloatArray:
    """Return an array of shape (n,): the windows' values behind NaN."""
    out = np.full(n, np.nan)
    # A loop: assigning a slice takes numba seconds to compile, for the text of its error.
    for idx in range(of_windows.shape[0]):
        out[n - of_windows.shape[0] + idx] = of_windows[idx]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_co_moments(
    x: FloatArray, y: FloatArray, period: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return sums of squares of x and of y and of products, about their means in each window.

    Those of a flat series are exactly zero.
    """
    centre_x, centre_y = rolling_centres(x, period), rolling_centres(y, period)
    n_windows = centre_x.shape[0]
    xx, yy, xy = np.zeros(n_windows), np.zeros(n_windows), np.zeros(n_windows)
    for row in range(period):
        for idx in range(n_windows):
            off_x, off_y = x[idx + row] - centre_x[idx], y[idx + row] - centre_y[idx]
            xx[idx] += off_x * off_x
            yy[idx] += off_y * off_y
            xy[idx] += off_x * off_y
    n = x.shape[0]
    return warmed_up(xx, n), warmed_up(yy, n), warmed_up(xy, n)


@njit(cache=True, nogil=True, error_model="numpy")
def correlation_of(xx: FloatArray, yy: FloatArray, xy: FloatArray) -> FloatArray:
    """Return Pearson's correlation from co-moments; NaN where one series is flat."""
    out = np.full(xx.shape[0], np.nan)
    for idx in range(xx.shape[0]):
        scale = np.sqrt(xx[idx]) * np.sqrt(yy[idx])
        if scale > 0.0:
            out[idx] = min(1.0, max(-1.0, xy[idx] / scale))
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_trend(values: FloatArray, period: int) -> FloatArray:
    """Return the correlation of the last `period` values with time, -1 to 1; NaN where flat.

    It is the slope of the least-squares line once values and time are both standard scores. Time
    counts from the middle of the window, the same in each.
    """
    centre = rolling_centres(values, period)
    n_windows = centre.shape[0]
    middle = (period - 1) / 2
    of_time = 0.0
    of_values, of_both = np.zeros(n_windows), np.zeros(n_windows)
    for row in range(period):
        time = row - middle
        of_time += time * time
        for idx in range(n_windows):
            off = values[idx + row] - centre[idx]
            of_values[idx] += off * off
            of_both[idx] += time * off
    trend = correlation_of(np.full(n_windows, of_time), of_values, of_both)
    out: FloatArray = warmed_up(trend, values.shape[0])
    return out


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
    out: FloatArray = log_returns(close)
    for idx in range(out.shape[0]):
        out[idx] = out[idx] * out[idx]
    return out


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
