"""The leaderboard is believed by nobody without reason: luck rarely passes, an edge does."""

import statistics
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.backtests.engine import run_backtest
from quant_assets.backtests.history import SymbolHistory
from quant_assets.market.instruments import Instrument
from quant_assets.optimization.companions import count_companions
from quant_assets.optimization.leaderboard import build_leaderboard, rank_leaderboard
from quant_assets.optimization.overfitting import deflated_sharpe, expected_best_sharpe
from quant_assets.optimization.return_series import ReturnSeries
from quant_assets.optimization.trials import Trial
from quant_assets.signals.build import draw_sides, rule_signals
from quant_assets.signals.strategy import Strategy
from quant_assets_tests.backtests.market import instrument, random_bars
from quant_assets_tests.optimization.market import (
    N_SESSIONS,
    random_rules,
    trials_of,
    with_an_edge,
)
from quant_assets_tests.optimization.test_overfitting import trial

SHARPES = st.floats(-1.0, 1.0)


def test_the_best_of_500_random_rules_rarely_passes_and_an_edge_does():
    """20 seeds: at most 3 best ones above 0.95, mean PBO near 1/2; the edge is found each time."""
    best, overfitted, edges = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        returns = random_rules(rng, n_trials=500, n_sessions=N_SESSIONS)
        board = rank_leaderboard(build_leaderboard(trials_of(returns)))
        best.append(board["dsr"][0])
        overfitted.append(board["pbo"][0])
        if seed < 3:
            planted = with_an_edge(rng, returns, column=seed)
            first = rank_leaderboard(build_leaderboard(trials_of(planted))).row(0, named=True)
            edges.append((first["strategy"], first["dsr"] > 0.95, first["pbo"] < 0.05))
    assert sum(dsr > 0.95 for dsr in best) <= 3
    assert 0.4 <= statistics.fmean(overfitted) <= 0.6
    assert edges == [(f"s{seed + 1}", True, True) for seed in range(3)]


@given(st.lists(SHARPES, min_size=1, max_size=30), st.floats(-5.0, 0.0))
def test_no_losing_trial_ever_speaks_for_another(sharpes, loss):
    """Whatever was tried before, and however far it lies from the others: the bar rises."""
    bars = []
    for trials in (sharpes, [*sharpes, loss]):
        shown = deflated_sharpe(0.1, n_returns=50, trial_sharpes=[0.1, *trials])
        bars.append(shown)
    assert bars[1] < bars[0] or bars[0] < 1e-12


def test_the_variance_over_all_trials_would_let_a_loser_speak_for_others():
    """Why losers are counted and do not enter the variance: by the paper's the bar would fall."""
    wide = [0.3, -0.3] * 100
    before = expected_best_sharpe(n_trials=200, variance=statistics.variance(wide))
    after = expected_best_sharpe(n_trials=201, variance=statistics.variance([*wide, -0.01]))
    assert after < before


def test_equal_returns_count_once():
    """The same trial under another name, by a parameter that has no effect, is one."""
    rng = np.random.default_rng(1)
    returns = rng.normal(size=(100, 3))
    plain = build_leaderboard(trials_of(returns))
    doubled = build_leaderboard(trials_of(np.hstack([returns, returns])))
    assert doubled["n_trials"].unique().to_list() == [3]
    assert doubled["dsr"].to_list() == plain["dsr"].to_list() * 2
    assert doubled["pbo"].unique().to_list() == plain["pbo"].unique().to_list()


DAY = date(2024, 1, 1)


