"""Metrics against formulas written out by hand."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats  # noqa: TID253

from quant_assets.backtests.metrics import (
    METRIC_NAMES,
    score_backtest,
    session_returns,
    sharpe_ratio,
)


def equity_of(levels: list[float], *, capital: float = 100.0, dips: bool = True) -> pl.DataFrame:
    """Return two rows a session, the second at the given level, the first below it if it dips."""
    days = [date(2024, 3, 4) + timedelta(days=n) for n in range(len(levels))]
    stamps, values = [], []
    for day, level in zip(days, levels, strict=True):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        stamps += [midnight + timedelta(hours=10), midnight + timedelta(hours=16)]
        values += [level - 50.0 * dips, level]
    peak = np.maximum.accumulate(np.maximum(values, capital))
    twice = [day for day in days for _ in range(2)]
    return pl.DataFrame(
        {"session": twice, "ts": stamps, "equity": values, "drawdown": np.array(values) / peak - 1}
    )


def trades_of(nets: list[float]) -> pl.DataFrame:
    """Return trades at 10 for 11 in two units, with given nets."""
    costs = ("spread_cost", "fees", "latency_cost", "slippage")
    return pl.DataFrame({"net": nets}, schema={"net": pl.Float64}).with_columns(
        pl.lit("X").alias("symbol"),
        (pl.col("net") + 2.0).alias("gross"),
        pl.lit(2.0).alias("qty"),
        pl.lit(10.0).alias("entry_price"),
        pl.lit(11.0).alias("exit_price"),
        *(pl.lit(0.5).alias(name) for name in costs),
    )


def scores(
    levels: list[float],
    nets: list[float],
    exposed: list[bool] | None = None,
    *,
    dips: bool = True,
) -> dict:
    """Score with a capital of 100, a multiplier of 5 and 252 sessions a year."""
    return score_backtest(
        trades_of(nets),
        equity_of(levels, dips=dips),
        capital=100.0,
        exposed=np.array(exposed or []),
        multipliers={"X": 5.0},
        sessions_per_year=252.0,
    )


def test_returns_are_of_each_sessions_last_equity():
    """What happened within a session is no return, and the first is of the capital."""
    made = session_returns(equity_of([110.0, 99.0]), capital=100.0)
    assert made.tolist() == pytest.approx([0.1, -0.1])


def test_metrics_of_returns_are_the_published_ones():
    """Sharpe, Sortino, volatility, growth and shape by their formulas, written out again."""
    levels = [101.0, 103.0, 102.0, 105.0, 104.0, 108.0]
    r = np.diff([100.0, *levels]) / np.array([100.0, *levels[:-1]])
    made = scores(levels, [1.0])
    assert made["total_return"] == pytest.approx(0.08)
    assert made["cagr"] == pytest.approx(1.08 ** (252 / 6) - 1)
    assert made["volatility"] == pytest.approx(r.std(ddof=1) * 252**0.5)
    assert made["sharpe"] == pytest.approx(r.mean() / r.std(ddof=1) * 252**0.5)
    downside = np.sqrt((np.minimum(r, 0) ** 2).mean())
    assert made["sortino"] == pytest.approx(r.mean() / downside * 252**0.5)
    assert made["skewness"] == pytest.approx(stats.skew(r))
    assert made["kurtosis"] == pytest.approx(stats.kurtosis(r, fisher=False))
    assert made["max_drawdown"] == pytest.approx(52.0 / 103.0 - 1)
    assert made["calmar"] == pytest.approx(made["cagr"] / (1 - 52 / 103))


def test_metrics_of_trades_are_the_published_ones():
    """Hit rate, profit factor, expectancy, quality number, turnover, exposure."""
    nets = [3.0, -1.0, 4.0, -2.0]
    made = scores([102.0, 104.0], nets, [True, True, True, False])
    assert made["hit_rate"] == 0.5
    assert made["profit_factor"] == pytest.approx(7 / 3)
    assert made["expectancy"] == 1.0
    assert made["sqn"] == pytest.approx(2.0 * 1.0 / np.std(nets, ddof=1))
    assert made["turnover"] == pytest.approx(4 * 2 * 5 * 21 / np.mean([52, 102, 54, 104]))
    assert made["exposure"] == 0.75
    assert (made["net"], made["gross"], made["fees"]) == (4.0, 12.0, 2.0)


def test_what_is_not_defined_is_none_and_never_a_number():
    """No trades, no variation and no losses leave their metrics empty; all names are there."""
    made = scores([100.0, 100.0], [])
    assert tuple(made) == METRIC_NAMES
    for name in ("sharpe", "sortino", "hit_rate", "profit_factor", "expectancy", "sqn"):
        assert made[name] is None
    assert made["n_trades"] == 0.0
    assert made["turnover"] == 0.0
    assert sharpe_ratio(np.array([0.1]), periods_per_year=252) is None
    assert sharpe_ratio(np.full(9, 0.1), periods_per_year=252) is None


def test_after_ruin_there_are_no_returns():
    """An equity at or below zero has no ratio to grow by."""
    made = session_returns(equity_of([-10.0, 20.0, 40.0]), capital=100.0)
    assert made.tolist() == pytest.approx([-1.1, 0.0, 0.0])
