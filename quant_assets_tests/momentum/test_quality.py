"""The score of a day: bounds, monotony, and the factors at their stated points."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.momentum.quality import (
    Factors,
    clarity_factor,
    move_factor,
    quality_score,
    spread_factor,
    time_factor,
    volume_factor,
)

NAMES = [one.name for one in fields(Factors)]

shares = st.floats(0.0, 1.0)
factors = st.builds(Factors, **dict.fromkeys(NAMES, shares | st.none()))


@given(factors)
def test_a_score_lies_between_nought_and_one(one):
    """Also where factors are unknown."""
    assert 0.0 <= quality_score(one) <= 1.0


def test_the_best_day_scores_one_and_the_worst_nought():
    """An unknown factor counts as one half."""
    assert quality_score(Factors(**dict.fromkeys(NAMES, 1.0))) == pytest.approx(1.0)
    assert quality_score(Factors(**dict.fromkeys(NAMES, 0.0))) == 0.0
    assert quality_score(Factors()) == pytest.approx(0.5)


@given(factors, st.sampled_from(NAMES), shares, shares)
def test_a_score_never_falls_when_a_factor_rises(one, name, low, high):
    """And it rises where the factor truly does."""
    low, high = sorted((low, high))
    worse = quality_score(replace(one, **{name: low}))
    better = quality_score(replace(one, **{name: high}))
    assert worse <= better
    if high - low > 1e-6 and better < 1.0:
        assert worse < better


@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_a_larger_move_never_scores_less(one, other):
    """From 50 % on it is full."""
    low, high = sorted((one, other))
    assert 0.0 <= move_factor(low) <= move_factor(high) <= 1.0


@pytest.mark.parametrize(
    ("range_ratio", "score"),
    [(0.0, 0.0), (0.05, 0.3), (0.10, 0.6), (0.15, 0.7), (0.20, 0.8), (0.50, 1.0), (3.0, 1.0)],
)
def test_the_move_scores_at_its_stated_points(range_ratio, score):
    """Linear between them."""
    assert move_factor(range_ratio) == pytest.approx(score)


@pytest.mark.parametrize(
    ("volume_ratio", "score"),
    [(None, None), (0.0, 0.0), (0.5, 0.0), (1.0, 0.5), (2.0, 1.0), (5.0, 1.0), (10.0, 0.75)],
)
def test_two_to_five_times_the_volume_is_ideal(volume_ratio, score):
    """Linear in the logarithm; half again from 20 times on."""
    assert volume_factor(volume_ratio) == (pytest.approx(score) if score is not None else None)
    assert volume_factor(1000.0) == 0.5


@pytest.mark.parametrize(("bps", "score"), [(None, None), (0.0, None), (2.0, 1.0), (50.0, 0.0)])
def test_a_tight_spread_scores_full(bps, score):
    """Ten basis points are one half on the logarithmic scale."""
    assert spread_factor(bps) == score
    assert spread_factor(10.0) == pytest.approx(0.5)


def test_a_straight_day_is_clearer_than_nearly_all_random_days():
    """A flat or a short one has no clarity."""
    straight = 100.0 * np.exp(np.linspace(0.0, 0.1, 79))
    there_and_back = 100.0 * np.exp(0.01 * (np.arange(79) % 2))
    assert clarity_factor(straight) == pytest.approx(0.999)
    assert clarity_factor(there_and_back) < 0.01
    assert clarity_factor(np.full(79, 100.0)) is None
    assert clarity_factor(straight[:12]) is None
    assert clarity_factor(straight[:13]) is not None


def test_clarity_of_random_days_is_spread_evenly():
    """The share of random days below a random day is uniform: the stored table is right."""
    rng = np.random.default_rng(99)
    walks = np.exp(np.cumsum(rng.normal(0.0, 1e-3, (20_000, 78)), axis=1))
    found = [clarity_factor(np.append(1.0, walk)) for walk in walks]
    deciles = np.quantile(found, np.arange(0.1, 1.0, 0.1))
    np.testing.assert_allclose(deciles, np.arange(0.1, 1.0, 0.1), atol=0.03)


def test_moves_count_by_their_hour():
    """Only the share of movement in each hour matters, not its size."""
    weights = np.array([1.0, 0.5, 0.3])
    assert time_factor(np.array([-2.0, 0.0, 0.0]), weights) == 1.0
    assert time_factor(np.array([1.0, -1.0, 0.0]), weights) == pytest.approx(0.75)
    assert time_factor(np.zeros(3), weights) is None
