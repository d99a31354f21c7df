"""Check an XGBoost text before XGBoost reads it: its prediction trusts every index."""

import json
import math
import re
from typing import Any

from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.models.stored_errors import broken_estimator

MAX_XGBOOST_CHARS = 200_000_000
"""Longest text that is read."""

_NO_PARENT = 2_147_483_647
_NUMBER = r"[0-9]+(\.[0-9]+)?(E-?[0-9]+)?"
_BASE_SCORE = re.compile(rf"\[?{_NUMBER}\]?")
_FLOATS = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
_INDICES = ("left_children", "right_children", "parents", "split_indices")
_FLAGS = ("default_left", "split_type")
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_TREE_KEYS = {*_FLOATS, *_INDICES, *_FLAGS, *_CATEGORIES, "id", "tree_param"}


def canonical_xgboost(raw: bytes) -> str:
    """Return what XGBoost wrote as canonical JSON: one text for one booster.

    Numbers keep their digits: those of a float32 stand in the shortest float64 as they are.
    """
    return canonical_json(json.loads(raw))


def check_xgboost_text(text: str, *, n_features: int) -> None:
    """Raise `TrainingError` unless the text is a binary booster with every index in range.

    The text must be canonical JSON, so that XGBoost's parser and ours cannot read it as two
    things. Checked are the header (trees only, binary objective, feature count), the lengths of
    the trees' arrays, the features they split on, that all numbers are finite, and that each node
    is the child of one earlier node at most, so that no walk can leave a tree or loop.
    """
    if len(text) > MAX_XGBOOST_CHARS:
        raise broken_estimator(f"{len(text)} characters, {MAX_XGBOOST_CHARS} are the most")
    try:
        raw = json.loads(text)
        is_canonical = canonical_json(raw) == text
    except (ValueError, RecursionError) as error:
        raise broken_estimator("not JSON of XGBoost") from error
    if not is_canonical:
        raise broken_estimator("its JSON is not in canonical form")
    try:
        trees = _checked_header(raw, n_features=n_features)
        for number, tree in enumerate(trees):
            _check_tree(tree, number=number, n_features=n_features)
    except (KeyError, TypeError, AttributeError) as error:
        raise broken_estimator(
            f"a key of XGBoost is missing or of another kind: {error}"
        ) from error


def _checked_header(raw: Any, *, n_features: int) -> list[Any]:
    """Return the trees of a text whose other keys are those of a binary booster of trees."""
    learner = raw["learner"]
    model = learner["gradient_booster"]["model"]
    trees = model["trees"]
    if not isinstance(trees, list) or not trees:
        raise broken_estimator("no list of trees")
    version, param = raw["version"], learner["learner_model_param"]
    if not isinstance(version, list) or [type(part) for part in version] != [int] * 3:
        raise broken_estimator("no version of XGBoost")
    weight = learner["objective"]["reg_loss_param"]["scale_pos_weight"]
    _check_number(weight, what="scale_pos_weight", pattern=re.compile(_NUMBER), below=1e9)
    _check_number(param["base_score"], what="base_score", pattern=_BASE_SCORE, below=1.0)
    # What is left must be this and nothing else: no `dart`, no categories, no attributes.
    param = {"num_class": "0", "num_feature": str(n_features), "num_target": "1"} | {
        "base_score": param["base_score"],
        "boost_from_average": "0" if param["boost_from_average"] == "0" else "1",
    }
    gbtree = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        "iteration_indptr": list(range(len(trees) + 1)),
        "tree_info": [0] * len(trees),
        "trees": trees,
    }
    if "cats" in model:
        gbtree["cats"] = {"enc": [], "feature_segments": [], "sorted_idx": []}
    objective = {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": weight}}
    wanted = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": gbtree, "name": "gbtree"},
        "learner_model_param": param,
        "objective": objective,
    }
    _check_same(raw, {"learner": wanted, "version": version}, path="")
    return trees


def _check_same(found: Any, wanted: Any, *, path: str) -> None:
    """Refuse a header that differs from what is wanted; the first key that does is named."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted({*found, *wanted}):
            if key not in found or key not in wanted:
                raise broken_estimator(f"key {path}{key} is missing or foreign")
            _check_same(found[key], wanted[key], path=f"{path}{key}.")
    elif type(found) is not type(wanted) or found != wanted:
        raise broken_estimator(f"{path.removesuffix('.')} is {str(found)[:40]!r}")


def _check_number(text: Any, *, what: str, pattern: re.Pattern[str], below: float) -> None:
    """Refuse a number in text form that XGBoost might read as something else."""
    is_number = isinstance(text, str) and len(text) < 40 and pattern.fullmatch(text)
    if not is_number or not 0.0 < float(text.strip("[]")) < below:
        raise broken_estimator(f"{what} is {str(text)[:40]!r}")


def _check_tree(tree: Any, *, number: int, n_features: int) -> None:
    """Refuse a tree with an index out of range, or nodes that do not form a tree."""
    if set(tree) != _TREE_KEYS or tree["id"] != number or any(tree[key] for key in _CATEGORIES):
        raise broken_estimator(f"tree {number} lacks a key, is misnumbered or has categories")
    n_nodes = len(tree["left_children"])
    param = dict(tree["tree_param"])
    n_deleted = param.pop("num_deleted")
    wanted = {"num_feature": str(n_features), "num_nodes": str(n_nodes), "size_leaf_vector": "1"}
    if param != wanted or not re.fullmatch(r"[0-9]{1,9}", str(n_deleted)) or n_nodes < 1:
        raise broken_estimator(f"tree {number} has {n_nodes} nodes and the sizes {param}")
    for keys, kind in ((_FLOATS, float), (_INDICES, int), (_FLAGS, int)):
        for key in keys:
            _check_array(tree[key], kind=kind, n_nodes=n_nodes, what=f"{key} of tree {number}")
    if any(not 0 <= feature < n_features for feature in tree["split_indices"]):
        raise broken_estimator(f"tree {number} splits on a feature that is none of {n_features}")
    if any(tree["split_type"]) or not set(tree["default_left"]) <= {0, 1}:
        raise broken_estimator(f"tree {number} has an unknown kind of split")
    _check_children(tree, n_nodes=n_nodes, number=number)


def _check_array(values: Any, *, kind: type, n_nodes: int, what: str) -> None:
    """Refuse an array of another length or type, or with a number that is not finite."""
    if not isinstance(values, list) or len(values) != n_nodes:
        raise broken_estimator(f"{what} is no array of {n_nodes}")
    if any(type(value) is not kind for value in values):
        raise broken_estimator(f"{what} holds a value that is no {kind.__name__}")
    largest = 3.4028235e38 if kind is float else _NO_PARENT
    if any(not math.isfinite(value) or abs(value) > largest for value in values):
        raise broken_estimator(f"{what} holds a number out of range")


def _check_children(tree: Any, *, n_nodes: int, number: int) -> None:
    """Refuse nodes that are the child of no earlier node, or of two; deleted ones have none."""
    parents = [_NO_PARENT] * n_nodes
    for node in range(n_nodes):
        pair = (tree["left_children"][node], tree["right_children"][node])
        if pair == (-1, -1):
            continue
        for child in pair:
            if not node < child < n_nodes or parents[child] != _NO_PARENT:
                raise broken_estimator(f"node {node} of tree {number} has the child {child}")
            parents[child] = node
    wrong = [node for node in range(n_nodes) if tree["parents"][node] != parents[node]]
    if wrong:
        found = tree["parents"][wrong[0]]
        raise broken_estimator(f"node {wrong[0]} of tree {number} has the parent {found}")
