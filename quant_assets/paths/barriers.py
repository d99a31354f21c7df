"""Triple barriers by first passage: target, stop and time, whichever comes first."""

import numpy as np
import numpy.typing as npt

from quant_assets.market.errors import InputError
from quant_assets.paths.kernels import barrier_of_long

Floats = npt.NDArray[np.float64]


def label_barriers(
    high: Floats,
    low: Floats,
    close: Floats,
    *,
    n_entries: int,
    stop_ratio: float,
    target_ratio: float,
    horizon_bars: int,
    last_bar: npt.NDArray[np.int64],
    is_short: bool = False,
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64], Floats]:
    """Return label, deciding bar and return of a trade from each of the first bars' closes.

    A bar that touches both barriers counts as a stop: bars hide the order of prices. NaN extremes
    touch nothing, and from a NaN close no barrier is met. A gap beyond a barrier still counts as
    the barrier's own return.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n,)
        Bars in time order: the entries first, then those that follow.
    n_entries
        How many of the first bars are entries.
    stop_ratio, target_ratio
        Distances as ratios of the entry's close, both positive.
    horizon_bars
        Bars looked at after the entry's own.
    last_bar : int64 array of shape (n_entries,)
        Last bar that each entry may look at, included: the session's last, for example.
    is_short
        Whether the trade sells: its stop is above the entry at `close * (1 + stop_ratio)`, its
        target below at `close * (1 - target_ratio)`.

    Returns
    -------
    label : int8 array of shape (n_entries,)
        1 target first, -1 stop first, 0 time.
    end_idx : int64 array of shape (n_entries,)
        Bar that decided.
    value : float64 array of shape (n_entries,)
        Return to the barrier, for label 0 to the close of the deciding bar, in the trade's
        direction; NaN where that close or the entry's is NaN.

    Raises
    ------
    InputError
        If a ratio or the horizon is not positive, or an array has another length.
    """
    if not (stop_ratio > 0 and target_ratio > 0 and horizon_bars >= 1):
        raise InputError(
            asked=f"barriers at -{stop_ratio} and +{target_ratio} over {horizon_bars} bars",
            found="a distance or a horizon that is not positive",
            remedy="Give positive ratios and at least one bar.",
        )
    is_even = high.shape == low.shape == close.shape and n_entries <= close.shape[0]
    if not is_even or last_bar.shape != (n_entries,):
        raise InputError(
            asked=f"barriers of {n_entries} entries among {close.shape[0]} bars",
            found=f"arrays of {high.shape}, {low.shape}, {close.shape} and {last_bar.shape}",
            remedy="Give one value a bar, and one last bar an entry.",
        )
    label = np.zeros(n_entries, dtype=np.int8)
    end_idx = np.zeros(n_entries, dtype=np.int64)
    value = np.zeros(n_entries, dtype=np.float64)
    capped = np.minimum(last_bar, close.shape[0] - 1)
    # A short is a long of prices with their sign turned, which is exact: its barriers stand at the
    # same ratios with their sign turned, and so does its return.
    sign = -1.0 if is_short else 1.0
    barrier_of_long(
        -low if is_short else high,
        high if is_short else -low,
        sign * close,
        n_entries,
        sign * stop_ratio,
        sign * target_ratio,
        horizon_bars,
        capped,
        label,
        end_idx,
        value,
    )
    return label, end_idx, 0.0 - value if is_short else value
