"""The price walk: its size, and the weak edge in it."""

import numpy as np
import pytest

from quant_assets.synthetic.walk import WalkSpec, WalkState, first_state, walk_session

N_SECONDS = 20_000


def _spec(share):
    return WalkSpec(
        start_price=100.0,
        daily_volatility=0.02,
        gap_volatility=0.01,
        reversion_share=share,
        half_life_minutes=5.0,
    )


def _variance_ratio(share):
    """Return the variance of hourly moves as a share of what one-second moves would add up to."""
    spec, weights = _spec(share), np.ones(400_000)
    prices, _ = walk_session(np.random.default_rng(3), spec, first_state(spec), weights)
    return np.var(prices[3_600:] - prices[:-3_600]) / (3_600 * np.var(np.diff(prices)))


def test_a_walk_without_reversion_keeps_all_of_its_moves():
    """Variance grows with time."""
    assert _variance_ratio(0.0) == pytest.approx(1.0, abs=0.15)


def test_what_reverts_is_gone_after_many_half_lives():
    """An hour is twelve half-lives: of the reverting half little is left."""
    assert _variance_ratio(0.5) == pytest.approx(0.55, abs=0.12)


def test_a_session_moves_by_its_volatility():
    """The standard deviation over many sessions is the one asked for."""
    spec, state = _spec(0.0), WalkState(level=0.0, deviation=0.0)
    moves = []
    for seed in range(400):
        prices, _ = walk_session(np.random.default_rng(seed), spec, state, np.ones(500))
        moves.append(prices[-1] - prices[0])
    assert np.std(moves) == pytest.approx(0.02, rel=0.1)


def test_busy_seconds_move_more():
    """Variance goes with activity."""
    weights = np.concatenate([np.ones(N_SECONDS), np.full(N_SECONDS, 4.0)])
    spec = _spec(0.0)
    prices, _ = walk_session(np.random.default_rng(5), spec, first_state(spec), weights)
    moves = np.diff(prices)
    ratio = np.std(moves[N_SECONDS:]) / np.std(moves[:N_SECONDS])
    assert ratio == pytest.approx(2.0, rel=0.05)


def test_a_session_goes_on_where_the_last_one_ended():
    """But for the gap, the first price is the state's level and deviation."""
    spec = WalkSpec(100.0, 0.02, 0.0, 0.3, 5.0)
    rng = np.random.default_rng(9)
    first, state = walk_session(rng, spec, first_state(spec), np.ones(1_000))
    second, _ = walk_session(rng, spec, state, np.ones(1_000))
    assert first[0] == pytest.approx(np.log(100.0))
    assert second[0] == pytest.approx(first[-1], abs=1e-12)
    assert state.deviation != 0.0
