"""Kernels of the possibility engine: which stops win with which targets, entry by entry.

A nearer level is never reached later than a farther one. So of the ascending stops, those that win
with a target are a tail, and one number, the first of them, says them all: a RUN is (entry,
direction, target, first winning stop, exit candle), and stands for as many wins as stops follow.
Everything else is made of runs: counts, rows, pages of a file.
"""

import numpy as np
from numba import njit

from quant_assets.paths.kernels import reach_levels

RUN_FIELDS = 5
ENTRY, DIRECTION, TARGET, FIRST_STOP, EXIT = range(RUN_FIELDS)
"""Columns of a run."""

BUY, SELL = range(2)
"""Its direction."""

TIE_LOSES, TIE_WINS, TIE_DRILLS = range(3)
"""What becomes of a candle that reaches both levels; drilling asks finer prices within it."""


@njit(cache=True, nogil=True)
def drill_down(
    fine_up: np.ndarray,
    fine_down: np.ndarray,
    first_fine: int,
    end_fine: int,
    target: float,
    price: float,
    sign: float,
    stop_factors: np.ndarray,
    stop_shift: float,
    alike: int,
    later: int,
) -> int:
    """Return the first stop that wins within one ambiguous candle, by the finer prices of it.

    Parameters
    ----------
    fine_up, fine_down : float64 arrays of shape (n_fine,)
        Finer highs and lows, each so turned that the target and the stop are reached from below.
    first_fine, end_fine
        The candle's own, [first_fine, end_fine).
    target
        The target's level, turned as `fine_up` is.
    sign
        Sign by which stop levels are turned, as `fine_down` is.
    alike, later
        The ambiguous stops, [alike, later).

    Returns
    -------
    int
        A finer bar that reaches both is a loss again. Where the finer prices do not reach the
        target they do not tell, and all ambiguous stops lose.
    """
    adverse = -np.inf
    for idx in range(first_fine, end_fine):
        if fine_down[idx] > adverse:  # noqa: PLR1730 -- NaN must not pass, as max lets it
            adverse = fine_down[idx]
        if fine_up[idx] >= target:
            first = alike
            while first < later and adverse >= sign * (price * stop_factors[first] + stop_shift):
                first += 1
            return first
    return later


@njit(cache=True, nogil=True)
def settle_tie(
    direction: int,
    price: float,
    candle: int,
    tp_factor: float,
    sl_factors: np.ndarray,
    tp_spread: float,
    sl_spread: float,
    tie: int,
    fine_high: np.ndarray,
    fine_fallen: np.ndarray,
    fine_bounds: np.ndarray,
    alike: int,
    later: int,
) -> int:
    """Return the first of the stops [alike, later) that wins, though one candle reaches both."""
    if tie == TIE_WINS:
        return alike
    if tie == TIE_LOSES:
        return later
    begin, end = fine_bounds[candle], fine_bounds[candle + 1]
    if direction == BUY:
        level = price * tp_factor + tp_spread
        bought: int = drill_down(
            fine_high, fine_fallen, begin, end, level, price, -1.0, sl_factors, sl_spread,
            alike, later,
        )  # fmt: skip
        return bought
    level = -(price * tp_factor - tp_spread)
    sold: int = drill_down(
        fine_fallen, fine_high, begin, end, level, price, 1.0, sl_factors, -sl_spread,
        alike, later,
    )  # fmt: skip
    return sold


