"""Parameters of estimators by name: what may be given, in which bounds, and what is filled in."""

import difflib
from collections.abc import Mapping
from typing import Literal

ModelKind = Literal["lightgbm", "xgboost", "random_forest", "logistic_regression"]
"""Estimators by name; any classifier of scikit-learn goes by its dotted path."""

Value = int | float | bool | str | None

_WHOLE: dict[str, dict[str, tuple[int, int]]] = {
    "lightgbm": {
        "num_iterations": (1, 5000),
        "num_leaves": (2, 4096),
        "max_depth": (-1, 64),
        "min_data_in_leaf": (1, 10_000_000),
        "bagging_freq": (0, 1000),
        "max_bin": (2, 1024),
    },
    "xgboost": {
        "num_iterations": (1, 5000),
        "max_depth": (1, 32),
        "max_leaves": (0, 4096),
        "max_bin": (2, 1024),
    },
}
_REAL: dict[str, dict[str, tuple[float, float]]] = {
    "lightgbm": {
        "learning_rate": (1e-6, 1.0),
        "feature_fraction": (0.01, 1.0),
        "bagging_fraction": (0.01, 1.0),
        "lambda_l1": (0.0, 1e6),
        "lambda_l2": (0.0, 1e6),
        "min_gain_to_split": (0.0, 1e6),
        "min_sum_hessian_in_leaf": (0.0, 1e9),
        "path_smooth": (0.0, 1e6),
        "scale_pos_weight": (1e-6, 1e6),
    },
    "xgboost": {
        "learning_rate": (1e-6, 1.0),
        "min_child_weight": (0.0, 1e9),
        "gamma": (0.0, 1e6),
        "subsample": (0.01, 1.0),
        "colsample_bytree": (0.01, 1.0),
        "colsample_bylevel": (0.01, 1.0),
        "colsample_bynode": (0.01, 1.0),
        "reg_alpha": (0.0, 1e6),
        "reg_lambda": (0.0, 1e6),
        "max_delta_step": (0.0, 1e6),
        "scale_pos_weight": (1e-6, 1e6),
    },
}

DEFAULT_PARAMS: dict[str, dict[str, Value]] = {
    "lightgbm": {
        "num_iterations": 120,
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
    },
    "xgboost": {
        "num_iterations": 120,
        "learning_rate": 0.05,
        "max_depth": 4,
        "min_child_weight": 10.0,
        "subsample": 0.8,
        "colsample_bytree": 0.8,
        "reg_lambda": 1.0,
    },
    "random_forest": {"n_estimators": 100, "max_depth": 8, "min_samples_leaf": 20},
    "logistic_regression": {"max_iter": 1000},
}
"""Small, slow learners: market labels are mostly noise."""


def filled_params(kind: str, given: Mapping[str, Value]) -> dict[str, Value]:
    """Return an estimator's parameters, sorted, with the defaults of those that go by name.

    Parameters of a booster are checked against their bounds here; those of scikit-learn by
    `check_estimator`, which knows the class.

    Raises
    ------
    ValueError
        If a booster has no such parameter, or the value is out of its bounds; it is named.
    """
    checked = dict(given)
    if kind in _WHOLE:
        checked = {name: _checked(kind, name, value) for name, value in given.items()}
    return dict(sorted({**DEFAULT_PARAMS.get(kind, {}), **checked}.items()))


def closest(name: str, known: Mapping[str, object] | list[str]) -> str:
    """Return `; did you mean X?` for the closest of the known names, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _checked(kind: str, name: str, value: Value) -> Value:
    """Return a booster's parameter in its own type, or raise `ValueError` that names it."""
    known = {**_WHOLE[kind], **_REAL[kind]}
    if name not in known:
        raise ValueError(f"{name} is not one of {', '.join(sorted(known))}{closest(name, known)}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} = {value!r} is not a number")  # noqa: TRY004 pydantic takes it
    low, high = known[name]
    if name in _WHOLE[kind]:
        if float(value) != int(value) or not low <= value <= high:
            raise ValueError(f"{name} = {value} is not a whole number from {low} to {high}")
        return int(value)
    if not low <= value <= high:
        raise ValueError(f"{name} = {value} is not from {low} to {high}")
    return float(value)
