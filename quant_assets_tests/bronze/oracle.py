"""The possibility engine as its definition reads: three loops, nothing clever."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

Win = tuple[int, str, int, int, int]


FinePrices = Mapping[int, Sequence[tuple[float, float]]]
"""High and low of the finer prices of a candle, by the candle's index."""


@dataclass(frozen=True)
class Outcome:
    """What became of one entry of one pair: `kind` is win, loss or timeout."""

    entry: int
    side: str
    tp: int
    sl: int
    kind: str
    leave: int
    ambiguous: bool
    last_return: float


def all_outcomes(
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
    fine: FinePrices | None = None,
) -> list[Outcome]:
    """Return what becomes of each entry of each pair, one after another."""
    found: list[Outcome] = []
    last = len(close) - 1
    stop_spread = spread if spread_on == "both" else 0.0
    for entry in range(n_entries):
        price = close[entry]
        if not 0.0 < price < math.inf or (tail == "drop" and entry + max_lookforward > last):
            continue
        window = range(entry + 1, min(entry + max_lookforward, last) + 1)
        closes = [close[j] for j in window if 0.0 < close[j] < math.inf]
        rise = closes[-1] / price - 1.0 if closes else 0.0
        for side, (tp, tp_ratio), (sl, sl_ratio) in product(
            ("buy", "sell"), enumerate(tp_ratios), enumerate(sl_ratios)
        ):
            sign = 1.0 if side == "buy" else -1.0
            target = price * (1.0 + sign * tp_ratio) + sign * spread
            stop = price * (1.0 - sign * sl_ratio) + sign * stop_spread
            kind, leave, ambiguous = "timeout", entry, False
            for j in window:
                up, down = _reaches(side, high[j], low[j], target, stop)
                if up and down:
                    ambiguous = True
                    wins = tie == "win" or (
                        tie == "drill_down"
                        and _fine_wins(side, (fine or {}).get(j, ()), target, stop)
                    )
                    kind, leave = "win" if wins else "loss", j
                elif up or down:
                    kind, leave = "win" if up else "loss", j
                if kind != "timeout":
                    break
            found.append(Outcome(entry, side, tp, sl, kind, leave, ambiguous, sign * rise))
    return found


def _reaches(side: str, high: float, low: float, target: float, stop: float) -> tuple[bool, bool]:
    """Tell whether a candle reaches the target and the stop."""
    if side == "buy":
        return high >= target, low <= stop
    return low <= target, high >= stop


def _fine_wins(
    side: str, prices: Sequence[tuple[float, float]], target: float, stop: float
) -> bool:
    """Tell whether the target comes before the stop; one that reaches both, or none, loses."""
    for high, low in prices:
        up, down = _reaches(side, high, low, target, stop)
        if down:
            return False
        if up:
            return True
    return False


def winning_trades(
    high: Sequence[float], low: Sequence[float], close: Sequence[float], **rules: Any
) -> list[Win]:
    """Return (entry, direction, target's index, stop's index, exit) in the published order."""
    found = all_outcomes(high, low, close, **rules)
    return [(o.entry, o.side, o.tp, o.sl, o.leave) for o in found if o.kind == "win"]
