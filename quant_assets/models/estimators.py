"""Estimators by name or by dotted path: checked before work, fitted and stored as text."""

import functools
import warnings
from typing import Any, get_args

import numpy as np

from quant_assets.market.errors import TrainingError
from quant_assets.models.booster_text import check_booster_text
from quant_assets.models.boosters import (
    Fitted,
    Rows,
    fit_lightgbm,
    fit_xgboost,
    import_xgboost,
    predict_lightgbm,
    predict_xgboost,
)
from quant_assets.models.estimator_params import ModelKind, closest
from quant_assets.models.skops_classes import NAMED_PATHS, STORED_CLASSES, import_class
from quant_assets.models.skops_file import (
    check_skops_text,
    load_skops_text,
    to_skops_text,
)
from quant_assets.models.spec import ModelSpec
from quant_assets.models.stored_errors import broken_estimator
from quant_assets.models.threads import one_thread
from quant_assets.models.xgboost_text import check_xgboost_text

_SET_HERE = {"random_state": "the strategy's seed", "n_jobs": "1", "verbose": "off"}
_BLOCK = 256
"""Rows that a classifier without trees predicts at once; see `_predict_in_blocks`."""


def is_booster(kind: str) -> bool:
    """Return whether an estimator adds trees round by round and can be stopped early."""
    return kind in {"lightgbm", "xgboost"}


def check_estimator(spec: ModelSpec) -> None:
    """Raise `TrainingError` unless an estimator can be trained, stored and read back.

    A classifier of scikit-learn is tried on a hundred made-up rows: what it refuses in its
    parameters, it refuses here.
    """
    if spec.kind == "xgboost":
        import_xgboost()
    if is_booster(spec.kind):
        return
    made = _new(spec, seed=0)
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(100, 3))
    target = (matrix[:, 0] + rng.normal(size=100) > 0.0).astype(np.float64)
    if not hasattr(made, "predict_proba"):
        raise _unfit(spec, "with these parameters it gives no probabilities")
    fitted = fit_estimator(spec, Rows(matrix, target, np.ones(100)), seed=0)
    check_estimator_text(spec.kind, fitted.text, n_features=3)


@functools.lru_cache(maxsize=64)
def _reads_null(kind: str, params: tuple[tuple[str, Any], ...]) -> bool:
    """Ask the estimator's tags."""
    if is_booster(kind):
        return True
    from sklearn.utils import get_tags

    made = _new(ModelSpec(kind=kind, params=dict(params)), seed=0)
    return bool(get_tags(made).input_tags.allow_nan)


def reads_null(spec: ModelSpec) -> bool:
    """Return whether an estimator can be given rows with a null feature."""
    return _reads_null(spec.kind, tuple(sorted(spec.params.items())))


def fit_estimator(
    spec: ModelSpec, rows: Rows, *, seed: int, stop: Rows | None = None, stop_rounds: int = 0
) -> Fitted:
    """Train an estimator on one thread; the same rows and seed give the same text.

    Parameters
    ----------
    rows
        Scaled features (NaN is null), classes and weights.
    stop
        Rows on which a booster watches its log loss; None trains all rounds.
    stop_rounds
        Rounds without a better log loss after which it stops.

    Raises
    ------
    TrainingError
        If the estimator refuses its parameters or the rows.
    """
    if is_booster(spec.kind):
        fit = fit_lightgbm if spec.kind == "lightgbm" else fit_xgboost
        return fit(spec, rows, seed=seed, stop=stop, stop_rounds=stop_rounds)
    made = _new(spec, seed=seed)
    try:
        with one_thread(), warnings.catch_warnings():
            # That an optimiser did not settle is seen in the scores.
            warnings.simplefilter("ignore")
            _fit_weighted(made, rows)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise _unfit(spec, " ".join(str(error).split())[:300]) from error
    text = to_skops_text(made, path=_path(spec.kind))
    return Fitted(text, _gains(made))


def predict_estimator(kind: str, text: str, matrix: np.ndarray) -> np.ndarray:
    """Return P(class 1) of each row; a row's bits do not hang on the rows beside it.

    Parameters
    ----------
    text
        What `fit_estimator` gave, or a text that passed `check_estimator_text`.
    matrix : float64 array of shape (n, features)
    """
    if matrix.shape[0] == 0:
        return np.empty(0, dtype=np.float64)
    matrix = np.ascontiguousarray(matrix)
    if is_booster(kind):
        return (predict_lightgbm if kind == "lightgbm" else predict_xgboost)(text, matrix)
    made = load_skops_text(text, path=_path(kind), n_features=matrix.shape[1])
    try:
        with one_thread():
            if {"tree", "trees"} & set(STORED_CLASSES[_path(kind)].parts.values()):
                return np.ascontiguousarray(made.predict_proba(matrix)[:, 1])
            return _predict_in_blocks(made, matrix)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise broken_estimator(" ".join(str(error).split())[:200]) from error


