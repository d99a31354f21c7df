"""Fitted states: what they are fitted on, when there is none, and labels that stay the same."""

import hashlib
import os
import subprocess
import sys
from dataclasses import fields, replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from quant_assets.features import regime_fit
from quant_assets.features.regime_fit import RegimeState, fit_state, order_of, relabelled
from quant_assets.features.regimes import state_of, state_table
from quant_assets.settings.model import RegimeSettings
from quant_assets_tests.features.markets import session_of

RULES = RegimeSettings(least_rows=100)


def three_clouds(n: int, *, seed: int) -> np.ndarray:
    """Return ingredients from three clouds that lie well apart."""
    rng = np.random.default_rng(seed)
    centers = np.array([[-9.0, 0.0, 0.1], [-8.0, 1.0, -0.2], [-6.0, -1.0, 0.0]])
    which = rng.integers(0, 3, n)
    return centers[which] + rng.normal(0.0, 0.15, (n, 3))


def bits_of(state: RegimeState) -> list[bytes]:
    """Return every figure of a state by its bits."""
    return [np.asarray(getattr(state, one.name)).tobytes() for one in fields(state)]


def some_state(seed: int) -> RegimeState:
    """Return a state fitted on three clouds."""
    state = fit_state(three_clouds(600, seed=seed), rules=RULES)
    assert state is not None
    return state


FITTED = some_state(7)


def test_components_and_clusters_are_the_clouds_that_are_there():
    """Shares, centres and covariances of the clouds, the calmest first."""
    state = some_state(1)
    np.testing.assert_allclose(state.weights, [1 / 3] * 3, atol=0.06)
    np.testing.assert_allclose(state.means[:, 0], [-9, -8, -6], atol=0.05)
    np.testing.assert_allclose(state.means[:, 1], [0, 1, -1], atol=0.05)
    for covariance in state.covariances:
        np.testing.assert_allclose(covariance, 0.15**2 * np.eye(3), atol=0.008)
    np.testing.assert_allclose(state.cluster_centers, [-9, -8, -6], atol=0.05)
    np.testing.assert_allclose(state.cluster_variances, [0.15**2] * 3, atol=0.008)
    assert state.cluster_shares.sum() == pytest.approx(1.0)
    assert state.n_rows == 600


def test_rows_without_an_ingredient_are_left_out():
    """The state is that of the complete rows, and counts them alone."""
    rows = three_clouds(600, seed=2)
    strewn = np.insert(rows, np.arange(0, 600, 7), [np.nan, 1.0, 1.0], axis=0)
    assert bits_of(fit_state(strewn, rules=RULES)) == bits_of(fit_state(rows, rules=RULES))


@pytest.mark.parametrize(
    ("share", "uses"),
    [
        pytest.param(1.0, (0, 1), id="none_has_volume"),
        pytest.param(0.8, (0, 1), id="few_have_volume"),
        pytest.param(0.2, (0, 1, 2), id="most_have_volume"),
    ],
)
def test_volume_is_left_out_where_it_mostly_is_missing(share, uses):
    """Then rows without it are complete; where it counts they are not."""
    rows = three_clouds(1000, seed=3)
    rows[: int(share * 1000), 2] = np.nan
    state = fit_state(rows, rules=RULES)
    assert state.uses == uses
    assert state.n_rows == (800 if 2 in uses else 1000)


def test_too_few_complete_rows_make_no_state():
    """One row more makes one."""
    rows = three_clouds(100, seed=4)
    assert fit_state(rows, rules=RULES) is not None
    assert fit_state(rows[1:], rules=RULES) is None
    assert fit_state(np.full((500, 3), np.nan), rules=RULES) is None
    assert fit_state(np.empty((0, 3)), rules=RULES) is None


