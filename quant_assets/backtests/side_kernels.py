"""Numba functions that write what a parameter set of a rule asks for after each bar."""

import numpy as np
from numba import njit

from quant_assets.signals.kernels import cross_side, uniform

_BLOCK = 512


@njit(cache=True, nogil=True)
def write_sma_sides(
    sums: np.ndarray,
    ticks: np.ndarray,
    segment_start: np.ndarray,
    first_row: int,
    is_asked: np.ndarray,
    fast: int,
    slow: int,
    is_both: np.bool_,
    sides: np.ndarray,
) -> None:
    """Write `cross_side` of each row, 0 where a row may not ask.

    Means are compared by products, for a division costs more, and of sums in ticks, which are exact
    and of which a processor takes several at once. Where products are equal, `cross_side` itself is
    asked, and everywhere where there are no ticks.
    """
    n_rows = sides.shape[0]
    for begin in range(0, n_rows, _BLOCK):
        end = min(begin + _BLOCK, n_rows)
        n_ties = end - begin
        if ticks.shape[0] > 0 and first_row + begin + 1 >= slow:
            n_ties = _compare_products(ticks, first_row + begin + 1, fast, slow, is_both,
                                       sides[begin:end])  # fmt: skip
        is_mixed = n_ties > 0 or segment_start[first_row + end - 1] > first_row + begin + 1 - slow
        if is_mixed:
            for row in range(begin, end):
                place = first_row + row
                sides[row] = cross_side(sums, place, segment_start[place], fast, slow, is_both)
    for row in range(n_rows):
        sides[row] *= is_asked[row]


@njit(cache=True, nogil=True)
def _compare_products(
    ticks: np.ndarray, place: int, fast: int, slow: int, is_both: np.bool_, sides: np.ndarray
) -> int:
    """Write the sides of rows whose sums end at `place` and after; return how many are equal."""
    n_rows = sides.shape[0]
    # Slices that begin at 0 let the compiler see that nothing wraps around, and take several rows.
    last = ticks[place : place + n_rows]
    before_fast = ticks[place - fast : place - fast + n_rows]
    before_slow = ticks[place - slow : place - slow + n_rows]
    by_fast, by_slow, below = float(fast), float(slow), np.int8(-1 if is_both else 0)
    n_ties = 0
    for row in range(n_rows):
        high = (last[row] - before_fast[row]) * by_slow
        low = (last[row] - before_slow[row]) * by_fast
        sides[row] = np.int8(1) if high > low else below
        n_ties += 1 if high == low else 0
    return n_ties


@njit(cache=True, nogil=True)
def write_random_sides(
    starts_ns: np.ndarray,
    is_asked: np.ndarray,
    seed: int,
    chance: float,
    is_both: np.bool_,
    sides: np.ndarray,
) -> None:
    """Write what `signals.kernels.random_sides` draws, 0 where a row may not ask."""
    for row in range(sides.shape[0]):
        sides[row] = 0
        if is_asked[row] and uniform(seed, starts_ns[row], 0) < chance:
            sides[row] = 1
            if is_both and uniform(seed, starts_ns[row], 1) < 0.5:
                sides[row] = -1
