"""What a model is worth out of sample: an edge is learned, noise is not, and no future is seen."""

import math

import numpy as np
import polars as pl
import pytest

from quant_assets.market.errors import TrainingError
from quant_assets.models import training
from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.prediction import column_report, predict_session
from quant_assets.models.scores import score_fold
from quant_assets.models.spec import CrossValidationSpec, ModelSpec, SplitSpec, TailSpec
from quant_assets.models.trained import TrainedModel
from quant_assets.models.training import train_model
from quant_assets_tests.models.market import FEATURES, Plan, plan_of, training_rows

KINDS = ["lightgbm", "logistic_regression"]


def walking_rows(seed: int, *, n_sessions: int = 32, n_bars: int = 90) -> pl.DataFrame:
    """Return returns and mean distances of a random walk, and labels that they tell nothing of."""
    rows = training_rows(seed, n_sessions=n_sessions, n_bars=n_bars, edge=0.0, symbols=("AA",))
    rng = np.random.default_rng([seed, 1])
    step = rng.normal(size=rows.height)
    walk = np.cumsum(step)
    mean = np.convolve(walk, np.full(20, 0.05))[: rows.height]
    ten = np.append(np.zeros(10), walk[10:] - walk[:-10])
    hit = rng.random(rows.height) < 0.35
    return rows.with_columns(
        told=pl.Series(ten),
        noise=pl.Series(walk - mean),
        gaps=pl.Series(step),
        label=pl.Series(np.where(hit, 1, -1), dtype=pl.Int8),
        weight=1.0,
    )


