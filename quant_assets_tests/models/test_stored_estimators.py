"""Stored estimators: no text, however it was changed, reaches native code with a bad index."""

import io
import json
import subprocess
import sys
import zipfile
from unittest.mock import patch

import numpy as np
import pytest

from quant_assets.lineage.fingerprint import canonical_json, digest_of
from quant_assets.market.errors import TrainingError
from quant_assets.models.estimators import check_estimator_text
from quant_assets.models.trained import TrainedModel
from quant_assets.models.training import train_model
from quant_assets_tests.models.hostile_files import (
    N_FEATURES,
    SMALL,
    members,
    packed,
    sized,
    small_text,
)
from quant_assets_tests.models.market import FEATURES, plan_of, training_rows

TREE = "sklearn.tree.DecisionTreeClassifier"
FOREST = "random_forest"
LINEAR = "logistic_regression"


def test_random_damage_never_crashes_the_process():
    """Each damaged text gives the one clear error, or is a sound estimator of other numbers."""
    done = subprocess.run(
        [sys.executable, "-m", "quant_assets_tests.models.hostile_files", "80", "4"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert set(told) == set(SMALL)
    assert all(json.loads(counts)["refused"] > 25 for counts in told.values())


def test_an_undamaged_text_is_read():
    """What the tests below change is sound before."""
    for kind in SMALL:
        check_estimator_text(kind, small_text(kind), n_features=N_FEATURES)


def refused(kind: str, text: str, says: str) -> None:
    """Assert that a text is refused with these words, before any library sees it."""
    import lightgbm
    import skops.io
    import xgboost

    with (
        patch.object(skops.io, "loads", side_effect=AssertionError("skops saw it")),
        patch.object(lightgbm, "Booster", side_effect=AssertionError("LightGBM saw it")),
        patch.object(xgboost, "Booster", side_effect=AssertionError("XGBoost saw it")),
        pytest.raises(TrainingError, match=says),
    ):
        check_estimator_text(kind, text, n_features=N_FEATURES)


def nodes_of(parts: dict[str, bytes]) -> str:
    """Return the member that holds the nodes of the first tree."""
    for name in sorted(parts):
        if name.endswith(".npy") and np.load(io.BytesIO(parts[name])).dtype.names:
            return name
    raise AssertionError


def with_array(parts: dict[str, bytes], name: str, values: np.ndarray) -> str:
    """Return a skops text in which one array is another."""
    made = io.BytesIO()
    np.save(made, values)
    return packed(parts | {name: made.getvalue()})


@pytest.mark.parametrize("kind", [TREE, FOREST])
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("left_child", 10**6, "node 0 of a tree has the child 1000000"),
        ("right_child", -7, "node 0 of a tree has the child -7"),
        ("left_child", 0, "node 0 of a tree has the child 0"),
        ("right_child", 1, "node 0 of a tree has the child 1"),
        ("left_child", -1, "node 0 of a tree has the child -1"),
        ("feature", 3, "splits on feature 3, which is none of 3"),
        ("feature", -2, "splits on feature -2, which is none of 3"),
        ("feature", 2**40, "splits on feature 1099511627776"),
        ("threshold", np.nan, "at no number"),
        ("missing_go_to_left", 7, "sends missing values nowhere"),
    ],
)
def test_an_index_out_of_range_in_a_tree_is_named(kind, field, value, says):
    """Child, feature and side of the first split are each checked."""
    parts = members(small_text(kind))
    name = nodes_of(parts)
    nodes = np.load(io.BytesIO(parts[name]))
    nodes[field][0] = value
    refused(kind, with_array(parts, name, nodes), says)


def test_a_leaf_that_is_made_a_loop_is_refused():
    """The last node may not lead back to the first."""
    parts = members(small_text(TREE))
    name = nodes_of(parts)
    nodes = np.load(io.BytesIO(parts[name]))
    nodes["left_child"][-1] = nodes["right_child"][-1] = 0
    refused(TREE, with_array(parts, name, nodes), "has the child 0")


def test_fewer_nodes_or_values_than_told_are_refused():
    """Array lengths are the tree's own count of nodes."""
    parts = members(small_text(TREE))
    name = nodes_of(parts)
    nodes = np.load(io.BytesIO(parts[name]))
    refused(TREE, with_array(parts, name, nodes[:-1]), "has not the")
    refused(TREE, with_array(parts, name, nodes.astype(nodes.dtype.newbyteorder())), "fields")
    values = next(
        n for n, d in parts.items() if n != "schema.json" and np.load(io.BytesIO(d)).ndim == 3
    )
    wanted = np.load(io.BytesIO(parts[values]))
    refused(TREE, with_array(parts, values, wanted[:-1]), "one value of each class")
    refused(TREE, with_array(parts, values, wanted[:, :, :1]), "one value of each class")
    refused(TREE, with_array(parts, values, wanted * 7.0), "no share of a class")
    refused(TREE, with_array(parts, values, wanted * np.nan), "one value of each class")


