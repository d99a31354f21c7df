"""How busy a market is through its session: weights a second, and stamps drawn by them."""

import numpy as np
import numpy.typing as npt

from quant_assets.market.timeframes import NS_PER_SECOND

Weights = npt.NDArray[np.float64]
Instants = npt.NDArray[np.int64]

NS_PER_MILLISECOND = 1_000_000

# Day trade of an index future, 08:30 to 15:15 Chicago, as shares of its 23 hours from 17:00.
_DAY_FROM, _DAY_TO = 15.5 / 23, 22.25 / 23
_NIGHT = 0.16

# London opens at 8, New York overlaps until 17: two humps, in hours UTC.
_FX_HUMPS = ((8.5, 1.0), (14.5, 1.3))
_FX_HUMP_HOURS = 2.5
_FX_NIGHT = 0.3


def u_shape(share: Weights) -> Weights:
    """Return 3 at both ends of a stretch and 1 in its middle; `share` runs from 0 to 1."""
    return 1 + 8 * (share - 0.5) ** 2


def future_activity(n_seconds: int) -> Weights:
    """Return the weights of a futures session: a quiet night, a U over the US day.

    Returns
    -------
    float64 array of shape (n_seconds,)
        Weights above 0, without a unit.
    """
    share = _middles(n_seconds)
    is_day = (share >= _DAY_FROM) & (share < _DAY_TO)
    opening = 0.25 * np.exp(-40 * share)
    return np.where(is_day, u_shape((share - _DAY_FROM) / (_DAY_TO - _DAY_FROM)), _NIGHT + opening)


def fx_activity(open_ns: int, n_seconds: int) -> Weights:
    """Return the weights of an FX session: busy when London and New York trade.

    Returns
    -------
    float64 array of shape (n_seconds,)
        Weights above 0, without a unit.
    """
    hours = (open_ns // NS_PER_SECOND + np.arange(n_seconds)) % 86_400 / 3_600
    humps = (
        height * np.exp(-(((hours - middle) / _FX_HUMP_HOURS) ** 2)) for middle, height in _FX_HUMPS
    )
    return np.asarray(_FX_NIGHT + sum(humps), dtype=np.float64)


def equity_activity(seconds_from_open: Instants, regular_seconds: int) -> Weights:
    """Return the weights of an equity day: thin before the open and after the close, a U between.

    Parameters
    ----------
    seconds_from_open : int64 array of shape (n,)
        Seconds since the regular open; below 0 before it.
    regular_seconds
        Length of the regular session.
    """
    share = seconds_from_open / regular_seconds
    before = 0.15 * np.exp(1.5 * np.minimum(share, 0) * regular_seconds / 3_600)
    after = 0.2 * np.exp(-1.2 * np.maximum(share - 1, 0) * regular_seconds / 3_600)
    regular = u_shape(np.clip(share, 0, 1))
    return np.where(share < 0, before, np.where(share < 1, regular, after)) + 0.005


def draw_stamps(
    rng: np.random.Generator, weights: Weights, *, open_ns: int, count: int
) -> Instants:
    """Draw the stamps of some events, in order, on whole milliseconds.

    Parameters
    ----------
    weights : float64 array of shape (n_seconds,)
        How likely an event is in each second from `open_ns` on.
    count
        How many events to draw.

    Returns
    -------
    int64 array of shape (count,)
        Stamps as ns, UTC, in `[open_ns, open_ns + n_seconds)`; several may be equal.
    """
    so_far = np.concatenate([[0.0], np.cumsum(weights)])
    places = np.sort(rng.random(count)) * so_far[-1]
    seconds = np.interp(places, so_far, np.arange(so_far.size))
    milliseconds = np.floor(seconds * 1_000).astype(np.int64)
    last = weights.size * 1_000 - 1
    stamps: Instants = open_ns + np.minimum(milliseconds, last) * NS_PER_MILLISECOND
    return stamps


def _middles(n: int) -> Weights:
    """Return the middles of n equal parts of 0 to 1."""
    return (np.arange(n) + 0.5) / n