def out_of_sample(model: TrainedModel, rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and outcomes of the rows of all test spans."""
    made = predict_session(model, rows).filter(pl.col("fold") >= 0)
    joined = made.join(rows.select("bar_start", "label"), on="bar_start")
    return joined["proba"].to_numpy(), (joined["label"] == 1).cast(pl.Float64).to_numpy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
def test_on_a_random_walk_probabilities_stay_at_the_base_rate(kind, calibration):
    """Over five walks the mean gap, and that of each well-filled bin, is within three errors.

    The error is that of the rows that were scored and of the tail that the level was fitted on:
    a calibration on n rows is as uncertain as their frequency. An isotonic curve has as many
    levels as steps, some of few rows: of it, the mean alone is asked for.
    """
    for seed in range(5):
        rows = walking_rows(seed)
        plan = plan_of(kind)
        plan.splits = SplitSpec(n_folds=3, min_train_sessions=16, embargo_bars=1)
        plan.tail = TailSpec(share=0.4, calibration=calibration)
        model = train_model(rows, feature_names=FEATURES, strategy=plan)
        proba, target = out_of_sample(model, rows)
        n_tail = min(fold.pipeline.n_calibrate for fold in model.folds)
        assert n_tail > 250

        def error(n: int, n_tail: int = n_tail) -> float:
            return math.sqrt(0.35 * 0.65 * (1.0 / n + 1.0 / n_tail))

        assert abs(proba.mean() - target.mean()) < 3 * error(target.size)
        assert model.calibration
        if calibration == "sigmoid":
            gaps = [(abs(b.mean_proba - b.frequency), b.count) for b in model.calibration]
            assert all(gap < 3 * error(count) for gap, count in gaps if count >= 30)
            assert proba.std() < 3 * error(n_tail)
        hits, misses = target.sum(), target.size - target.sum()
        auc_error = math.sqrt((target.size + 1) / (12 * hits * misses))
        assert abs(score_fold(target, proba)["auc"] - 0.5) < 3 * auc_error


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_edge_is_calibrated_out_of_sample(kind):
    """Calibration tells frequencies: closer than the estimator that was too sure of itself."""
    rows = training_rows(5, n_sessions=16, n_bars=90)
    plan = plan_of(kind)
    if kind == "lightgbm":
        params = {"num_iterations": 150, "learning_rate": 0.3, "min_data_in_leaf": 5}
        plan.model = ModelSpec(params=params)
    plan.tail = TailSpec(early_stopping_rounds=0)
    model = train_model(rows, feature_names=FEATURES, strategy=plan)
    plan.tail = TailSpec(early_stopping_rounds=0, calibration="none")
    raw = train_model(rows, feature_names=FEATURES, strategy=plan)
    assert all(fold.scores["auc"] > 0.6 for fold in model.folds)
    if kind == "lightgbm":
        for ours, theirs in zip(model.folds, raw.folds, strict=True):
            assert ours.scores["calibration_error"] < theirs.scores["calibration_error"]
            assert ours.scores["brier"] < theirs.scores["brier"]
    assert all(fold.scores["calibration_error"] < 0.1 for fold in model.folds)


def test_the_calibration_told_is_that_of_the_predictions():
    """Bins and scores of the model are those of what it predicts for its test spans."""
    rows = training_rows(n_bars=60, symbols=("AA",))
    model = train_model(rows, feature_names=FEATURES, strategy=Plan())
    proba, target = out_of_sample(model, rows)
    assert sum(b.count for b in model.calibration) == proba.size
    for part in model.calibration:
        inside = (proba >= part.low) & (proba < part.high)
        assert part.count == inside.sum()
        assert part.mean_proba == pytest.approx(proba[inside].mean())
        assert part.frequency == pytest.approx(target[inside].mean())


def test_scores_of_calibration_equal_independent_ones():
    """Brier score by scikit-learn; the calibration error by its definition, a bin at a time."""
    from sklearn.metrics import brier_score_loss

    rng = np.random.default_rng(8)
    proba = np.append(rng.random(400), [0.0, 1.0, 0.1, 0.3])
    target = (rng.random(404) < proba).astype(float)
    scores = score_fold(target, np.append(proba, np.nan)[:-1])
    assert scores["brier"] == pytest.approx(brier_score_loss(target, proba))
    gap = 0.0
    for low in range(10):
        rows = [i for i, p in enumerate(proba) if min(int(p * 10), 9) == low]
        gap += abs(sum(proba[rows]) - sum(target[rows])) / 404
    assert scores["calibration_error"] == pytest.approx(gap)
    assert (scores["n_scored"], scores["n_hits"]) == (404.0, target.sum())


def test_rows_without_a_prediction_are_not_scored():
    """NaN is left out and counted; without any row there are no scores."""
    target, proba = np.array([1.0, 0.0, 1.0]), np.array([0.9, np.nan, 0.8])
    assert score_fold(target, proba)["n_scored"] == 2.0
    assert score_fold(target, np.full(3, np.nan))["brier"] is None


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "random_forest", "logistic_regression"])
def test_scaler_pruning_and_calibration_are_blind_to_test_rows(kind):
    """Features of a fold's test span may turn to anything: its pipeline is the same to the bit."""
    rows = training_rows(n_bars=60).with_columns(copy=pl.col("noise") ** 3)
    names = [*FEATURES, "copy"]
    plan = plan_of(kind)
    model = train_model(rows, feature_names=names, strategy=plan)
    assert model.folds[0].pipeline.dropped["copy"].startswith("correlated with noise")
    cut = pl.lit(model.folds[1].test_start_ns).cast(pl.Datetime("ns", "UTC"))
    is_later = pl.col("bar_start") >= cut
    rng = np.random.default_rng(2)
    changed = rows.with_columns(
        pl.when(is_later)
        .then(pl.Series(rng.normal(size=rows.height)) * 50)
        .otherwise(name)
        .alias(name)
        for name in names
    )
    again = train_model(changed, feature_names=names, strategy=plan)
    assert [f.pipeline for f in again.folds[:2]] == [f.pipeline for f in model.folds[:2]]
    assert again.folds[2].pipeline != model.folds[2].pipeline
    assert "copy" not in again.content.final.dropped


def test_the_scaler_is_fitted_on_the_rows_to_fit_alone():
    """Mean and deviation are those of the rows before the tail, by plain arithmetic."""
    rows = training_rows(n_bars=60)
    plan = plan_of("logistic_regression")
    model = train_model(rows, feature_names=["told"], strategy=plan)
    fold = model.folds[0]
    ended = pl.col("label_end").to_physical() < fold.test_start_ns - 900 * 10**9
    train = rows.sort("bar_start", "symbol").filter(ended)
    n_tail = round(0.2 * train.height)
    begin = train["bar_start"][train.height - n_tail]
    fit = train.filter(pl.col("label_end") < begin)["told"].to_numpy()
    assert fold.pipeline.n_fit == fit.size
    assert fold.pipeline.center[0] == pytest.approx(fit.mean(), rel=1e-12)
    assert fold.pipeline.scale[0] == pytest.approx(fit.std(), rel=1e-12)


def test_cross_validation_scores_and_does_not_predict():
    """Each block is scored once; the rest of the model is as without it; progress counts all."""
    rows, seen = training_rows(n_bars=60), []
    plan = Plan()
    alone = train_model(rows, feature_names=FEATURES, strategy=plan)
    plan.cv = CrossValidationSpec(kind="purged_kfold", n_folds=4)
    model = train_model(
        rows, feature_names=FEATURES, strategy=plan, progress=lambda *told: seen.append(told)
    )
    assert seen == [(done, 8) for done in range(1, 9)]
    assert [fold.blocks for fold in model.cv] == [(0,), (1,), (2,), (3,)]
    assert sum(fold.n_test for fold in model.cv) == rows.height
    assert all(fold.scores["auc"] > 0.6 for fold in model.cv)
    assert (
        predict_session(model, rows.filter(pl.col("symbol") == "AA"))
        .drop("model_version")
        .equals(predict_session(alone, rows.filter(pl.col("symbol") == "AA")).drop("model_version"))
    )
    assert TrainedModel.from_text(model.to_text()).cv == model.cv


def test_rolling_splits_forget_what_is_old():
    """A rolling fold trains on as many sessions as the first, an expanding one on more."""
    rows = training_rows(n_bars=60)
    plan = Plan()
    plan.splits = SplitSpec(kind="rolling", n_folds=4, min_train_sessions=4, embargo_bars=1)
    rolling = [f.n_train for f in train_model(rows, feature_names=FEATURES, strategy=plan).folds]
    plan.splits = SplitSpec(kind="expanding", n_folds=4, min_train_sessions=4, embargo_bars=1)
    grown = [f.n_train for f in train_model(rows, feature_names=FEATURES, strategy=plan).folds]
    assert max(rolling) <= 4 * 60 * 2
    assert grown == sorted(grown)
    assert grown[-1] > max(rolling)


def meta_plan() -> Plan:
    """Return a plan whose label speaks of a first rule's trades."""
    plan = Plan()
    plan.label = LabelSpec(kind="meta", primary="rule", sl=0.01, tp=0.01, horizon_bars=8)
    return plan


def test_a_meta_label_predicts_on_the_side_of_the_first_rule():
    """The sign of the rule is the side; no side, null or NaN is no prediction, and counted."""
    model = train_model(training_rows(), feature_names=FEATURES, strategy=meta_plan())
    rule = [2.5, -0.1, 0.0, None, float("nan"), -3.0]
    rows = training_rows().head(6).with_columns(rule=pl.Series(rule), extra=1.0)
    made = predict_session(model, rows.select("session", "bar_start", "rule", "extra", *FEATURES))
    assert made["side"].to_list() == [1, -1, -1]
    assert made["bar_start"].to_list() == [rows["bar_start"][i] for i in (0, 1, 5)]
    told = column_report(
        model, rows.select("session", "bar_start", "rule", "extra", *FEATURES), made
    )
    assert told.extra_columns == ("extra",)
    assert (told.n_without_trade, told.n_without_value) == (3, 0)
    with pytest.raises(TrainingError, match="column rule missing"):
        predict_session(model, rows.drop("rule"))


def test_other_labels_speak_of_a_long():
    """The side of every prediction is 1."""
    model = train_model(training_rows(), feature_names=FEATURES, strategy=Plan())
    made = predict_session(model, training_rows().filter(pl.col("symbol") == "AA"))
    assert set(made["side"]) == {1}


def one_class_until(rows: pl.DataFrame, n_sessions: int) -> pl.DataFrame:
    """Return the rows with no target met in the first sessions."""
    last = rows["session"].unique().sort()[n_sessions - 1]
    kept = pl.when(pl.col("session") <= last).then(-1).otherwise("label")
    return rows.with_columns(kept.cast(pl.Int8).alias("label"))


@pytest.mark.parametrize(
    ("change", "names", "says"),
    [
        pytest.param(
            lambda r: one_class_until(r, 4), FEATURES, r"fold 0 of 3: 0 of \d+ training", id="fold"
        ),
        pytest.param(
            lambda r: r.with_columns(told=float("inf")),
            FEATURES,
            "infinite values in told",
            id="inf",
        ),
        pytest.param(lambda r: r, ("told", "absent"), "absent missing", id="no_feature"),
        pytest.param(
            lambda r: r.filter(pl.col("session") < pl.date(2024, 3, 7)),
            FEATURES,
            "3 sessions with final labels",
            id="too_few_sessions",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused_before_any_fit(change, names, says, monkeypatch):
    """The error says which fold or feature, and how many."""
    monkeypatch.setattr(training, "fit_pipeline", lambda *_: pytest.fail("one was trained"))
    with pytest.raises(TrainingError, match=says):
        train_model(change(training_rows()), feature_names=names, strategy=Plan())


def test_a_part_to_fit_of_one_class_is_refused(monkeypatch):
    """Where the only hits lie in the tail, there is nothing to fit on."""
    rows = training_rows(n_bars=60).sort("bar_start", "symbol")
    rows = one_class_until(rows, 3)
    monkeypatch.setattr(training, "fit_pipeline", lambda *_: pytest.fail("one was trained"))
    plan = Plan()
    plan.tail = TailSpec(share=0.3)
    with pytest.raises(TrainingError, match=r"fold 0 of 3: 0 of \d+ labels to fit on"):
        train_model(rows, feature_names=FEATURES, strategy=plan)


def test_without_a_complete_row_a_linear_model_is_refused():
    """Nothing is filled in: the message says which features no row has together."""
    rows = training_rows().with_columns(
        gaps=pl.when(pl.col("session").dt.day() < 10).then(None).otherwise("gaps"),
        noise=pl.when(pl.col("session").dt.day() < 10).then("noise").otherwise(None),
    )
    says = r"none of \d+ rows .* all 3 features; null is most often (noise|gaps) in \d+, "
    with pytest.raises(TrainingError, match=says):
        train_model(rows, feature_names=FEATURES, strategy=plan_of("logistic_regression"))


def test_a_tail_without_a_complete_row_is_told():
    """Probabilities that could not be calibrated are not passed off as calibrated."""
    rows = training_rows(n_bars=60)
    plan = plan_of("logistic_regression")
    model = train_model(rows, feature_names=["told", "noise"], strategy=plan)
    begin = rows.sort("bar_start", "symbol")["bar_start"][-round(rows.height * 0.2) - 20]
    late = rows.with_columns(
        noise=pl.when(pl.col("bar_start") < begin).then("noise").otherwise(None)
    )
    bare = train_model(late, feature_names=["told", "noise"], strategy=plan)
    assert model.content.final.notes == {}
    assert bare.content.final.calibrator.kind == "none"
    assert bare.content.final.notes["calibration"].startswith("none: 0 rows in the tail")
