"""Rolling figures on float64 arrays, each window summed anew in row order.

A running sum would be faster and would drift: its bits would depend on where it started, and a
sum of squares could fall below zero. All arrays have shape (n,); NaN in a window makes NaN; the
first `period - 1` values are NaN.
"""

import numpy as np
from numba import njit

from quant_assets.indicators.arrays import FloatArray


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_mean(values: FloatArray, period: int) -> FloatArray:
    """Return the mean of the last `period` values, the own one included."""
    n = values.shape[0]
    out = np.full(n, np.nan)
    for idx in range(period - 1, n):
        total = 0.0
        for back in range(idx - period + 1, idx + 1):
            total += values[back]
        out[idx] = total / period
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def rolling_z_score(values: FloatArray, period: int) -> FloatArray:
    """Return (value - mean) / standard deviation over the last `period` values.

    The deviation divides by `period - 1`; NaN where it is zero.
    """
    n = values.shape[0]
    out = np.full(n, np.nan)
    for idx in range(period - 1, n):
        total = 0.0
        for back in range(idx - period + 1, idx + 1):
            total += values[back]
        mean = total / period
        squares = 0.0
        for back in range(idx - period + 1, idx + 1):
            squares += (values[back] - mean) ** 2
        if squares > 0.0:
            out[idx] = (values[idx] - mean) / np.sqrt(squares / (period - 1))
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def squared_returns(close: FloatArray) -> FloatArray:
    """Return ln(close / close before)^2; the first is NaN, as is one of a price not above zero."""
    n = close.shape[0]
    out = np.full(n, np.nan)
    for idx in range(1, n):
        if close[idx] > 0.0 and close[idx - 1] > 0.0:
            out[idx] = np.log(close[idx] / close[idx - 1]) ** 2
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
