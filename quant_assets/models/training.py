"""Walk-forward training: folds, scores, the final pipeline, and cross-validation beside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_assets.market.errors import TrainingError
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.dataset import feature_matrix
from quant_assets.models.estimators import check_estimator
from quant_assets.models.fitting import Prepared, TrainingRows, fit_pipeline, prepare_fold
from quant_assets.models.purged_folds import TestFold, cross_validation_folds
from quant_assets.models.scores import calibration_bins, score_fold
from quant_assets.models.spec import TrainingPlan
from quant_assets.models.splits import Fold, PurgedWalkForward
from quant_assets.models.trained import CrossValidated, FoldModel, TrainedModel

Progress = Callable[[int, int], None]
"""Called with fits done and fits in all."""


@dataclass(frozen=True)
class _Work:
    """All that a training does, known and checked before the first fit."""

    rows: TrainingRows
    walk: list[tuple[Fold, Prepared]]
    cross: list[tuple[TestFold, Prepared]]
    final: Prepared


def train_model(
    frame: pl.DataFrame,
    *,
    feature_names: Sequence[str],
    strategy: TrainingPlan,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train one pipeline a fold and one on all rows.

    Parameters
    ----------
    frame
        Rows of training sets of one timeframe and label, with a column `symbol`, in any order;
        the same rows give the same model.
    feature_names
        Features in the order the model shall know them; other columns are left out.
    strategy
        Label, estimator, splits, pruning, tail, timeframe and seed.
    progress
        Called after each fit of a fold, of the final pipeline, and of cross-validation.

    Returns
    -------
    TrainedModel
        The last fold's span runs on to where the final pipeline is out of sample, so that no bar
        after the first test span is without a model that did not see it.

    Raises
    ------
    TrainingError
        Before any training: if there are no rows or too few sessions, a label is not final, a
        feature or `symbol` is missing, a value is infinite, the estimator or a parameter of it is
        unknown, or a fold has one class only.
    """
    check_estimator(strategy.model)
    frame = _sorted_rows(frame, feature_names)
    work = _planned(frame, tuple(feature_names), strategy)
    rows, total = work.rows, len(work.walk) + len(work.cross) + 1
    train_end_ns = int(rows.t1.max())
    oos_start_ns = train_end_ns + _embargo_ns(strategy) + 1
    proba = np.full(frame.height, np.nan)
    folds: list[FoldModel] = []
    for number, (fold, prepared) in enumerate(work.walk):
        end_ns = oos_start_ns if number == len(work.walk) - 1 else fold.test_end_ns
        folds.append(_walk_forward(rows, fold, prepared, strategy, proba, test_end_ns=end_ns))
        _tell(progress, number + 1, total)
    final = fit_pipeline(rows, work.final, strategy)
    _tell(progress, len(folds) + 1, total)
    crossed: list[CrossValidated] = []
    for test, prepared in work.cross:
        crossed.append(_cross_validate(rows, test, prepared, strategy))
        _tell(progress, len(folds) + 1 + len(crossed), total)
    is_scored = ~np.isnan(proba)
    return TrainedModel.from_values(
        features=tuple(feature_names),
        label=strategy.label,
        timeframe=strategy.timeframe,
        symbols=tuple(frame["symbol"].unique().sort()),
        model=strategy.model,
        seed=strategy.seed,
        n_rows=frame.height,
        folds=tuple(folds),
        cv=tuple(crossed),
        calibration=tuple(calibration_bins(rows.target[is_scored], proba[is_scored])),
        final=final,
        train_start_ns=int(rows.t0.min()),
        train_end_ns=train_end_ns,
        oos_start_ns=oos_start_ns,
    )


def _walk_forward(
    rows: TrainingRows,
    fold: Fold,
    prepared: Prepared,
    strategy: TrainingPlan,
    proba: np.ndarray,
    *,
    test_end_ns: int,
) -> FoldModel:
    """Fit and score one fold; its out-of-sample probabilities are put into `proba`."""
    pipeline = fit_pipeline(rows, prepared, strategy)
    test = fold.test_idx
    proba[test] = pipeline.predict(rows.matrix[test], rows.names, strategy.model)
    return FoldModel(
        test_start_ns=fold.test_start_ns,
        test_end_ns=test_end_ns,
        train_end_ns=int(rows.t1[fold.train_idx].max()),
        n_train=fold.train_idx.size,
        n_test=test.size,
        scores=score_fold(rows.target[test], proba[test]),
        pipeline=pipeline,
    )