@settings(max_examples=40)
@given(
    st.integers(1, 6),
    st.lists(st.sampled_from([-8.0, -8.0 + 1e-12, 0.0, 1.0, 3.5]), min_size=18, max_size=18),
)
def test_rows_that_are_all_alike_make_no_state_or_a_whole_one(different, values):
    """Fewer different values than regimes: none. Else figures, no warning; constants are borne."""
    choice = np.array(values).reshape(6, 3)[:different]
    rows = np.repeat(choice, 240 // different, axis=0)
    state = fit_state(rows, rules=RULES)
    n_values = np.unique(choice[:, 0]).size
    if n_values < 3:
        assert state is None
        return
    assert state is not None
    for one in fields(state):
        assert np.isfinite(np.asarray(getattr(state, one.name), dtype=np.float64)).all()
    assert (np.linalg.eigvalsh(state.covariances) > 0.0).all()


def test_a_constant_ingredient_tells_no_regimes_apart_and_hinders_none():
    """Volatilities still find their regimes where drift never changes."""
    rows = three_clouds(600, seed=5)
    rows[:, 1] = 0.25
    state = fit_state(rows, rules=RULES)
    np.testing.assert_allclose(state.means[:, 0], [-9, -8, -6], atol=0.05)
    np.testing.assert_allclose(state.means[:, 1], 0.25)


def test_a_long_window_is_thinned_evenly(monkeypatch):
    """The same rows as taking every third; rows between change nothing."""
    rows = three_clouds(600, seed=6)
    wide = np.repeat(rows, 3, axis=0)
    wide[1::3], wide[2::3] = wide[1::3] + 0.01, wide[2::3] - 0.02
    whole = fit_state(rows, rules=RULES)
    monkeypatch.setattr(regime_fit, "MOST_ROWS", 600)
    thinned = fit_state(wide, rules=RULES)
    assert thinned.n_rows == 1800
    assert bits_of(replace(thinned, n_rows=600)) == bits_of(whole)


@given(st.integers(0, 10**6), st.permutations([0, 1, 2]))
def test_a_state_keeps_the_labels_of_the_one_before(seed, order):
    """However the components were numbered before, each one goes on under its number."""
    rng = np.random.default_rng(seed)
    before = relabelled(FITTED, np.array(order))
    now = replace(FITTED, means=FITTED.means + rng.normal(0.0, 0.05, (3, 3)))
    kept = relabelled(now, order_of(now, before))
    np.testing.assert_allclose(kept.means, before.means, atol=0.4)


@given(st.integers(0, 10**6), st.integers(2, 5), st.booleans())
def test_labels_are_matched_at_the_least_sum_of_squared_distances(seed, components, has_volume):
    """Against every assignment, over shared ingredients in the deviations of the state before."""
    rng = np.random.default_rng(seed)
    before, now = (random_state(rng, components, width) for width in (3, 3 if has_volume else 2))
    shared = min(len(before.uses), len(now.uses))

    def cost(order) -> float:
        apart = (now.means[list(order), :shared] - before.means[:, :shared]) / before.scale[:shared]
        return float((apart**2).sum())

    best = min(permutations(range(components)), key=cost)
    assert cost(order_of(now, before)) == pytest.approx(cost(best))


@given(st.integers(0, 10**6), st.integers(0, 2))
def test_of_states_about_as_likely_the_one_that_goes_on_is_taken(seed, place):
    """That whose means lie nearest to the last ones; the first where there is none before."""
    rng = np.random.default_rng(seed)
    states = [replace(FITTED, means=FITTED.means + rng.normal(0.0, 2.0, (3, 3))) for _ in range(3)]
    before = replace(FITTED, means=states[place].means + 1e-3)
    assert regime_fit._most_alike(states, before) is states[place]
    assert regime_fit._most_alike(states, None) is states[0]


def random_state(rng: np.random.Generator, components: int, width: int) -> RegimeState:
    """Return a state of random means."""
    return replace(
        FITTED,
        uses=tuple(range(width)),
        center=np.zeros(width),
        scale=rng.uniform(0.1, 3.0, width),
        weights=np.full(components, 1.0 / components),
        means=rng.normal(0.0, 1.0, (components, width)),
        covariances=np.tile(np.eye(width), (components, 1, 1)),
    )


def test_another_number_of_components_begins_anew_by_volatility():
    """There is nothing to match them to."""
    rows = three_clouds(600, seed=8)
    before = relabelled(FITTED, np.array([2, 1, 0]))
    two = RULES.model_copy(update={"mixture_components": 2})
    assert bits_of(fit_state(rows, rules=two, previous=before)) == bits_of(
        fit_state(rows, rules=two)
    )
    assert fit_state(rows, rules=RULES, previous=before).means[0, 0] == pytest.approx(-6, abs=0.1)


@pytest.mark.parametrize("has_volume", [True, False])
def test_a_stored_state_is_read_back_to_the_bit(has_volume):
    """A range that goes on from the table labels as one that never stopped."""
    rows = three_clouds(600, seed=9)
    if not has_volume:
        rows[:, 2] = np.nan
    state = fit_state(rows, rules=RULES, previous=relabelled(FITTED, np.array([1, 2, 0])))
    window = session_of(0), session_of(9)
    table = state_table(state, session=session_of(10), known_at_ns=10**18, window=window)
    assert table.height == 6
    assert bits_of(state_of(table)) == bits_of(state)


def digest() -> str:
    """Return a digest of a state's bits."""
    return hashlib.sha256(b"".join(bits_of(some_state(10)))).hexdigest()


def test_bits_do_not_depend_on_threads_process_or_hash_seed():
    """Two threads of every pool, and a fresh process of another hash seed."""
    here = digest()
    with threadpool_limits(limits=2):
        assert any(pool["num_threads"] == 2 for pool in threadpool_info())
        assert digest() == here
    code = f"from {__name__} import digest; print(digest())"
    fresh = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert fresh.stdout.strip() == here


def test_the_mixture_is_fitted_by_one_thread(monkeypatch):
    """Whatever the machine offers: a sum's bits hang on how many threads share it."""
    seen: list[int] = []
    fit = regime_fit.fit_mixture

    def noted(*given, **rules):
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return fit(*given, **rules)

    monkeypatch.setattr(regime_fit, "fit_mixture", noted)
    assert fit_state(three_clouds(300, seed=11), rules=RULES) is not None
    assert set(seen) == {1}
