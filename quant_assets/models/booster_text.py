"""Check a LightGBM text before LightGBM reads it: its parser trusts every index and length."""

import math
import re
from collections.abc import Mapping

from quant_assets.models.stored_errors import broken_estimator as _broken

MAX_BOOSTER_CHARS = 200_000_000
"""Longest booster text that is read."""

_END_OF_TREES = "end of trees"
_CHARACTERS = re.compile(r"[\n -~]*")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_REAL = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|inf|nan)")
_HEADER_KEYS = {
    *("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx"),
    *("objective", "feature_names", "feature_infos", "tree_sizes"),
}
_COUNTS = ("num_leaves", "num_cat", "is_linear")
_OF_NODES = ("split_feature", "left_child", "right_child", "decision_type", "internal_count")
_REAL_OF_NODES = ("split_gain", "threshold", "internal_value", "internal_weight")
_OF_LEAVES = ("leaf_count",)
_REAL_OF_LEAVES = ("leaf_value", "leaf_weight")
_TREE_KEYS = {
    *_COUNTS, *_OF_NODES, *_REAL_OF_NODES, *_OF_LEAVES, *_REAL_OF_LEAVES, "shrinkage",
}  # fmt: skip


def trees_only(text: str) -> str:
    """Return the text up to its last tree: what follows (parameters, threads) decides nothing."""
    return text.split(_END_OF_TREES, 1)[0] + _END_OF_TREES + "\n"


def check_booster_text(text: str, *, n_features: int) -> None:
    """Raise `TrainingError` unless the text is a binary booster with every index in range.

    Checked are the header (one class, binary objective, feature count), the trees' sizes, their
    keys, each once, the lengths of all their arrays, the features they split on, and that each
    tree's nodes form a tree whose children stand behind their parents, so that no walk through it
    can leave it or loop. Numbers are written in one way, so that no two parsers differ on them.
    """
    if len(text) > MAX_BOOSTER_CHARS:
        raise _broken(f"{len(text)} characters, {MAX_BOOSTER_CHARS} are the most")
    if not _CHARACTERS.fullmatch(text) or not text.endswith(f"\n{_END_OF_TREES}\n"):
        raise _broken("not a LightGBM text, or cut off")
    header, *trees = text.split("\nTree=")
    first, _, rest = header.partition("\n")
    fields = _fields(rest, keys=_HEADER_KEYS, what="the header")
    wanted = {"num_class": "1", "num_tree_per_iteration": "1", "objective": "binary sigmoid:1"}
    wanted |= {"max_feature_idx": str(n_features - 1), "version": "v4", "label_index": "0"}
    for key, value in wanted.items():
        if first != "tree" or fields[key] != value:
            raise _broken(f"{key} is {fields[key]!r}, not {value!r}")
    if any(len(fields[key].split(" ")) != n_features for key in ("feature_names", "feature_infos")):
        raise _broken(f"the header does not name {n_features} features")
    _check_sizes(fields["tree_sizes"], text, len(trees))
    for number, tree in enumerate(trees):
        told, _, body = tree.partition("\n")
        if told != str(number):
            raise _broken(f"tree {number} is numbered {told[:10]!r}")
        lines = body.removesuffix(f"{_END_OF_TREES}\n")
        _check_tree(_fields(lines, keys=_TREE_KEYS, what=f"tree {number}"), number, n_features)


def _check_sizes(sizes: str, text: str, n_trees: int) -> None:
    """Refuse tree sizes that do not add up to the text: LightGBM jumps by them."""
    if not all(_WHOLE.fullmatch(word) for word in sizes.split(" ")):
        raise _broken("tree_sizes holds no whole numbers")
    counts = [int(word) for word in sizes.split(" ")]
    position = text.find("\nTree=0\n") + 1
    for number, count in enumerate(counts):
        if count <= 0 or not text.startswith(f"Tree={number}\n", position):
            raise _broken(f"tree_sizes does not lead to tree {number}")
        position += count
    if len(counts) != n_trees or n_trees == 0 or not text.startswith(_END_OF_TREES, position):
        raise _broken(f"tree_sizes tells {len(counts)} trees, the text has {n_trees}")


