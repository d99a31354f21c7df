"""Tables of training sets and predictions."""

import functools
from collections.abc import Sequence

import dataframely as dy

from quant_assets.market.columns import day, flag, instant, real, word
from quant_assets.market.errors import TrainingError
from quant_assets.market.tables import Grain, Table

TARGET_COLUMNS = ("label", "label_end", "label_return", "side", "weight", "final")
"""What a training set adds to the features."""

RESERVED = frozenset({"session", "bar_start", "symbol", *TARGET_COLUMNS})
"""Names that no feature may have."""

NO_FOLD_FINAL = -1
"""Fold of a bar after the training's end: the final model, out of sample."""

NO_FOLD_BEFORE = -2
"""Fold of a bar before the first test span: the final model, in sample."""


class PredictionsSchema(dy.Schema):
    """One row a bar; known when the bar has closed.

    A bar without a row has a null feature that the model cannot read, or no trade of the first
    rule: nothing is filled in.
    """

    session = day("session of the bar")
    bar_start = instant("start of the bar whose features were read", key=True)
    fold = dy.Int16(
        nullable=False,
        metadata={"unit": "fold", "meaning": "test fold; -1 after training, -2 before any test"},
    )
    proba = real("probability that the trade of this side meets its target first", unit="0 to 1")
    side = dy.Int8(
        nullable=False,
        metadata={"unit": "side", "meaning": "1 long, -1 short: the trade that proba speaks of"},
    )
    is_oos = flag("whether no label of the model's training reaches the bar")
    model_version = word("SHA-256 of the model that the fold's booster is part of")


PREDICTIONS = Table(
    name="predictions",
    schema=PredictionsSchema,
    levels=("model", "timeframe", "symbol"),
    order=("bar_start",),
)


@functools.cache
def _training_set(feature_names: tuple[str, ...]) -> Table:
    """Return the table of a feature list; one schema class a list."""
    columns: dict[str, dy.Column] = {
        "session": day("session of the bar"),
        "bar_start": instant("start of the bar whose close is the entry", key=True),
    }
    for name in feature_names:
        columns[name] = real(f"feature {name}; null in warm-up", unit="feature", nullable=True)
    columns |= {
        "label": dy.Int8(
            nullable=False,
            metadata={"unit": "class", "meaning": "1 target first, -1 stop first, 0 time"},
        ),
        "label_end": instant("end of the bar that decided the label"),
        "label_return": real("return to the barrier, of the entry's close", unit="ratio"),
        "side": dy.Int8(
            nullable=False,
            metadata={"unit": "side", "meaning": "side of the trade that the label speaks of"},
        ),
        "weight": real("average uniqueness of the label in its session", unit="0 to 1"),
        "final": flag("False where the data ended before the label was decided"),
    }
    schema = type("TrainingSetSchema", (dy.Schema,), dict(columns))
    return Table(
        name="training_set",
        schema=schema,
        levels=("dataset", "timeframe", "symbol"),
        order=("bar_start",),
    )


def training_set_table(feature_names: Sequence[str]) -> Table:
    """Return the training set's table for a list of features, in the order given.

    Raises
    ------
    TrainingError
        If a feature is named twice, or bears a name that the table itself uses.
    """
    names = tuple(feature_names)
    clashing = sorted(RESERVED.intersection(names))
    if clashing or len(set(names)) != len(names) or not names:
        found = "no feature, or one named twice"
        if clashing:
            found = f"names that the table itself uses: {', '.join(clashing)}"
        raise TrainingError(
            asked=f"a training set of {len(names)} features",
            found=found,
            remedy="Name each feature once, and none as a column of the table.",
        )
    return _training_set(names)


class ModelsSchema(dy.Schema):
    """The model of a strategy, whole and as text; loading it runs no code."""

    model_version = word("SHA-256 over the model's content", key=True)
    strategy = word("strategy that it was trained for")
    n_rows = dy.UInt32(nullable=False, metadata={"unit": "rows", "meaning": "training rows"})
    n_folds = dy.UInt16(nullable=False, metadata={"unit": "folds", "meaning": "test folds"})
    train_start = instant("start of the first training bar")
    train_end = instant("end of the last label that was learned")
    text = word("the model as one JSON text")


MODELS = Table(
    name="models",
    schema=ModelsSchema,
    levels=("strategy",),
    order=("model_version",),
    grain=Grain.WHOLE,
)
