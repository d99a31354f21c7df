"""Check the plain values of a stored classifier: every size, and every index of its trees."""

import math
from typing import Any

import numpy as np

from quant_assets.models.skops_classes import STORED_CLASSES, TREE_OF, StoredClass, import_class
from quant_assets.models.skops_nodes import TREE_TYPE, Plain
from quant_assets.models.stored_errors import broken_estimator

_MAX_COUNT = 2**31 - 1
_TREE_KEYS = {"max_depth", "node_count", "nodes", "values"}
_LEAF = -1
_ROUNDING = 1e-9


def check_parts(found: Plain, stored: StoredClass, *, n_features: int) -> None:
    """Raise `TrainingError` unless parameters and attributes are those of a fitted classifier.

    Parameters
    ----------
    found
        The classifier as plain values.
    n_features
        Features that it must have been fitted on.
    """
    if found.type != f"{stored.module}.{stored.name}":
        raise broken_estimator(f"a {found.type} in place of a {stored.path}")
    given = dict(found.attributes)
    given.pop("_sklearn_version", None)
    missing = sorted(set(stored.parts) - set(given))
    if missing:
        raise broken_estimator(f"{stored.name} lacks {', '.join(missing)}")
    parts = {name: given.pop(name) for name in stored.parts}
    _check_params(given, stored)
    for name, part in stored.parts.items():
        _check_part(parts[name], part, name=name, stored=stored, n_features=n_features)
    if parts["n_features_in_"] != n_features or parts.get("n_outputs_", 1) != 1:
        raise broken_estimator(f"{stored.name} was fitted on other than {n_features} features")


def _check_params(given: dict[str, Any], stored: StoredClass) -> None:
    """Refuse a parameter that the class does not have, that is no single value, or adds threads."""
    known = set(import_class(stored)().get_params(deep=False))
    if set(given) != known:
        foreign = sorted(set(given) ^ known)
        raise broken_estimator(f"{stored.name} lacks, or has no, {', '.join(foreign)[:100]}")
    for name, value in given.items():
        if name == "hidden_layer_sizes" and isinstance(value, list):
            continue  # The widths of the layers themselves are those of their arrays.
        if not isinstance(value, int | float | str | None):
            raise broken_estimator(f"parameter {name} of {stored.name} is no single value")
    if given.get("verbose", 0) != 0:
        raise broken_estimator(f"{stored.name} would print while it predicts")
    if given.get("n_jobs") not in {None, 1}:
        raise broken_estimator(f"{stored.name} asks for {given['n_jobs']} threads")


def _check_part(value: Any, part: str, *, name: str, stored: StoredClass, n_features: int) -> None:
    """Refuse an attribute that does not hold what it should."""
    is_right = True
    if part == "count":
        is_right = type(value) is int and 0 <= value <= _MAX_COUNT
    elif part == "n_classes":
        is_right = type(value) is int and value == 2
    elif part == "word":
        is_right = isinstance(value, str)
    elif part == "classes":
        is_right = _is_numbers(value) and value.tolist() == [0.0, 1.0]
    elif part == "array":
        is_right = _is_numbers(value)
    elif part == "arrays":
        is_right = isinstance(value, list) and all(_is_numbers(item) for item in value)
    elif part == "tree":
        _check_tree(value, n_features=n_features)
    elif part == "base":
        _check_base(value, STORED_CLASSES[TREE_OF[stored.path]])
    else:
        _check_trees(value, stored, n_features=n_features)
    if not is_right:
        raise broken_estimator(f"{name} of {stored.name} does not hold what it should")


def _check_base(value: Any, inside: StoredClass) -> None:
    """Refuse a pattern of an ensemble's trees that is none, or was fitted."""
    if not isinstance(value, Plain) or value.type != f"{inside.module}.{inside.name}":
        raise broken_estimator("estimator is no decision tree")
    given = dict(value.attributes)
    given.pop("_sklearn_version", None)
    _check_params(given, inside)


