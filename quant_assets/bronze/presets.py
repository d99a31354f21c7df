"""Grids of stops and targets by timeframe, and spreads by instrument."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypedDict

import numpy as np

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.errors import InputError
from quant_assets.market.instruments import Instrument
from quant_assets.market.timeframes import Timeframe

Levels = tuple[float, ...]
Tie = Literal["loss", "win", "drill_down"]
SpreadOn = Literal["tp", "both"]
Tail = Literal["keep", "drop"]

_MINUTE_SL = (0.0005, 0.01, 20)
_MINUTE_TP = (0.0005, 0.02, 40)
_MAX_LOOKFORWARD = 200
_MAX_LEVELS = 10_000


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
        Whether a candle that touches both levels counts as a loss or a win, or is decided by
        finer prices where there are any, and else lost.
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
            ascending = all(a <= b for a, b in pairwise((0.0, *levels)))
            if not levels or levels[0] == 0 or not ascending or levels[-1] >= 1.0:
                raise InputError(
                    asked=f"a grid of {len(levels)} {name}",
                    found="levels that do not ascend between 0 and 1, the whole price",
                    remedy="Give shares of the price as A:B:N with 0 < A <= B < 1.",
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
        levels = [list(self.sl_ratios), list(self.tp_ratios)]
        return digest_of([*levels, self.max_lookforward, self.tie, self.spread_on, self.tail])[:8]


def check_distances(grid: Grid, spread: float, *, price: float) -> None:
    """Refuse a spread that is as wide as a level is far: such a grid cannot be meant.

    Parameters
    ----------
    spread
        In price.
    price
        What prices are about, for example their median.

    Raises
    ------
    InputError
        If the spread reaches to the nearest target, or, where it brings stops nearer, stop.
    """
    nearest = {"target": grid.tp_ratios[0]}
    if grid.spread_on == "both":
        nearest["stop"] = grid.sl_ratios[0]
    for name, ratio in nearest.items():
        if spread >= ratio * price:
            raise InputError(
                asked=f"a spread of {spread:g} at prices about {price:g}",
                found=f"the nearest {name} is only {ratio * price:g} away",
                remedy=f"Give a smaller --spread-pips, or a farther {name}.",
            )


def parse_levels(text: str) -> tuple[float, ...]:
    """Read `A:B:N` as N evenly spaced levels from A to B, both included.

    Raises
    ------
    InputError
        If it is not of that form, or not 0 < A <= B with N from 1 to 10,000; one level needs A = B.
    """
    try:
        first, last, count = text.split(":")
        low, high, n = float(first), float(last), int(count)
    except ValueError:
        low, high, n = math.nan, math.nan, 0
    is_range = 0 < low <= high < math.inf and 1 <= n <= _MAX_LEVELS
    if not is_range or (n == 1 and low < high):
        raise InputError(
            asked=f"levels {text[:40]!r}",
            found="not A:B:N with 0 < A <= B and a count of levels",
            remedy="Write, for example, 0.0005:0.01:20.",
        )
    return _levels(low, high, n, scale=1.0)


def _levels(first: float, last: float, count: int, scale: float) -> tuple[float, ...]:
    """Return evenly spaced levels, scaled; with scale 1 they are numpy's to the bit."""
    return tuple((np.linspace(first, last, count) * scale).tolist())


def preset(timeframe: Timeframe) -> Grid:
    """Return the grid of a timeframe: the minute's levels times the root of its minutes."""
    scale = math.sqrt(timeframe.minutes)
    return Grid(
        sl_ratios=_levels(*_MINUTE_SL, scale),
        tp_ratios=_levels(*_MINUTE_TP, scale),
        max_lookforward=_MAX_LOOKFORWARD,
    )


class TimeframePreset(TypedDict):
    """A timeframe's parameters under their published names."""

    SL_RATIOS: tuple[float, ...]
    TP_RATIOS: tuple[float, ...]
    MAX_LOOKFORWARD: int


def _published(name: str) -> TimeframePreset:
    """Return the preset of a timeframe under the published names."""
    grid = preset(Timeframe.parse(name))
    return {
        "SL_RATIOS": grid.sl_ratios,
        "TP_RATIOS": grid.tp_ratios,
        "MAX_LOOKFORWARD": grid.max_lookforward,
    }


TIMEFRAME_PRESETS: Mapping[str, TimeframePreset] = {
    name: _published(name) for name in ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
}
"""The grid of each timeframe that files come in; `preset` gives it for any other."""

SPREAD_PIPS: Mapping[str, float] = {
    "AUDUSD": 1.2,
    "EURGBP": 1.2,
    "EURJPY": 1.5,
    "EURUSD": 1.0,
    "GBPJPY": 2.5,
    "GBPUSD": 1.5,
    "NZDUSD": 1.8,
    "USDCAD": 1.5,
    "USDCHF": 1.5,
    "USDJPY": 1.0,
    "XAUUSD": 3.0,
}
"""Assumed retail spreads in pips; others take the instrument's default spread."""


def spread_price(instrument: Instrument, *, pips: float | None = None) -> float:
    """Return the spread of an instrument in price.

    Parameters
    ----------
    pips
        Spread in pips, or in ticks where the instrument has no pip. None: that of `SPREAD_PIPS`,
        else the instrument's usual spread, else 0.

    Raises
    ------
    InputError
        If pips are given that are negative or no number, or of an instrument that has neither
        pip nor tick size.
    """
    unit = instrument.pip_size or instrument.tick_size
    if pips is None:
        pips = SPREAD_PIPS.get(instrument.symbol) if instrument.pip_size else None
        if pips is None or unit is None:
            return instrument.spread or 0.0
    if not 0 <= pips < math.inf or (unit is None and pips > 0):
        raise InputError(
            asked=f"a spread of {pips} pips of {instrument.symbol}",
            found="no size of a pip or tick" if unit is None else "a number that is no spread",
            remedy="Name its tick_size or pip_size in the instruments file, or give 0 or more.",
        )
    # Rounded to the unit of prices at rest: 1.5 pips of 0.0001 are 0.00015.
    return round(pips * (unit or 0.0), 9)
