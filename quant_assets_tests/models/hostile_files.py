"""Estimators' texts damaged at random, and what becomes of them; run in a process of its own."""

import base64
import functools
import io
import json
import re
import sys
import zipfile

import numpy as np

from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.market.errors import TrainingError
from quant_assets.models.boosters import Rows
from quant_assets.models.estimators import (
    check_estimator_text,
    fit_estimator,
    predict_estimator,
)
from quant_assets.models.spec import ModelSpec

N_FEATURES = 3
SMALL: dict[str, dict[str, int | float | bool | str | None]] = {
    "lightgbm": {"num_iterations": 3, "num_leaves": 6, "min_data_in_leaf": 10},
    "xgboost": {"num_iterations": 3, "max_depth": 3},
    "random_forest": {"n_estimators": 2, "max_depth": 3},
    "sklearn.tree.DecisionTreeClassifier": {"max_depth": 3},
    "sklearn.ensemble.AdaBoostClassifier": {"n_estimators": 2},
    "logistic_regression": {},
    "sklearn.neural_network.MLPClassifier": {"hidden_layer_sizes": 3, "max_iter": 5},
}


def small_rows() -> Rows:
    """Return rows with a planted edge and some nulls in the last feature."""
    rng = np.random.default_rng(11)
    matrix = rng.normal(size=(300, N_FEATURES))
    target = (matrix.sum(axis=1) + rng.normal(size=300) > 0.0).astype(np.float64)
    return Rows(matrix, target, np.ones(300))


@functools.cache
def small_text(kind: str) -> str:
    """Return a small estimator as text."""
    return fit_estimator(ModelSpec(kind=kind, params=SMALL[kind]), small_rows(), seed=5).text


def members(text: str) -> dict[str, bytes]:
    """Return the members of a skops text."""
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(text))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> str:
    """Return members as a skops text, with checksums that fit."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression=compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return base64.b64encode(made.getvalue()).decode()


def damaged(kind: str, text: str, rng: np.random.Generator) -> str:
    """Return a text with one random damage that its container's checksums do not tell."""
    if kind not in {"lightgbm", "xgboost"}:
        return _damaged_skops(text, rng)
    if rng.random() < 0.1:
        return text[: int(rng.integers(len(text)))]
    numbers = list(re.finditer(r"-?\d+(\.\d+)?", text))
    place = numbers[int(rng.integers(len(numbers)))]
    odd = ["-1", "-2", "0", "1", "7", "99999", "-99999", "2147483647", "1e308", "x", ""]
    edited = text[: place.start()] + str(rng.choice(odd)) + text[place.end() :]
    return _settled(edited) if kind == "xgboost" else sized(edited)


def _damaged_skops(text: str, rng: np.random.Generator) -> str:
    """Return a skops text with a flipped byte, a cut member or a changed number."""
    if rng.random() < 0.1:
        raw = bytearray(base64.b64decode(text))
        raw[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
        return base64.b64encode(bytes(raw)).decode()
    parts = members(text)
    name = str(rng.choice(sorted(parts)))
    data = bytearray(parts[name])
    how = rng.random()
    if name == "schema.json" and how < 0.7:
        numbers = list(re.finditer(rb"-?\d+", parts[name]))
        place = numbers[int(rng.integers(len(numbers)))]
        odd = [b"-1", b"0", b"2", b"99999", b"1e999", b"null"]
        choice = odd[int(rng.integers(len(odd)))]
        data = bytearray(parts[name][: place.start()] + choice + parts[name][place.end() :])
    elif how < 0.1:
        data = data[: int(rng.integers(len(data)))]
    else:
        for _ in range(int(rng.integers(1, 4))):
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return packed(parts | {name: bytes(data)})


def _settled(text: str) -> str:
    """Return JSON in canonical form where it still is JSON."""
    try:
        return canonical_json(json.loads(text))
    except ValueError:
        return text


def sized(booster: str) -> str:
    """Return a LightGBM text with tree sizes that fit its trees."""
    head, *trees = booster.split("\nTree=")
    if not trees or "end of" not in trees[-1]:
        return booster
    trees[-1], end = trees[-1].split("end of", 1)
    sizes = " ".join(str(len("Tree=" + tree) + (tree is not trees[-1])) for tree in trees)
    lines = [f"tree_sizes={sizes}" if "tree_sizes" in line else line for line in head.split("\n")]
    return "\nTree=".join(["\n".join(lines), *trees]) + "end of" + end


def attack(kind: str, *, n_tries: int, seed: int) -> dict[str, int]:
    """Damage a text many times; count the refused and those that still gave probabilities."""
    rng = np.random.default_rng(seed)
    text, matrix = small_text(kind), small_rows().matrix
    counts = {"refused": 0, "predicted": 0}
    for _ in range(n_tries):
        try:
            made = damaged(kind, text, rng)
            check_estimator_text(kind, made, n_features=N_FEATURES)
            proba = predict_estimator(kind, made, matrix)
        except TrainingError:
            counts["refused"] += 1
        else:
            assert proba.shape == (300,)
            counts["predicted"] += 1
    return counts


if __name__ == "__main__":
    for named in SMALL:
        print(named, json.dumps(attack(named, n_tries=int(sys.argv[1]), seed=int(sys.argv[2]))))  # noqa: T201
