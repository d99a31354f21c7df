"""What makes a bar: time, volume, a number of trades, or a range of prices."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self

from quant_assets.market.errors import TimeframeError
from quant_assets.market.tick_size import price_units
from quant_assets.market.timeframes import NS_PER_DAY, Timeframe

_PATTERN = re.compile(r"^(vol|tick|range)(\d{1,12}(?:\.\d{1,9})?)$")


class BarKind(StrEnum):
    """What ends a bar."""

    TIME = "time"
    VOLUME = "vol"
    TRADES = "tick"
    RANGE = "range"


@dataclass(frozen=True)
class BarSpec:
    """A kind of bars by name: `1m`, `1d`, `vol1000`, `tick500`, `range8`.

    Parameters
    ----------
    size
        Nanoseconds, quantity, trades, or ticks between high and low, by kind. A quantity is
        compared with a Float64 sum: ten trades of 0.1 may lie one bit below 1.
    """

    kind: BarKind
    size: Decimal

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name.

        Raises
        ------
        TimeframeError
            If it is none, or a time that does not divide a day.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            return cls._of_time(text)
        kind, size = BarKind(match[1]), Decimal(match[2])
        if size <= 0 or (kind is not BarKind.VOLUME and size != int(size)):
            raise _unreadable(text, "a size that is not above 0, or no whole number")
        return cls(kind, size.normalize())

    @classmethod
    def _of_time(cls, text: str) -> Self:
        try:
            ns = Timeframe.parse(text).ns
        except TimeframeError as error:
            raise _unreadable(text, "no bar of that name") from error
        if NS_PER_DAY % ns:
            raise _unreadable(text, "a length that does not divide a day")
        return cls(BarKind.TIME, Decimal(ns))

    @property
    def timeframe(self) -> Timeframe | None:
        """The bar length; None where bars have none."""
        return Timeframe(int(self.size)) if self.kind is BarKind.TIME else None

    @property
    def name(self) -> str:
        """The name that `parse` reads."""
        timeframe = self.timeframe
        return timeframe.name if timeframe else f"{self.kind.value}{self.size:f}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class FootprintSpec:
    """Bars, and the width of their price rows, by name: `5m`, `vol1000@0.5`.

    Parameters
    ----------
    bucket
        Width of a price row in 1e-9; None is the tick size.
    """

    bars: BarSpec
    bucket: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name; raise `InputError` where it is none."""
        bars, at, width = text.partition("@")
        return cls(BarSpec.parse(bars), price_units(width) if at else None)


def _unreadable(text: str, found: str) -> TimeframeError:
    """Say which names there are."""
    return TimeframeError(
        asked=f"bars {text[:40]!r}",
        found=found,
        remedy="Write 1s, 1m, 15m, 1h, 1d, or vol1000, tick500, range8 (ticks).",
    )
