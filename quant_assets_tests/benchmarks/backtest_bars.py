"""Bars and rules that the benchmarks of the backtest share."""

from datetime import date

import numpy as np
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.instruments import AssetClass, Instrument
from quant_assets.signals.strategy import Strategy

_BAR_NS = 60 * 10**9
_A_DAY = 1440


def walk_of_minutes(count: int, seed: int) -> pl.DataFrame:
    """Return minutes of a currency: a random walk in ticks around 1.2, which never closes."""
    rng = np.random.default_rng(seed)
    ticks = 120_000 + np.cumsum(rng.integers(-8, 9, size=count))
    opens = np.append(ticks[0], ticks[:-1])
    high = np.maximum(opens, ticks) + rng.integers(0, 4, size=count)
    low = np.minimum(opens, ticks) - rng.integers(0, 4, size=count)
    days = pl.Series(np.arange(count) // _A_DAY)
    return pl.DataFrame(
        {
            "bar_start": pl.Series(np.arange(count) * _BAR_NS).cast(UTC_NS),
            **{
                name: values / 100_000.0
                for name, values in zip(
                    ("open", "high", "low", "close"), (opens, high, low, ticks), strict=True
                )
            },
            "volume": np.ones(count),
        }
    ).with_columns(session=pl.lit(date(1970, 1, 1)) + pl.duration(days=days))


def pair() -> Instrument:
    """Return the currency."""
    return Instrument(
        symbol="EURUSD",
        asset_class=AssetClass.FX,
        calendar="FX",
        tick_size=0.00001,
        pip_size=0.0001,
        multiplier=1.0,
        currency="USD",
        qty_scale=1.0,
        known=True,
    )


def cross(fast: int, slow: int, **changes: object) -> Strategy:
    """Return a cross of means that is always in the market, at no cost."""
    values: dict = {
        "name": "cross",
        "timeframe": "1m",
        "signal": {"kind": "sma_cross", "fast": fast, "slow": slow},
        "exits": {"on_signal": True},
        "execution": {"realism": "ideal"},
        "capital": 1_000_000.0,
        "qty": 10_000.0,
    }
    return Strategy.parse(values | changes)
