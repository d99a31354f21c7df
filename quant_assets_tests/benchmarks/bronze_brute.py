"""The possibility engine as plain loops: compiled, as one writes it at first, and in Python."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def count_by_brute_force(
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    first: int,
    end: int,
    sl_ratios: np.ndarray,
    tp_ratios: np.ndarray,
    max_lookforward: int,
    spread: float,
) -> int:
    """Count the wins of entries [first, end), every pair by a scan of its own; a tie is lost."""
    wins = 0
    for entry in range(first, end):
        price = close[entry]
        stop_at = min(entry + 1 + max_lookforward, close.shape[0])
        for tp in tp_ratios:
            for sl in sl_ratios:
                target, stop = price * (1.0 + tp) + spread, price * (1.0 - sl)
                for idx in range(entry + 1, stop_at):
                    if low[idx] <= stop:
                        break
                    if high[idx] >= target:
                        wins += 1
                        break
                target, stop = price * (1.0 - tp) - spread, price * (1.0 + sl)
                for idx in range(entry + 1, stop_at):
                    if high[idx] >= stop:
                        break
                    if low[idx] <= target:
                        wins += 1
                        break
    return wins


count_in_python = count_by_brute_force.py_func
"""The same, not compiled."""
