"""Training: the same rows give the same model, and a model knows nothing of its test span."""

import json
import re

import numpy as np
import polars as pl
import pytest

from quant_assets.lineage.fingerprint import canonical_json, digest_of
from quant_assets.market.errors import TrainingError
from quant_assets.models import boosters, training
from quant_assets.models.booster_text import check_booster_text
from quant_assets.models.prediction import predict_session
from quant_assets.models.scores import score_fold
from quant_assets.models.trained import TrainedModel
from quant_assets.models.training import train_model
from quant_assets_tests.models.market import FEATURES, Plan, training_rows


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """A model of two symbols and twelve sessions with a planted edge."""
    return train_model(training_rows(), feature_names=FEATURES, strategy=Plan())


def test_the_order_of_symbols_and_rows_decides_nothing(model):
    """Shuffled rows, with the second symbol first, give the same model to the bit."""
    rows = training_rows().sample(fraction=1.0, shuffle=True, seed=3)
    again = train_model(rows, feature_names=FEATURES, strategy=Plan())
    assert again.to_text() == model.to_text()


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_decides_nothing(model, monkeypatch, threads):
    """Other thread counts give the same model to the bit."""
    monkeypatch.setattr(boosters, "N_THREADS", threads)
    again = train_model(training_rows(), feature_names=FEATURES, strategy=Plan())
    assert again.model_version == model.model_version


def test_another_seed_makes_another_model(model):
    """The seed reaches the booster's sampling."""
    other = train_model(training_rows(), feature_names=FEATURES, strategy=Plan(seed=8))
    assert other.model_version != model.model_version


def test_a_planted_edge_is_learned_and_noise_is_not(model):
    """Out of sample the edge shows in every fold; without an edge the scores are a coin's."""
    assert min(fold.scores["auc"] for fold in model.folds) > 0.7
    assert model.importances["told"] > 3 * model.importances["noise"]
    coin = train_model(training_rows(edge=0.0), feature_names=FEATURES, strategy=Plan())
    assert all(abs(fold.scores["auc"] - 0.5) < 0.15 for fold in coin.folds)


def test_a_fold_is_blind_to_what_comes_after_its_start(model):
    """Labels and features from a fold's test span on change no bit of that fold's pipeline."""
    rows = training_rows()
    cut = pl.lit(model.folds[1].test_start_ns).cast(pl.Datetime("ns", "UTC"))
    later = pl.col("bar_start") >= cut
    changed = rows.with_columns(
        pl.when(later).then(-pl.col("told")).otherwise(pl.col("told")).alias("told"),
        pl.when(later)
        .then(-pl.col("label"))
        .otherwise(pl.col("label"))
        .cast(pl.Int8)
        .alias("label"),
    )
    again = train_model(changed, feature_names=FEATURES, strategy=Plan())
    assert [f.pipeline for f in again.folds[:2]] == [f.pipeline for f in model.folds[:2]]
    assert again.folds[2].pipeline != model.folds[2].pipeline


def test_scores_equal_scikit_learns():
    """Log loss, area under the curve with ties, and accuracy agree with an independent library."""
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    rng = np.random.default_rng(5)
    target = (rng.random(500) < 0.3).astype(float)
    proba = np.round(np.clip(rng.normal(0.3, 0.2, 500) + 0.1 * target, 0.01, 0.99), 2)
    scores = score_fold(target, proba)
    assert scores["logloss"] == pytest.approx(log_loss(target, proba), abs=1e-12)
    assert scores["auc"] == pytest.approx(roc_auc_score(target, proba), abs=1e-12)
    assert scores["accuracy"] == accuracy_score(target, proba >= 0.5)


def test_the_area_of_one_class_is_not_defined():
    """Where only one class was tested there is no area under the curve."""
    assert score_fold(np.ones(4), np.array([0.1, 0.2, 0.3, 0.4]))["auc"] is None


