"""Kernels of regimes against slow oracles that are written from their definitions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from quant_assets.features.regime_kernels import (
    bar_ingredients,
    cholesky,
    cut_line,
    likeliest,
    nearest,
)


def oracle_ingredients(close, volume, starts, idx):
    """Return the three ingredients of one bar, None where there is none."""
    last = range(idx - 20, idx + 1)
    if idx < 20 or any(starts[i] for i in last[1:]):
        return None, None, None
    if not all(math.isfinite(close[i]) and close[i] > 0 for i in last):
        return None, None, None
    returns = [math.log(close[i] / close[i - 1]) for i in last[1:]]
    volatility = math.sqrt(sum(one * one for one in returns) / 20)
    log_volatility, drift, activity = None, None, None
    if volatility > 0:
        log_volatility = math.log(volatility)
        drift = math.log(close[idx] / close[idx - 20]) / (volatility * math.sqrt(20))
    volumes = [volume[i] for i in last[1:]]
    if all(map(math.isfinite, volumes)) and sum(volumes[-5:]) > 0:
        activity = math.log((sum(volumes[-5:]) / 5) / (sum(volumes) / 20))
    return log_volatility, drift, activity


def some_bars(n, seed, *, holes=0.0):
    """Return closes, volumes and starts with holes strewn in."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, n)))
    volume = rng.integers(0, 9, n).astype(np.float64)
    close[rng.uniform(size=n) < holes] = np.nan
    close[rng.uniform(size=n) < holes / 2] = -1.0
    volume[rng.uniform(size=n) < holes] = np.nan
    return close, volume, rng.uniform(size=n) < holes


@given(st.integers(1, 150), st.integers(0, 10**6), st.sampled_from([0.0, 0.01, 0.05]))
def test_ingredients_are_those_of_their_definition(n, seed, holes):
    """With missing closes, prices below zero, missing volumes and contract changes."""
    close, volume, starts = some_bars(n, seed, holes=holes)
    found = bar_ingredients(close, volume, starts)
    for idx in range(n):
        for value, expected in zip(
            found[idx], oracle_ingredients(close, volume, starts, idx), strict=True
        ):
            if expected is None:
                assert math.isnan(value)
            else:
                assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.integers(0, 10**6), st.integers(0, 100), st.integers(21, 60))
def test_the_bits_of_a_bar_do_not_depend_on_what_stands_beside_it(seed, first, length):
    """Any stretch that holds the 20 bars before gives the same bits as the whole."""
    close, volume, starts = some_bars(160, seed, holes=0.01)
    whole = bar_ingredients(close, volume, starts)[first : first + length]
    part = slice(first, first + length)
    alone = bar_ingredients(close[part].copy(), volume[part].copy(), starts[part].copy())
    assert_array_equal(alone[20:].view(np.uint64), whole[20:].view(np.uint64))


def test_a_flat_stretch_has_no_volatility_and_no_trade_no_volume():
    """Neither is a number to take a logarithm of; what is there is given."""
    flat = bar_ingredients(np.full(30, 7.0), np.ones(30), np.zeros(30, dtype=bool))
    assert np.isnan(flat[:, :2]).all()
    assert flat[20:, 2].tolist() == [0.0] * 10
    close, _, starts = some_bars(30, 1)
    quiet = bar_ingredients(close, np.zeros(30), starts)
    assert np.isfinite(quiet[20:, :2]).all()
    assert np.isnan(quiet[:, 2]).all()


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 5))
def test_the_likeliest_component_is_that_of_the_normal_densities(seed, width, components):
    """Against SciPy's density, wherever two are not alike to rounding."""
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(seed)
    rows = rng.normal(0.0, 2.0, (20, width))
    weights = rng.dirichlet(np.ones(components))
    means = rng.normal(0.0, 1.0, (components, width))
    roots = rng.normal(0.0, 1.0, (components, width, width))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(width)
    lowers = np.stack([cholesky(one) for one in covariances])
    np.testing.assert_allclose(lowers @ lowers.transpose(0, 2, 1), covariances, rtol=1e-9)
    densities = np.array(
        [
            np.log(weight) + multivariate_normal(mean, cov).logpdf(rows)
            for weight, mean, cov in zip(weights, means, covariances, strict=True)
        ]
    ).reshape(components, -1)
    ordered = np.sort(densities, axis=0)
    clear = np.ones(20, dtype=bool) if components == 1 else ordered[-1] - ordered[-2] > 1e-9
    found = likeliest(rows, weights, means, lowers)
    assert_array_equal(found[clear], densities.argmax(axis=0)[clear])
    assert_array_equal(likeliest(rows[7:8].copy(), weights, means, lowers), found[7:8])