def check_estimator_text(kind: str, text: str, *, n_features: int) -> None:
    """Raise `TrainingError` unless a text is an estimator of that kind, safe to predict with."""
    if kind == "lightgbm":
        check_booster_text(text, n_features=n_features)
    elif kind == "xgboost":
        check_xgboost_text(text, n_features=n_features)
    else:
        check_skops_text(text, path=_path(kind), n_features=n_features)
    proba = predict_estimator(kind, text, np.zeros((2, n_features)))
    if not ((proba >= 0.0) & (proba <= 1.0)).all():
        raise broken_estimator("it gives what is no probability")


def _predict_in_blocks(made: Any, matrix: np.ndarray) -> np.ndarray:
    """Predict blocks of one size, the last filled up with zeros.

    Matrix products and vectorised exponentials treat the last rows of a batch in another way
    than those before; in blocks that are whole multiples of a vector no row is among the last.
    """
    n_rows = matrix.shape[0]
    n_blocks = -(-n_rows // _BLOCK)
    padded = np.zeros((n_blocks * _BLOCK, matrix.shape[1]))
    padded[:n_rows] = matrix
    parts = [made.predict_proba(block)[:, 1] for block in padded.reshape(n_blocks, _BLOCK, -1)]
    return np.concatenate(parts)[:n_rows]


def _fit_weighted(made: Any, rows: Rows) -> None:
    """Fit with weights where the classifier takes them."""
    from sklearn.utils.validation import has_fit_parameter

    weights = {"sample_weight": rows.weight} if has_fit_parameter(made, "sample_weight") else {}
    made.fit(rows.matrix, rows.target, **weights)


def _gains(made: Any) -> list[float] | None:
    """Return impurity decrease of trees, amount of a linear coefficient, or None."""
    if hasattr(made, "feature_importances_"):
        return [float(value) for value in made.feature_importances_]
    coefficients = np.asarray(getattr(made, "coef_", ()), dtype=np.float64)
    if coefficients.ndim == 2 and coefficients.shape[0] == 1:
        return [float(value) for value in np.abs(coefficients[0])]
    return None


def _path(kind: str) -> str:
    """Return the dotted path of a kind of scikit-learn."""
    return NAMED_PATHS.get(kind, kind)


def _new(spec: ModelSpec, *, seed: int) -> Any:
    """Return the classifier, unfitted, with its parameters and its seed, on one thread."""
    made = _class(spec)
    known = made().get_params(deep=False)
    for name in spec.params:
        if name in _SET_HERE:
            raise _unfit(spec, f"parameter {name} is not to be given: it is {_SET_HERE[name]}")
        if name not in known:
            raise _unfit(spec, f"it has no parameter {name}{closest(name, known)}")
    fixed = {"random_state": seed, "n_jobs": 1}
    return made(**spec.params, **{name: v for name, v in fixed.items() if name in known})


def _class(spec: ModelSpec) -> Any:
    """Return the class of a dotted path among those that can be stored."""
    path = _path(spec.kind)
    if path in STORED_CLASSES:
        return import_class(STORED_CLASSES[path])
    known = [*get_args(ModelKind), *STORED_CLASSES]
    raise TrainingError(
        asked=f"a model of kind {spec.kind!r}",
        found=f"{_why_not(path)}{closest(path, known)}",
        remedy=f"Choose one that can be stored and checked: {', '.join(known)}.",
    )


def _why_not(path: str) -> str:
    """Say whether scikit-learn has no such classifier, or has one that cannot be stored."""
    from sklearn.utils import all_estimators

    name = path.rpartition(".")[2]
    there = {found: made for found, made in all_estimators() if found == name}
    if not there:
        return f"scikit-learn has no class {name}"
    made = there[name]
    public = made.__module__.split("._")[0]
    if public != path.rpartition(".")[0]:
        return f"{name} of scikit-learn is {public}.{name}"
    if not _is_classifier(made):
        return f"{name} is no classifier"
    if not hasattr(made, "predict_proba"):
        return f"{name} gives no probabilities"
    return f"what {name} keeps in native code cannot be checked, so that it is not stored"


def _is_classifier(made: Any) -> bool:
    """Return whether a class is one of scikit-learn's classifiers."""
    from sklearn.base import ClassifierMixin

    return issubclass(made, ClassifierMixin)


def _unfit(spec: ModelSpec, found: str) -> TrainingError:
    """Return the error of an estimator that cannot be trained like this."""
    return TrainingError(
        asked=f"a model of kind {spec.kind!r}",
        found=found,
        remedy="Correct model.kind or model.params.",
    )
