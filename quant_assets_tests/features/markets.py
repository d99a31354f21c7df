"""Seeded bars for tests: random sessions with gaps and contract changes."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from quant_assets.features.inputs import (
    CLOCK_INPUTS,
    FOOTPRINT_INPUTS,
    JOINED_INPUTS,
    LEVEL_INPUTS,
    REGIME_INPUTS,
)
from quant_assets.features.standard import standard_catalog
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import NS_PER_MINUTE, Timeframe

MINUTE = Timeframe.parse("1m")
FIRST = date(2024, 1, 2)


def session_of(number: int) -> date:
    """Return the date of a session, counted from 0."""
    return FIRST + timedelta(days=number)


def random_bars(n_sessions: int, n_bars: int, *, seed: int) -> pl.DataFrame:
    """Return bars of a random walk: sessions of `n_bars` minutes from 14:30 UTC on."""
    rng = np.random.default_rng(seed)
    n = n_sessions * n_bars
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, n)))
    open_ = np.concatenate([[100.0], close[:-1]]) * (1.0 + rng.normal(0.0, 1e-4, n))
    volume = rng.integers(1, 200, n).astype(np.float64)
    buys = np.floor(volume * rng.uniform(0.0, 1.0, n))
    high = np.maximum(open_, close) * (1.0 + rng.uniform(0.0, 1e-3, n))
    low = np.minimum(open_, close) * (1.0 - rng.uniform(0.0, 1e-3, n))
    return pl.DataFrame(
        {
            "session": [session_of(at // n_bars) for at in range(n)],
            "bar_start": _starts(n_sessions, n_bars),
            "contract": ["ESH24"] * n,
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


PRICE_INPUTS = tuple(
    name
    for name in JOINED_INPUTS
    if name in LEVEL_INPUTS
    or name in {"reference_close", "footprint_poc", "footprint_vah", "footprint_val"}
)
"""Joined columns that scale with the price."""


def with_joined(bars: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Return bars with each joined column that a feature of the package reads, drawn row by row.

    A row's draws hang on no other row, so they know no future; a few of each column are null.
    """
    rng = np.random.default_rng(seed)
    read = {name for one in standard_catalog().features for name in one.inputs}
    n, close = bars.height, bars["close"].to_numpy()
    columns = {}
    for name in (name for name in JOINED_INPUTS if name in read):
        values = _drawn(name, close, rng)
        is_null = pl.Series(rng.uniform(size=n) < 0.002)
        columns[name] = pl.select(pl.when(is_null).then(None).otherwise(pl.Series(values)))
    return bars.with_columns(
        column.to_series().cast(pl.Float64).alias(name) for name, column in columns.items()
    )


def joined_bars(n_sessions: int, n_bars: int, *, seed: int) -> pl.DataFrame:
    """Return bars of a random walk with all that features read beside them."""
    return with_joined(random_bars(n_sessions, n_bars, seed=seed), seed=seed + 1)


def _drawn(name: str, close: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a joined column in its usual size."""
    if name == "level_atr":
        return close * rng.uniform(1e-3, 2e-3, len(close))
    if name in PRICE_INPUTS:
        return close * (1.0 + rng.normal(0.0, 1e-3, len(close)))
    if name in REGIME_INPUTS:
        return rng.integers(0, 3, len(close))
    if name == "session_minutes":
        return np.full(len(close), 390.0)
    if name in CLOCK_INPUTS:
        return rng.integers(-10, 400, len(close))
    assert name in FOOTPRINT_INPUTS
    return rng.integers(0, 6, len(close))


def with_breaks(bars: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Return bars with null rows strewn in and two contract changes, all in the later half.

    The earlier half is unbroken: there the longer bars are many enough for their indicators.
    """
    rng = np.random.default_rng(seed)
    prices = ["open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "vwap"]
    share = np.arange(bars.height) / bars.height
    is_null = pl.Series((rng.uniform(size=bars.height) < 0.01) & (share > 0.5))
    contract = np.select([share < 0.63, share < 0.85], ["ESH24", "ESM24"], default="ESU24")
    return bars.with_columns(
        pl.when(is_null).then(None).otherwise(pl.col(name)).alias(name) for name in prices
    ).with_columns(contract=pl.Series(contract))


def cuts_of(bars: pl.DataFrame, *, session: date, count: int, seed: int) -> list[datetime]:
    """Draw starts of a session's bars to cut at, in order."""
    starts = bars.filter(pl.col("session") == session)["bar_start"].to_list()
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(np.array(starts[:-1]), size=count, replace=False).tolist())


def _starts(n_sessions: int, n_bars: int) -> pl.Series:
    """Return the bar starts of sessions a day apart."""
    first = int(datetime(FIRST.year, FIRST.month, FIRST.day, 14, 30, tzinfo=UTC).timestamp())
    days = np.repeat(np.arange(n_sessions), n_bars) * 24 * 60
    minutes = days + np.tile(np.arange(n_bars), n_sessions)
    return pl.Series(first * 1_000_000_000 + minutes * NS_PER_MINUTE)
