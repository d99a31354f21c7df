"""Training sets: features and labels of one symbol and session, with weights."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from quant_assets.market.errors import TrainingError
from quant_assets.models.kernels import average_uniqueness
from quant_assets.models.schema import TARGET_COLUMNS, training_set_table


def build_training_set(features: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Join one session's features and labels and weigh each row by its label's uniqueness.

    Parameters
    ----------
    features
        Columns session, bar_start, then one Float64 a feature; null in warm-up.
    labels
        What `label_session` returned for the same symbol and session.

    Returns
    -------
    DataFrame
        In the columns and order of `training_set_table`: one row a bar that has features and a
        label. `weight` is the average uniqueness of the label among the session's labels.

    Raises
    ------
    TrainingError
        If the features bear reserved names, or a bar has two rows on one side.
    """
    names = feature_columns(features)
    table = training_set_table(names)
    for side, frame in (("features", features), ("labels", labels)):
        if frame["bar_start"].n_unique() != frame.height:
            raise TrainingError(
                asked=f"a training set from {frame.height} rows of {side}",
                found="a bar has more than one row",
                remedy="Make the stage above again: its table's key is bar_start.",
            )
    weight = pl.Series("weight", label_weights(labels), dtype=pl.Float64)
    weighted = labels.with_columns(weight).select("bar_start", *TARGET_COLUMNS)
    joined = features.join(weighted, on="bar_start", how="inner", maintain_order="left")
    return (
        joined.select("session", "bar_start", *names, *TARGET_COLUMNS)
        .sort("bar_start")
        .pipe(table.check)
    )


def label_weights(labels: pl.DataFrame) -> np.ndarray:
    """Return the average uniqueness of each label among the rows given, in (0, 1].

    Parameters
    ----------
    labels
        Columns entry_bar and label_bars, as `label_session` returns them; rows in any order. Bars
        without a label hold their place and count for none.
    """
    entry = labels["entry_bar"].cast(pl.Int64).to_numpy()
    span = labels["label_bars"].cast(pl.Int64).to_numpy()
    weight: np.ndarray = average_uniqueness(np.ascontiguousarray(entry), np.ascontiguousarray(span))
    return weight


def feature_columns(frame: pl.DataFrame) -> list[str]:
    """Return the names of the feature columns, in the frame's order."""
    keys = {"session", "bar_start", "symbol", *TARGET_COLUMNS}
    return [name for name in frame.columns if name not in keys]


def split_final(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Set aside whole sessions of a symbol in which a label may still change.

    Single rows are not dropped: those that met a barrier early would stay, and the rest go, which
    would bend the labels' shares.

    Returns
    -------
    tuple
        The rows that may be trained on, and the sessions set aside as `SYMBOL YYYY-MM-DD`.
    """
    is_final = pl.col("final").all().over("symbol", "session")
    marked = frame.with_columns(session_is_final=is_final)
    dropped = marked.filter(~pl.col("session_is_final"))
    pairs = dropped.select("symbol", "session").unique().sort("symbol", "session")
    names = [f"{symbol} {session.isoformat()}" for symbol, session in pairs.iter_rows()]
    return marked.filter("session_is_final").drop("session_is_final"), names


def feature_matrix(frame: pl.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return the features as a C-ordered float64 matrix of shape (rows, features); null is NaN.

    Columns are put in the order of `names`; others are left out.

    Raises
    ------
    TrainingError
        If a feature is missing; it names each one.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise TrainingError(
            asked=f"the {len(names)} features of a model",
            found=f"{', '.join(missing)} missing",
            remedy="Make the features again with these names; nothing is filled in.",
        )
    columns = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names]
    return (
        np.ascontiguousarray(np.column_stack(columns)) if columns else np.empty((frame.height, 0))
    )
