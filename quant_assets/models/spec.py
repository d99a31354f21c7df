"""What a model is trained from: estimator, splits, pruning and tail, checked and frozen."""

import re
from typing import Literal, Protocol, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from quant_assets.models.estimator_params import ModelKind, Value, closest, filled_params
from quant_assets.models.label_spec import LabelSpec

_SKLEARN_PATH = re.compile(r"sklearn(\.[a-z_][a-z0-9_]*)+\.[A-Z][A-Za-z0-9]*")


class Frozen(BaseModel):
    """A value that refuses unknown keys, NaN and infinities, and is never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelSpec(Frozen):
    """An estimator behind a scaler, and its parameters.

    Parameters
    ----------
    kind
        One of `ModelKind`, or the dotted path of a classifier of scikit-learn, for example
        `sklearn.ensemble.ExtraTreesClassifier`.
    params
        Parameters of the estimator; of those that go by name, what is not given is filled in.
    scaler
        `standard` takes off the mean and divides by the deviation of the training rows.
    """

    kind: str = "lightgbm"
    params: dict[str, Value] = Field(default_factory=dict)
    scaler: Literal["standard", "none"] = "standard"

    @field_validator("kind")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        """Refuse what is neither a name nor a path of scikit-learn."""
        names = get_args(ModelKind)
        if kind not in names and not _SKLEARN_PATH.fullmatch(kind):
            told = f"is none of {', '.join(names)}, and no path sklearn.package.Class"
            raise ValueError(f"{kind!r} {told}{closest(kind, list(names))}")
        return kind

    @model_validator(mode="after")
    def _is_filled(self) -> Self:
        """Fill in defaults, and bound the boosters' parameters."""
        object.__setattr__(self, "params", filled_params(self.kind, self.params))
        return self


class SplitSpec(Frozen):
    """Walk-forward: what is trained on first, into how many test blocks the rest is cut.

    Parameters
    ----------
    kind
        `expanding` trains on all sessions before a test block, `rolling` on the last
        `min_train_sessions` of them.
    """

    kind: Literal["expanding", "rolling"] = "expanding"
    n_folds: int = Field(ge=3, le=200)
    min_train_sessions: int = Field(ge=1)
    embargo_bars: int = Field(ge=0)


class CrossValidationSpec(Frozen):
    """A further scoring by folds that also train on later rows, purged on either side.

    Its folds score and never predict: what is traded comes from walk-forward alone.

    Parameters
    ----------
    kind
        `purged_kfold`: each block is tested once. `combinatorial`: every choice of
        `n_test_folds` blocks is tested.
    embargo_bars
        Bars after a test block that are not trained on, beyond the purge.
    """

    kind: Literal["purged_kfold", "combinatorial"] = "purged_kfold"
    n_folds: int = Field(default=6, ge=2, le=50)
    n_test_folds: int = Field(default=2, ge=1, le=10)
    embargo_bars: int = Field(default=0, ge=0)


class PruningSpec(Frozen):
    """Which features a fold leaves out, judged by its training rows alone.

    Parameters
    ----------
    constant, duplicate
        Leave out what has one value, or repeats an earlier feature.
    correlation
        Leave out the later of two whose Spearman correlation passes it, by amount; None keeps both.
    permutation
        Leave out what makes the score of the tail no worse when it is shuffled there.
    null_importance
        Leave out what is no more important than with shuffled labels.
    """

    constant: bool = True
    duplicate: bool = True
    correlation: float | None = Field(default=0.98, gt=0.0, le=1.0)
    permutation: bool = False
    null_importance: bool = False


class TailSpec(Frozen):
    """The end of a fold's training rows, purged from the rest, that stops and calibrates.

    Parameters
    ----------
    share
        Share of the training rows, by time, that the tail takes.
    early_stopping_rounds
        Boosters stop after so many rounds without a better log loss on the tail; 0 never stops.
    calibration
        How probabilities are mapped to frequencies on the tail: `sigmoid` by two numbers,
        `isotonic` by any rising curve, which takes a tail of a thousand rows to be worth more.
    """

    share: float = Field(default=0.2, gt=0.0, lt=0.9)
    early_stopping_rounds: int = Field(default=20, ge=0, le=1000)
    calibration: Literal["none", "sigmoid", "isotonic"] = "sigmoid"


class TrainingPlan(Protocol):
    """What training asks of a strategy."""

    @property
    def label(self) -> LabelSpec:
        """The label to learn."""
        ...

    @property
    def model(self) -> ModelSpec:
        """The estimator and its parameters."""
        ...

    @property
    def splits(self) -> SplitSpec:
        """The walk-forward splits."""
        ...

    @property
    def cv(self) -> CrossValidationSpec | None:
        """The further scoring by folds, None without."""
        ...

    @property
    def pruning(self) -> PruningSpec:
        """Which features a fold leaves out."""
        ...

    @property
    def tail(self) -> TailSpec:
        """Early stopping and calibration."""
        ...

    @property
    def timeframe(self) -> str:
        """Name of the bar length; it turns the embargo's bars into time."""
        ...

    @property
    def seed(self) -> int:
        """Seed of row and column sampling."""
        ...
