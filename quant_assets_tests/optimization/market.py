"""Trials of invented strategies for the tests: random rules, and one that sees the market."""

from datetime import date

import numpy as np

from quant_assets.backtests.metrics import METRIC_NAMES
from quant_assets.optimization.return_series import ReturnSeries
from quant_assets.optimization.trials import Trial

FIRST = date(2023, 1, 2)
N_SESSIONS = 256


def random_rules(rng: np.random.Generator, *, n_trials: int, n_sessions: int) -> np.ndarray:
    """Return the session returns of rules that hold a random side of one random walk a session."""
    market = rng.normal(scale=0.01, size=(n_sessions, 1))
    sides = rng.integers(-1, 2, size=(n_sessions, n_trials))
    return sides * market


def with_an_edge(rng: np.random.Generator, returns: np.ndarray, *, column: int) -> np.ndarray:
    """Return the same, one of the rules having the right side in three sessions of four."""
    planted = returns.copy()
    size = np.abs(returns).max(axis=1)
    planted[:, column] = np.where(rng.random(len(returns)) < 3 / 4, size, -size)
    return planted


def trials_of(returns: np.ndarray, *, sweep: str | None = "sweep", first: int = 1) -> list[Trial]:
    """Return a completed trial a column, of ES."""
    days = np.datetime64(FIRST) + np.arange(len(returns))
    return [
        trial_of(number, days, column, sweep=sweep)
        for number, column in enumerate(returns.T, first)
    ]


def trial_of(number: int, days: np.ndarray, returns: np.ndarray, *, sweep: str | None) -> Trial:
    """Return a completed trial with its metrics, by plain formulas."""
    mean, deviation = returns.mean(), returns.std()
    centred = returns - mean
    varies = deviation > 0.0
    sharpe = float(mean / returns.std(ddof=1)) if varies else None
    metrics = dict.fromkeys(METRIC_NAMES, 0.0) | {
        "sharpe": sharpe,
        "sharpe_per_session": sharpe,
        "n_sessions": float(len(returns)),
        "skewness": float((centred**3).mean() / deviation**3) if varies else None,
        "kurtosis": float((centred**4).mean() / deviation**4) if varies else None,
    }
    return Trial(
        trial_id=f"{number:064x}",
        strategy=f"s{number}",
        config={"name": f"s{number}"},
        data_hash="d" * 64,
        code_version="c" * 64,
        metrics=metrics,
        realism="spread",
        symbols=("ES",),
        first_session=days[0].item(),
        last_session=days[-1].item(),
        sweep=sweep,
        series=ReturnSeries.of(days, returns),
    )
