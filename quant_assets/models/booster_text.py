"""Check a LightGBM text before LightGBM reads it: its parser trusts every index."""

from collections.abc import Mapping

from quant_assets.market.errors import TrainingError

MAX_BOOSTER_CHARS = 200_000_000
"""Longest booster text that is read."""

_END_OF_TREES = "end of trees"


def trees_only(text: str) -> str:
    """Return the text up to its last tree: what follows (parameters, threads) decides nothing."""
    return text.split(_END_OF_TREES, 1)[0] + _END_OF_TREES + "\n"


def check_booster_text(text: str, *, n_features: int) -> None:
    """Raise `TrainingError` unless the text is a binary booster with every index in range.

    Checked are the header (one class, binary objective, feature count), the trees' sizes, the
    lengths of their arrays, the features they split on, and that each tree's nodes form a tree
    whose children stand behind their parents, so that no walk through it can leave it or loop.
    """
    if len(text) > MAX_BOOSTER_CHARS:
        raise _broken(f"{len(text)} characters, {MAX_BOOSTER_CHARS} are the most")
    if not text.isascii() or not text.rstrip().endswith(_END_OF_TREES):
        raise _broken("not a LightGBM text, or cut off")
    header, *trees = text.split("\nTree=")
    fields = _fields(header)
    wanted = {"num_class": "1", "num_tree_per_iteration": "1", "objective": "binary sigmoid:1"}
    for key, value in (wanted | {"max_feature_idx": str(n_features - 1)}).items():
        if fields.get(key) != value:
            raise _broken(f"{key} is {fields.get(key)!r}, not {value!r}")
    _check_sizes(fields.get("tree_sizes", ""), text, len(trees))
    for number, tree in enumerate(trees):
        body = tree.split(_END_OF_TREES, 1)[0]
        if body.split("\n", 1)[0] != str(number):
            raise _broken(f"tree {number} is numbered {body[:10]!r}")
        _check_tree(_fields(body), number=number, n_features=n_features)


def _check_sizes(sizes: str, text: str, n_trees: int) -> None:
    """Refuse tree sizes that do not add up to the text: LightGBM jumps by them."""
    try:
        counts = [int(word) for word in sizes.split()]
    except ValueError as error:
        raise _broken("tree_sizes holds no whole numbers") from error
    position = text.find("\nTree=0\n") + 1
    for number, count in enumerate(counts):
        if count <= 0 or not text.startswith(f"Tree={number}\n", position):
            raise _broken(f"tree_sizes does not lead to tree {number}")
        position += count
    if len(counts) != n_trees or n_trees == 0 or not text.startswith(_END_OF_TREES, position):
        raise _broken(f"tree_sizes tells {len(counts)} trees, the text has {n_trees}")


def _check_tree(fields: Mapping[str, str], *, number: int, n_features: int) -> None:
    """Refuse a tree with an index out of range, or nodes that do not form a tree."""
    try:
        n_leaves = int(fields["num_leaves"])
        splits = [int(word) for word in fields["split_feature"].split()]
        left = [int(word) for word in fields["left_child"].split()]
        right = [int(word) for word in fields["right_child"].split()]
        kinds = [int(word) for word in fields["decision_type"].split()]
        thresholds = [float(word) for word in fields["threshold"].split()]
        leaves = [float(word) for word in fields["leaf_value"].split()]
        other = (int(fields["num_cat"]), int(fields["is_linear"]))
    except (KeyError, ValueError) as error:
        raise _broken(f"tree {number} lacks a field, or holds no numbers in it") from error
    n_nodes = n_leaves - 1
    lengths = {len(splits), len(left), len(right), len(kinds), len(thresholds)}
    if n_leaves < 1 or lengths != {n_nodes} or len(leaves) != n_leaves or other != (0, 0):
        raise _broken(f"tree {number} has {n_leaves} leaves, and arrays of other lengths")
    if any(not 0 <= feature < n_features for feature in splits):
        raise _broken(f"tree {number} splits on a feature that is none of {n_features}")
    # LightGBM marks categorical splits in bit 0 and the missing type in bits 2 and 3.
    if any(not 0 <= kind < 12 or kind & 1 for kind in kinds):
        raise _broken(f"tree {number} has an unknown kind of split")
    _check_children(left, right, number=number)


def _check_children(left: list[int], right: list[int], *, number: int) -> None:
    """Refuse nodes that are not each the child of exactly one earlier node."""
    seen: set[int] = set()
    for node, children in enumerate(zip(left, right, strict=True)):
        for child in children:
            is_leaf = -len(left) - 1 <= child < 0
            if child in seen or not (is_leaf or node < child < len(left)):
                raise _broken(f"node {node} of tree {number} has the child {child}")
            seen.add(child)


def _fields(block: str) -> dict[str, str]:
    """Read the `key=value` lines of a block."""
    pairs = (line.split("=", 1) for line in block.split("\n") if "=" in line)
    return {pair[0]: pair[1] for pair in pairs}


def _broken(found: str) -> TrainingError:
    """Return the error of a booster text that is not read."""
    return TrainingError(
        asked="a booster of a stored model",
        found=found,
        remedy="The file was changed or damaged: make the model again.",
    )