def test_an_array_shorter_than_its_header_is_refused():
    """A header that tells more than there is allocates nothing."""
    parts = members(small_text(LINEAR))
    name = next(n for n, d in parts.items() if n.endswith(".npy") and b"(1, 3)" in d)
    grown = parts[name].replace(b"(1, 3)", b"(9, 3)")
    assert grown != parts[name]
    refused(LINEAR, packed(parts | {name: grown}), "not as long as its header tells")


def with_schema(kind: str, change) -> str:
    """Return a skops text whose schema was changed."""
    parts = members(small_text(kind))
    schema = json.loads(parts["schema.json"])
    change(schema)
    return packed(parts | {"schema.json": json.dumps(schema).encode()})


def attributes(schema: dict) -> dict:
    """Return the attributes of the schema's estimator."""
    return schema["content"]["content"]


def other_type(schema: dict) -> None:
    """Put an object of another type in place of a parameter."""
    node = attributes(schema)["C"]
    node.update({"__module__": "os", "__class__": "system"})


def other_class(schema: dict) -> None:
    """Call the estimator something else."""
    schema.update({"__module__": "sklearn.svm._classes", "__class__": "SVC"})


def a_function(schema: dict) -> None:
    """Put a node that calls something in place of a parameter."""
    attributes(schema)["C"] = {
        "__class__": "partial",
        "__module__": "functools",
        "__loader__": "PartialNode",
        "content": {},
        "__id__": 10**6,
    }


def one_identity(schema: dict) -> None:
    """Give two nodes one identity, so that skops takes one for the other."""
    attributes(schema)["intercept_"]["__id__"] = attributes(schema)["coef_"]["__id__"]


def older_protocol(schema: dict) -> None:
    """Ask for the rules of an older skops."""
    schema["protocol"] = 1


def more_threads(schema: dict) -> None:
    """Ask for a thousand threads."""
    attributes(schema)["n_jobs"]["content"] = "1000"


def no_coefficients(schema: dict) -> None:
    """Take an attribute away."""
    content = attributes(schema)
    del content["coef_"]
    schema["content"]["key_types"]["content"].pop()


def foreign_attribute(schema: dict) -> None:
    """Add an attribute under a name that the class does not have."""
    content = attributes(schema)
    content["predict_proba"] = content["C"] | {"__id__": 10**6}
    types = schema["content"]["key_types"]["content"]
    types.append(types[0] | {"__id__": 10**6 + 1})


def no_number(schema: dict) -> None:
    """Write a parameter that is no JSON."""
    attributes(schema)["C"]["content"] = "NaN"


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (other_type, LINEAR, "type os.system"),
        (other_class, LINEAR, "type sklearn.svm._classes.SVC"),
        (a_function, LINEAR, "node 'PartialNode'"),
        (one_identity, LINEAR, "two nodes of identity"),
        (older_protocol, LINEAR, "protocol 1 of skops"),
        (more_threads, FOREST, "1000 threads"),
        (no_coefficients, LINEAR, "lacks coef_"),
        (foreign_attribute, LINEAR, "predict_proba"),
        (no_number, LINEAR, "NaN is no JSON"),
    ],
)
def test_a_changed_schema_is_refused(change, kind, says):
    """Types, nodes, identities and parameters are checked by name."""
    refused(kind, with_schema(kind, change), says)


def test_packed_members_and_foreign_names_are_refused():
    """Nothing in the archive may grow when it is read, or lie outside it."""
    parts = members(small_text(LINEAR))
    refused(LINEAR, packed(parts, compression=zipfile.ZIP_DEFLATED), "packed members")
    refused(LINEAR, packed(parts | {"../evil.npy": b""}), "other names")
    refused(LINEAR, "AAAA", "no file of skops")
    refused(LINEAR, "no base64!", "no base64")


def test_an_estimator_of_other_features_is_refused():
    """A model of three features holds no estimator of four, whatever its kind."""
    for kind in SMALL:
        with pytest.raises(TrainingError, match=r"4|max_feature_idx|size|num_feature"):
            check_estimator_text(kind, small_text(kind), n_features=4)


def with_tree(change) -> str:
    """Return an XGBoost text whose first tree, or header, was changed."""
    raw = json.loads(small_text("xgboost"))
    change(raw, raw["learner"]["gradient_booster"]["model"]["trees"][0])
    return canonical_json(raw)