def _cross_validate(
    rows: TrainingRows, test: TestFold, prepared: Prepared, strategy: TrainingPlan
) -> CrossValidated:
    """Fit and score one fold of cross-validation; its pipeline is not kept."""
    pipeline = fit_pipeline(rows, prepared, strategy)
    proba = pipeline.predict(rows.matrix[test.test_idx], rows.names, strategy.model)
    return CrossValidated(
        blocks=tuple(int(block) for block in test.blocks),
        n_train=test.train_idx.size,
        n_test=test.test_idx.size,
        scores=score_fold(rows.target[test.test_idx], proba),
    )


def _planned(frame: pl.DataFrame, names: tuple[str, ...], strategy: TrainingPlan) -> _Work:
    """Return all folds with their rows, or raise before the first fit."""
    rows = TrainingRows(
        names=names,
        matrix=feature_matrix(frame, names),
        target=(frame["label"] == 1).cast(pl.Float64).to_numpy(),
        weight=frame["weight"].to_numpy(),
        t0=frame["bar_start"].to_physical().to_numpy(),
        t1=frame["label_end"].to_physical().to_numpy(),
    )
    _check_finite(rows)
    spans = (rows.t0, rows.t1, frame["session"].to_numpy(), frame["final"].to_numpy())
    splitter = PurgedWalkForward(
        n_folds=strategy.splits.n_folds,
        min_train_sessions=strategy.splits.min_train_sessions,
        embargo_ns=_embargo_ns(strategy),
        kind=strategy.splits.kind,
    )
    walk = list(splitter.split(*spans))
    cross: list[TestFold] = []
    if strategy.cv is not None:
        keys = ("t0", "t1", "sessions", "final")
        cross = cross_validation_folds(
            strategy.cv,
            timeframe_ns=Timeframe.parse(strategy.timeframe).ns,
            **dict(zip(keys, spans, strict=True)),
        )

    def prepared(train: np.ndarray, name: str) -> Prepared:
        return prepare_fold(rows, train, strategy, name=name)

    return _Work(
        rows,
        [(f, prepared(f.train_idx, f"fold {i} of {len(walk)}")) for i, f in enumerate(walk)],
        [
            (f, prepared(f.train_idx, f"cross-validation fold {i} of {len(cross)}"))
            for i, f in enumerate(cross)
        ],
        prepared(np.arange(frame.height), "the final model"),
    )


def _sorted_rows(frame: pl.DataFrame, feature_names: Sequence[str]) -> pl.DataFrame:
    """Return the rows in one order whatever order they came in."""
    if frame.is_empty() or not feature_names or "symbol" not in frame.columns:
        says = "with" if "symbol" in frame.columns else "without"
        raise TrainingError(
            asked="train a model",
            found=f"{frame.height} rows {says} a symbol, {len(feature_names)} features",
            remedy="Make the training set first: rows with a column `symbol`, and features. A "
            "meta-label has none where its first rule trades on no side.",
        )
    rows = frame.sort("bar_start", "symbol")
    if rows.select(pl.struct("bar_start", "symbol").is_duplicated().any()).item():
        raise TrainingError(
            asked="train a model",
            found="a symbol has two rows for one bar",
            remedy="Give each training set once.",
        )
    return rows


def _check_finite(rows: TrainingRows) -> None:
    """Refuse infinite values: no scaler has a mean of them."""
    wrong = np.isinf(rows.matrix).any(axis=0)
    if wrong.any():
        named = [name for name, is_wrong in zip(rows.names, wrong, strict=True) if is_wrong]
        raise TrainingError(
            asked=f"train on {len(rows.names)} features",
            found=f"infinite values in {', '.join(named)}",
            remedy="Make these features again: what cannot be told is null.",
        )


def _embargo_ns(strategy: TrainingPlan) -> int:
    """Return the embargo of walk-forward as time."""
    return strategy.splits.embargo_bars * Timeframe.parse(strategy.timeframe).ns


def _tell(progress: Progress | None, done: int, total: int) -> None:
    """Report progress where somebody listens."""
    if progress is not None:
        progress(done, total)
