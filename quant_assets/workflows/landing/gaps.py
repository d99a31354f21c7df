"""Stretches of bars that are missing while the market was open."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from quant_assets.market.sessions import SessionCalendar
from quant_assets.market.timeframes import NS_PER_HOUR, NS_PER_MINUTE

MIN_STEPS = 20
"""Missing bars below which a stretch is ordinary: single minutes without a trade."""

MIN_LONG_STEPS = 4
"""The same for bars of an hour and more."""

_SUNDAY = 6


@dataclass(frozen=True)
class Gap:
    """First and last missing bar of a stretch, as ns since the epoch, UTC, and their number."""

    first_ns: int
    last_ns: int
    n_bars: int

    @property
    def where(self) -> str:
        """The gap as reports name it: `2012-02-01 05:03 to 08:02`."""
        first, last = _minutes(self.first_ns), _minutes(self.last_ns)
        day, time = last.split(" ")
        return f"{first} to {time if first.startswith(day) else last}"


def find_gaps(
    bar_start_ns: npt.NDArray[np.int64],
    *,
    session: date,
    calendar: SessionCalendar,
    step_ns: int,
    least_minutes: int,
) -> list[Gap]:
    """Return the gaps between a session's bars.

    Parameters
    ----------
    bar_start_ns : int64 array of shape (n,)
        Stamps of one session's bars, ns since the epoch, UTC; in any order.
    session
        Their session.
    calendar
        Says when the market was open; only stretches between two bars inside [open, close) and
        outside breaks count.
    step_ns
        Length of a bar.
    least_minutes
        Shortest silence that counts.

    Notes
    -----
    Sunday sessions are left out: trading starts thinly and at no fixed minute there.
    """
    if session.weekday() == _SUNDAY or bar_start_ns.size < 2:
        return []
    least_steps = MIN_LONG_STEPS if step_ns >= NS_PER_HOUR else MIN_STEPS
    stamps = np.sort(bar_start_ns)
    wide = np.flatnonzero(np.diff(stamps) > step_ns * least_steps)
    found = []
    for place in wide:
        missing = np.arange(stamps[place] + step_ns, stamps[place + 1], step_ns, dtype=np.int64)
        inside = missing[~calendar.outside_hours(missing)]
        if inside.size >= least_steps and inside.size * step_ns >= least_minutes * NS_PER_MINUTE:
            found.append(Gap(int(inside[0]), int(inside[-1]), int(inside.size)))
    return found


def _minutes(stamp_ns: int) -> str:
    """Write an instant as date and minute."""
    return str(np.datetime_as_string(np.datetime64(stamp_ns, "ns"), unit="m")).replace("T", " ")
