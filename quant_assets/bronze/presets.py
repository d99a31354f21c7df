"""Grids of stops and targets by timeframe, and spreads by instrument."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.errors import InputError
from quant_assets.market.instruments import Instrument
from quant_assets.market.timeframes import Timeframe

Tie = Literal["loss", "win"]
SpreadOn = Literal["tp", "both"]
Tail = Literal["keep", "drop"]

_MINUTE_SL = (0.0005, 0.01, 20)
_MINUTE_TP = (0.0005, 0.02, 40)
_MAX_LOOKFORWARD = 200
_DIGITS = 10


@dataclass(frozen=True)
class Grid:
    """Stops, targets and the rules by which a candle is searched.

    Parameters
    ----------
    sl_ratios, tp_ratios
        Distances as shares of the entry price, ascending and positive.
    max_lookforward
        Candles looked at after the entry's own.
    tie
        Whether a candle that touches both levels counts as a loss or a win.
    spread_on
        Whether the spread is added to the target alone, or to the stop as well.
    tail
        Whether candles whose look-forward the data's end cuts short are kept or dropped.

    Raises
    ------
    InputError
        If a level is not positive or the levels do not ascend.
    """

    sl_ratios: tuple[float, ...]
    tp_ratios: tuple[float, ...]
    max_lookforward: int
    tie: Tie = "loss"
    spread_on: SpreadOn = "tp"
    tail: Tail = "keep"

    def __post_init__(self) -> None:
        for name, levels in (("stops", self.sl_ratios), ("targets", self.tp_ratios)):
            ascending = all(a <= b for a, b in zip(levels, levels[1:], strict=False))
            if not levels or levels[0] <= 0 or not ascending:
                raise InputError(
                    asked=f"a grid of {len(levels)} {name}",
                    found="levels that are not positive and ascending",
                    remedy="Give them as A:B:N with 0 < A <= B.",
                )
        if self.max_lookforward < 1:
            raise InputError(
                asked=f"a look-forward of {self.max_lookforward} candles",
                found="nothing to look at",
                remedy="Give at least 1.",
            )

    @property
    def combinations(self) -> int:
        """Trades tried a candle: both directions, every pair."""
        return 2 * len(self.sl_ratios) * len(self.tp_ratios)

    @property
    def hash8(self) -> str:
        """Name of the grid in paths: eight hex digits over all its values."""
        values = (self.sl_ratios, self.tp_ratios, self.max_lookforward)
        return digest_of([*map(_plain, values), self.tie, self.spread_on, self.tail])[:8]


def _plain(value: tuple[float, ...] | int) -> list[float] | int:
    """Return a tuple as a list, which JSON knows."""
    return list(value) if isinstance(value, tuple) else value


def _levels(first: float, last: float, count: int, scale: float) -> tuple[float, ...]:
    """Return evenly spaced levels, scaled and rounded to ten digits."""
    return tuple(round(float(x) * scale, _DIGITS) for x in np.linspace(first, last, count))


def preset(timeframe: Timeframe) -> Grid:
    """Return the grid of a timeframe: the minute's levels times the root of its minutes."""
    scale = math.sqrt(timeframe.minutes)
    return Grid(
        sl_ratios=_levels(*_MINUTE_SL, scale),
        tp_ratios=_levels(*_MINUTE_TP, scale),
        max_lookforward=_MAX_LOOKFORWARD,
    )


TIMEFRAME_PRESETS: Mapping[str, Mapping[str, tuple[float, ...] | int]] = {
    name: {
        "SL_RATIOS": preset(Timeframe.parse(name)).sl_ratios,
        "TP_RATIOS": preset(Timeframe.parse(name)).tp_ratios,
        "MAX_LOOKFORWARD": preset(Timeframe.parse(name)).max_lookforward,
    }
    for name in ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
}
"""The grid of each timeframe that files come in."""

SPREAD_PIPS: Mapping[str, float] = {
    "EURUSD": 1.0,
    "GBPUSD": 1.5,
    "USDJPY": 1.0,
    "XAUUSD": 3.0,
}
"""Usual retail spreads in pips; others take the instrument's default spread."""


def spread_price(instrument: Instrument) -> float:
    """Return the spread of an instrument in price; 0 where nothing is known of it."""
    pips = SPREAD_PIPS.get(instrument.symbol)
    if pips is not None and instrument.pip_size is not None:
        return round(pips * instrument.pip_size, _DIGITS)
    return instrument.spread or 0.0
