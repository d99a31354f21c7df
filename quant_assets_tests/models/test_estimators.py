"""Estimators: every kind is checked before work, stored as text, and read back to the bit."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import TrainingError
from quant_assets.models import boosters
from quant_assets.models.boosters import Rows
from quant_assets.models.estimators import (
    check_estimator,
    check_estimator_text,
    fit_estimator,
    predict_estimator,
    reads_null,
)
from quant_assets.models.prediction import column_report, predict_session
from quant_assets.models.skops_classes import NAMED_PATHS, STORED_CLASSES
from quant_assets.models.spec import ModelSpec
from quant_assets.models.threads import one_thread
from quant_assets.models.trained import TrainedModel
from quant_assets.models.training import train_model
from quant_assets_tests.models.market import FAST_PARAMS, FEATURES, plan_of, training_rows

KINDS = list(FAST_PARAMS)
N_WIDE = 23


@pytest.fixture(scope="module")
def models() -> dict[str, TrainedModel]:
    """A model of each kind."""
    rows = training_rows(n_bars=60)
    return {
        kind: train_model(rows, feature_names=FEATURES, strategy=plan_of(kind)) for kind in KINDS
    }


def test_every_class_that_can_be_stored_is_tested():
    """A class added to the list without a test would be noticed here."""
    assert set(STORED_CLASSES) - set(NAMED_PATHS.values()) < set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reloaded_model_predicts_the_same_bits(models, kind):
    """Text to model and back changes neither version nor a bit of any prediction."""
    again = TrainedModel.from_text(models[kind].to_text())
    rows = training_rows(n_bars=60).filter(pl.col("symbol") == "AA")
    assert again.model_version == models[kind].model_version
    assert predict_session(again, rows).equals(predict_session(models[kind], rows))


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_edge_is_learned_out_of_sample(models, kind):
    """Each kind finds the edge in every fold, whatever its way."""
    assert min(fold.scores["auc"] for fold in models[kind].folds) > 0.6


def test_a_fresh_process_with_another_hash_seed_makes_the_same_models(models):
    """Neither addresses in memory, nor clock, nor hash seed reach any kind of model."""
    code = (
        "from quant_assets_tests.models.market import *\n"
        "from quant_assets.models.training import train_model\n"
        "rows = training_rows(n_bars=60)\n"
        "for kind in reversed(FAST_PARAMS):\n"
        "    model = train_model(rows, feature_names=FEATURES, strategy=plan_of(kind))\n"
        "    print(kind, model.model_version)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "99", "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = dict(line.split() for line in done.stdout.splitlines())
    assert told == {kind: model.model_version for kind, model in models.items()}


@pytest.mark.parametrize("kind", ["xgboost", "random_forest", "logistic_regression"])
def test_the_order_of_rows_and_columns_decides_nothing(models, kind):
    """Shuffled rows and turned columns give the same model to the bit."""
    rows = training_rows(n_bars=60).sample(fraction=1.0, shuffle=True, seed=3)
    turned = rows.select(reversed(rows.columns))
    again = train_model(turned, feature_names=FEATURES, strategy=plan_of(kind))
    assert again.model_version == models[kind].model_version


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """An estimator of each kind that reads as many features as make a long product."""
    rng = np.random.default_rng(9)
    matrix = rng.normal(size=(400, N_WIDE))
    target = (matrix[:, 0] + rng.normal(size=400) > 0.0).astype(float)
    rows = Rows(matrix, target, np.ones(400))
    return {kind: fit_estimator(plan_of(kind).model, rows, seed=2).text for kind in KINDS}


@settings(max_examples=8, deadline=None)
@given(n_rows=st.integers(1, 700), start=st.integers(0, 300), seed=st.integers(0, 2**31))
def test_the_rows_beside_a_row_change_no_bit_of_its_probability(texts, n_rows, start, seed):
    """A slice of a batch is predicted as it is predicted alone."""
    matrix = np.random.default_rng(seed).normal(size=(1000, N_WIDE))
    part = slice(start, start + n_rows)
    for kind, text in texts.items():
        whole = predict_estimator(kind, text, matrix)
        alone = predict_estimator(kind, text, matrix[part])
        assert (whole[part] == alone).all(), kind


def test_rows_with_a_null_are_left_out_where_the_estimator_cannot_read_them(models):
    """Nothing is filled in: such bars have no prediction, the others have; both are counted."""
    rows = training_rows(n_bars=60).filter(pl.col("symbol") == "AA")
    for kind, model in models.items():
        made = predict_session(model, rows)
        lost = 0 if reads_null(plan_of(kind).model) else rows["gaps"].null_count()
        assert made.height == rows.height - lost
        assert set(made["bar_start"]) >= set(rows.drop_nulls()["bar_start"])
        assert column_report(model, rows, made).n_without_value == lost
        counted = model.content.final.n_without_value
        assert counted == (0 if lost == 0 else training_rows(n_bars=60)["gaps"].null_count())


def test_trees_read_nulls_and_linear_models_do_not():
    """Scikit-learn's own tags decide."""
    told = {kind: reads_null(plan_of(kind).model) for kind in KINDS}
    assert told["lightgbm"]
    assert told["xgboost"]
    assert told["random_forest"]
    assert not told["logistic_regression"]
    assert not told["sklearn.neural_network.MLPClassifier"]