@njit(cache=True, nogil=True, inline="always")
def first_winning_stops(
    direction: int,
    price: float,
    target_hits: np.ndarray,
    n_targets: int,
    stop_hits: np.ndarray,
    n_stops: int,
    tp_factors: np.ndarray,
    sl_factors: np.ndarray,
    tp_spread: float,
    sl_spread: float,
    tie: int,
    fine_high: np.ndarray,
    fine_fallen: np.ndarray,
    fine_bounds: np.ndarray,
    first: np.ndarray,
    alike: np.ndarray,
    later: np.ndarray,
) -> int:
    """Write the first winning stop of each target that an entry reaches, by the rule for ties.

    Parameters
    ----------
    target_hits, stop_hits : int32 arrays
        First passages in ascending order of levels; the first `n_targets` and `n_stops` count.
    tp_factors, sl_factors : float64 arrays
        What the price is multiplied with: 1 + ratio or 1 - ratio, by direction.
    first : int32 array
        Filled: the first stop that wins with each target; as many as there are stops for none.
    alike, later : int32 arrays
        Filled: the stops [alike, later) are ambiguous: reached in the target's candle, in an order
        that it hides.

    Returns
    -------
    int
        Ambiguous pairs.
    """
    ambiguous, here = 0, 0
    for target in range(n_targets):
        hit = target_hits[target]
        while here < n_stops and stop_hits[here] < hit:
            here += 1
        first[target] = here
        alike[target] = here
        later[target] = here
        if here < n_stops and stop_hits[here] == hit:
            beyond = here + 1
            while beyond < n_stops and stop_hits[beyond] == hit:
                beyond += 1
            later[target] = beyond
            ambiguous += beyond - here
            first[target] = settle_tie(
                direction, price, hit, tp_factors[target], sl_factors, tp_spread, sl_spread, tie,
                fine_high, fine_fallen, fine_bounds, here, beyond,
            )  # fmt: skip
    return ambiguous


@njit(cache=True, nogil=True, inline="always")
def note_runs(
    entry: int,
    direction: int,
    first: np.ndarray,
    target_hits: np.ndarray,
    n_targets: int,
    n_sl: int,
    runs: np.ndarray,
    found: int,
) -> tuple[int, int]:
    """Write the runs of one entry and direction; return how many there are so far, and wins."""
    capacity = runs.shape[0]
    wins = 0
    for target in range(n_targets):
        n_winning = n_sl - first[target]
        wins += n_winning
        if n_winning and found < capacity:
            runs[found, ENTRY] = entry
            runs[found, DIRECTION] = direction
            runs[found, TARGET] = target
            runs[found, FIRST_STOP] = first[target]
            runs[found, EXIT] = target_hits[target]
        found += n_winning > 0
    return found, wins


@njit(cache=True, nogil=True)
def find_winning_trades_numba(
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
    runs: np.ndarray,
    totals: np.ndarray,
) -> int:
    """Write the runs of winning trades of some candles, and return how many there are.

    A trade enters at candle i's close; levels are looked for from candle i+1 to
    i+max_lookforward, both included. It wins where its target is reached before its stop. NaN
    extremes reach nothing; a close that is NaN, infinite or not above zero enters nothing.

    Parameters
    ----------
    high, fallen, close : float64 arrays of shape (n,)
        `fallen` holds the lows, each with its sign turned.
    next_high, next_fallen : int32 arrays of shape (n,)
        `next_records` of them.
    first_entry, end_entry
        Candles [first_entry, end_entry) are entered; both at most n.
    sl_ratios, tp_ratios : float64 arrays, positive and ascending
    tp_spread, sl_spread
        Price by which a target is farther, and a stop nearer; comparisons in float64.
    tie
        `TIE_LOSES`, `TIE_WINS` or `TIE_DRILLS`.
    fine_high, fine_fallen : float64 arrays of shape (n_fine,)
        Finer prices, for `TIE_DRILLS`; else empty.
    fine_bounds : int64 array of shape (n + 1,), or empty
        Candle i's finer prices are [fine_bounds[i], fine_bounds[i + 1]).
    runs : int32 array of shape (capacity, 5)
        Filled: entry, direction, target, first winning stop, exit candle; by entry, buy before
        sell, targets ascending. Runs past the capacity are counted and not written.
    totals : int64 array of shape (4,)
        Raised: wins; ambiguous pairs; candles with any such; candles entered.

    Notes
    -----
    Cost a candle: the records of its window and the levels that are reached, whatever the area of
    the grid.
    """
    n_sl, n_tp = sl_ratios.shape[0], tp_ratios.shape[0]
    rise_tp, fall_tp = 1.0 + tp_ratios, 1.0 - tp_ratios
    rise_sl, fall_sl = 1.0 + sl_ratios, 1.0 - sl_ratios
    buy_tp, sell_tp = np.empty(n_tp, np.int32), np.empty(n_tp, np.int32)
    buy_sl, sell_sl = np.empty(n_sl, np.int32), np.empty(n_sl, np.int32)
    alike, later = np.empty(n_tp, np.int32), np.empty(n_tp, np.int32)
    first = np.empty(n_tp, np.int32)
    found, wins, pairs, candles, entered = 0, 0, 0, 0, 0
    for entry in range(first_entry, end_entry):
        price = close[entry]
        if not 0.0 < price < np.inf:
            continue
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
        # Most entries reach no target: what follows is not begun for them.
        ambiguous = 0
        if n_buy_tp > 0:
            ambiguous = first_winning_stops(
                BUY, price, buy_tp, n_buy_tp, buy_sl, n_buy_sl, rise_tp, fall_sl,
                tp_spread, sl_spread, tie, fine_high, fine_fallen, fine_bounds,
                first, alike, later,
            )  # fmt: skip
            found, won = note_runs(entry, BUY, first, buy_tp, n_buy_tp, n_sl, runs, found)
            wins += won
        if n_sell_tp > 0:
            ambiguous += first_winning_stops(
                SELL, price, sell_tp, n_sell_tp, sell_sl, n_sell_sl, fall_tp, rise_sl,
                tp_spread, sl_spread, tie, fine_high, fine_fallen, fine_bounds,
                first, alike, later,
            )  # fmt: skip
            found, won = note_runs(entry, SELL, first, sell_tp, n_sell_tp, n_sl, runs, found)
            wins += won
        entered += 1
        pairs += ambiguous
        candles += ambiguous > 0
    totals += np.array((wins, pairs, candles, entered))
    return found


