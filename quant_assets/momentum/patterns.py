"""What makes a day risky: breakouts that fail and flushes that are bought back.

Causal: what is counted up to a bar depends on no later bar.
"""

from dataclasses import dataclass

import numpy as np

from quant_assets.indicators.arrays import FlagArray, FloatArray, IntArray
from quant_assets.market.timeframes import NS_PER_MINUTE
from quant_assets.momentum.kernels import (
    count_bounces,
    count_failures,
    highest_before,
    loud_bars,
    window_moves,
)

WINDOW_NS = 5 * NS_PER_MINUTE
"""Length of a move, and how long none of its kind follows it."""

BASE_NS = 30 * NS_PER_MINUTE
"""Stretch whose range a breakout leaves, and within which it may fail."""

_LOUD = 2.0
_BEYOND, _BACK, _QUIET = 0.1, 0.25, 2.0


@dataclass(frozen=True)
class Reversals:
    """Moves of a session that turned on those who followed them."""

    failed_breakouts: int
    bounces: int


def count_reversals(
    start_ns: IntArray, close: FloatArray, volume: FloatArray, *, least_move: float
) -> Reversals:
    """Count the reversals of one session's bars of a minute or less.

    The threshold theta is `least_move` or three times the root mean square of the five-minute
    moves so far, if that is more. All is loud: the last five minutes' volume is at least twice the
    session's mean so far. Nothing is judged in the first 30 minutes.

    - Flush: the close falls by theta or more within five minutes. It bounces where half of what
      was lost is regained within ten minutes.
    - Breakout: the close leaves the closes of the 30 minutes before by 0.1 theta or more, and
      these spanned 2 theta at most. It fails where the close is back through the level by 0.25
      theta within 30 minutes.

    Parameters
    ----------
    start_ns, close, volume
        Shape (n,), oldest first; prices above zero.
    least_move
        Least move that counts, as a logarithm: 0.004 is 0.4 %.
    """
    logs = np.log(close)
    moves, thetas = window_moves(start_ns, logs, least_move=least_move, window_ns=WINDOW_NS)
    is_loud = loud_bars(start_ns, volume, factor=_LOUD, window_ns=WINDOW_NS, base_ns=BASE_NS)
    is_flush = is_loud & (moves <= -thetas)
    failed = sum(_failures(start_ns, sign * logs, thetas, is_loud) for sign in (1.0, -1.0))
    return Reversals(
        failed_breakouts=failed,
        bounces=int(count_bounces(start_ns, logs, moves, is_flush, WINDOW_NS)),
    )


def _failures(start_ns: IntArray, logs: FloatArray, thetas: FloatArray, is_loud: FlagArray) -> int:
    """Count failed breakouts upward; downward ones are those of the mirrored price."""
    top = highest_before(start_ns, logs, base_ns=BASE_NS)
    bottom = -highest_before(start_ns, -logs, base_ns=BASE_NS)
    is_broken = is_loud & (logs - top >= _BEYOND * thetas) & (top - bottom <= _QUIET * thetas)
    levels = np.where(is_broken, top, np.nan)
    spans = np.array([WINDOW_NS, BASE_NS])
    return int(count_failures(start_ns, logs, levels, _BACK * thetas, spans))