def _is_numbers(value: Any) -> bool:
    """Return whether a value is an array of finite float64."""
    is_float = isinstance(value, np.ndarray) and value.dtype == np.float64
    return is_float and bool(np.isfinite(value).all())


def _check_trees(trees: Any, stored: StoredClass, *, n_features: int) -> None:
    """Refuse an ensemble with no tree, or with one that is none."""
    if not isinstance(trees, list) or not trees:
        raise broken_estimator(f"{stored.name} holds no trees")
    inside = STORED_CLASSES[TREE_OF[stored.path]]
    for tree in trees:
        if not isinstance(tree, Plain):
            raise broken_estimator(f"{stored.name} holds something else than trees")
        check_parts(tree, inside, n_features=n_features)


def _check_tree(tree: Any, *, n_features: int) -> None:
    """Refuse a tree whose arrays differ in length, or that has an index out of range."""
    if not isinstance(tree, Plain) or tree.type != TREE_TYPE or set(tree.attributes) != _TREE_KEYS:
        raise broken_estimator("tree_ is no tree of scikit-learn")
    nodes, values = tree.attributes["nodes"], tree.attributes["values"]
    count, depth = tree.attributes["node_count"], tree.attributes["max_depth"]
    are_counts = all(type(n) is int and 0 <= n <= _MAX_COUNT for n in (count, depth))
    if not are_counts or not isinstance(nodes, np.ndarray) or nodes.shape != (count,) or not count:
        raise broken_estimator(f"a tree has not the {count} nodes that it tells")
    if not _is_numbers(values) or values.shape != (count, 1, 2):
        raise broken_estimator(f"a tree has not one value of each class for its {count} nodes")
    if not ((values >= 0.0) & (values <= 1.0 + _ROUNDING)).all():
        raise broken_estimator("a tree has a value that is no share of a class")
    _check_arguments(tree.arguments, n_features=n_features)
    _check_nodes(nodes, n_features=n_features)


def _check_arguments(arguments: list[Any], *, n_features: int) -> None:
    """Refuse what a tree is built from unless it is features, two classes and one output."""
    if len(arguments) != 3 or [type(arguments[i]) for i in (0, 2)] != [int, int]:
        raise broken_estimator("a tree is not built from features, classes and outputs")
    classes = arguments[1]
    is_pair = isinstance(classes, np.ndarray) and classes.dtype == np.int64
    if not is_pair or classes.tolist() != [2] or (arguments[0], arguments[2]) != (n_features, 1):
        raise broken_estimator(f"a tree was built for other than {n_features} features, 2 classes")


def _check_nodes(nodes: np.ndarray, *, n_features: int) -> None:
    """Refuse nodes that are not each the child of one earlier node, or split on what is not."""
    from sklearn.tree._tree import NODE_DTYPE

    if nodes.dtype != NODE_DTYPE or not nodes.dtype.isnative:
        raise broken_estimator("a tree's nodes have other fields than scikit-learn's")
    left, right = nodes["left_child"].tolist(), nodes["right_child"].tolist()
    features, thresholds = nodes["feature"].tolist(), nodes["threshold"].tolist()
    # A split of nulls from all others has an infinite threshold.
    seen: set[int] = set()
    for node, children in enumerate(zip(left, right, strict=True)):
        if children == (_LEAF, _LEAF):
            continue
        for child in children:
            if not node < child < len(left) or child in seen:
                raise broken_estimator(f"node {node} of a tree has the child {child}")
            seen.add(child)
        if not 0 <= features[node] < n_features or math.isnan(thresholds[node]):
            found = f"feature {features[node]}, which is none of {n_features}, or at no number"
            raise broken_estimator(f"node {node} of a tree splits on {found}")
    if len(seen) != len(left) - 1:
        raise broken_estimator("a tree has a node that is nobody's child")
    if not set(nodes["missing_go_to_left"].tolist()) <= {0, 1}:
        raise broken_estimator("a tree sends missing values nowhere")