@st.composite
def crowds(draw):
    """Return trials on various symbols and spans, some of them with the same returns."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        first = draw(st.integers(0, 12))
        days = [DAY + timedelta(days=first + n) for n in range(draw(st.integers(1, 6)))]
        kept = draw(st.sampled_from([None, 0.0, 0.5]))
        series = {} if kept is None else {"series": ReturnSeries.of(days, [kept] * len(days))}
        symbols = tuple(sorted(draw(st.sets(st.sampled_from("ABC"), min_size=1))))
        span = {"first_session": days[0], "last_session": days[-1], "symbols": symbols}
        found.append(trial(number, draw(SHARPES), **span, **series))
    return found


@given(crowds())
def test_companions_are_those_that_share_a_symbol_and_sessions(trials):
    """As counted one by one."""
    for one, counted in zip(trials, count_companions(trials), strict=True):
        beside = [other for other in trials if one.shares_data_with(other)]
        assert counted.n_trials == len({b.series.packed or b.trial_id for b in beside})


def test_each_sweep_has_its_own_probability_of_overfitting():
    """A single trial has none, a small sweep says why, a trial may belong to two sweeps."""
    rng = np.random.default_rng(2)
    returns = random_rules(rng, n_trials=8, n_sessions=64)
    first = trials_of(returns[:, :4], sweep="first")
    second = trials_of(returns[:, 4:], sweep="second", first=5)
    short = trials_of(returns[:9, :2], sweep="short", first=9)
    alone = trials_of(returns[:, :1] + 0.001, sweep=None, first=11)
    board = build_leaderboard([*first, *second, *short, *alone])
    figures = dict(board.select("strategy", "pbo").rows())
    assert figures["s1"] == build_leaderboard(first)["pbo"][0]
    assert figures["s5"] == build_leaderboard(second)["pbo"][0]
    assert figures["s9"] is None
    assert figures["s11"] is None
    assert (
        board.filter(pl.col("sweep") == "short")["pbo_note"].to_list()
        == ["9 sessions in common, 16 are needed"] * 2
    )
    assert board.filter(pl.col("sweep").is_null())["pbo_note"].to_list() == [None]
    both = build_leaderboard(
        [*first, *second], sweeps={"first": {one.trial_id for one in [*first, *second]}}
    )
    everything = trials_of(returns, sweep="first")
    assert both["pbo"][0] == build_leaderboard(everything)["pbo"][0]


def test_the_ladder_stands_beside_a_trial():
    """Levels that were not run are null; its own level is its own Sharpe ratio."""
    ladder = {"ideal": {"sharpe": 2.0}, "full": {"sharpe": None}}
    row = build_leaderboard([trial(1, 0.1, ladder=ladder)]).row(0, named=True)
    assert row["sharpe_ideal"] == 2.0
    assert row["sharpe_spread"] == row["sharpe"]
    assert (row["sharpe_latency"], row["sharpe_full"]) == (None, None)


@pytest.mark.parametrize("by", ["pbo", "min_track", "n_trials"])
def test_where_less_is_better_the_lowest_stands_first(by):
    """Nulls stay last."""
    board = build_leaderboard([trial(1, 0.3), trial(2, 0.1), trial(3, None)])
    ranked = rank_leaderboard(board.with_columns(pl.Series("pbo", [0.1, 0.4, None])), by=by)
    assert ranked["strategy"].to_list() == ["s1", "s2", "s3"]


def test_a_drawdown_nearer_to_zero_is_the_better_one():
    """Drawdowns are negative."""
    board = build_leaderboard([trial(1, 0.3), trial(2, 0.1)])
    deep = board.with_columns(pl.Series("max_drawdown", [-0.5, -0.1]))
    assert rank_leaderboard(deep, by="max_drawdown")["strategy"].to_list() == ["s2", "s1"]


def test_random_strategies_through_the_engine_are_seen_for_what_they_are():
    """One market, 500 seeds of the random rule, fills at the mid: nothing passes."""
    bars = random_bars(np.random.default_rng(5), n_sessions=32, n_bars=8)
    instruments = {"ES": instrument("ES")}
    trials = [_random_trial(bars, instruments, seed) for seed in range(500)]
    best = rank_leaderboard(build_leaderboard(trials)).row(0, named=True)
    assert best["n_trials"] == 500
    assert best["dsr"] < 0.95
    assert 0.1 < best["pbo"] < 0.9


def _random_trial(bars: pl.DataFrame, instruments: dict[str, Instrument], seed: int) -> Trial:
    """Return the trial of a random rule, by the real engine."""
    rule = Strategy.parse(
        {
            "name": "luck",
            "timeframe": "15m",
            "signal": {"kind": "random", "chance": 0.3, "seed": seed},
            "exits": {"horizon_bars": 3},
            "execution": {"realism": "ideal"},
            "capital": 1e5,
            "qty": 10,
        }
    )
    signals = rule_signals(bars, draw_sides(bars, rule.signal))
    history = {"ES": SymbolHistory(bars, signals)}
    result = run_backtest(history, rule, instruments)
    return Trial.from_result(
        result,
        strategy=rule,
        symbols=("ES",),
        data_versions={},
        code_version="c" * 64,
        model_version=None,
        sweep="luck",
    )
