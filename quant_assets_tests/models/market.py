"""Training sets made for the tests: a feature that tells, one that is noise."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.spec import (
    CrossValidationSpec,
    ModelSpec,
    PruningSpec,
    SplitSpec,
    TailSpec,
)

BAR_NS = 900 * 10**9
FEATURES = ("told", "noise", "gaps")


class Plan:
    """The smallest thing that training accepts as a strategy."""

    def __init__(self, *, n_folds: int = 3, min_train: int = 4, embargo: int = 1, seed: int = 7):
        self.label = LabelSpec(sl=0.01, tp=0.01, horizon_bars=8)
        self.model = ModelSpec(params={"num_iterations": 20, "min_data_in_leaf": 10})
        self.splits = SplitSpec(n_folds=n_folds, min_train_sessions=min_train, embargo_bars=embargo)
        self.cv: CrossValidationSpec | None = None
        self.pruning = PruningSpec()
        self.tail = TailSpec()
        self.timeframe = "15m"
        self.seed = seed


def training_rows(
    seed: int = 1,
    *,
    n_sessions: int = 12,
    edge: float = 2.0,
    symbols: tuple[str, ...] = ("AA", "BB"),
    n_bars: int = 30,
) -> pl.DataFrame:
    """Return rows of several symbols; P(label = 1) rises with `told` where `edge` is above 0."""
    rng = np.random.default_rng(seed)
    parts = []
    for symbol in symbols:
        for number in range(n_sessions):
            day = date(2024, 3, 4) + timedelta(days=number)
            parts.append(_session_rows(rng, symbol, day, edge, n_bars))
    return pl.concat(parts)


def _session_rows(
    rng: np.random.Generator, symbol: str, day: date, edge: float, n: int
) -> pl.DataFrame:
    """Return the rows of one symbol and session, with labels of random length."""
    first = int(datetime(day.year, day.month, day.day, 14, tzinfo=UTC).timestamp()) * 10**9
    start = first + np.arange(n) * BAR_NS
    told = rng.normal(size=n)
    hit = rng.random(n) < 1.0 / (1.0 + np.exp(-edge * told))
    gaps = rng.normal(size=n)
    gaps[: n // 4] = np.nan
    span = rng.integers(1, 9, size=n)
    return pl.DataFrame(
        {
            "symbol": [symbol] * n,
            "session": [day] * n,
            "bar_start": pl.Series(start).cast(UTC_NS),
            "told": told,
            "noise": rng.normal(size=n),
            "gaps": pl.Series(gaps).fill_nan(None),
            "label": pl.Series(np.where(hit, 1, -1), dtype=pl.Int8),
            "label_end": pl.Series(start + (span + 1) * BAR_NS).cast(UTC_NS),
            "label_return": np.where(hit, 0.01, -0.01),
            "side": pl.Series([1] * n, dtype=pl.Int8),
            "weight": rng.uniform(0.1, 1.0, size=n),
            "final": [True] * n,
        }
    )


FAST_PARAMS: dict[str, dict[str, int | float | bool | str | None]] = {
    "lightgbm": {"num_iterations": 60, "min_data_in_leaf": 20},
    "xgboost": {"num_iterations": 60},
    "random_forest": {"n_estimators": 12, "min_samples_leaf": 10},
    "logistic_regression": {},
    "sklearn.ensemble.ExtraTreesClassifier": {"n_estimators": 5, "max_depth": 4},
    "sklearn.ensemble.AdaBoostClassifier": {"n_estimators": 5},
    "sklearn.tree.DecisionTreeClassifier": {"max_depth": 4},
    "sklearn.tree.ExtraTreeClassifier": {"max_depth": 4},
    "sklearn.linear_model.SGDClassifier": {"loss": "log_loss"},
    "sklearn.linear_model.LogisticRegressionCV": {"max_iter": 100, "use_legacy_attributes": False},
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": {},
    "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis": {},
    "sklearn.naive_bayes.GaussianNB": {},
    "sklearn.naive_bayes.BernoulliNB": {},
    "sklearn.neural_network.MLPClassifier": {"hidden_layer_sizes": 8, "max_iter": 30},
}
"""Every kind of estimator, with parameters that train in no time."""


def plan_of(kind: str) -> Plan:
    """Return a plan that trains a kind of estimator."""
    plan = Plan(n_folds=3, min_train=4)
    plan.model = ModelSpec(kind=kind, params=FAST_PARAMS[kind])
    return plan