@pytest.mark.parametrize(
    ("kind", "params", "says"),
    [
        pytest.param("sklearn.linear_model.LogisticRegresion", {}, "did you mean", id="misspelt"),
        pytest.param("sklearn.svm.SVC", {}, "gives no probabilities|not stored", id="native"),
        pytest.param(
            "sklearn.ensemble.HistGradientBoostingClassifier", {}, "not stored", id="histogram"
        ),
        pytest.param("sklearn.neighbors.KNeighborsClassifier", {}, "not stored", id="neighbours"),
        pytest.param("sklearn.linear_model.Ridge", {}, "no classifier", id="a_regressor"),
        pytest.param("sklearn.linear_model.GaussianNB", {}, "naive_bayes.GaussianNB", id="place"),
        pytest.param("random_forest", {"n_trees": 5}, "no parameter n_trees", id="no_parameter"),
        pytest.param("random_forest", {"max_dept": 5}, "did you mean max_depth", id="close_one"),
        pytest.param("random_forest", {"random_state": 5}, "strategy's seed", id="the_seed"),
        pytest.param("random_forest", {"n_jobs": 4}, "n_jobs is not to be given", id="threads"),
        pytest.param("logistic_regression", {"C": -1.0}, "'C' parameter", id="a_bad_value"),
        pytest.param("sklearn.linear_model.SGDClassifier", {}, "no probabilities", id="no_proba"),
    ],
)
def test_an_estimator_that_cannot_be_trained_or_stored_is_refused(kind, params, says):
    """The error names the class or parameter, before any training."""
    with pytest.raises(TrainingError, match=says):
        check_estimator(ModelSpec(kind=kind, params=params))


def test_training_checks_the_estimator_first():
    """An unknown class is told before the rows are looked at."""
    plan = plan_of("lightgbm")
    plan.model = ModelSpec(kind="sklearn.svm.SVC")
    with pytest.raises(TrainingError, match=r"sklearn\.svm\.SVC"):
        train_model(training_rows().head(0), feature_names=FEATURES, strategy=plan)


@pytest.mark.parametrize("kind", KINDS)
def test_an_estimator_that_can_be_stored_is_accepted(kind):
    """The check takes what training takes."""
    check_estimator(plan_of(kind).model)


def test_without_xgboost_the_extra_is_named(monkeypatch):
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(TrainingError, match=r"quant_assets\[xgboost\]"):
        check_estimator(ModelSpec(kind="xgboost"))


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_decides_nothing_for_xgboost(models, monkeypatch, threads):
    """Other thread counts give the same model to the bit."""
    monkeypatch.setattr(boosters, "N_THREADS", threads)
    rows = training_rows(n_bars=60)
    again = train_model(rows, feature_names=FEATURES, strategy=plan_of("xgboost"))
    assert again.model_version == models["xgboost"].model_version


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_a_booster_stops_at_its_best_round(kind):
    """The text ends with the round of the least log loss on the tail, found by trying each."""
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(600, 3))
    target = (matrix[:, 0] + 2.0 * rng.normal(size=600) > 0.0).astype(float)
    weight = rng.uniform(0.2, 1.0, size=600)
    fit, stop = (
        Rows(matrix[part], target[part], weight[part]) for part in (slice(400), slice(400, 600))
    )

    def fitted(n: int, stop_rounds: int = 0):
        params = {"num_iterations": n, "learning_rate": 0.3}
        held_out = stop if stop_rounds else None
        spec = ModelSpec(kind=kind, params=params)
        return fit_estimator(spec, fit, seed=1, stop=held_out, stop_rounds=stop_rounds)

    def loss(text: str) -> float:
        proba = predict_estimator(kind, text, stop.matrix)
        return float(
            np.average(-np.log(np.where(stop.target == 1, proba, 1 - proba)), weights=stop.weight)
        )

    losses = [loss(fitted(n).text) for n in range(1, 31)]
    made = fitted(30, stop_rounds=30)
    assert made.rounds == int(np.argmin(losses)) + 1 < 30
    assert made.text == fitted(made.rounds).text
    check_estimator_text(kind, made.text, n_features=3)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if reads_null(plan_of(kind).model)])
def test_nulls_that_tell_are_learned_and_read_back(kind):
    """A split of nulls from all other values is stored and checked like any other."""
    rng = np.random.default_rng(6)
    told = rng.random(600) < 0.5
    target = (rng.random(600) < np.where(told, 0.8, 0.2)).astype(float)
    value = rng.normal(size=600)
    matrix = np.column_stack([np.where(told, value, np.nan), np.where(told, np.nan, value)])
    made = fit_estimator(plan_of(kind).model, Rows(matrix, target, np.ones(600)), seed=1)
    check_estimator_text(kind, made.text, n_features=2)
    proba = predict_estimator(kind, made.text, matrix)
    assert proba[told].mean() > proba[~told].mean() + 0.1


def test_the_limit_of_threads_lasts_until_the_last_one_leaves():
    """A training that ends does not lift the limit of one that goes on beside it."""
    from threadpoolctl import threadpool_info, threadpool_limits

    def most() -> int:
        return max(library["num_threads"] for library in threadpool_info())

    with one_thread():
        pass  # All libraries are loaded.
    with threadpool_limits(2):
        before = most()
        first, second = one_thread(), one_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert most() == 1
        second.__exit__(None, None, None)
        assert most() == before == 2
