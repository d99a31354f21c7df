"""Pruning: what a fold leaves out, and the reason of each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import TrainingError
from quant_assets.models.pruning import prune_columns, spearman
from quant_assets.models.spec import ModelSpec, PruningSpec, TailSpec
from quant_assets.models.training import train_model
from quant_assets_tests.models.market import FEATURES, Plan, plan_of, training_rows

rng = np.random.default_rng(1)
BASE = rng.normal(size=(300, 2))
WITH_NULLS = np.where(np.arange(300) < 40, np.nan, BASE[:, 1])


def pruned(columns: dict[str, np.ndarray], **spec: object) -> dict[str, str]:
    """Return the reasons of the columns that are left out."""
    names = list(columns)
    made = prune_columns(np.column_stack(list(columns.values())), names, PruningSpec(**spec))
    assert [names[i] for i in made.kept] == [n for n in names if n not in made.dropped]
    return made.dropped


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        pytest.param(np.full(300, 2.5), "constant: 2.5 in every row", id="constant"),
        pytest.param(np.full(300, np.nan), "constant: null in every row", id="null"),
        pytest.param(
            np.where(BASE[:, 0] > 0, np.nan, 1.0), "constant: 1.0", id="constant_with_nulls"
        ),
        pytest.param(BASE[:, 0], "duplicate of a", id="duplicate"),
        pytest.param(WITH_NULLS, "duplicate of gaps", id="duplicate_with_nulls"),
        pytest.param(BASE[:, 0] ** 3, "correlated with a: 1.0000", id="a_rising_function"),
        pytest.param(-BASE[:, 0], "correlated with a: -1.0000", id="a_falling_function"),
    ],
)
def test_what_tells_nothing_new_is_left_out(column, reason):
    """The later one goes, and its reason names the earlier one."""
    told = pruned({"a": BASE[:, 0], "gaps": WITH_NULLS, "x": column})
    assert list(told) == ["x"]
    assert reason in told["x"]


def test_what_is_switched_off_is_kept():
    """Each rule has its switch."""
    columns = {"a": BASE[:, 0], "b": BASE[:, 0], "c": np.ones(300)}
    assert pruned(columns, constant=False, duplicate=False, correlation=None) == {}
    assert set(pruned(columns, constant=False, correlation=None)) == {"b"}
    assert set(pruned(columns, duplicate=False, correlation=None)) == {"c"}


def test_a_column_is_measured_against_kept_ones_alone():
    """What was left out takes nothing with it: c goes with b, but b itself went with a."""
    noise = rng.normal(size=(300, 2))
    a = BASE[:, 0]
    b = a + 0.2 * noise[:, 0]
    c = b + 0.2 * noise[:, 1]
    rho = spearman(np.column_stack([a, b, c]))
    limit = (rho[0, 2] + min(rho[0, 1], rho[1, 2])) / 2
    assert set(pruned({"a": a, "b": b, "c": c}, correlation=limit)) == {"b"}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 6), st.floats(0.0, 0.6))
def test_rank_correlations_equal_scipys_on_the_rows_that_both_have(seed, n_columns, share):
    """Ties, nulls at other places and constants included."""
    from scipy.stats import spearmanr

    own = np.random.default_rng(seed)
    matrix = np.round(own.normal(size=(60, n_columns)), 1)
    matrix[own.random((60, n_columns)) < share] = np.nan
    matrix[:, 0] = 1.0
    made = spearman(matrix)
    for i in range(n_columns):
        for j in range(i + 1, n_columns):
            both = ~np.isnan(matrix[:, i]) & ~np.isnan(matrix[:, j])
            is_flat = min(np.ptp(matrix[both, k]) if both.any() else 0.0 for k in (i, j)) == 0.0
            wanted = 0.0
            if both.sum() >= 10 and not is_flat:
                wanted = spearmanr(matrix[both, i], matrix[both, j]).statistic
            assert made[i, j] == pytest.approx(wanted, abs=1e-9)
            assert made[i, j] == made[j, i]


@pytest.mark.parametrize("rule", ["permutation", "null_importance"])
@pytest.mark.parametrize("kind", ["lightgbm", "random_forest"])
def test_a_test_by_fits_keeps_the_edge(rule, kind):
    """The feature that tells is kept in every fold; a reason is given for each that is not."""
    plan = plan_of(kind)
    plan.pruning = PruningSpec(**{rule: True})
    model = train_model(training_rows(n_bars=60), feature_names=FEATURES, strategy=plan)
    pipelines = [model.content.final, *(fold.pipeline for fold in model.folds)]
    assert all("told" in made.features for made in pipelines)
    reasons = [reason for made in pipelines for reason in made.dropped.values()]
    assert reasons
    assert all(reason.startswith(rule.replace("_", " ")) for reason in reasons)
    assert all(set(made.features) | set(made.dropped) == set(FEATURES) for made in pipelines)
    assert set(model.importances) == set(FEATURES)


def test_a_test_that_cannot_be_made_is_noted():
    """An estimator without importances, and a tail too small, are told in each fold."""
    plan = plan_of("sklearn.naive_bayes.GaussianNB")
    plan.pruning = PruningSpec(null_importance=True, permutation=True)
    plan.tail = TailSpec(share=0.01)
    model = train_model(training_rows(), feature_names=FEATURES, strategy=plan)
    assert "tells no importances" in model.content.final.notes["null_importance"]
    assert "rows in the tail" in model.content.final.notes["permutation"]
    assert model.importances == {}


def test_where_no_feature_passes_a_test_all_stay_and_it_is_noted():
    """Noise alone ends no training in the middle of its fits."""
    plan = plan_of("lightgbm")
    plan.pruning = PruningSpec(permutation=True, null_importance=True)
    rows = training_rows(n_bars=60, edge=0.0)
    model = train_model(rows, feature_names=("noise",), strategy=plan)
    pipelines = [model.content.final, *(fold.pipeline for fold in model.folds)]
    assert {made.features for made in pipelines} == {("noise",)}
    assert any("all 1 stay" in note for made in pipelines for note in made.notes.values())


def test_where_nothing_is_left_the_reasons_are_told():
    """The error names fold, features and reasons, and comes before any fit."""
    rows = training_rows().with_columns(told=1.0, noise=2.0, gaps=3.0)
    with pytest.raises(TrainingError, match=r"fold 0 of 3, pruned: no feature.*told \(constant"):
        train_model(rows, feature_names=FEATURES, strategy=Plan())


def test_a_feature_left_out_has_importance_zero():
    """The mapping names every feature of the model."""
    rows = training_rows().with_columns(flat=0.0)
    plan = Plan()
    plan.model = ModelSpec(kind="logistic_regression")
    model = train_model(rows, feature_names=["flat", *FEATURES], strategy=plan)
    assert model.importances["flat"] == 0.0
    assert model.importances["told"] > 10 * model.importances["noise"]
