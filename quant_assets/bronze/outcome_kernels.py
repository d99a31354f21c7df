"""Kernel of the possibility engine's statistics: outcomes of all pairs, added up as steps.

Along the stops of one target, wins, times to the win and ambiguous pairs change at one or two
places. Noting the steps there costs as much as the levels that are reached; running sums at the
end make counts of them.
"""

import numpy as np
from numba import njit

from quant_assets.bronze.kernels import BUY, SELL, first_winning_stops
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
    win_steps, tie_steps : int32 arrays of shape (2, n_sl + 1, n_tp, n_buckets)
        Raised where a target's wins, or its ambiguous pairs, begin among the stops, lowered where
        they end: their running sums along the stops are the counts.
    bar_steps : int64 array of the same shape
        The same of candles from entry to target.
    corners : int32 array of shape (2, n_sl + 1, n_tp + 1, n_buckets)
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
        corners[BUY, n_buy_sl, n_buy_tp, home] += 1
        corner_returns[BUY, n_buy_sl, n_buy_tp, home] += rise
        corners[SELL, n_sell_sl, n_sell_tp, home] += 1
        corner_returns[SELL, n_sell_sl, n_sell_tp, home] -= rise
        if n_buy_tp > 0:
            first_winning_stops(
                BUY, price, buy_tp, n_buy_tp, buy_sl, n_buy_sl, rise_tp, fall_sl,
                tp_spread, sl_spread, tie, fine_high, fine_fallen, fine_bounds,
                first, alike, later,
            )  # fmt: skip
            for target in range(n_buy_tp):
                win_steps[BUY, first[target], target, home] += 1
                bar_steps[BUY, first[target], target, home] += buy_tp[target] - entry
                if alike[target] < later[target]:
                    tie_steps[BUY, alike[target], target, home] += 1
                    tie_steps[BUY, later[target], target, home] -= 1
        if n_sell_tp > 0:
            first_winning_stops(
                SELL, price, sell_tp, n_sell_tp, sell_sl, n_sell_sl, fall_tp, rise_sl,
                tp_spread, sl_spread, tie, fine_high, fine_fallen, fine_bounds,
                first, alike, later,
            )  # fmt: skip
            for target in range(n_sell_tp):
                win_steps[SELL, first[target], target, home] += 1
                bar_steps[SELL, first[target], target, home] += sell_tp[target] - entry
                if alike[target] < later[target]:
                    tie_steps[SELL, alike[target], target, home] += 1
                    tie_steps[SELL, later[target], target, home] -= 1


@njit(cache=True, nogil=True)
def finish_outcomes(
    win_steps: np.ndarray,
    bar_steps: np.ndarray,
    tie_steps: np.ndarray,
    corners: np.ndarray,
    corner_returns: np.ndarray,
    entered: np.ndarray,
    cost: np.ndarray,
    sl_ratios: np.ndarray,
    tp_ratios: np.ndarray,
    stops_have_spread: bool,  # noqa: FBT001 -- numba takes values by position
    wins: np.ndarray,
    losses: np.ndarray,
    timeouts: np.ndarray,
    ambiguous: np.ndarray,
    bars: np.ndarray,
    expectancy: np.ndarray,
) -> None:
    """Turn steps into counts by running sums along the stops, and counts into expectancy.

    Parameters
    ----------
    win_steps, bar_steps, tie_steps, corners, corner_returns, entered
        As `collect_outcomes` left them, without the buckets that nothing was entered in.
    cost : float64 array of shape (n_buckets,)
        Spread as a share of the price, mean over the entries.
    stops_have_spread
        Whether a stop has the spread in its level already.
    wins, losses, timeouts, ambiguous, bars : int64 arrays of shape (2, n_sl, n_tp, n_buckets)
    expectancy : float64 array of the same shape
        Filled.
    """
    n_sl, n_tp, n_buckets = wins.shape[1], wins.shape[2], wins.shape[3]
    # Entries whose window reaches at most so many stops: their running sum along the targets
    # counts those that reach neither level.
    fewer_stops = np.zeros((n_tp, n_buckets), dtype=np.int64)
    returned = np.zeros((n_tp, n_buckets), dtype=np.float64)
    late, late_return = np.zeros(n_buckets, np.int64), np.zeros(n_buckets, np.float64)
    for direction in range(2):
        fewer_stops[:] = 0
        returned[:] = 0.0
        for sl in range(n_sl):
            late[:] = 0
            late_return[:] = 0.0
            for tp in range(n_tp):
                for home in range(n_buckets):
                    fewer_stops[tp, home] += corners[direction, sl, tp, home]
                    returned[tp, home] += corner_returns[direction, sl, tp, home]
                    late[home] += fewer_stops[tp, home]
                    late_return[home] += returned[tp, home]
                    won = np.int64(win_steps[direction, sl, tp, home])
                    tied = np.int64(tie_steps[direction, sl, tp, home])
                    took = bar_steps[direction, sl, tp, home]
                    if sl > 0:
                        won += wins[direction, sl - 1, tp, home]
                        tied += ambiguous[direction, sl - 1, tp, home]
                        took += bars[direction, sl - 1, tp, home]
                    lost = entered[home] - won - late[home]
                    wins[direction, sl, tp, home] = won
                    ambiguous[direction, sl, tp, home] = tied
                    bars[direction, sl, tp, home] = took
                    timeouts[direction, sl, tp, home] = late[home]
                    losses[direction, sl, tp, home] = lost
                    stop = sl_ratios[sl] + (0.0 if stops_have_spread else cost[home])
                    total = won * tp_ratios[tp] - lost * stop + late_return[home]
                    expectancy[direction, sl, tp, home] = (
                        total - late[home] * cost[home]
                    ) / entered[home]
