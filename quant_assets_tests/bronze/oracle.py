"""The possibility engine as its definition reads: three loops, nothing clever."""

import math
from collections.abc import Sequence
from itertools import product

Win = tuple[int, str, int, int, int]


def winning_trades(
    high: Sequence[float],
    low: Sequence[float],
    close: Sequence[float],
    *,
    n_entries: int,
    sl_ratios: Sequence[float],
    tp_ratios: Sequence[float],
    max_lookforward: int,
    spread: float,
    tie: str = "loss",
    spread_on: str = "tp",
    tail: str = "keep",
) -> list[Win]:
    """Return (entry, direction, target's index, stop's index, exit) in the published order."""
    wins: list[Win] = []
    for entry in range(n_entries):
        if math.isnan(close[entry]):
            continue
        if tail == "drop" and entry + max_lookforward > len(close) - 1:
            continue
        for side, (tp, tp_ratio), (sl, sl_ratio) in product(
            ("buy", "sell"), enumerate(tp_ratios), enumerate(sl_ratios)
        ):
            leave = _exit(
                side,
                close[entry],
                high,
                low,
                range(entry + 1, min(entry + max_lookforward, len(close) - 1) + 1),
                tp_ratio=tp_ratio,
                sl_ratio=sl_ratio,
                spread=spread,
                stop_spread=spread if spread_on == "both" else 0.0,
                tie=tie,
            )
            if leave is not None:
                wins.append((entry, side, tp, sl, leave))
    return wins


def _exit(
    side: str,
    price: float,
    high: Sequence[float],
    low: Sequence[float],
    candles: range,
    *,
    tp_ratio: float,
    sl_ratio: float,
    spread: float,
    stop_spread: float,
    tie: str,
) -> int | None:
    """Return the candle that wins the trade, or None."""
    for j in candles:
        if side == "buy":
            is_target = high[j] >= price * (1.0 + tp_ratio) + spread
            is_stop = low[j] <= price * (1.0 - sl_ratio) + stop_spread
        else:
            is_target = low[j] <= price * (1.0 - tp_ratio) - spread
            is_stop = high[j] >= price * (1.0 + sl_ratio) - stop_spread
        if is_target and (tie == "win" or not is_stop):
            return j
        if is_stop:
            return None
    return None
