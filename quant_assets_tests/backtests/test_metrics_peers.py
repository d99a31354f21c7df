"""Metrics against independent libraries, on random sessions and trades."""

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # noqa: TID253

from quant_assets_tests.backtests.test_metrics import scores


def levels_of(seed: int, n: int, drift: float) -> tuple[list[float], np.ndarray]:
    """Return an equity of n sessions from 100 on, and its returns."""
    levels = 100.0 * np.cumprod(1.0 + np.random.default_rng(seed).normal(drift, 0.02, size=n))
    return levels.tolist(), np.diff(levels, prepend=100.0) / np.append(100.0, levels[:-1])


sessions = st.tuples(
    st.integers(0, 10**6), st.integers(5, 300), st.sampled_from([-0.002, 0.0, 0.003])
)


@settings(deadline=None, max_examples=60)
@given(sessions)
def test_metrics_of_returns_are_those_of_an_independent_library(drawn):
    """Return, growth, volatility, Sharpe, Sortino: all a year of 252 sessions."""
    levels, returns = levels_of(*drawn)
    made = scores(levels, [1.0])
    expected = {
        "total_return": empyrical.cum_returns_final(returns),
        "cagr": empyrical.cagr(returns, annualization=252),
        "volatility": empyrical.annual_volatility(returns, annualization=252),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=252),
    }
    if (returns < 0.0).any():
        expected["sortino"] = empyrical.sortino_ratio(returns, annualization=252)
    assert {name: made[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    assert made["skewness"] == pytest.approx(stats.skew(returns), rel=1e-9)
    assert made["kurtosis"] == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(sessions)
def test_drawdown_and_calmar_are_those_of_an_independent_library(drawn):
    """With one mark a session both see the same falls; the capital is the first peak."""
    levels, returns = levels_of(*drawn)
    made = scores(levels, [1.0], dips=False)
    deepest = empyrical.max_drawdown(returns)
    assert made["max_drawdown"] == pytest.approx(deepest, rel=1e-9, abs=1e-12)
    if deepest < 0.0:
        calmar = empyrical.calmar_ratio(returns, annualization=252)
        assert made["calmar"] == pytest.approx(calmar, rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e4, 1e4).filter(lambda net: abs(net) > 1e-3), min_size=3, max_size=80))
def test_metrics_of_trades_are_those_of_independent_libraries(nets):
    """Profit factor is Omega at 0, the hit rate a batting average against 0, SQN Student's t."""
    made = scores([101.0, 102.0], nets)
    drawn = np.array(nets)
    if (drawn < 0).any() and (drawn > 0).any():
        omega = empyrical.omega_ratio(drawn, risk_free=0.0, required_return=0.0, annualization=1)
        assert made["profit_factor"] == pytest.approx(omega, rel=1e-9)
    batting = empyrical.batting_average(drawn, np.zeros(drawn.size)).iloc[0]
    assert made["hit_rate"] == pytest.approx(batting)
    assert made["expectancy"] == pytest.approx(stats.tmean(drawn), rel=1e-9, abs=1e-9)
    if np.ptp(drawn) > 1e-3:
        student = stats.ttest_1samp(drawn, 0.0).statistic
        assert made["sqn"] == pytest.approx(student, rel=1e-6, abs=1e-9)
