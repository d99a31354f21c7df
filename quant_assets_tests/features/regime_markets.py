"""Seeded bars whose regimes are planted: their volatility and drift change by a known label."""

from datetime import date

import numpy as np
import polars as pl

from quant_assets_tests.features.markets import random_bars, session_of

VOLATILITIES = (2e-4, 8e-4, 3e-3)
"""Deviation of a bar's log return in each planted regime, 0 the calmest."""


def planted(n_sessions: int, n_bars: int, *, seed: int, stay: int = 60) -> pl.DataFrame:
    """Return bars of a walk whose volatility jumps among three, with the column `planted`.

    Parameters
    ----------
    stay
        Bars for which a regime lasts; the next one is another, drawn at random.
    """
    rng = np.random.default_rng(seed)
    n = n_sessions * n_bars
    labels = np.empty(n, dtype=np.int64)
    now = 0
    for first in range(0, n, stay):
        labels[first : first + stay] = now
        now = (now + int(rng.integers(1, 3))) % 3
    returns = rng.normal(0.0, 1.0, n) * np.array(VOLATILITIES)[labels]
    close = 100.0 * np.exp(np.cumsum(returns))
    volume = rng.integers(50, 150, n).astype(np.float64) * (1.0 + labels)
    return random_bars(n_sessions, n_bars, seed=seed).with_columns(
        close=pl.Series(close), volume=pl.Series(volume), planted=pl.Series(labels)
    )


def calendar(n_sessions: int) -> list[date]:
    """Return the sessions of the markets, ascending."""
    return [session_of(number) for number in range(n_sessions)]


SETTLED = pl.col("planted").rolling_max(21) == pl.col("planted").rolling_min(21)
"""Bars in the same planted regime as the 20 before them."""
