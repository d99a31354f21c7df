"""Levels the slow way: exact fractions and dictionaries, bar by bar from the start."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import sqrt

Trades = Sequence[tuple[float, float]]
"""Prices with their volumes."""


def mean_price(trades: Iterable[tuple[float, float]]) -> Fraction | None:
    """Return the volume-weighted mean price; None without volume."""
    exact = [(Fraction(price), Fraction(volume)) for price, volume in trades]
    weight = sum(volume for _, volume in exact)
    return sum(price * volume for price, volume in exact) / weight if weight else None


def deviation(trades: Iterable[tuple[float, float]]) -> float | None:
    """Return the volume-weighted standard deviation of the price; None without volume."""
    listed = list(trades)
    mean = mean_price(listed)
    if mean is None:
        return None
    weight = sum(Fraction(volume) for _, volume in listed)
    squares = sum(Fraction(volume) * (Fraction(price) - mean) ** 2 for price, volume in listed)
    return sqrt(squares / weight)


def profile(trades: Iterable[tuple[float, float]]) -> dict[float, float]:
    """Return volume by price."""
    volumes: dict[float, float] = defaultdict(float)
    for price, volume in trades:
        volumes[price] += volume
    return {price: volume for price, volume in volumes.items() if volume > 0}


def value_area(
    volumes: Mapping[float, float], share: Fraction = Fraction(7, 10)
) -> tuple[float, float, float] | None:
    """Return point of control, highest and lowest price of the value area; None without volume."""
    if not volumes:
        return None
    most = max(volumes.values())
    poc = min(price for price, volume in volumes.items() if volume == most)
    above = sorted(price for price in volumes if price > poc)
    below = sorted((price for price in volumes if price < poc), reverse=True)
    area = [poc]
    wanted = share * sum(Fraction(volume) for volume in volumes.values())
    while sum(Fraction(volumes[price]) for price in area) < wanted:
        up, down = above[:2], below[:2]
        takes_up = bool(up) and (
            not down or sum(volumes[p] for p in up) >= sum(volumes[p] for p in down)
        )
        area += up if takes_up else down
        above, below = (above[2:], below) if takes_up else (above, below[2:])
    return poc, max(area), min(area)


def average_true_range(bars: Sequence[tuple[float, float, float]], period: int) -> list[float]:
    """Return Wilder's average true range of (high, low, close); NaN in the first `period` bars."""
    out = [float("nan")] * len(bars)
    ranges = [
        max(high - low, abs(high - bars[at][2]), abs(low - bars[at][2]))
        for at, (high, low, _) in enumerate(bars[1:])
    ]
    for at in range(period, len(bars)):
        if at == period:
            out[at] = sum(ranges[:period]) / period
        else:
            out[at] = (out[at - 1] * (period - 1) + ranges[at - 1]) / period
    return out


def bollinger(closes: Sequence[float], period: int) -> list[tuple[float, float] | None]:
    """Return mean and standard deviation of the last closes, None in warm-up."""
    out: list[tuple[float, float] | None] = []
    for at in range(len(closes)):
        last = [Fraction(value) for value in closes[at - period + 1 : at + 1]]
        if at + 1 < period:
            out.append(None)
            continue
        mean = sum(last) / period
        out.append((float(mean), sqrt(sum((value - mean) ** 2 for value in last) / period)))
    return out