def put(key: str, place: int, value: object):
    """Return a change of one value of the first tree."""
    return lambda _, tree: tree[key].__setitem__(place, value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(put("left_children", 0, 999), "node 0 of tree 0 has the child 999", id="far"),
        pytest.param(put("left_children", 0, 0), "node 0 of tree 0 has the child 0", id="loop"),
        pytest.param(put("right_children", 0, 1), "node 0 of tree 0 has the child 1", id="twice"),
        pytest.param(put("right_children", 0, -5), "has the child -5", id="negative"),
        pytest.param(put("parents", 1, 2), "node 1 of tree 0 has the parent 2", id="parent"),
        pytest.param(put("split_indices", 0, 3), "feature that is none of 3", id="feature"),
        pytest.param(put("split_indices", 0, -1), "feature that is none of 3", id="below"),
        pytest.param(put("split_type", 0, 1), "unknown kind of split", id="categorical"),
        pytest.param(put("default_left", 0, 7), "unknown kind of split", id="side"),
        pytest.param(put("split_conditions", 0, 1e300), "out of range", id="too_large"),
        pytest.param(put("split_conditions", 0, "1"), "no float", id="a_text"),
        pytest.param(put("left_children", 0, True), "no int", id="a_flag"),
        pytest.param(lambda _, tree: tree["parents"].pop(), "no array of", id="shorter"),
        pytest.param(lambda _, tree: tree["categories"].append(1), "categories", id="category"),
        pytest.param(lambda _, tree: tree.pop("id"), "lacks a key", id="no_key"),
        pytest.param(
            lambda raw, _: raw["learner"]["gradient_booster"].update(name="dart"),
            "gradient_booster.name is 'dart'",
            id="dart",
        ),
        pytest.param(
            lambda raw, _: raw["learner"]["objective"].update(name="multi:softprob"),
            "objective.name is 'multi:softprob'",
            id="objective",
        ),
        pytest.param(
            lambda raw, _: raw["learner"]["learner_model_param"].update(base_score="[2E0]"),
            "base_score is",
            id="base_score",
        ),
        pytest.param(
            lambda raw, _: raw["learner"]["learner_model_param"].update(num_class="3"),
            "num_class is '3'",
            id="classes",
        ),
        pytest.param(
            lambda raw, _: raw["learner"]["attributes"].update(best_iteration="1"),
            "attributes.best_iteration is missing or foreign",
            id="attribute",
        ),
    ],
)
def test_a_changed_xgboost_text_is_refused(change, says):
    """Indices, lengths, numbers and header are each checked by name."""
    refused("xgboost", with_tree(change), says)


def test_json_in_two_readings_is_refused():
    """A key told twice is one thing to one parser and another to the next."""
    text = small_text("xgboost")
    refused("xgboost", text.replace('"id":0', '"id":0,"id":0', 1), "not in canonical form")


def test_a_lightgbm_field_told_twice_or_beyond_its_length_is_refused():
    """LightGBM takes one of two fields and reads as many numbers as the leaves ask for."""
    text = small_text("lightgbm")
    lines = text.split("\n")
    place = next(i for i, line in enumerate(lines) if line.startswith("left_child="))
    for changed, says in (
        ([*lines[: place + 1], lines[place], *lines[place + 1 :]], "one twice"),
        ([*lines[: place + 1], "", *lines[place + 1 :]], "foreign"),
        ([line.replace("leaf_weight=", "leaf_weight=1 ") for line in lines], "other lengths"),
        ([line.replace("internal_value=", "internal_value=1\r") for line in lines], "not a"),
        ([line.replace("num_leaves=", "num_leaves=0_") for line in lines], "no numbers"),
    ):
        refused("lightgbm", sized("\n".join(changed)), says)


@pytest.mark.parametrize("kind", ["xgboost", TREE, LINEAR])
def test_a_model_with_a_changed_estimator_is_refused_whole(kind):
    """The check is part of reading a model, in each fold, although the SHA-256 was made to fit."""
    model = train_model(training_rows(), feature_names=FEATURES, strategy=plan_of(kind))
    content = json.loads(model.to_text())["content"]
    content["folds"][1]["pipeline"]["estimator"] = small_text("lightgbm")
    text = canonical_json({"content": content, "sha256": digest_of(content)})
    with pytest.raises(TrainingError, match="an estimator of a stored model"):
        TrainedModel.from_text(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale", [1.0, 0.0, 1.0]),
        ("scale", [1.0, 1.0]),
        ("features", ["told", "gaps", "noise"]),
        ("features", ["told", "noise", "other"]),
        ("kind", "xgboost"),
        ("dropped", {"told": "constant"}),
        ("calibrator", {"kind": "isotonic", "knots": [0.5, 0.4], "levels": [0.1, 0.2]}),
        ("calibrator", {"kind": "isotonic", "knots": [0.4, 0.5], "levels": [0.2, 0.1]}),
        ("calibrator", {"kind": "sigmoid", "slope": -1.0}),
    ],
)
def test_a_model_whose_pipeline_does_not_fit_its_features_is_refused(key, value):
    """Scaler, features and calibration are checked as the estimator is."""
    model = train_model(training_rows(), feature_names=FEATURES, strategy=plan_of("lightgbm"))
    content = json.loads(model.to_text())["content"]
    content["final"][key] = value
    text = canonical_json({"content": content, "sha256": digest_of(content)})
    with pytest.raises(TrainingError, match="a stored model"):
        TrainedModel.from_text(text)
