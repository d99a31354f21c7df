"""Numba kernels on the rows of bars: what a footprint, or a volume profile, shows."""

import numpy as np
from numba import njit

from quant_assets.bars.cell_kernels import BUY, CLOSE, FIRST_ROW, HIGH, LOW, N_CELLS, SELL


@njit(cache=True, nogil=True)
def value_area(volume: np.ndarray, share: float) -> tuple[int, int, int]:
    """Return the places of the point of control and of the value area's two ends.

    The area starts at the point of control and grows by the larger of the next two rows above and
    the next two below, a tie goes up, until it holds its share. Where one row is left on a side,
    its sum is that row's.

    Parameters
    ----------
    volume : float64 array of shape (n,)
        Volume of each price that traded, by ascending price; n is 1 at least.
    share
        Share of the volume that the area holds at least, for example 0.7.

    Returns
    -------
    tuple of int
        Point of control (the lowest of equals), lowest and highest row of the area.
    """
    last = volume.shape[0] - 1
    total, poc = 0.0, 0
    for idx in range(last + 1):
        total += volume[idx]
        if volume[idx] > volume[poc]:
            poc = idx
    low = high = poc
    held = volume[poc]
    while held < share * total and (low > 0 or high < last):
        top, bottom = min(high + 2, last), max(low - 2, 0)
        above, below = 0.0, 0.0
        for idx in range(high + 1, top + 1):
            above += volume[idx]
        for idx in range(bottom, low):
            below += volume[idx]
        if high < last and (above >= below or low == 0):
            held += above
            high = top
        else:
            held += below
            low = bottom
    return poc, low, high


@njit(cache=True, nogil=True)
def read_bars(
    bar_ints: np.ndarray,
    row_keys: np.ndarray,
    row_sums: np.ndarray,
    area_share: float,
    imbalance_ratio: float,
    imbalance_volume: float,
    stacked_rows: int,
    absorption_ratio: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read off each bar's rows what its footprint shows.

    Parameters
    ----------
    bar_ints : int64 array of shape (n_bars, N_INTS)
    row_keys : int64 array of shape (n_rows,)
        Number of each row's bucket; neighbours differ by 1.
    row_sums : float64 array of shape (n_rows, 3)
        Volume by aggressor.
    area_share
        Share of the value area.
    imbalance_ratio, imbalance_volume
        A buy imbalance: ask volume of at least `imbalance_volume`, and at least the ratio times
        the bid volume one bucket below; a sell imbalance: the mirror image, one bucket above. A
        bucket inside the bar that did not trade counts as 0; outside the bar nothing is compared.
    stacked_rows
        Adjacent imbalances of one kind that make a stack at least.
    absorption_ratio
        How many times the mean row an extreme row holds that absorbs.

    Returns
    -------
    tuple
        int64 (n_bars, 3) buckets of point of control, value area high and low; int64 (n_bars, 4)
        buy and sell imbalances, buy and sell stacks; bool (n_bars, 3) unfinished high, unfinished
        low, absorption.
    """
    n_bars = bar_ints.shape[0]
    area = np.empty((n_bars, 3), dtype=np.int64)
    counts = np.zeros((n_bars, 4), dtype=np.int64)
    flags = np.zeros((n_bars, 3), dtype=np.bool_)
    for bar in range(n_bars):
        first = bar_ints[bar, FIRST_ROW]
        n_rows = bar_ints[bar, N_CELLS]
        bar_keys = row_keys[first : first + n_rows]
        sums = row_sums[first : first + n_rows]
        volume = sums[:, 0] + sums[:, 1] + sums[:, 2]
        poc, low, high = value_area(volume, area_share)
        area[bar, 0], area[bar, 1], area[bar, 2] = bar_keys[poc], bar_keys[high], bar_keys[low]
        for side in range(2):
            step = 1 if side == BUY else -1
            run, before = 0, 0
            for idx in range(n_rows):
                beside = idx - step
                hit = False
                if 0 <= beside < n_rows and sums[idx, side] >= imbalance_volume:
                    is_next = bar_keys[idx] - bar_keys[beside] == step
                    other = sums[beside, 1 - side] if is_next else 0.0
                    hit = sums[idx, side] >= imbalance_ratio * other
                if hit:
                    counts[bar, side] += 1
                    run = run + 1 if run > 0 and bar_keys[idx] == before + 1 else 1
                    before = bar_keys[idx]
                    if run == stacked_rows:
                        counts[bar, 2 + side] += 1
                else:
                    run = 0
        top, bottom = n_rows - 1, 0
        flags[bar, 0] = sums[top, BUY] > 0.0 and sums[top, SELL] > 0.0
        flags[bar, 1] = sums[bottom, BUY] > 0.0 and sums[bottom, SELL] > 0.0
        total = 0.0
        for idx in range(n_rows):
            total += volume[idx]
        large = absorption_ratio * total / n_rows
        below = bar_ints[bar, HIGH] - bar_ints[bar, CLOSE]
        above = bar_ints[bar, CLOSE] - bar_ints[bar, LOW]
        flags[bar, 2] = (volume[top] >= large and above < below) or (
            volume[bottom] >= large and above > below
        )
    return area, counts, flags
