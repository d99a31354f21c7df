"""Prediction: each bar by a pipeline that never saw its outcome."""

import numpy as np
import polars as pl
import pytest

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import TrainingError
from quant_assets.models.estimators import predict_estimator
from quant_assets.models.prediction import predict_session
from quant_assets.models.trained import TrainedModel
from quant_assets.models.training import train_model
from quant_assets_tests.models.market import BAR_NS, FEATURES, Plan, plan_of, training_rows


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """A model of two symbols."""
    return train_model(training_rows(), feature_names=FEATURES, strategy=Plan())


def at(model: TrainedModel, *instants: int) -> pl.DataFrame:
    """Return feature rows at given instants."""
    rows = training_rows().head(len(instants))
    stamped = rows.with_columns(bar_start=pl.Series(sorted(instants)).cast(UTC_NS))
    return stamped.select("session", "bar_start", *FEATURES)


def test_spans_are_half_open_and_leave_no_gap(model):
    """The first instant of a span is that fold's, the last before it the fold's before."""
    first, second, third = model.folds
    assert first.test_end_ns == second.test_start_ns
    assert third.test_end_ns == model.oos_start_ns
    instants = [
        first.test_start_ns - 1,
        first.test_start_ns,
        second.test_start_ns - 1,
        second.test_start_ns,
        model.oos_start_ns - 1,
        model.oos_start_ns,
        model.oos_start_ns + 10**15,
    ]
    made = predict_session(model, at(model, *instants))
    assert made["fold"].to_list() == [-2, 0, 0, 1, 2, -1, -1]
    assert made["is_oos"].to_list() == [False, True, True, True, True, True, True]
    assert set(made["model_version"]) == {model.model_version}


def test_each_bar_is_predicted_by_its_own_fold(model):
    """Probabilities are those of the pipeline that the fold names."""
    rows = training_rows().filter(pl.col("symbol") == "BB")
    made = predict_session(model, rows)
    matrix = rows.select(FEATURES).fill_null(float("nan")).to_numpy()
    assert set(made["fold"]) == {-2, 0, 1, 2}
    for number in (-2, 0, 1, 2):
        rows_of = np.flatnonzero(made["fold"].to_numpy() == number)
        own = model.folds[number].pipeline if number >= 0 else model.content.final
        assert own.features == FEATURES
        scaled = (matrix[rows_of] - np.array(own.center)) / np.array(own.scale)
        expected = own.calibrator.apply(predict_estimator("lightgbm", own.estimator, scaled))
        assert (made["proba"].to_numpy()[rows_of] == expected).all()


def test_no_prediction_that_counts_was_made_by_a_booster_that_saw_it(model):
    """Every out-of-sample bar starts after the last label its booster was trained on."""
    made = predict_session(model, training_rows().filter(pl.col("symbol") == "AA"))
    start = made["bar_start"].to_physical().to_numpy()
    for number, fold in enumerate(model.folds):
        mine = start[made["fold"].to_numpy() == number]
        assert mine.min() > fold.train_end_ns + BAR_NS - 1


def test_columns_are_reordered_and_extra_ones_left_out(model):
    """Only names decide which column is which feature."""
    rows = training_rows().filter(pl.col("symbol") == "AA")
    turned = rows.select("session", "bar_start", "gaps", "noise", "told").with_columns(extra=1.0)
    assert predict_session(model, turned).equals(predict_session(model, rows))


def test_a_missing_feature_is_named(model):
    """Nothing is filled in for a feature that is not there."""
    with pytest.raises(TrainingError, match="noise, gaps missing"):
        predict_session(model, training_rows().drop("gaps", "noise").head(3))


@pytest.mark.parametrize("kind", ["xgboost", "random_forest"])
def test_what_overflows_the_estimators_floats_is_not_predicted(kind):
    """It is infinite to them: that row is left out, the others are as they were."""
    model = train_model(training_rows(), feature_names=FEATURES, strategy=plan_of(kind))
    rows = training_rows().filter(pl.col("symbol") == "AA")
    wild = rows.with_columns(
        told=pl.when(pl.int_range(pl.len()) == 5).then(1e300).otherwise("told")
    )
    usual, made = predict_session(model, rows), predict_session(model, wild)
    assert made.equals(usual.filter(pl.col("bar_start") != rows["bar_start"][5]))


def test_no_rows_give_no_rows(model):
    """An empty session gives an empty table in its columns."""
    assert predict_session(model, at(model)).height == 0