@njit(cache=True, nogil=True)
def expand_runs(
    runs: np.ndarray,
    skipped: int,
    stamps: np.ndarray,
    close: np.ndarray,
    sl_ratios: np.ndarray,
    tp_ratios: np.ndarray,
    entry_time: np.ndarray,
    trade_type: np.ndarray,
    entry_price: np.ndarray,
    sl_price: np.ndarray,
    tp_price: np.ndarray,
    sl_ratio: np.ndarray,
    tp_ratio: np.ndarray,
    exit_time: np.ndarray,
) -> None:
    """Write the rows that runs stand for, into the published columns, until these are full.

    Parameters
    ----------
    runs : int32 array of shape (n_runs, 5)
    skipped
        Rows of the first run that are left out: it was begun in the columns before.
    stamps : int64 array of shape (n,)
        Start of each candle, ns.
    close : float64 array of shape (n,)
    entry_time, exit_time : int64 arrays of shape (n_rows,)
    trade_type : uint8 array of shape (n_rows,)
    entry_price, sl_price, tp_price, sl_ratio, tp_ratio : float32 arrays of shape (n_rows,)
        Computed in float64, and rounded once.
    """
    n_sl, n_rows = sl_ratios.shape[0], entry_time.shape[0]
    ratios = sl_ratios.astype(np.float32)
    prices = np.empty(n_sl, dtype=np.float32)
    row = 0
    entry_before, direction_before = -1, -1
    for run in range(runs.shape[0]):
        entry, direction, target = runs[run, 0], runs[run, 1], runs[run, 2]
        price = close[entry]
        if entry != entry_before or direction != direction_before:
            for stop in range(n_sl):
                factor = 1.0 - sl_ratios[stop] if direction == 0 else 1.0 + sl_ratios[stop]
                prices[stop] = price * factor
            entry_before, direction_before = entry, direction
        first = runs[run, 3] + (skipped if run == 0 else 0)
        end = min(row + n_sl - first, n_rows)
        last = first + end - row
        factor = 1.0 + tp_ratios[target] if direction == 0 else 1.0 - tp_ratios[target]
        entry_time[row:end] = stamps[entry]
        trade_type[row:end] = direction
        entry_price[row:end] = price
        sl_price[row:end] = prices[first:last]
        tp_price[row:end] = price * factor
        sl_ratio[row:end] = ratios[first:last]
        tp_ratio[row:end] = tp_ratios[target]
        exit_time[row:end] = stamps[runs[run, 4]]
        row = end
