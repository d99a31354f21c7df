"""A seeded market to judge features on: it has the places that leaks hide behind.

Sessions of an hour or more with null rows, minutes without a bar, contracts that change, a roll in
whose course the next contract's volume passes the old one's, and a number for every column that a
feature may ask for.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from quant_assets.features.inputs import CLOCK_INPUTS, FOOTPRINT_INPUTS, LEVEL_INPUTS, REGIME_INPUTS
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_MINUTE, Timeframe

SESSION_BARS = 72
"""Rows of a session before any are taken out."""

_FIRST = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
_CONTRACTS = ("ESH24", "ESM24", "ESU24")
_ROLLS = (2.4, 1.3)
"""Sessions before the end at which the contract changes: both in the midst of a session."""

_NULL_SHARE, _GONE_SHARE = 0.03, 0.02
_FLAGS = (
    "imbalance_buy", "imbalance_sell", "stacked_buy", "stacked_sell",
    "unfinished_high", "unfinished_low", "absorption",
)  # fmt: skip
_CLOCK = frozenset(CLOCK_INPUTS)
_WALKS = frozenset({"footprint_poc", "footprint_vah", "footprint_val", *LEVEL_INPUTS})


def probe_bars(n_sessions: int, timeframe: Timeframe, *, broken: bool, seed: int) -> pl.DataFrame:
    """Return bars of a random walk.

    Parameters
    ----------
    n_sessions
        How many sessions, a day apart.
    timeframe
        Length of a bar; longer than 15 minutes the sessions run into each other's days, so that
        there 15 minutes are taken for the bars' distance.
    broken
        Whether rows are null, others missing, and the contract changes.

    Returns
    -------
    DataFrame
        The columns of bars, oldest first.
    """
    rng = np.random.default_rng(seed)
    n = n_sessions * SESSION_BARS
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, n)))
    open_ = np.concatenate([[100.0], close[:-1]]) * (1.0 + rng.normal(0.0, 1e-4, n))
    volume = rng.integers(1, 200, n).astype(np.float64)
    buys = np.floor(volume * rng.uniform(0.0, 1.0, n))
    high = np.maximum(open_, close) * (1.0 + rng.uniform(0.0, 1e-3, n))
    low = np.minimum(open_, close) * (1.0 - rng.uniform(0.0, 1e-3, n))
    bars = pl.DataFrame(
        {
            "session": _sessions(n_sessions),
            "bar_start": _starts(n_sessions, timeframe),
            "contract": np.repeat(_CONTRACTS[0], n),
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": volume,
            "trades": rng.integers(1, 50, n).astype(np.uint32),
            "buy_volume": buys,
            "sell_volume": volume - buys,
            "vwap": (high + low + close) / 3.0,
            "bid_close": close - 0.01,
            "ask_close": close + 0.01,
        }
    ).with_columns(pl.col("bar_start").cast(UTC_NS))
    return _with_breaks(bars, rng=rng) if broken else bars


def with_inputs(bars: pl.DataFrame, inputs: Iterable[str], *, seed: int) -> pl.DataFrame:
    """Return the bars with numbers invented for what they lack or have only nulls of.

    Prices walk beside the close, flags are 0 and 1, labels 0 to 2, the clock runs with the rows of
    a session; anything else is a volume, and two of them change places as the larger one.
    """
    lacking = [name for name in sorted(set(inputs)) if _is_lacking(bars, name)]
    columns = [
        _invented(name, bars, rng=np.random.default_rng([seed, place])).alias(name)
        for place, name in enumerate(lacking)
    ]
    return bars.with_columns(columns)


def _is_lacking(bars: pl.DataFrame, name: str) -> bool:
    """Whether no row has a value of a column."""
    return name not in bars.columns or bars[name].null_count() == bars.height


def _invented(name: str, bars: pl.DataFrame, *, rng: np.random.Generator) -> pl.Series:
    """Return one invented column of bars that have a close."""
    n = bars.height
    if name in REGIME_INPUTS:
        return pl.Series(rng.integers(0, 3, n).astype(np.float64))
    if name in FOOTPRINT_INPUTS and name.endswith(_FLAGS):
        return pl.Series(rng.integers(0, 2, n).astype(np.float64))
    if name in _CLOCK:
        return _clock(name, bars)
    if name in _WALKS or "close" in name or "price" in name:
        return bars["close"].cast(pl.Float64) * pl.Series(1.0 + np.cumsum(rng.normal(0, 5e-4, n)))
    if "delta" in name:
        return pl.Series(rng.integers(-80, 81, n).astype(np.float64))
    return pl.Series(np.ceil(rng.uniform(0.0, 200.0, n)))


def _clock(name: str, bars: pl.DataFrame) -> pl.Series:
    """Return what the calendar would say of sessions whose bars are minutes."""
    place = pl.int_range(pl.len()).over("session").cast(pl.Float64)
    of_clock = {
        "minutes_since_open": place + 1.0,
        "minutes_to_close": SESSION_BARS - 1.0 - place,
        "session_minutes": pl.lit(float(SESSION_BARS)),
        "days_to_expiry": pl.lit(60.0) - pl.col("session").rank("dense").cast(pl.Float64),
    }
    return bars.with_columns(of_clock.get(name, place).alias(name))[name]


def _with_breaks(bars: pl.DataFrame, *, rng: np.random.Generator) -> pl.DataFrame:
    """Return bars with null rows, single and in stretches, missing rows and two rolls."""
    is_null = rng.uniform(size=bars.height) < _NULL_SHARE
    is_null |= np.roll(is_null, 1) & (rng.uniform(size=bars.height) < 0.5)
    to_come = (bars.height - np.arange(bars.height)) / SESSION_BARS
    first, second = _ROLLS
    contract = np.select([to_come > first, to_come > second], _CONTRACTS[:2], _CONTRACTS[2])
    kept = rng.uniform(size=bars.height) >= _GONE_SHARE
    kept[-1] = True
    numbers = [name for name, dtype in bars.schema.items() if dtype.is_numeric()]
    return (
        bars.with_columns(
            pl.when(pl.Series(is_null)).then(None).otherwise(pl.col(name)).alias(name)
            for name in numbers
        )
        .with_columns(contract=pl.Series(contract))
        .filter(pl.Series(kept))
    )


def _sessions(n_sessions: int) -> pl.Series:
    """Return each row's session: dates, one after the other."""
    first = _FIRST.date()
    days = [first + timedelta(days=n) for n in range(n_sessions)]
    return pl.Series(days).gather(np.repeat(np.arange(n_sessions), SESSION_BARS))


def _starts(n_sessions: int, timeframe: Timeframe) -> np.ndarray:
    """Return the bar starts, int64 nanoseconds UTC."""
    step = min(timeframe.ns, 15 * NS_PER_MINUTE)
    first = int(_FIRST.timestamp()) * 1_000_000_000
    days = np.repeat(np.arange(n_sessions) * NS_PER_DAY, SESSION_BARS)
    return np.asarray(first + days + np.tile(np.arange(SESSION_BARS) * step, n_sessions))
