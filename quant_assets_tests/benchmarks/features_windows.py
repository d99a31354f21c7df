"""Made bars of many symbols with the columns that are joined to them: what features read."""

from datetime import date

import numpy as np
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, Timeframe
from quant_assets_tests.benchmarks.features_pandas import LEVELS

TIMEFRAME = Timeframe.parse("1m")
SESSION = date(2024, 2, 6)

Windows = dict[str, pl.DataFrame]
_DAY = (SESSION - date(1970, 1, 1)).days
_COUNTED = ("imbalance_buy", "imbalance_sell", "stacked_buy", "stacked_sell")


def made_windows(count: int, n_bars: int, look_back: int, rng: np.random.Generator) -> Windows:
    """Return the bars of one session and of the look-back before it, by symbol."""
    return {f"S{n:03d}": _window(look_back, n_bars, rng) for n in range(count)}


def _window(look_back: int, n_bars: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return a symbol's bars: the look-back ends an hour before the session starts."""
    row = np.arange(look_back + n_bars) - look_back
    bar_start = _DAY * NS_PER_DAY + row * NS_PER_MINUTE - np.where(row < 0, NS_PER_HOUR, 0)
    days = np.where(row < 0, _DAY - 1, _DAY).astype(np.int32)
    bars = _bars(row.shape[0], rng)
    columns = bars | _joined(row, n_bars, bars["close"], rng)
    return pl.DataFrame(
        {
            "session": pl.Series(days).cast(pl.Date),
            "bar_start": pl.Series(bar_start).cast(UTC_NS),
            **{name: pl.Series(values, nan_to_null=True) for name, values in columns.items()},
        }
    )


def _bars(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the columns of bars: a walk; a tenth of them without a mean price."""
    close = _walk(n, rng)
    open_ = np.append(100.0, close[:-1])
    wicks = np.abs(rng.normal(0.0, 5e-5, (2, n)))
    buys, sells = rng.integers(1, 500, (2, n)).astype(np.float64)
    return {
        "open": open_,
        "high": np.maximum(open_, close) * (1.0 + wicks[0]),
        "low": np.minimum(open_, close) * (1.0 - wicks[1]),
        "close": close,
        "volume": buys + sells,
        "buy_volume": buys,
        "sell_volume": sells,
        "vwap": np.where(rng.random(n) < 0.9, (open_ + close) / 2.0, np.nan),
    }


def _joined(
    row: np.ndarray, n_bars: int, close: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return the columns of footprint, levels, calendar and reference."""
    n = row.shape[0]
    levels = {f"level_{name}": close * (1.0 + rng.normal(0.0, 1e-3, n)) for name in LEVELS}
    for name in ("level_opening_range_high", "level_opening_range_low"):
        levels[name][(row >= 0) & (row < 30)] = np.nan
    return {
        **{f"footprint_{one}": rng.integers(0, 4, n).astype(np.float64) for one in _COUNTED},
        "footprint_poc": close * (1.0 + rng.normal(0.0, 1e-5, n)),
        **levels,
        "level_atr": close * rng.uniform(1e-4, 2e-4, n),
        "minutes_since_open": row + 1.0,
        "minutes_to_close": n_bars - row - 1.0,
        "session_minutes": np.full(n, float(n_bars)),
        "days_to_expiry": np.full(n, 20.0),
        "reference_close": _walk(n, rng),
    }


def _walk(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random walk from 100 on, a hundredth of a percent a bar."""
    walk: np.ndarray = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-4, n)))
    return walk
