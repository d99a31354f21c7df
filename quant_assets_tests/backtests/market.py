"""Bars, predictions and instruments made for the tests."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from quant_assets.backtests.history import SymbolHistory
from quant_assets.market.columns import UTC_NS
from quant_assets.market.instruments import AssetClass, Instrument
from quant_assets.signals.build import model_signals
from quant_assets.signals.strategy import Strategy

BAR_NS = 900 * 10**9
FIRST = date(2024, 3, 4)


def first_ns(number: int) -> int:
    """Return the start of a session's first bar."""
    day = FIRST + timedelta(days=number)
    return int(datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC).timestamp()) * 10**9


def random_bars(
    rng: np.random.Generator,
    *,
    n_sessions: int = 4,
    n_bars: int = 20,
    contracts: bool = False,
    missing: float = 0.0,
) -> pl.DataFrame:
    """Return bars of a random walk on a grid of 0.25, some of them missing."""
    parts = []
    price = 400.0
    for number in range(n_sessions):
        steps = rng.integers(-6, 7, size=(n_bars, 4)) / 4.0
        opens = price + np.cumsum(steps[:, 0]) + steps[:, 1]
        closes = opens + steps[:, 2]
        price = float(max(closes[-1], 100.0))
        wick = np.abs(rng.integers(0, 8, size=(n_bars, 2))) / 4.0
        parts.append(
            pl.DataFrame(
                {
                    "session": [FIRST + timedelta(days=number)] * n_bars,
                    "bar_start": pl.Series(first_ns(number) + np.arange(n_bars) * BAR_NS).cast(
                        UTC_NS
                    ),
                    "contract": ["ESH24" if number < 2 or not contracts else "ESM24"] * n_bars,
                    "open": opens,
                    "high": np.maximum(opens, closes) + wick[:, 0],
                    "low": np.minimum(opens, closes) - wick[:, 1],
                    "close": closes,
                    "volume": rng.integers(0, 200, size=n_bars).astype(np.float64),
                }
            )
        )
    bars = pl.concat(parts)
    return bars.filter(pl.Series(rng.random(bars.height) >= missing))


def random_predictions(
    rng: np.random.Generator, bars: pl.DataFrame, *, first_oos: int = 0
) -> pl.DataFrame:
    """Return a probability for each bar; those before row `first_oos` are in sample."""
    row = np.arange(bars.height)
    return bars.select("session", "bar_start").with_columns(
        fold=pl.Series(np.where(row < first_oos, -2, 0), dtype=pl.Int16),
        proba=pl.Series(rng.random(bars.height)),
        side=pl.Series([1] * bars.height, dtype=pl.Int8),
        is_oos=pl.Series(row >= first_oos),
        model_version=pl.lit("ab" * 32),
    )


def histories_of(
    bars: dict[str, pl.DataFrame],
    told: dict[str, pl.DataFrame],
    plan: Strategy,
    **changes: dict[str, object],
) -> dict[str, SymbolHistory]:
    """Return histories with the signals that a strategy's predictions make.

    Each change names a field of SymbolHistory, and gives it by symbol.
    """
    return {
        name: SymbolHistory(
            bars[name],
            model_signals(told[name], plan.decision),
            **{field: given[name] for field, given in changes.items() if name in given},
        )
        for name in told
    }


def strategy(**changes: object) -> Strategy:
    """Return a strategy of both sides with barriers of about four ticks."""
    values: dict = {
        "name": "trial",
        "timeframe": "15m",
        "label": "return(5)",
        "exits": {"stop": 0.006, "target": 0.006, "horizon_bars": 5},
        "splits": {"n_folds": 3, "min_train_sessions": 2, "embargo_bars": 0},
        "decision": {"threshold": 0.6, "side": "both"},
        "execution": {"spread_ticks": 2.0, "fee_per_unit": 1.5},
        "capital": 100_000.0,
        "qty": 2.0,
    }
    return Strategy.parse(values | changes)


def instrument(symbol: str, **changes: object) -> Instrument:
    """Return a future."""
    values: dict = {
        "symbol": symbol,
        "asset_class": AssetClass.FUTURE,
        "calendar": "CME_EQUITY",
        "tick_size": 0.25,
        "pip_size": None,
        "multiplier": 50.0,
        "currency": "USD",
        "qty_scale": 1.0,
        "known": True,
    }
    return Instrument(**(values | changes))