def test_progress_counts_every_fit():
    """Each fit is told once, the last of them as the last."""
    seen: list[tuple[int, int]] = []
    train_model(
        training_rows(),
        feature_names=FEATURES,
        strategy=Plan(),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def without_class(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with no target met."""
    return rows.with_columns(pl.lit(-1, dtype=pl.Int8).alias("label"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda r: r.drop("told"), "told missing", id="a_missing_feature"),
        pytest.param(lambda r: r.drop("symbol"), "without a symbol", id="no_symbol"),
        pytest.param(lambda r: r.head(0), "0 rows", id="no_rows"),
        pytest.param(without_class, "0 of .* meet their target", id="one_class"),
        pytest.param(lambda r: pl.concat([r, r.head(1)]), "two rows for one bar", id="a_row_twice"),
        pytest.param(
            lambda r: r.with_columns(final=pl.col("session") < pl.col("session").max()),
            "not final",
            id="not_final",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_any_training(change, says, monkeypatch):
    """The error says what is wrong, and nothing was fitted."""
    monkeypatch.setattr(training, "fit_pipeline", lambda *_: pytest.fail("one was trained"))
    with pytest.raises(TrainingError, match=says):
        train_model(change(training_rows()), feature_names=FEATURES, strategy=Plan())


def test_a_reloaded_model_predicts_the_same_bits(model):
    """Text to model and back changes neither version nor a bit of any prediction."""
    again = TrainedModel.from_text(model.to_text())
    frame = training_rows().filter(pl.col("symbol") == "AA")
    assert again.model_version == model.model_version
    assert predict_session(again, frame).equals(predict_session(model, frame))


def test_the_thread_count_is_not_in_the_text(model):
    """A setting that decides nothing does not change the model's version."""
    assert "num_threads" not in model.to_text()


def edited(model: TrainedModel, old: str, new: str) -> str:
    """Return the model's text with one edit, whose tree sizes and SHA-256 were made to fit."""
    text = json.dumps(json.loads(model.to_text())["content"])
    assert old in text
    content = json.loads(text.replace(old, new, 1))
    if "tree_sizes" not in old:
        content["final"]["estimator"] = sized(content["final"]["estimator"])
    return canonical_json({"content": content, "sha256": digest_of(content)})


def sized(booster: str) -> str:
    """Return the booster's text with tree sizes that fit its trees."""
    head, *trees = booster.split("\nTree=")
    trees[-1], end = trees[-1].split("end of")
    sizes = " ".join(str(len("Tree=" + tree) + (tree is not trees[-1])) for tree in trees)
    lines = [f"tree_sizes={sizes}" if "tree_sizes" in line else line for line in head.split("\n")]
    return "\nTree=".join(["\n".join(lines), *trees]) + "end of" + end


def test_the_edits_below_change_nothing_else(model):
    """An edit that changes nothing gives a model that is read."""
    again = TrainedModel.from_text(edited(model, "split_feature=0", "split_feature=0"))
    assert again.model_version == model.model_version


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("split_feature=0", "split_feature=7", "feature that is none of 3"),
        ("split_feature=0", "split_feature=-2", "feature that is none of 3"),
        ("left_child=", "left_child=99 ", "arrays of other lengths"),
        ("right_child=1", "right_child=0", "has the child 0"),
        ("right_child=1", "right_child=-900", "has the child -900"),
        ("max_feature_idx=2", "max_feature_idx=9", "max_feature_idx is '9'"),
        ("tree_sizes=1", "tree_sizes=9", "tree_sizes does not lead"),
        ("num_leaves=", "num_leaves=9", "arrays of other lengths"),
        ("end of trees", "end of", "cut off"),
        ("decision_type=", "decision_type=1 ", "arrays of other lengths"),
        ("leaf_value=", "leaf_value=x ", "holds no numbers"),
        ('"features": ["told"', '"features": ["noise"', "feature names"),
        ('"1": 1', '"1": 0', "its classes"),
    ],
)
def test_a_changed_model_is_refused_before_lightgbm_sees_it(model, monkeypatch, old, new, says):
    """Out-of-range indices are caught although the SHA-256 was made to fit."""
    import lightgbm

    monkeypatch.setattr(lightgbm, "Booster", lambda **_: pytest.fail("LightGBM saw it"))
    with pytest.raises(TrainingError, match=says):
        TrainedModel.from_text(edited(model, old, new))


def test_a_node_with_two_parents_is_refused(model):
    """Two ways to one node make no tree."""
    text = json.loads(model.to_text())["content"]["final"]["estimator"]
    left, right = (re.search(rf"{side}_child=([^ \n]*)", text)[1] for side in ("left", "right"))
    with pytest.raises(TrainingError, match=f"has the child {left}"):
        check_booster_text(
            sized(text.replace(f"right_child={right}", f"right_child={left}", 1)), n_features=3
        )


@pytest.mark.parametrize(
    ("key", "fold"), [("train_end_ns", 0), ("test_end_ns", 0), ("train_end_ns", None)]
)
def test_a_model_whose_training_reaches_into_its_test_span_is_refused(model, key, fold):
    """Spans that overlap are a leak, however well the SHA-256 fits."""
    content = json.loads(model.to_text())["content"]
    place = content if fold is None else content["folds"][fold]
    place[key] = content["oos_start_ns"]
    text = canonical_json({"content": content, "sha256": digest_of(content)})
    with pytest.raises(TrainingError, match=r"overlap|reach into"):
        TrainedModel.from_text(text)


def test_a_single_changed_digit_is_refused(model):
    """The SHA-256 covers every value."""
    with pytest.raises(TrainingError, match="does not match its SHA-256"):
        TrainedModel.from_text(model.to_text().replace('"seed":7', '"seed":8'))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"content": {}, "sha256": ""}', "[" * 9999]
)
def test_what_is_no_model_is_refused(text):
    """Anything that is not a model gives the one clear error."""
    with pytest.raises(TrainingError, match="a stored model"):
        TrainedModel.from_text(text)
