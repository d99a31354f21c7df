"""Prices that a session starts from: those of earlier sessions, its opening range, its open."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import NS_PER_MINUTE, Timeframe


@dataclass(frozen=True)
class Marks:
    """Highest, lowest and last price of an earlier stretch, of the session's own contract."""

    high: float
    low: float
    close: float


@dataclass(frozen=True)
class Opening:
    """The calendar's open of a session, and how its first bars stand to it.

    Bars are anchored at midnight UTC. Where their length does not divide the way to the open, a
    bar holds trades before it and after it, and the first trade of the open is not known; where
    it does not divide the range, its end is not known.

    Parameters
    ----------
    range_minutes
        Length of the opening range.
    """

    bounds: SessionBounds
    timeframe: Timeframe
    range_minutes: int

    @property
    def is_seen(self) -> bool:
        """Whether a bar starts at the open; a `1d` bar is the session and opens with it."""
        return self.timeframe.is_daily or self.bounds.open_ns % self.timeframe.ns == 0

    @property
    def is_range_seen(self) -> bool:
        """Whether bars tell the opening range: one starts at its start, and one at its end."""
        whole = self._range_ns % self.timeframe.ns == 0
        return whole and self.is_seen and not self.timeframe.is_daily

    @property
    def range_end_ns(self) -> int:
        """First instant after the opening range."""
        return self.bounds.open_ns + self._range_ns

    @property
    def _range_ns(self) -> int:
        return self.range_minutes * NS_PER_MINUTE


def earlier_marks(name: str, marks: Marks | None, n_bars: int) -> dict[str, FloatArray]:
    """Return an earlier stretch's prices for each bar, NaN where there is none."""
    values = (marks.high, marks.low, marks.close) if marks else (np.nan, np.nan, np.nan)
    return {
        f"{name}_{part}": np.full(n_bars, value)
        for part, value in zip(("high", "low", "close"), values, strict=True)
    }


def opening_marks(bars: pl.DataFrame, opening: Opening) -> dict[str, FloatArray]:
    """Return opening range and session open for each bar.

    The range is NaN in the bars inside it, in a session without a bar inside it, and where bars
    cannot tell it. The open is that of the first bar at or after the calendar's open, NaN before.

    Parameters
    ----------
    bars
        Table `bars`, of one session.
    """
    starts = bars["bar_start"].to_physical().to_numpy()
    n_bars = starts.shape[0]
    high, low, first = (np.full(n_bars, np.nan) for _ in range(3))
    inside = (starts >= opening.bounds.open_ns) & (starts < opening.range_end_ns)
    if opening.is_range_seen and inside.any():
        over = starts >= opening.range_end_ns
        high[over] = bars["high"].to_numpy()[inside].max()
        low[over] = bars["low"].to_numpy()[inside].min()
    opened = _opened(starts, opening)
    if opened.any():
        first[opened] = bars["open"].to_numpy()[opened][0]
    return {"opening_range_high": high, "opening_range_low": low, "session_open": first}


def _opened(starts: IntArray, opening: Opening) -> np.ndarray:
    """Return which bars lie at or after the open; none where the open lies inside a bar."""
    if opening.timeframe.is_daily:
        return np.ones(starts.shape[0], dtype=np.bool_)
    return (starts >= opening.bounds.open_ns) & opening.is_seen
