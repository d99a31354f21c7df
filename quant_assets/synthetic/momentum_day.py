"""The shape of a momentum day: what is added to the log price, and when trading pauses."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quant_assets.market.timeframes import NS_PER_SECOND

_SECONDS_PER_HOUR = 3_600


@dataclass(frozen=True)
class MomentumShape:
    """Course of a momentum day.

    Parameters
    ----------
    name
        What kind of day it is.
    knots
        Hours since the regular open, and the share of the day's peak that is reached then;
        straight lines in between. The last share is what the stock keeps.
    peak
        Range from which the peak is drawn, as a log return.
    volume_factor
        The day's volume as a multiple of an ordinary one.
    halt
        Hours since the regular open at which a volatility pause starts and ends; None for none.
    """

    name: str
    knots: tuple[tuple[float, float], ...]
    peak: tuple[float, float]
    volume_factor: float
    halt: tuple[float, float] | None = None


SQUEEZE = MomentumShape(
    name="squeeze",
    knots=(
        (-5.5, 0.0),
        (-3.0, 0.12),
        (0.0, 0.16),
        (0.5, 0.22),
        (1.0, 0.35),
        (1.25, 1.0),
        (1.6, 0.62),
        (2.1, 0.85),
        (4.5, 0.66),
        (5.75, 0.62),
        (6.5, 0.80),
        (10.5, 0.74),
    ),
    peak=(0.34, 0.42),
    volume_factor=4.7,
    halt=(1.1, 1.1 + 5 / 60),
)
"""Rises from the open, is paused for five minutes on the way up, and holds most of it."""

FADE = MomentumShape(
    name="fade",
    knots=(
        (-5.5, 0.0),
        (-1.0, 0.08),
        (0.0, 0.12),
        (0.4, 0.45),
        (0.75, 1.0),
        (1.2, 0.55),
        (1.6, 0.30),
        (2.2, 0.50),
        (5.0, 0.38),
        (6.5, 0.30),
        (10.5, 0.28),
    ),
    peak=(0.32, 0.40),
    volume_factor=6.9,
)
"""Runs up at the open, is flushed, bounces once, and gives most of it back."""


def added_log_price(
    shape: MomentumShape, seconds_from_open: npt.NDArray[np.float64], *, peak: float
) -> npt.NDArray[np.float64]:
    """Return what the shape adds to the log price.

    Parameters
    ----------
    seconds_from_open : float64 array of shape (n,)
        Seconds since the regular open.
    peak
        Highest value, as a log return.
    """
    hours, shares = np.array(shape.knots).T
    added = peak * np.interp(seconds_from_open / _SECONDS_PER_HOUR, hours, shares)
    return np.asarray(added, dtype=np.float64)


def busier(
    shape: MomentumShape, seconds_from_open: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return what the usual activity is multiplied by: the fast hours are three times as busy."""
    hours = seconds_from_open / _SECONDS_PER_HOUR
    fast = [hour for hour, share in shape.knots if share == 1.0]
    return np.where(np.abs(hours - fast[0]) <= 1.0, 3.0, 1.0)


def halt_ns(shape: MomentumShape, open_ns: int) -> tuple[int, int] | None:
    """Return when the pause starts and ends, as ns on whole seconds; the end is not included."""
    if shape.halt is None:
        return None
    start, end = (open_ns + round(h * _SECONDS_PER_HOUR) * NS_PER_SECOND for h in shape.halt)
    return start, end
