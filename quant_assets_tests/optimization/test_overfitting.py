"""Overfitting statistics: published figures, simulations, and the leaderboard's rows."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy import stats  # noqa: TID253

from quant_assets.backtests.metrics import METRIC_NAMES
from quant_assets.market.errors import StrategyError
from quant_assets.optimization.leaderboard import build_leaderboard, rank_leaderboard
from quant_assets.optimization.overfitting import (
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from quant_assets.optimization.trials import Trial, trial_identity, trials_frame
from quant_assets_tests.backtests.market import strategy

MAY_DAY = date(2024, 5, 1)
JUNE = date(2024, 6, 1)


def test_the_published_example_of_the_deflated_sharpe_ratio():
    """Bailey and Lopez de Prado 2014: 2.5 a year, 1250 days, 100 trials, variance 1/2: 0.9004."""
    best = expected_best_sharpe(n_trials=100, variance=0.5 / 250)
    assert best == pytest.approx(0.1132, abs=5e-5)
    psr = probabilistic_sharpe(
        2.5 / math.sqrt(250), n_returns=1250, skewness=-3.0, kurtosis=10.0, benchmark=best
    )
    assert psr == pytest.approx(0.9004, abs=5e-5)


def test_the_published_example_of_the_minimum_track_record():
    """Bailey and Lopez de Prado 2012: annual Sharpe 2 of normal daily returns needs 2.73 years."""
    days = minimum_track_record(2.0 / math.sqrt(250), benchmark=1.0 / math.sqrt(250))
    assert days / 250 == pytest.approx(2.73, abs=0.01)


def test_track_record_and_probability_are_inverse():
    """With just the minimum length the probability is the confidence."""
    shape = {"skewness": -1.0, "kurtosis": 6.0}
    length = minimum_track_record(0.1, **shape, confidence=0.95)
    exact = probabilistic_sharpe(0.1, n_returns=round(length), **shape)
    assert exact == pytest.approx(0.95, abs=1e-3)
    assert minimum_track_record(-0.1, **shape) is None


def test_the_probability_is_uniform_for_worthless_strategies():
    """Over many samples without an edge the probabilistic Sharpe ratio is spread evenly."""
    rng = np.random.default_rng(3)
    returns = rng.normal(size=(2000, 250))
    sharpes = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
    shown = [probabilistic_sharpe(float(s), n_returns=250) for s in sharpes]
    assert stats.kstest(shown, "uniform").pvalue > 0.01


def test_the_best_of_many_worthless_trials_is_what_was_expected():
    """The expected maximum is within 2 % of a simulation of 200 trials."""
    rng = np.random.default_rng(4)
    best = rng.normal(size=(4000, 200)).max(axis=1).mean()
    assert expected_best_sharpe(n_trials=200, variance=1.0) == pytest.approx(best, rel=0.02)


def test_the_best_of_random_strategies_rarely_passes():
    """Of 20 sweeps over 500 worthless strategies at most 3 best ones exceed 0.95."""
    passed = 0
    for seed in range(20):
        returns = np.random.default_rng(seed).normal(size=(500, 250))
        sharpes = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        best = deflated_sharpe(float(sharpes.max()), n_returns=250, trial_sharpes=sharpes.tolist())
        passed += best > 0.95
    assert passed <= 3


def trial(number: int, sharpe: float | None, **changes: object) -> Trial:
    """Return a completed trial over 100 sessions of ES."""
    metrics = dict.fromkeys(METRIC_NAMES, 0.0) | {
        "sharpe_per_session": sharpe,
        "sharpe": None if sharpe is None else sharpe * math.sqrt(252),
        "n_sessions": 100.0,
        "kurtosis": 3.0,
    }
    values: dict = {
        "trial_id": f"{number:064x}",
        "strategy": f"s{number}",
        "config": {"name": f"s{number}"},
        "data_hash": "d" * 64,
        "code_version": "c" * 64,
        "metrics": metrics,
        "realism": "spread",
        "symbols": ("ES",),
        "first_session": date(2024, 1, 1),
        "last_session": MAY_DAY,
        "model_version": "e" * 64,
    }
    return Trial(**(values | changes))


def dsr_of(trials: list[Trial], number: int = 1) -> float:
    """Return the deflated Sharpe ratio of one trial among others."""
    board = build_leaderboard(trials)
    return board.filter(pl.col("trial_id") == f"{number:064x}")["dsr"][0]


def test_a_losing_trial_lowers_the_deflated_sharpe_of_the_others():
    """What was tried and thrown away counts."""
    alone = dsr_of([trial(1, 0.2)])
    beside = dsr_of([trial(1, 0.2), trial(2, -0.1)])
    many = dsr_of([trial(1, 0.2), trial(2, -0.1), trial(3, None), trial(4, 0.05)])
    assert alone > beside > many


@pytest.mark.parametrize(
    ("change", "n_trials"),
    [
        pytest.param({"symbols": ("GC", "ES")}, 2, id="a_symbol_shared"),
        pytest.param({"symbols": ("GC",)}, 1, id="no_symbol_shared"),
        pytest.param({"first_session": MAY_DAY, "last_session": JUNE}, 2, id="one_day_shared"),
        pytest.param({"first_session": date(2024, 5, 2), "last_session": JUNE}, 1, id="later"),
        pytest.param({"state": "failed"}, 1, id="failed"),
    ],
)
def test_trials_count_on_data_they_share(change, n_trials):
    """On that data means: a symbol in common, and test sessions that overlap."""
    board = build_leaderboard([trial(1, 0.2), trial(2, 0.1, **change)])
    assert board["n_trials"][0] == n_trials


def test_the_same_trial_twice_counts_once():
    """A trial is its content."""
    assert build_leaderboard([trial(1, 0.2), trial(1, 0.2)])["n_trials"].to_list() == [1]


def test_a_trial_without_a_sharpe_ratio_is_listed_last():
    """A strategy that never traded has no figures, and is not hidden."""
    board = build_leaderboard([trial(1, None), trial(2, 0.1), trial(3, 0.3)], stale={f"{3:064x}"})
    ranked = rank_leaderboard(board)
    assert ranked["strategy"].to_list() == ["s3", "s2", "s1"]
    assert ranked["dsr"].is_null().to_list() == [False, False, True]
    assert ranked["is_stale"].to_list() == [True, False, False]
    assert ranked["pbo"].null_count() == 3
    assert build_leaderboard([]).height == 0


def test_a_trial_survives_the_state_database():
    """Row and back is the same trial, and its table holds its metrics."""
    one = trial(1, 0.2, quality_share=0.9)
    assert Trial.from_row(one.to_row()) == one
    frame = trials_frame([trial(2, None), one])
    assert frame["trial_id"].to_list() == [f"{1:064x}", f"{2:064x}"]
    assert frame["metrics"].struct.field("sharpe_per_session").to_list() == [0.2, None]
    with pytest.raises(StrategyError, match="symbols"):
        Trial.from_row(one.to_row() | {"details": {}})


def test_a_trial_is_configuration_data_and_code():
    """Each of the three makes another trial, a new name does not."""
    base = {"data_versions": {"bars": "1"}, "code_version": "c"}
    first = trial_identity(strategy(), **base)
    assert trial_identity(strategy(name="renamed"), **base) == first
    others = [
        trial_identity(strategy(qty=3.0), **base),
        trial_identity(strategy(), **(base | {"code_version": "d"})),
        trial_identity(strategy(), **(base | {"data_versions": {"bars": "2"}})),
    ]
    assert len({first, *others}) == 4
