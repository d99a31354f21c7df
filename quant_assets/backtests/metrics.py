"""Metrics of a backtest by published formulas; None where one is not defined."""

import math
from collections.abc import Mapping

import numpy as np
import polars as pl

METRIC_NAMES = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "hit_rate",
    "profit_factor",
    "expectancy",
    "sqn",
    "turnover",
    "exposure",
    "n_trades",
    "n_sessions",
    "gross",
    "spread_cost",
    "fees",
    "latency_cost",
    "slippage",
    "net",
    "sharpe_per_session",
    "skewness",
    "kurtosis",
)
"""All metrics, in the order pages show them."""


def score_backtest(
    trades: pl.DataFrame,
    equity: pl.DataFrame,
    *,
    capital: float,
    exposed: np.ndarray,
    multipliers: Mapping[str, float],
    sessions_per_year: float,
) -> dict[str, float | None]:
    """Return all of `METRIC_NAMES`.

    Parameters
    ----------
    exposed : bool array of shape (n_equity_rows,)
        Whether anything was held at the end of each bar.
    multipliers
        By symbol; a trade's value is price x qty x multiplier.
    sessions_per_year
        Turns figures a session into figures a year.
    """
    returns = session_returns(equity, capital=capital)
    scores = _of_returns(returns, sessions_per_year) | _of_trades(trades)
    drawdown = float(equity["drawdown"].min() or 0.0) if equity.height else 0.0  # type: ignore[arg-type]
    cagr = scores["cagr"]
    scores["max_drawdown"] = drawdown
    scores["calmar"] = cagr / -drawdown if cagr is not None and drawdown < 0.0 else None
    scores["turnover"] = _turnover(trades, equity, multipliers)
    scores["exposure"] = float(exposed.mean()) if exposed.size else 0.0
    return {name: scores[name] for name in METRIC_NAMES}


def session_returns(equity: pl.DataFrame, *, capital: float) -> np.ndarray:
    """Return each session's simple return of the equity at its end; the first is of the capital.

    After an equity at or below zero returns are not defined and taken as 0.
    """
    levels = equity["equity"].to_numpy()[session_ends(equity["session"])]
    return returns_of_levels(levels, capital=capital)


def session_ends(sessions: pl.Series) -> np.ndarray:
    """Return the last row of each session, by the sessions' first rows; int64 of shape (n,)."""
    days = sessions.cast(pl.Int32).to_numpy()
    changes = np.diff(days)
    if (changes >= 0).all():
        return np.append(np.flatnonzero(changes), len(days) - 1) if len(days) else changes
    # Of markets whose sessions begin at different hours, one's may come back after another's.
    _, first = np.unique(days, return_index=True)
    _, behind = np.unique(days[::-1], return_index=True)
    return (len(days) - 1 - behind)[np.argsort(first)]


def returns_of_levels(levels: np.ndarray, *, capital: float) -> np.ndarray:
    """Return the simple returns of an equity's levels along the last axis; first of the capital.

    After an equity at or below zero returns are not defined and taken as 0.
    """
    first = np.full((*levels.shape[:-1], 1), capital)
    before = np.concatenate([first, levels[..., :-1]], axis=-1)
    alive = np.minimum.accumulate(before, axis=-1) > 0.0
    return np.where(alive, levels / np.where(alive, before, 1.0) - 1.0, 0.0)


def sharpe_ratio(returns: np.ndarray, *, periods_per_year: float) -> float | None:
    """Return mean over standard deviation (n - 1) of the returns, times the root of the periods.

    Sharpe, The Sharpe Ratio, Journal of Portfolio Management 21, 1994; the risk-free rate is 0.
    None below two returns, or where they do not vary.
    """
    if returns.size < 2:
        return None
    deviation = float(np.std(returns, ddof=1))
    if deviation <= 1e-12 * max(1.0, float(np.abs(returns).max())):
        return None
    return float(np.mean(returns)) / deviation * math.sqrt(periods_per_year)


def _of_returns(returns: np.ndarray, periods: float) -> dict[str, float | None]:
    """Return the metrics of the session returns."""
    growth = float(np.prod(1.0 + returns))
    n = returns.size
    varies = sharpe_ratio(returns, periods_per_year=1.0) is not None
    # Downside deviation about 0 over all periods: Sortino and Price, Journal of Investing 3, 1994.
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2))) if n else 0.0
    mean = float(np.mean(returns)) if n else 0.0
    centred = returns - mean
    spread = float(np.mean(centred**2)) if n else 0.0
    return {
        "total_return": growth - 1.0,
        "cagr": growth ** (periods / n) - 1.0 if n and growth > 0.0 and n >= 2 else None,
        "volatility": float(np.std(returns, ddof=1)) * math.sqrt(periods) if n > 1 else None,
        "sharpe": sharpe_ratio(returns, periods_per_year=periods),
        "sortino": mean / downside * math.sqrt(periods) if downside > 0.0 else None,
        "n_sessions": float(n),
        "sharpe_per_session": sharpe_ratio(returns, periods_per_year=1.0),
        "skewness": float(np.mean(centred**3)) / spread**1.5 if varies else None,
        "kurtosis": float(np.mean(centred**4)) / spread**2 if varies else None,
    }


def _of_trades(trades: pl.DataFrame) -> dict[str, float | None]:
    """Return the metrics of the closed trades."""
    net = trades["net"].to_numpy()
    n = net.size
    won, lost = float(net[net > 0.0].sum()), float(-net[net < 0.0].sum())
    deviation = float(np.std(net, ddof=1)) if n > 1 else 0.0
    costs = ("gross", "spread_cost", "fees", "latency_cost", "slippage", "net")
    return {
        "hit_rate": float(np.mean(net > 0.0)) if n else None,
        "profit_factor": won / lost if lost > 0.0 else None,
        "expectancy": float(np.mean(net)) if n else None,
        # System quality number: Tharp, The Definitive Guide to Position Sizing, 2008.
        "sqn": math.sqrt(n) * float(np.mean(net)) / deviation if deviation > 0.0 else None,
        "n_trades": float(n),
        **{name: math.fsum(trades[name].to_list()) for name in costs},
    }


def _turnover(
    trades: pl.DataFrame, equity: pl.DataFrame, multipliers: Mapping[str, float]
) -> float | None:
    """Return the value bought and sold over the mean equity; None where that is not above 0."""
    sizes = [multipliers[symbol] for symbol in trades["symbol"].to_list()]
    units = pl.Series(sizes, dtype=pl.Float64) * trades["qty"]
    traded = (units * (trades["entry_price"] + trades["exit_price"])).sum()
    mean = float(np.mean(equity["equity"].to_numpy())) if equity.height else 0.0
    return float(traded) / mean if mean > 0.0 else None
