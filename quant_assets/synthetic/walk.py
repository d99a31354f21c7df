"""The price that all quotes and trades follow: a random walk with a weak pull back to it.

Log price = level + deviation. The level is a random walk. The deviation decays, so a move is
partly given back: that is the one true edge of the market, and it is weak.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quant_assets.synthetic.kernels import decaying_sums

LogPrices = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WalkSpec:
    """How a price moves.

    Parameters
    ----------
    start_price
        Price before the first session.
    daily_volatility
        Standard deviation of the log return of a session, as a fraction.
    gap_volatility
        The same between two sessions.
    reversion_share
        Share of each second's variance that decays again, 0 to 1.
    half_life_minutes
        Time in which half of it has decayed.
    """

    start_price: float
    daily_volatility: float
    gap_volatility: float
    reversion_share: float
    half_life_minutes: float


@dataclass(frozen=True)
class WalkState:
    """Where a walk stands between two sessions, in log price."""

    level: float
    deviation: float


def first_state(spec: WalkSpec) -> WalkState:
    """Return the state before the first session."""
    return WalkState(level=math.log(spec.start_price), deviation=0.0)


def walk_session(
    rng: np.random.Generator,
    spec: WalkSpec,
    state: WalkState,
    weights: npt.NDArray[np.float64],
    *,
    volatility_factor: float = 1.0,
) -> tuple[LogPrices, WalkState]:
    """Walk through one session.

    Parameters
    ----------
    weights : float64 array of shape (n_seconds,)
        Activity; the variance of a second is its share of the session's.
    volatility_factor
        What the session's volatility is multiplied by.

    Returns
    -------
    float64 array of shape (n_seconds + 1,)
        Log price at the end of each second; the first is the price at the open, after the gap.
    WalkState
        Where the walk stands at the close.
    """
    scale = spec.daily_volatility * volatility_factor * np.sqrt(weights / weights.sum())
    gap, shocks = rng.standard_normal(), rng.standard_normal((2, weights.size)) * scale
    start = state.level + gap * spec.gap_volatility
    level = start + np.cumsum(shocks[0]) * math.sqrt(1 - spec.reversion_share)
    deviation = decaying_sums(
        shocks[1] * math.sqrt(spec.reversion_share),
        0.5 ** (1 / (60 * spec.half_life_minutes)),
        state.deviation,
    )
    prices = np.concatenate([[start + state.deviation], level + deviation])
    return prices, WalkState(level=float(level[-1]), deviation=float(deviation[-1]))
