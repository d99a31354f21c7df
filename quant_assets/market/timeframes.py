"""Bar lengths by name: `1s`, `15m`, `1h`, `1d`; half-open, left label, anchored at midnight UTC."""

import re
from dataclasses import dataclass
from typing import Self

from quant_assets.market.errors import TimeframeError

NS_PER_SECOND = 1_000_000_000
NS_PER_MINUTE = 60 * NS_PER_SECOND
NS_PER_HOUR = 60 * NS_PER_MINUTE
NS_PER_DAY = 24 * NS_PER_HOUR

_UNITS = {"s": NS_PER_SECOND, "m": NS_PER_MINUTE, "h": NS_PER_HOUR, "d": NS_PER_DAY}
_PATTERN = re.compile(r"^([1-9]\d{0,3})([smhd])$")


@dataclass(frozen=True, order=True)
class Timeframe:
    """A bar length; ordered by duration, written in its largest whole unit.

    `1d` stands for one session, whatever hours that session has.
    """

    ns: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `15m` and its like; raise `TimeframeError` for anything else."""
        match = _PATTERN.match(text)
        if match is None or (ns := int(match[1]) * _UNITS[match[2]]) > NS_PER_DAY:
            raise TimeframeError(
                asked=f"timeframe {text!r}",
                found="not a count of seconds, minutes or hours, nor 1d",
                remedy="Write it as 1s, 1m, 15m, 1h or 1d.",
            )
        return cls(ns)

    @classmethod
    def from_minutes(cls, minutes: int) -> Self:
        """Return the timeframe of a file name such as `EURUSD15.csv`."""
        return cls.parse("1d" if minutes == 24 * 60 else f"{minutes}m")

    @property
    def name(self) -> str:
        """Name in the largest unit that divides it: 60 minutes are `1h`."""
        unit = next(u for u in ("d", "h", "m", "s") if self.ns % _UNITS[u] == 0)
        return f"{self.ns // _UNITS[unit]}{unit}"

    @property
    def minutes(self) -> float:
        """Length in minutes."""
        return self.ns / NS_PER_MINUTE

    @property
    def is_daily(self) -> bool:
        """Whether one bar is one session."""
        return self.ns == NS_PER_DAY

    def __str__(self) -> str:
        return self.name


def crosses_sessions(asset_class: str, timeframe: Timeframe) -> bool:
    """Return whether a position may be held into the next session.

    FX, crypto and futures may; equities are cut at their close, save on daily bars, where one bar
    is one session and nothing would be left.
    """
    return asset_class != "equity" or timeframe.is_daily
