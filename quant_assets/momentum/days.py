"""Scan a session's bars into its one row of the momentum index."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.indicators.kernels import ratio
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import NS_PER_HOUR, NS_PER_MINUTE, Timeframe
from quant_assets.momentum.kernels import confirmed_extremes
from quant_assets.momentum.patterns import Reversals, count_reversals
from quant_assets.momentum.quality import (
    Factors,
    clarity_factor,
    move_factor,
    quality_score,
    spread_factor,
    time_factor,
    volume_factor,
)
from quant_assets.momentum.rules import DEFAULT_RULES, DayFacts, MomentumRules, classify
from quant_assets.momentum.schema import MOMENTUM_DAYS

_FINE_NS = NS_PER_MINUTE
_STEP_NS = 5 * NS_PER_MINUTE

# What a move is worth by its hour: the first hour, the last, between them, outside them.
_OPENING, _POWER_HOUR, _MIDDAY, _EXTENDED = 1.0, 0.9, 0.5, 0.3


def volume_ratio(volume: float, previous: Sequence[float], *, rules: MomentumRules) -> float | None:
    """Return volume over the mean of up to 20 sessions before, or None while that is unknown.

    Parameters
    ----------
    previous
        Volumes of the sessions before, oldest first; only the last `rules.full_window` count.
    """
    recent = previous[-rules.full_window :]
    if len(recent) < rules.least_window:
        return None
    mean = math.fsum(recent) / len(recent)
    return volume / mean if mean > 0.0 else None


def scan_day(
    bars_of_session: pl.DataFrame,
    *,
    timeframe: Timeframe,
    previous_volumes: Sequence[float],
    halts: int,
    landed_paths: list[str],
    previous_close: float | None = None,
    regular_hours: tuple[int, int] | None = None,
    rules: MomentumRules = DEFAULT_RULES,
) -> pl.DataFrame:
    """Return the row of one finished session in the columns of `momentum_days`.

    Parameters
    ----------
    bars_of_session
        Columns `session`, `bar_start`, open, high, low, close, volume; where `bid_close` and
        `ask_close` are known, they give the spread. Shorter bars show more: reversals, bad
        prints and a prime day are seen at one minute or less, clarity at five.
    timeframe
        Length of a bar.
    previous_volumes
        Volumes of the sessions before, oldest first.
    halts
        Trading halts of the session, from `halts.count_halts`.
    landed_paths
        Landed files that the bars were made from; stored sorted.
    previous_close
        Close of the session before, for the gap at the open and for suspect bars.
    regular_hours
        Open and close of regular trading, ns UTC; None for a market around the clock, which has
        no power hour.

    Raises
    ------
    InputError
        Where the bars are none, or of more than one session.
    """
    day = _Day.from_frame(bars_of_session, timeframe=timeframe, rules=rules)
    times_usual = volume_ratio(day.volume, previous_volumes, rules=rules)
    is_suspect = day.is_suspect(previous_close)
    factors = Factors(
        move=None if is_suspect else move_factor(day.range_ratio),
        volume=volume_factor(times_usual),
        clarity=day.clarity(),
        time=day.time(regular_hours),
        spread=spread_factor(_median_spread_bps(bars_of_session)),
    )
    facts = DayFacts(
        quality=None if is_suspect else quality_score(factors),
        factors=factors,
        range_ratio=day.range_ratio,
        is_fine=timeframe.ns <= _FINE_NS,
        halts=halts,
        gap=day.gap(previous_close),
        reversals=day.reversals(rules),
    )
    row = day.prices() | {
        "volume_ratio": times_usual,
        "halts": halts,
        "day_class": str(classify(facts, rules=rules)),
        "quality": facts.quality,
        "landed_paths": sorted(landed_paths),
    }
    return pl.DataFrame([row], schema=MOMENTUM_DAYS.empty().schema)


@dataclass(frozen=True)
class _Day:
    """The bars of one session as arrays, oldest first."""

    session: object
    start_ns: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volumes: FloatArray
    timeframe: Timeframe
    range_ratio: float
    """Range as a share of the open, without bad prints where bars are fine."""

    @classmethod
    def from_frame(
        cls, frame: pl.DataFrame, *, timeframe: Timeframe, rules: MomentumRules
    ) -> "_Day":
        """Take the bars of one session."""
        sessions = frame["session"].unique().sort()
        if sessions.len() != 1:
            raise InputError(
                asked="scan the bars of one session",
                found=f"{frame.height} bars of {sessions.len()} sessions",
                remedy="Give all bars of one symbol's session, and nothing else.",
            )
        bars = frame.sort("bar_start")
        open_, high, low, close, volumes = (
            bars[name].cast(pl.Float64).to_numpy()
            for name in ("open", "high", "low", "close", "volume")
        )
        top, bottom = float(high.max()), float(low.min())
        if timeframe.ns <= _FINE_NS:
            top, bottom = confirmed_extremes(open_, high, low, close, rules.print_tolerance)
        return cls(
            session=sessions[0],
            start_ns=bars["bar_start"].cast(UTC_NS).dt.epoch("ns").to_numpy(),
            open=open_,
            high=high,
            low=low,
            close=close,
            volumes=volumes,
            timeframe=timeframe,
            range_ratio=_share_of(top - bottom, float(open_[0])),
        )

    @property
    def volume(self) -> float:
        """Sum of the bars' volume, exact whatever their order."""
        return math.fsum(self.volumes)

    def prices(self) -> dict[str, object]:
        """Return session, open, high, low, close, volume and range as they stand in the bars."""
        high, low = float(self.high.max()), float(self.low.min())
        return {
            "session": self.session,
            "open": float(self.open[0]),
            "high": high,
            "low": low,
            "close": float(self.close[-1]),
            "volume": self.volume,
            "range_pct": 100.0 * _share_of(high - low, float(self.open[0])),
        }

    def is_suspect(self, previous_close: float | None) -> bool:
        """Whether a bar over a minute spans more than twice what its body and past explain.

        Long bars hide how their extremes came about, so they are never clipped.
        """
        if self.timeframe.ns <= _FINE_NS:
            return False
        before = np.concatenate([[previous_close or np.nan], self.close[:-1]])
        top = np.fmax(np.maximum(self.open, self.close), before)
        bottom = np.fmin(np.minimum(self.open, self.close), before)
        return bool(np.any((self.high > 2.0 * top) | (bottom > 2.0 * self.low)))

    def clarity(self) -> float | None:
        """Score the path by its closes, five minutes apart; None for longer bars."""
        if self.timeframe.ns > _STEP_NS:
            return None
        _, closes = self._steps()
        return clarity_factor(closes)

    def time(self, regular_hours: tuple[int, int] | None) -> float | None:
        """Score the hours in which it moved; None without such hours and for longer bars."""
        if regular_hours is None or self.timeframe.ns > _STEP_NS:
            return None
        starts, closes = self._steps()
        if closes.min() <= 0.0:
            return None
        return time_factor(np.diff(np.log(closes)), _hour_weights(starts, *regular_hours))

    def gap(self, previous_close: float | None) -> float:
        """Return the largest jump from a close to the next open, as a share."""
        before = np.concatenate([[previous_close or self.open[0]], self.close[:-1]])
        jumps = np.abs(ratio(self.open, before) - 1.0)
        return float(np.nanmax(jumps, initial=0.0))

    def reversals(self, rules: MomentumRules) -> Reversals:
        """Return failed breakouts and bought-back flushes; none are seen in longer bars."""
        if self.timeframe.ns > _FINE_NS or self.close.min() <= 0.0:
            return Reversals(failed_breakouts=0, bounces=0)
        return count_reversals(
            self.start_ns, self.close, self.volumes, least_move=rules.move_threshold
        )

    def _steps(self) -> tuple[IntArray, FloatArray]:
        """Return the starts of five-minute steps with bars (m,), and open and closes (m + 1,)."""
        steps = self.start_ns // _STEP_NS
        is_last = np.append(steps[1:] != steps[:-1], [True])
        return steps[is_last] * _STEP_NS, np.concatenate([self.open[:1], self.close[is_last]])


def _share_of(width: float, price: float) -> float:
    """Return a width as a share of a price; 0 where the price is not above zero."""
    return width / price if price > 0.0 else 0.0


def _hour_weights(starts: IntArray, open_ns: int, close_ns: int) -> FloatArray:
    """Return what a move is worth at each stamp, by the hours of regular trading."""
    return np.select(
        [
            (starts < open_ns) | (starts >= close_ns),
            starts < open_ns + NS_PER_HOUR,
            starts >= close_ns - NS_PER_HOUR,
        ],
        [_EXTENDED, _OPENING, _POWER_HOUR],
        default=_MIDDAY,
    )


def _median_spread_bps(bars: pl.DataFrame) -> float | None:
    """Return the median of the bars' closing spreads in basis points of the mid, if any is known.

    Crossed and locked quotes are passed over.
    """
    if not {"bid_close", "ask_close"} <= set(bars.columns):
        return None
    bid, ask = pl.col("bid_close"), pl.col("ask_close")
    known = bars.filter((bid > 0.0) & (ask > bid))
    spreads = known.select(((ask - bid) / (ask + bid) * 2e4).alias("bps"))["bps"]
    return float(np.median(spreads.to_numpy())) if spreads.len() else None
