"""The population stability index, against a count by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.features.drift import population_stability

VALUES = st.lists(st.floats(-50, 50).map(lambda x: round(x, 1)), min_size=10, max_size=80)


def by_hand(reference: list[float], later: list[float]) -> float:
    """Count every bin with comparisons alone."""
    edges = sorted({float(np.quantile(reference, k / 10)) for k in range(1, 10)})
    bounds = [-math.inf, *edges, math.inf]
    total = 0.0
    for low, high in pairwise(bounds):
        q, p = (
            (sum(low <= value < high for value in values) + 0.5)
            / (len(values) + 0.5 * (len(bounds) - 1))
            for values in (reference, later)
        )
        total += (p - q) * math.log(p / q)
    return total


@given(VALUES, VALUES)
def test_it_is_what_one_counts_by_hand(reference, later):
    """Equal quantiles are one edge; an edge belongs to the bin above."""
    found = population_stability(np.array(reference), np.array(later))
    assert found == pytest.approx(by_hand(reference, later), abs=1e-12)
    assert found >= 0.0


@given(VALUES)
def test_the_same_values_have_not_moved(values):
    """Whatever their order."""
    array = np.array(values)
    assert population_stability(array, array[::-1].copy()) == pytest.approx(0.0, abs=1e-12)


def test_a_shift_shows_and_grows():
    """A deviation to the side is another population by the usual threshold of one quarter."""
    draws = np.random.default_rng(0).normal(size=(2, 5000))
    found = [population_stability(draws[0], draws[1] + by) for by in (0.0, 0.5, 1.0)]
    assert found[0] < 0.02
    assert 0.2 < found[1] < found[2]
    assert found[2] > 0.25


def test_missing_values_do_not_count():
    """NaN is left out on both sides."""
    draws = np.random.default_rng(1).normal(size=(2, 100))
    holed = np.concatenate([draws, np.full((2, 30), np.nan)], axis=1)
    assert population_stability(*holed) == population_stability(*draws)


def test_too_few_values_say_nothing():
    """Fewer than bins in the reference, or none later."""
    some = np.arange(20.0)
    assert population_stability(some[:9], some) is None
    assert population_stability(some, some[:0]) is None
    assert population_stability(some, np.full(5, np.nan)) is None
