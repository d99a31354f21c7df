"""Kernel of the possibility engine's statistics: outcomes of all pairs, added up as steps.

Along the stops of one target, wins, times to the win and ambiguous pairs change at one or two
places. Noting the steps there costs as much as the levels that are reached; running sums at the
end make counts of them.
"""

import numpy as np
from numba import njit

from quant_assets.bronze.kernels import first_winning_stops
from quant_assets.paths.kernels import reach_levels


@njit(cache=True, nogil=True)
def collect_outcomes(
    high: np.ndarray,
    fallen: np.ndarray,
    close: np.ndarray,
    next_high: np.ndarray,
    next_fallen: np.ndarray,
    first_entry: int,
    end_entry: int,
    sl_ratios: np.ndarray,
    tp_ratios: np.ndarray,
    max_lookforward: int,
    tp_spread: float,
    sl_spread: float,
    tie: int,
    fine_high: np.ndarray,
    fine_fallen: np.ndarray,
    fine_bounds: np.ndarray,
    bucket: np.ndarray,
    win_steps: np.ndarray,
    bar_steps: np.ndarray,
    tie_steps: np.ndarray,
    corners: np.ndarray,
    corner_returns: np.ndarray,
    entered: np.ndarray,
    inverse_price: np.ndarray,
) -> None:
    """Add up the outcomes of every pair without making a row of any.

    Arguments as those of `find_winning_trades_numba`, and:

    Parameters
    ----------
    bucket : int32 array of shape (n,)
        Which sums an entry is added to.
    win_steps, tie_steps : int32 arrays of shape (n_buckets, 2, n_tp, n_sl + 1)
        Raised where a target's wins, or its ambiguous pairs, begin among the stops, lowered where
        they end: their running sums along the stops are the counts.
    bar_steps : int64 array of the same shape
        The same of candles from entry to target.
    corners : int32 array of shape (n_buckets, 2, n_tp + 1, n_sl + 1)
        Entries by how many targets and how many stops their window reaches: a pair ran out of time
        where it lies at or beyond both.
    corner_returns : float64 array of the same shape
        The same of what such a trade returns at the window's last close, as a share of its price,
        before spread; 0 where the window holds no close.
    entered : int64 array of shape (n_buckets,)
    inverse_price : float64 array of shape (n_buckets,)
        Sum of 1 / price over the entries.
    """
    n_sl, n_tp = sl_ratios.shape[0], tp_ratios.shape[0]
    rise_tp, fall_tp = 1.0 + tp_ratios, 1.0 - tp_ratios
    rise_sl, fall_sl = 1.0 + sl_ratios, 1.0 - sl_ratios
    buy_tp, sell_tp = np.empty(n_tp, np.int32), np.empty(n_tp, np.int32)
    buy_sl, sell_sl = np.empty(n_sl, np.int32), np.empty(n_sl, np.int32)
    alike, later = np.empty(n_tp, np.int32), np.empty(n_tp, np.int32)
    first = np.empty(n_tp, np.int32)
    for entry in range(first_entry, end_entry):
        price = close[entry]
        if not 0.0 < price < np.inf:
            continue
        home = bucket[entry]
        entered[home] += 1
        inverse_price[home] += 1.0 / price
        start = entry + 1
        end = min(start + max_lookforward, close.shape[0])
        n_buy_tp, n_sell_sl = reach_levels(
            high, next_high, start, end, price, 1.0,
            rise_tp, tp_spread, buy_tp, rise_sl, -sl_spread, sell_sl,
        )  # fmt: skip
        n_sell_tp, n_buy_sl = reach_levels(
            fallen, next_fallen, start, end, price, -1.0,
            fall_tp, -tp_spread, sell_tp, fall_sl, sl_spread, buy_sl,
        )  # fmt: skip
        last = end - 1
        while last > entry and not 0.0 < close[last] < np.inf:
            last -= 1
        rise = close[last] / price - 1.0
        for direction in range(2):
            is_buy = direction == 0
            n_targets = n_buy_tp if is_buy else n_sell_tp
            n_stops = n_buy_sl if is_buy else n_sell_sl
            hits = buy_tp if is_buy else sell_tp
            first_winning_stops(
                direction, price, hits, n_targets, buy_sl if is_buy else sell_sl, n_stops,
                rise_tp if is_buy else fall_tp, fall_sl if is_buy else rise_sl,
                tp_spread, sl_spread, tie, fine_high, fine_fallen, fine_bounds,
                first, alike, later,
            )  # fmt: skip
            corners[home, direction, n_targets, n_stops] += 1
            corner_returns[home, direction, n_targets, n_stops] += rise if is_buy else -rise
            for target in range(n_targets):
                win_steps[home, direction, target, first[target]] += 1
                bar_steps[home, direction, target, first[target]] += hits[target] - entry
                if alike[target] < later[target]:
                    tie_steps[home, direction, target, alike[target]] += 1
                    tie_steps[home, direction, target, later[target]] -= 1
