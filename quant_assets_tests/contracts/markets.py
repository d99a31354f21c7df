"""Bars, order flow and levels of random sessions, in the columns of their tables."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from quant_assets.bars.footprint_schema import FOOTPRINT, FOOTPRINT_BARS
from quant_assets.bars.schema import BARS
from quant_assets.levels.schema import LEVEL_NAMES, LEVELS
from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import NS_PER_MINUTE, Timeframe

NEXT_START_NS = 1_381_269_600_000_000_000
"""Start of the next session, which bars of minutes do not ask for."""

MINUTE = Timeframe.parse("1m")


def session_bars(
    session: date, n_bars: int, *, seed: int, contract: str | None = "GCZ13"
) -> pl.DataFrame:
    """Return minutes of a random walk from 14:30 UTC on, some of them missing."""
    rng = np.random.default_rng([seed, session.toordinal()])
    start = int(datetime(session.year, session.month, session.day, 14, 30, tzinfo=UTC).timestamp())
    at = np.sort(rng.choice(2 * n_bars, n_bars, replace=False))
    opens, closes = 1300.0 + rng.integers(-80, 80, (2, n_bars)) / 10.0
    frame = pl.DataFrame(
        {
            "session": [session] * n_bars,
            "bar_start": pl.Series(start * 10**9 + at * NS_PER_MINUTE).cast(UTC_NS),
            "contract": pl.Series([contract] * n_bars, dtype=pl.String),
            "open": opens,
            "high": np.maximum(opens, closes) + rng.integers(0, 5, n_bars) / 10.0,
            "low": np.minimum(opens, closes) - rng.integers(0, 5, n_bars) / 10.0,
            "close": closes,
            "volume": rng.integers(1, 90, n_bars).astype(float),
        }
    )
    empty = BARS.empty()
    return pl.concat([empty, frame], how="diagonal").select(empty.columns)


def order_flow_of(bars: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Return footprint bars of some bars."""
    rng = np.random.default_rng([seed, 1])
    frame = bars.select("session", "bar_start", "open", "high", "low", "close", "volume")
    columns = {
        name: pl.Series(_drawn(rng, dtype, bars.height), dtype=dtype)
        for name, dtype in FOOTPRINT_BARS.empty().schema.items()
        if name not in frame.columns
    }
    return frame.with_columns(**columns).select(FOOTPRINT_BARS.schema.column_names())


def levels_of(bars: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Return levels of some bars, every third null."""
    rng = np.random.default_rng([seed, 2])
    frame = bars.select("session", "bar_start", known_at=pl.col("bar_start"))
    names = ["atr", *(f"{n}{end}" for n in LEVEL_NAMES for end in ("", "_dist_ticks", "_dist_atr"))]
    columns = {
        name: pl.Series(
            np.where(rng.random(bars.height) < 0.3, np.nan, rng.normal(1300.0, 5.0, bars.height)),
            nan_to_null=True,
        )
        for name in names
    }
    return frame.with_columns(**columns).select(LEVELS.schema.column_names())


def footprint_of(bars: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Return the footprint of some bars, a few prices each; every fifth bar has none."""
    rng = np.random.default_rng([seed, 3])
    rows = []
    for number, (session, start, low) in enumerate(
        bars.select("session", "bar_start", "low").iter_rows()
    ):
        for step in range(int(rng.integers(1, 5)) if number % 5 else 0):
            bid, ask = (float(v) for v in rng.integers(0, 9, 2))
            rows.append((session, start, low + step / 10.0, bid, ask, 1.0, ask - bid, 3))
    schema = FOOTPRINT.empty().schema
    # Rows pass through datetime, which has no nanoseconds; starts of minutes have none either.
    return pl.DataFrame(rows, schema=dict(schema), orient="row")


def _drawn(rng: np.random.Generator, dtype: pl.DataType, n: int) -> np.ndarray:
    """Draw a column of a type."""
    if dtype == pl.Boolean:
        return rng.random(n) < 0.5
    if dtype.is_integer():
        return rng.integers(0, 9, n)
    if dtype == UTC_NS:
        return rng.integers(0, 10**18, n)
    return rng.integers(-90, 90, n).astype(float)
