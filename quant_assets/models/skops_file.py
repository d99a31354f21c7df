"""Classifiers of scikit-learn as skops files: written as one text, checked before they are read."""

import base64
import binascii
import functools
import io
import json
import warnings
import zipfile
from typing import Any

import numpy as np

from quant_assets.models.skops_classes import STORED_CLASSES, TREE_OF, StoredClass, import_class
from quant_assets.models.skops_nodes import (
    MAX_SKOPS_BYTES,
    SCHEMA_NAME,
    TREE_TYPE,
    Plain,
    read_skops,
)
from quant_assets.models.skops_parts import check_parts
from quant_assets.models.stored_errors import broken_estimator

_EPOCH = (1980, 1, 1, 0, 0, 0)


def to_skops_text(estimator: Any, *, path: str) -> str:
    """Return a fitted classifier as base64 of a skops file; equal estimators, equal text.

    Stored are its parameters and what it needs to predict, not what only its training used. skops
    names arrays by their address in memory and stamps them with the clock: both are replaced by
    running numbers and a fixed date.
    """
    import skops.io

    written = skops.io.dumps(_lean(estimator, STORED_CLASSES[path]))
    return base64.b64encode(_renumbered(written)).decode("ascii")


def check_skops_text(text: str, *, path: str, n_features: int) -> None:
    """Raise `TrainingError` unless the text is a classifier of that class that can predict.

    Types, arrays, sizes and every index of a tree are checked on plain values; only then the
    classifier is built, and asked for the probabilities of two rows.
    """
    _loaded(text, path, n_features)


def load_skops_text(text: str, *, path: str, n_features: int) -> Any:
    """Return the classifier of a text after its check; built once for the last few texts."""
    return _loaded(text, path, n_features)


@functools.lru_cache(maxsize=16)
def _loaded(text: str, path: str, n_features: int) -> Any:
    """Check the plain values, build the classifier, and see that it predicts."""
    import skops.io

    stored = STORED_CLASSES.get(path)
    if stored is None or len(text) > 2 * MAX_SKOPS_BYTES:
        raise broken_estimator(f"class {path[:80]!r} is none that can be stored, or is too long")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise broken_estimator("no base64 of a skops file") from error
    check_parts(_plain(data, stored), stored, n_features=n_features)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator = skops.io.loads(data, trusted=[TREE_TYPE])
            _check_predicts(estimator, n_features)
    except Exception as error:  # skops and scikit-learn raise of many kinds on odd values
        found = f"{stored.name} cannot predict: {' '.join(str(error).split())[:200]}"
        raise broken_estimator(found) from error
    return estimator


def _plain(data: bytes, stored: StoredClass) -> Plain:
    """Return the file's plain values; only its own class and that of its trees may occur."""
    inside = STORED_CLASSES[TREE_OF[stored.path]] if stored.path in TREE_OF else stored
    return read_skops(data, objects=frozenset(f"{s.module}.{s.name}" for s in (stored, inside)))


def _check_predicts(estimator: Any, n_features: int) -> None:
    """Raise where two rows of zeros have no two probabilities each."""
    proba = np.asarray(estimator.predict_proba(np.zeros((2, n_features))))
    if proba.shape != (2, 2) or not np.isfinite(proba).all():
        raise ValueError(f"probabilities of shape {proba.shape}, or not finite")


def _lean(estimator: Any, stored: StoredClass) -> Any:
    """Return a copy with parameters and the attributes that prediction reads."""
    kept = type(estimator)(**estimator.get_params(deep=False))
    for name in set(vars(kept)) - set(estimator.get_params(deep=False)):
        delattr(kept, name)
    for name, part in stored.parts.items():
        value = getattr(estimator, name)
        if part == "trees":
            inside = STORED_CLASSES[TREE_OF[stored.path]]
            value = [_lean(tree, inside) for tree in value]
        elif part == "base":
            value = import_class(STORED_CLASSES[TREE_OF[stored.path]])()
        elif part in {"n_classes", "count"}:
            value = int(value)
        setattr(kept, name, value)
    return kept


def _renumbered(data: bytes) -> bytes:
    """Return a skops file with running identities and names, fixed dates, and unpacked members."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        schema = json.loads(old.read(SCHEMA_NAME))
        arrays: list[bytes] = []
        _renumber(schema, old, arrays, identities=iter(range(1, 2**31)))
        texts = {f"{number}.npy": array for number, array in enumerate(arrays)}
        texts[SCHEMA_NAME] = json.dumps(schema, sort_keys=True, separators=(",", ":")).encode()
        for name, member in texts.items():
            new.writestr(zipfile.ZipInfo(name, date_time=_EPOCH), member)
    return made.getvalue()


def _renumber(node: Any, old: zipfile.ZipFile, arrays: list[bytes], *, identities: Any) -> None:
    """Give each node an identity of its own and each array its own member, in the file's order."""
    if isinstance(node, list):
        for item in node:
            _renumber(item, old, arrays, identities=identities)
    elif isinstance(node, dict):
        if "__loader__" in node:
            node["__id__"] = next(identities)
        if node.get("__loader__") == "NdArrayNode":
            arrays.append(_settled(old.read(node["file"])))
            node["file"] = f"{len(arrays) - 1}.npy"
        for key in sorted(node):
            _renumber(node[key], old, arrays, identities=identities)


def _settled(array: bytes) -> bytes:
    """Return an array's file with what its tree left unset put to zero.

    Nodes of a tree are padded to whole words, and leaves never get a side for missing values:
    both are what was in memory before, and would make equal trees differ.
    """
    values = np.load(io.BytesIO(array), allow_pickle=False)
    if values.dtype.names is None:
        return array
    settled = np.zeros(values.shape, dtype=values.dtype)
    for name in values.dtype.names:
        settled[name] = values[name]
    settled["missing_go_to_left"][settled["left_child"] < 0] = 0
    made = io.BytesIO()
    np.save(made, settled, allow_pickle=False)
    return made.getvalue()