def test_of_two_alike_the_lower_one_is_taken_and_none_for_a_missing_value():
    """Components that are the same, a value half way, and NaN."""
    rows = np.array([[0.3], [np.nan]])
    same = np.ones((2, 1, 1))
    assert likeliest(rows, np.array([0.5, 0.5]), np.zeros((2, 1)), same).tolist() == [0, -1]
    assert likeliest(rows, np.array([0.0, 1.0]), np.zeros((2, 1)), same).tolist() == [1, -1]
    values = np.array([0.5, 0.51, np.nan, -9.0])
    assert nearest(values, np.array([0.0, 1.0])).tolist() == [0, 1, -1, 0]


def cost_of(ordered, firsts):
    """Return the sum of squares about the means of the parts."""
    edges = [*firsts, len(ordered)]
    parts = [ordered[a:b] for a, b in itertools.pairwise(edges)]
    return sum(sum((x - sum(part) / len(part)) ** 2 for x in part) for part in parts)


@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=14, unique=True),
    st.integers(2, 4),
    st.integers(1, 2),
)
def test_no_other_cut_of_a_line_has_smaller_squares(values, clusters, doubled):
    """Against every cut there is."""
    ordered = np.sort(np.array(values * doubled, dtype=np.float64))
    clusters = min(clusters, len(values))
    found = cut_line(ordered, clusters)
    assert found[0] == 0
    assert (np.diff(found) > 0).all()
    inner = itertools.combinations(range(1, len(ordered)), clusters - 1)
    best = min(cost_of(ordered.tolist(), (0, *cuts)) for cuts in inner)
    assert cost_of(ordered.tolist(), found.tolist()) == pytest.approx(best, abs=1e-9)


def first_of_the_least(ordered: np.ndarray, clusters: int) -> list[int]:
    """Return the cuts of the same sums, every first row of every cluster looked at."""
    offsets = ordered - ordered[len(ordered) // 2]
    sums, squares = (np.concatenate([[0.0], np.cumsum(one)]) for one in (offsets, offsets**2))
    stops = np.arange(1, len(ordered) + 1)
    costs = np.concatenate([[np.inf], np.maximum(0.0, squares[1:] - sums[1:] ** 2 / stops)])
    cuts = []
    for cluster in range(1, clusters):
        longer = np.full(len(costs), np.inf)
        firsts = np.zeros(len(costs), dtype=np.int64)
        for stop in range(cluster + 1, len(costs)):
            starts = np.arange(cluster, stop)
            inside = sums[stop] - sums[starts]
            own = squares[stop] - squares[starts] - inside**2 / (stop - starts)
            ways = costs[starts] + np.maximum(0.0, own)
            firsts[stop], longer[stop] = starts[ways.argmin()], ways.min()
        costs = longer
        cuts.append(firsts)
    found = [len(ordered)]
    for firsts in reversed(cuts):
        found.append(int(firsts[found[-1]]))
    return [0, *reversed(found[1:])]


@given(
    st.integers(0, 10**6),
    st.sampled_from([9, 64, 200]),
    st.integers(2, 5),
    st.sampled_from(["spread", "alike", "far", "close", "even"]),
)
def test_what_is_passed_over_changes_no_cut(seed, n, clusters, kind):
    """Of cuts that are alike to rounding, too: values that come again, lie close, or far away."""
    rng = np.random.default_rng(seed)
    values = {
        "spread": rng.normal(size=n),
        "alike": rng.integers(0, 7, n).astype(np.float64),
        "far": np.exp(5.0 * rng.normal(size=n)),
        "close": -8.0 + 1e-12 * rng.integers(0, 9, n),
        "even": 0.1 * np.arange(n),
    }[kind]
    ordered = np.sort(values)
    clusters = min(clusters, len(np.unique(ordered)))
    assert cut_line(ordered, clusters).tolist() == first_of_the_least(ordered, clusters)
