"""Walk-forward training of a booster: folds, scores, the final model and its importances."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from quant_assets.market.errors import TrainingError
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.booster_text import trees_only
from quant_assets.models.dataset import feature_matrix
from quant_assets.models.scores import score_fold
from quant_assets.models.spec import TrainingPlan
from quant_assets.models.splits import Fold, PurgedWalkForward
from quant_assets.models.trained import (
    N_THREADS,
    FoldModel,
    TrainedModel,
    predict_with,
)

Progress = Callable[[int, int], None]
"""Called with boosters done and boosters in all."""


def train_model(
    frame: pl.DataFrame,
    *,
    feature_names: Sequence[str],
    strategy: TrainingPlan,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train one booster a fold and one on all rows.

    Parameters
    ----------
    frame
        Rows of training sets of one timeframe and label, with a column `symbol`, in any order;
        the same rows give the same model.
    feature_names
        Features in the order the model shall know them; other columns are left out.
    strategy
        Label, booster, splits, timeframe and seed.
    progress
        Called after each booster.

    Returns
    -------
    TrainedModel
        The last fold's span runs on to where the final booster is out of sample, so that no bar
        after the first test span is without a model that did not see it.

    Raises
    ------
    TrainingError
        Before any training: if there are no rows or too few sessions, a label is not final, a
        feature or `symbol` is missing, or a fold has one class only.
    """
    rows = _sorted_rows(frame, feature_names)
    matrix = feature_matrix(rows, feature_names)
    target = (rows["label"] == 1).cast(pl.Float64).to_numpy()
    weight = rows["weight"].to_numpy()
    t0 = rows["bar_start"].to_physical().to_numpy()
    t1 = rows["label_end"].to_physical().to_numpy()
    embargo_ns = strategy.splits.embargo_bars * Timeframe.parse(strategy.timeframe).ns
    folds = _checked_folds(rows, t0, t1, target, strategy=strategy, embargo_ns=embargo_ns)
    train_end_ns = int(t1.max())
    oos_start_ns = train_end_ns + embargo_ns + 1
    made: list[FoldModel] = []
    for number, fold in enumerate(folds):
        text = _fit(matrix, target, weight, fold.train_idx, strategy)[0]
        proba = predict_with(text, matrix[fold.test_idx])
        is_last = number == len(folds) - 1
        made.append(
            FoldModel(
                test_start_ns=fold.test_start_ns,
                test_end_ns=oos_start_ns if is_last else fold.test_end_ns,
                train_end_ns=int(t1[fold.train_idx].max()),
                n_train=fold.train_idx.size,
                n_test=fold.test_idx.size,
                scores=score_fold(target[fold.test_idx], proba),
                booster=text,
            )
        )
        _tell(progress, number + 1, len(folds) + 1)
    final_text, gains = _fit(matrix, target, weight, np.arange(rows.height), strategy)
    _tell(progress, len(folds) + 1, len(folds) + 1)
    return TrainedModel.from_values(
        features=tuple(feature_names),
        label=strategy.label,
        timeframe=strategy.timeframe,
        symbols=tuple(rows["symbol"].unique().sort()),
        params=strategy.model.params,
        seed=strategy.seed,
        n_rows=rows.height,
        folds=tuple(made),
        final_booster=final_text,
        train_start_ns=int(t0.min()),
        train_end_ns=train_end_ns,
        oos_start_ns=oos_start_ns,
        importances=dict(zip(feature_names, gains, strict=True)),
    )


def _sorted_rows(frame: pl.DataFrame, feature_names: Sequence[str]) -> pl.DataFrame:
    """Return the rows in one order whatever order they came in."""
    if frame.is_empty() or not feature_names or "symbol" not in frame.columns:
        says = "with" if "symbol" in frame.columns else "without"
        raise TrainingError(
            asked="train a model",
            found=f"{frame.height} rows {says} a symbol, {len(feature_names)} features",
            remedy="Make the training set first: rows with a column `symbol`, and features.",
        )
    rows = frame.sort("bar_start", "symbol")
    if rows.select(pl.struct("bar_start", "symbol").is_duplicated().any()).item():
        raise TrainingError(
            asked="train a model",
            found="a symbol has two rows for one bar",
            remedy="Give each training set once.",
        )
    return rows


def _checked_folds(
    rows: pl.DataFrame,
    t0: np.ndarray,
    t1: np.ndarray,
    target: np.ndarray,
    *,
    strategy: TrainingPlan,
    embargo_ns: int,
) -> list[Fold]:
    """Return all folds, or raise before the first booster is trained."""
    splitter = PurgedWalkForward(
        n_folds=strategy.splits.n_folds,
        min_train_sessions=strategy.splits.min_train_sessions,
        embargo_ns=embargo_ns,
    )
    final = rows["final"].to_numpy()
    folds = list(splitter.split(t0, t1, rows["session"].to_numpy(), final))
    for number, fold in enumerate(folds):
        n_hits = int(target[fold.train_idx].sum())
        if n_hits in {0, fold.train_idx.size}:
            raise TrainingError(
                asked=f"fold {number} of {len(folds)}",
                found=f"{n_hits} of {fold.train_idx.size} training labels meet their target",
                remedy="Both classes are needed: change label.tp or label.sl, or train on more.",
            )
    return folds


def _fit(
    matrix: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    rows: np.ndarray,
    strategy: TrainingPlan,
) -> tuple[str, list[float]]:
    """Train one booster; return its trees as text, and the gain of each feature."""
    import lightgbm

    names = [f"f{i}" for i in range(matrix.shape[1])]
    given = dict(strategy.model.params)
    n_rounds = int(given.pop("num_iterations"))
    data = lightgbm.Dataset(
        matrix[rows],
        label=target[rows],
        weight=weight[rows],
        feature_name=names,
        params={"verbosity": -1},
    )
    params: dict[str, Any] = {
        **given,
        "objective": "binary",
        "metric": "None",
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": N_THREADS,
        "seed": strategy.seed,
        "verbosity": -1,
    }
    booster = lightgbm.train(params, data, num_boost_round=n_rounds)
    gains = [float(gain) for gain in booster.feature_importance(importance_type="gain")]
    return trees_only(booster.model_to_string()), gains


def _tell(progress: Progress | None, done: int, total: int) -> None:
    """Report progress where somebody listens."""
    if progress is not None:
        progress(done, total)
