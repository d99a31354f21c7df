"""Quality of a day: a weighted mean of five factors between 0 and 1.

Each factor rises with what makes a day worth studying, and is None where it is unknown; an unknown
one counts as one half. The score rises with every factor.
"""

from dataclasses import dataclass

import numpy as np

from quant_assets.indicators.arrays import FloatArray

UNKNOWN = 0.5

_WEIGHTS = {"move": 0.35, "volume": 0.20, "clarity": 0.20, "time": 0.15, "spread": 0.10}

_MOVE_RANGE = (0.0, 0.05, 0.10, 0.20, 0.50)
_MOVE_SCORE = (0.0, 0.3, 0.6, 0.8, 1.0)

# Two to five times the usual volume is ideal; far above it, one event made the day.
_VOLUME_RATIO = (0.5, 2.0, 5.0, 20.0)
_VOLUME_SCORE = (0.0, 1.0, 1.0, 0.5)

# Distribution of a driftless walk's largest leg over the root of its summed squares: 800,000 walks
# of 78 normal steps, as many five-minute steps as a regular day of US equities has.
_WALK_LEG = (0.613, 0.729, 0.865, 0.954, 1.135, 1.395, 1.734, 2.105, 2.352, 2.852, 3.430)
_WALK_SHARE = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)

_LEAST_STEPS = 12
_TIGHT_BPS, _WIDE_BPS = 2.0, 50.0


@dataclass(frozen=True)
class Factors:
    """The five factors, each 0 to 1 or None where it is unknown."""

    move: float | None = None
    volume: float | None = None
    clarity: float | None = None
    time: float | None = None
    spread: float | None = None


def quality_score(factors: Factors) -> float:
    """Return the weighted mean, 0 to 1; it never falls when a factor rises."""
    total = 0.0
    for name, weight in _WEIGHTS.items():
        value = getattr(factors, name)
        total += weight * (UNKNOWN if value is None else value)
    return total


def move_factor(range_ratio: float) -> float:
    """Score the range: 0.3 at 5 %, 0.6 at 10 %, 0.8 at 20 %, 1 from 50 % on."""
    return float(np.interp(range_ratio, _MOVE_RANGE, _MOVE_SCORE))


def volume_factor(volume_ratio: float | None) -> float | None:
    """Score volume over its average: 0 up to half, 1 from 2 to 5 times, 0.5 from 20 times on."""
    if volume_ratio is None:
        return None
    if volume_ratio <= 0.0:
        return 0.0
    return float(np.interp(np.log(volume_ratio), np.log(_VOLUME_RATIO), _VOLUME_SCORE))


def clarity_factor(closes: FloatArray) -> float | None:
    """Score how clear the path was: the share of random days that are less so.

    Parameters
    ----------
    closes
        Prices five minutes apart, the open first. Shorter steps would measure the bounce between
        bid and ask instead.

    Returns
    -------
    float or None
        Share of driftless walks with a smaller ratio of the largest leg to the root of the summed
        squared returns; None below an hour of steps, and where the price never moves.
    """
    if closes.shape[0] <= _LEAST_STEPS or closes.min() <= 0.0:
        return None
    logs = np.log(closes)
    travelled = float(np.sqrt(np.sum(np.diff(logs) ** 2)))
    if travelled == 0.0:
        return None
    leg = float(logs.max() - logs.min()) / travelled
    return float(np.interp(leg, (0.0, *_WALK_LEG), (0.0, *_WALK_SHARE)))


def time_factor(moves: FloatArray, weights: FloatArray) -> float | None:
    """Score when it moved: the mean weight of the hours, weighted by absolute return."""
    travelled = float(np.sum(np.abs(moves)))
    if travelled == 0.0:
        return None
    return min(float(np.sum(np.abs(moves) * weights)) / travelled, 1.0)


def spread_factor(spread_bps: float | None) -> float | None:
    """Score the spread: 1 up to 2 basis points, 0 from 50 on, linear in its logarithm."""
    if spread_bps is None or spread_bps <= 0.0:
        return None
    share = np.log(_WIDE_BPS / spread_bps) / np.log(_WIDE_BPS / _TIGHT_BPS)
    return float(np.clip(share, 0.0, 1.0))
