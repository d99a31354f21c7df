"""Numba functions of labels: concurrency and uniqueness."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def average_uniqueness(entry_bar: np.ndarray, span_bars: np.ndarray) -> np.ndarray:
    """Return the mean inverse concurrency over each label's bars.

    Parameters
    ----------
    entry_bar : int64 array of shape (n,)
        Bar that label i enters at, from 0; in any order, and bars without a label may lie between.
    span_bars : int64 array of shape (n,)
        Label i spans the bars after `entry_bar[i]`, so many of them; 0 spans none.

    Returns
    -------
    float64 array of shape (n,)
        In (0, 1]; 1 where no other label shares a bar, or where the label spans none.

    Notes
    -----
    Lopez de Prado, Advances in Financial Machine Learning, 2018, sections 4.2 to 4.4. Running sums
    of the inverse concurrency make it linear in the number of bars.
    """
    n = span_bars.shape[0]
    last = 0
    for i in range(n):
        last = max(last, entry_bar[i] + span_bars[i])
    change = np.zeros(last + 2, dtype=np.int64)
    for i in range(n):
        if span_bars[i] > 0:
            change[entry_bar[i] + 1] += 1
            change[entry_bar[i] + span_bars[i] + 1] -= 1
    summed = np.zeros(last + 1, dtype=np.float64)
    concurrent = 0
    for bar in range(1, last + 1):
        concurrent += change[bar]
        share = 1.0 / concurrent if concurrent > 0 else 0.0
        summed[bar] = summed[bar - 1] + share
    weight = np.ones(n, dtype=np.float64)
    for i in range(n):
        if span_bars[i] > 0:
            total = summed[entry_bar[i] + span_bars[i]] - summed[entry_bar[i]]
            weight[i] = min(1.0, total / span_bars[i])
    return weight
