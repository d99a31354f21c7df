"""Tick sizes are found again from prices that were made on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.tick_size import infer_tick_size

STEPS = [1, 0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001, 1e-4, 5e-5, 1e-5, 1e-6, 1e-8, 1e-9]


def prices_on(step: float, *, seed: int = 7, n: int = 5_000) -> np.ndarray:
    """Random prices that are whole multiples of a step."""
    return np.random.default_rng(seed).integers(1_000, 9_000, n) * step


@pytest.mark.parametrize("step", STEPS)
def test_the_step_that_made_the_prices_is_found(step):
    """The largest step that fits is the one that the prices were made on."""
    assert infer_tick_size(prices_on(step)) == pytest.approx(step, rel=1e-12)


@given(st.sampled_from(STEPS), st.integers(0, 2**32 - 1))
def test_neither_order_nor_sign_nor_repetition_matters(step, seed):
    """The step depends on which prices there are, not on how they come."""
    prices = prices_on(step, seed=seed, n=400)
    shuffled = np.random.default_rng(seed).permutation(np.concatenate([prices, -prices]))
    assert infer_tick_size(shuffled) == infer_tick_size(prices)


def test_one_odd_price_in_a_thousand_changes_nothing():
    """99.9 % of the prices decide."""
    prices = prices_on(0.25, n=2_000)
    prices[[5, 900]] += 0.0001
    assert infer_tick_size(prices) == 0.25


def test_three_odd_prices_in_a_thousand_do():
    """Below 99.9 % the step does not fit."""
    prices = prices_on(0.25, n=2_000)
    prices[:6] += 0.0001
    assert infer_tick_size(prices) == 0.0001


def test_a_few_prices_tell_only_powers_of_ten():
    """Three prices on halves say nothing against a step of 0.1."""
    assert infer_tick_size(np.array([10.0, 10.5, 11.5])) == 0.1


def test_whole_prices_have_a_step_of_one():
    """Prices on tens or hundreds do not make a step above one."""
    assert infer_tick_size(np.arange(1, 100) * 100.0) == 1


def test_what_is_no_price_is_left_out():
    """NaN, infinities and zeros take no part."""
    prices = np.concatenate([prices_on(0.01), [np.nan, np.inf, -np.inf, 0.0]])
    assert infer_tick_size(prices) == 0.01


@pytest.mark.parametrize("prices", [[], [np.nan], [0.0, np.inf]])
def test_without_a_price_there_is_no_step(prices):
    """Nothing to infer from gives None."""
    assert infer_tick_size(np.array(prices)) is None


def test_noise_ends_at_the_unit_of_prices_at_rest():
    """Prices on no step at all get the finest one."""
    prices = np.random.default_rng(3).uniform(100, 200, 1_000)
    assert infer_tick_size(prices) == 1e-9