def _check_tree(fields: Mapping[str, str], number: int, n_features: int) -> None:
    """Refuse a tree with an index out of range, or nodes that do not form a tree."""
    n_leaves, n_cat, is_linear = (_numbers(fields, key, number, _WHOLE)[0] for key in _COUNTS)
    n_nodes = int(n_leaves) - 1
    nodes = {key: _numbers(fields, key, number, _WHOLE) for key in _OF_NODES}
    nodes |= {key: _numbers(fields, key, number, _REAL) for key in _REAL_OF_NODES}
    leaves = {key: _numbers(fields, key, number, _WHOLE) for key in _OF_LEAVES}
    leaves |= {key: _numbers(fields, key, number, _REAL) for key in _REAL_OF_LEAVES}
    if n_nodes == 0 and not leaves["leaf_weight"]:
        del leaves["leaf_weight"]  # LightGBM writes none for a tree of one leaf.
    is_even = all(len(values) == n_nodes for values in nodes.values()) and all(
        len(values) == n_leaves for values in leaves.values()
    )
    if n_nodes < 0 or not is_even or (n_cat, is_linear) != (0, 0):
        raise _broken(f"tree {number} has {n_leaves:.0f} leaves, and arrays of other lengths")
    _numbers(fields, "shrinkage", number, _REAL)
    # A threshold is infinite where a split parts what is known from what is null.
    if any(math.isnan(value) for value in nodes["threshold"]):
        raise _broken(f"tree {number} has a threshold that is no number")
    if not all(math.isfinite(value) for value in leaves["leaf_value"]):
        raise _broken(f"tree {number} has a leaf that is not finite")
    if any(not 0 <= feature < n_features for feature in nodes["split_feature"]):
        raise _broken(f"tree {number} splits on a feature that is none of {n_features}")
    # LightGBM marks categorical splits in bit 0 and the missing type in bits 2 and 3.
    if any(not 0 <= kind < 12 or int(kind) & 1 for kind in nodes["decision_type"]):
        raise _broken(f"tree {number} has an unknown kind of split")
    left, right = ([int(v) for v in nodes[key]] for key in ("left_child", "right_child"))
    _check_children(left, right, number=number)


def _numbers(
    fields: Mapping[str, str], key: str, number: int, pattern: re.Pattern[str]
) -> list[float]:
    """Return the numbers of a field, each written as LightGBM writes it."""
    words = fields[key].split(" ") if fields[key] else []
    if not all(pattern.fullmatch(word) for word in words) or (key in _COUNTS and len(words) != 1):
        raise _broken(f"tree {number} holds no numbers in {key}")
    return [float(word) for word in words]


def _check_children(left: list[int], right: list[int], *, number: int) -> None:
    """Refuse nodes that are not each the child of exactly one earlier node."""
    seen: set[int] = set()
    for node, children in enumerate(zip(left, right, strict=True)):
        for child in children:
            is_leaf = -len(left) - 1 <= child < 0
            if child in seen or not (is_leaf or node < child < len(left)):
                raise _broken(f"node {node} of tree {number} has the child {child}")
            seen.add(child)


def _fields(block: str, *, keys: set[str], what: str) -> dict[str, str]:
    """Read the `key=value` lines of a block, which must be the given ones, once each.

    A key told twice would be one thing to LightGBM and another to this check.
    """
    pairs = [line.partition("=") for line in block.rstrip("\n").split("\n")]
    names = [name for name, _, _ in pairs]
    if sorted(names) != sorted(keys):
        odd = sorted(keys.symmetric_difference(names)) or [n for n in names if names.count(n) > 1]
        raise _broken(f"{what} lacks a field, or has a foreign one or one twice: {str(odd)[:60]}")
    return {name: value for name, _, value in pairs}
