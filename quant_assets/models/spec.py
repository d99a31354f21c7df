"""What a model is trained from: label, booster and splits, as checked and frozen values."""

from decimal import Decimal
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator

_WHOLE: dict[str, tuple[int, int]] = {
    "num_iterations": (1, 5000),
    "num_leaves": (2, 4096),
    "max_depth": (-1, 64),
    "min_data_in_leaf": (1, 10_000_000),
    "bagging_freq": (0, 1000),
    "max_bin": (2, 1024),
}
_REAL: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-6, 1.0),
    "feature_fraction": (0.01, 1.0),
    "bagging_fraction": (0.01, 1.0),
    "lambda_l1": (0.0, 1e6),
    "lambda_l2": (0.0, 1e6),
    "min_gain_to_split": (0.0, 1e6),
    "min_sum_hessian_in_leaf": (0.0, 1e9),
    "path_smooth": (0.0, 1e6),
    "scale_pos_weight": (1e-6, 1e6),
}

DEFAULT_PARAMS: dict[str, int | float] = {
    "num_iterations": 120,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
}
"""A small, slow learner: market labels are mostly noise."""


class _Frozen(BaseModel):
    """A value that refuses unknown keys, NaN and infinities, and is never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LabelSpec(_Frozen):
    """Triple barrier: stop and target as ratios of the entry price, time limit in bars."""

    sl: float = Field(gt=0.0, lt=1.0)
    tp: float = Field(gt=0.0, lt=10.0)
    horizon_bars: int = Field(ge=1, le=100_000)

    @property
    def dataset(self) -> str:
        """Name of the label's dataset, a folder of the lake: `tb_0.004_0.008_24`."""
        return f"tb_{_plain(self.sl)}_{_plain(self.tp)}_{self.horizon_bars}"


class ModelSpec(_Frozen):
    """A booster and its parameters; what is not given comes from `DEFAULT_PARAMS`."""

    kind: Literal["lightgbm"] = "lightgbm"
    params: dict[str, int | float] = Field(default_factory=lambda: dict(DEFAULT_PARAMS))

    @field_validator("params")
    @classmethod
    def _check_params(cls, params: dict[str, int | float]) -> dict[str, int | float]:
        """Fill in defaults; refuse what could change the machine, the objective or the threads."""
        checked = {name: _checked_param(name, value) for name, value in params.items()}
        return dict(sorted({**DEFAULT_PARAMS, **checked}.items()))


class SplitSpec(_Frozen):
    """Walk-forward: how much is trained on first, into how many test blocks the rest is cut."""

    n_folds: int = Field(ge=3, le=200)
    min_train_sessions: int = Field(ge=1)
    embargo_bars: int = Field(ge=0)


class TrainingPlan(Protocol):
    """What training asks of a strategy."""

    @property
    def label(self) -> LabelSpec:
        """The label to learn."""
        ...

    @property
    def model(self) -> ModelSpec:
        """The booster and its parameters."""
        ...

    @property
    def splits(self) -> SplitSpec:
        """The walk-forward splits."""
        ...

    @property
    def timeframe(self) -> str:
        """Name of the bar length; it turns the embargo's bars into time."""
        ...

    @property
    def seed(self) -> int:
        """Seed of row and column sampling."""
        ...


def _checked_param(name: str, value: float) -> int | float:
    """Return a parameter in its own type, or raise `ValueError` that names it."""
    if name in _WHOLE:
        low, high = _WHOLE[name]
        if float(value) != int(value) or not low <= value <= high:
            raise ValueError(f"{name} = {value} is not a whole number from {low} to {high}")
        return int(value)
    if name in _REAL:
        lowest, highest = _REAL[name]
        if not lowest <= value <= highest:
            raise ValueError(f"{name} = {value} is not from {lowest} to {highest}")
        return float(value)
    known = ", ".join(sorted({*_WHOLE, *_REAL}))
    raise ValueError(f"{name} is not one of {known}")


def _plain(value: float) -> str:
    """Write a ratio without an exponent and without trailing zeros."""
    return format(Decimal(repr(value)).normalize(), "f")
