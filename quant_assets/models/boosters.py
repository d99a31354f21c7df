"""Boosters: LightGBM and XGBoost, trained to the same bits and read from checked texts."""

import functools
from typing import Any, NamedTuple

import numpy as np

from quant_assets.market.errors import TrainingError
from quant_assets.models.booster_text import trees_only
from quant_assets.models.calibration import sigmoid
from quant_assets.models.spec import ModelSpec
from quant_assets.models.stored_errors import broken_estimator
from quant_assets.models.threads import N_THREADS
from quant_assets.models.xgboost_text import canonical_xgboost


class Rows(NamedTuple):
    """Features, classes 0 and 1, and weights of some rows."""

    matrix: np.ndarray
    target: np.ndarray
    weight: np.ndarray


class Fitted(NamedTuple):
    """A fitted estimator as text, what each feature did for it, and its boosting rounds.

    `gains` is None for an estimator that tells none; `rounds` is 0 for one that is no booster.
    """

    text: str
    gains: list[float] | None
    rounds: int = 0


def import_xgboost() -> Any:
    """Return XGBoost, or raise `TrainingError` that names the extra."""
    try:
        import xgboost
    except ImportError as error:
        raise TrainingError(
            asked="a model of kind xgboost",
            found="XGBoost is not installed",
            remedy="Install the extra: pip install 'quant_assets[xgboost]'",
        ) from error
    return xgboost


def fit_lightgbm(
    spec: ModelSpec, rows: Rows, *, seed: int, stop: Rows | None, stop_rounds: int
) -> Fitted:
    """Train LightGBM; on `stop` it ends `stop_rounds` after its best log loss."""
    import lightgbm

    given: dict[str, Any] = dict(spec.params)
    n_rounds = given.pop("num_iterations")
    names = [f"f{i}" for i in range(rows.matrix.shape[1])]
    data = lightgbm.Dataset(
        rows.matrix,
        label=rows.target,
        weight=rows.weight,
        feature_name=names,
        params={"verbosity": -1},
    )
    params: dict[str, Any] = {
        **given,
        "objective": "binary",
        "metric": "None" if stop is None else "binary_logloss",
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": N_THREADS,
        "seed": seed,
        "verbosity": -1,
    }
    watched: dict[str, Any] = {}
    if stop is not None:
        held_out = lightgbm.Dataset(
            stop.matrix, label=stop.target, weight=stop.weight, reference=data
        )
        stopping = lightgbm.early_stopping(stop_rounds, verbose=False)
        watched = {"valid_sets": [held_out], "callbacks": [stopping]}
    booster = lightgbm.train(params, data, num_boost_round=n_rounds, **watched)
    best = booster.best_iteration if stop is not None else booster.current_iteration()
    gains = booster.feature_importance(importance_type="gain", iteration=best)
    text = trees_only(booster.model_to_string(num_iteration=best))
    return Fitted(text, [float(gain) for gain in gains], best)


def predict_lightgbm(text: str, matrix: np.ndarray) -> np.ndarray:
    """Return the probabilities of a checked LightGBM text."""
    booster = load_lightgbm(text)
    return np.asarray(booster.predict(matrix, num_threads=N_THREADS), dtype=np.float64)


def fit_xgboost(
    spec: ModelSpec, rows: Rows, *, seed: int, stop: Rows | None, stop_rounds: int
) -> Fitted:
    """Train XGBoost; on `stop` it ends `stop_rounds` after its best log loss."""
    xgboost = import_xgboost()
    given: dict[str, Any] = dict(spec.params)
    n_rounds = given.pop("num_iterations")
    params = {
        **given,
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "nthread": N_THREADS,
        "seed": seed,
        "verbosity": 0,
    }
    data, *held_out = [
        xgboost.DMatrix(part.matrix, label=part.target, weight=part.weight, nthread=N_THREADS)
        for part in (rows, stop)
        if part is not None
    ]
    watched: dict[str, Any] = {}
    if held_out:
        watched = {"evals": [(held_out[0], "tail")], "early_stopping_rounds": stop_rounds}
    booster = xgboost.train(params, data, num_boost_round=n_rounds, verbose_eval=False, **watched)
    if held_out:
        booster = booster[: booster.best_iteration + 1]
        booster.set_attr(best_iteration=None, best_score=None)
    told = booster.get_score(importance_type="total_gain")
    gains = [float(told.get(f"f{i}", 0.0)) for i in range(rows.matrix.shape[1])]
    return Fitted(canonical_xgboost(booster.save_raw("json")), gains, booster.num_boosted_rounds())


def predict_xgboost(text: str, matrix: np.ndarray) -> np.ndarray:
    """Return the probabilities of a checked XGBoost text.

    XGBoost gives the log odds; the logistic function is libm's own, a row at a time, since a
    vectorised one may differ with the number of rows beside.
    """
    data = import_xgboost().DMatrix(matrix, nthread=N_THREADS)
    booster = load_xgboost(text)
    try:
        margins = booster.predict(data, output_margin=True).astype(np.float64)
    except import_xgboost().core.XGBoostError as error:
        raise broken_estimator(f"XGBoost does not predict: {str(error)[:100]}") from error
    return np.array([sigmoid(margin) for margin in margins.tolist()], dtype=np.float64)


@functools.lru_cache(maxsize=16)
def load_lightgbm(text: str) -> Any:
    """Parse a checked booster once; sessions in a row are predicted by the same few."""
    import lightgbm

    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise broken_estimator(f"LightGBM does not read it: {str(error)[:100]}") from error


@functools.lru_cache(maxsize=16)
def load_xgboost(text: str) -> Any:
    """Parse a checked booster once, as above."""
    xgboost = import_xgboost()
    params = {"nthread": N_THREADS, "verbosity": 0}
    try:
        return xgboost.Booster(params, model_file=bytearray(text.encode()))
    except xgboost.core.XGBoostError as error:
        raise broken_estimator(f"XGBoost does not read it: {str(error)[:100]}") from error
