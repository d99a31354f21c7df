"""A sweep as a checked, frozen value: a base strategy, what is varied, and how it is searched.

```yaml
name: es_cross
base: es_sma_cross
vary:
  signal.fast: [5, 10, 20]
  signal.slow: {from: 20, to: 200, steps: 10, scale: log}
  execution.realism: {choice: [spread, full]}
constraints:
  - [signal.fast, <, signal.slow]
kind: grid
```
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import (
    Field,
    StrictFloat,
    StrictInt,
    ValidationError,
    field_validator,
    model_validator,
)

from quant_assets.backtests.metrics import METRIC_NAMES
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.errors import StrategyError
from quant_assets.models.spec import Frozen
from quant_assets.optimization.strategy_keys import (
    is_strategy_key,
    nearest,
    nearest_strategy_key,
    value_at,
)

_EQUALITIES = ("==", "!=")
OPERATORS = ("<", "<=", ">", ">=", *_EQUALITIES)

SweepKind = Literal["grid", "random", "optuna"]

_MOST_STEPS = 100_000

_LARGEST = 10**15
"""Below it every whole number is a float too, and so is spaced without a gap."""


class Range(Frozen):
    """Values from one number to another, both included.

    Parameters
    ----------
    first, last
        Keys `from` and `to`. Where both are written as whole numbers, all values are whole.
    steps
        How many values a grid takes; None is for searches that draw from the whole range.
    scale
        `linear` spaces values by equal differences, `log` by equal ratios; of those that are the
        same whole number one is taken.
    """

    first: StrictInt | StrictFloat = Field(alias="from")
    last: StrictInt | StrictFloat = Field(alias="to")
    steps: int | None = Field(default=None, ge=2, le=_MOST_STEPS)
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.first < self.last:
            raise ValueError(f"from {self.first} must be below to {self.last}")
        if max(abs(self.first), abs(self.last)) > _LARGEST:
            raise ValueError(f"numbers beyond {_LARGEST:.0e} are too large to be spaced exactly")
        if self.scale == "log" and self.first <= 0:
            raise ValueError(f"scale log needs from above 0, it is {self.first}")
        if self.steps and self.scale == "linear" and len(self.values()) < self.steps:
            raise ValueError(
                f"{self.steps} steps from {self.first} to {self.last} are no"
                f" {self.steps} whole numbers: lower steps, or write {self.first}.0"
            )
        return self

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.first, int) and isinstance(self.last, int)

    def at(self, share: float) -> int | float:
        """Return the value at a share of the way, 0 to 1."""
        first, last = float(self.first), float(self.last)
        if share in {0.0, 1.0}:
            value = last if share else first
        elif self.scale == "log":
            value = math.exp(math.log(first) + share * (math.log(last) - math.log(first)))
        else:
            value = first + share * (last - first)
        # Twelve digits: a step is the number that a reader would write.
        return round(value) if self.is_whole else float(f"{value:.12g}")

    def values(self) -> tuple[int | float, ...]:
        """Return the values of its steps, each once; none where it has no steps."""
        steps = self.steps or 0
        return tuple(dict.fromkeys(self.at(step / (steps - 1)) for step in range(steps)))


class Choice(Frozen):
    """Values one by one, of any kind: `{choice: [...]}`, or just a list."""

    choice: tuple[Any, ...] = Field(min_length=1)

    @field_validator("choice")
    @classmethod
    def _are_distinct(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            told = [digest_of(value) for value in values]
        except TypeError as error:
            raise ValueError(f"{error}: write it in quotes") from error
        if len(set(told)) != len(told):
            raise ValueError("a value is given twice")
        return values

    def values(self) -> tuple[Any, ...]:
        """Return the values."""
        return self.choice


Varied = Range | Choice


class SweepSpec(Frozen):
    """What a sweep tries.

    Parameters
    ----------
    name
        Names the sweep; its strategies are called by it and their number.
    base
        Strategy that all is the same as but for what varies: by name, or its values.
    vary
        Dotted keys of a strategy, such as `signal.fast` or `model.params.num_leaves`, to values.
    constraints
        Triples `[key, operator, key or value]`; cells that break one are not tried.
    kind
        `grid` tries every combination; `random` draws; `optuna` proposes by what was good so far,
        and needs the extra `hpo`.
    trials, seed
        Of `random` and `optuna`: how many cells, and what they are drawn by.
    metric
        Metric that cells are ranked by, the larger the better.
    max_trials
        A sweep of more cells ends at once.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,32}$")
    base: str | dict[str, Any]
    vary: dict[str, Varied] = Field(min_length=1)
    constraints: tuple[tuple[str, str, Any], ...] = ()
    kind: SweepKind = "grid"
    trials: int | None = Field(default=None, ge=1)
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    metric: str = "sharpe"
    max_trials: int = Field(default=100_000, ge=1, le=10_000_000)

    @field_validator("vary", mode="before")
    @classmethod
    def _lists_are_choices(cls, vary: object) -> object:
        """Read a list as a choice, and say of each key what is wrong with it."""
        if not isinstance(vary, Mapping):
            return vary
        return {str(key): _varied(str(key), value) for key, value in vary.items()}

    @field_validator("vary")
    @classmethod
    def _keys_are_a_strategys(cls, vary: dict[str, Varied]) -> dict[str, Varied]:
        for key in vary:
            _check_key(key)
            inside = [other for other in vary if other.startswith(f"{key}.")]
            if inside:
                raise ValueError(f"{inside[0]} lies inside {key}: vary one of them")
        return vary

    @field_validator("constraints")
    @classmethod
    def _can_be_compared(
        cls, constraints: tuple[tuple[str, str, Any], ...]
    ) -> tuple[tuple[str, str, Any], ...]:
        for key, operator, right in constraints:
            _check_key(key)
            if operator not in OPERATORS:
                raise ValueError(f"{operator!r} is none of {' '.join(OPERATORS)}")
            # A text is neither above nor below anything: it can only be meant as a key.
            if isinstance(right, str) and operator not in _EQUALITIES:
                _check_key(right)
        return constraints

    @field_validator("metric")
    @classmethod
    def _is_a_metric(cls, metric: str) -> str:
        if metric not in METRIC_NAMES:
            raise ValueError(f"{metric!r} is no metric{nearest(metric, METRIC_NAMES)}")
        return metric

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        """Refuse draws without number and seed, and a grid with them, or with a range to draw."""
        drawn = {"trials": self.trials, "seed": self.seed}
        if self.kind == "grid":
            if given := [name for name, value in drawn.items() if value is not None]:
                raise ValueError(f"kind grid tries every cell: leave out {', '.join(given)}")
            if open_ := [k for k, v in self.vary.items() if isinstance(v, Range) and not v.steps]:
                raise ValueError(f"vary.{open_[0]}: kind grid needs steps")
        elif missing := [name for name, value in drawn.items() if value is None]:
            raise ValueError(f"kind {self.kind} needs {' and '.join(missing)}")
        return self

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Check the values of a sweep's file.

        Raises
        ------
        StrategyError
            If a key is unknown or missing, or a value is wrong; every such key is named.
        """
        try:
            return cls.model_validate(dict(raw))
        except ValidationError as error:
            faults = [_fault(detail) for detail in error.errors(include_url=False)]
            name = raw.get("name")
            raise StrategyError(
                asked=f"sweep {name!r}" if isinstance(name, str) else "a sweep without a name",
                found="; ".join(faults),
                remedy="Correct these keys; the README shows a sweep that runs.",
            ) from error

    def to_mapping(self) -> dict[str, Any]:
        """Return the spec as JSON values; `parse` reads them back."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def compared_keys(self) -> set[str]:
        """Keys of a strategy that the constraints compare."""
        left = {key for key, _, _ in self.constraints}
        return left | {right for _, op, right in self.constraints if _stands_for_a_value(op, right)}

    def allows(self, values: Mapping[str, Any]) -> bool:
        """Whether a strategy's values, as keys within keys, keep all constraints.

        A strategy's key on the right stands for its value; for `==` and `!=` only one with a dot
        does, so that `model` can be a value. What is not there, or is of another kind, breaks
        every constraint but `!=`.
        """
        return all(_holds(values, *constraint) for constraint in self.constraints)


def _varied(key: str, value: object) -> Varied:
    """Read what a key is varied over; pydantic's message of a union would name neither."""
    if isinstance(value, Range | Choice):
        return value
    if isinstance(value, list | tuple):
        value = {"choice": value}
    if not isinstance(value, Mapping):
        raise ValueError(f"{key}: {value!r} is no list, no range from, to, steps and no choice")  # noqa: TRY004 pydantic takes it
    kind = Choice if "choice" in value else Range
    try:
        return kind.model_validate(dict(value))
    except ValidationError as error:
        faults = "; ".join(_fault(one, _fields(kind)) for one in error.errors(include_url=False))
        raise ValueError(f"{key}: {faults}") from error


def _fields(kind: type[Frozen]) -> list[str]:
    """Return a model's keys as they are written."""
    return [field.alias or name for name, field in kind.model_fields.items()]


def _fault(detail: Mapping[str, Any], known: list[str] | None = None) -> str:
    """Write one fault as `key: what is wrong`, an unknown key with the nearest one."""
    key = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = f"no such key{nearest(key, known or _fields(SweepSpec))}"
    return f"{key}: {message}" if key else message


def _check_key(key: str) -> None:
    """Refuse a key that no strategy has."""
    if not is_strategy_key(key):
        raise ValueError(f"{key}: no key of a strategy{nearest_strategy_key(key)}")


def _stands_for_a_value(operator: str, right: Any) -> bool:
    """Whether the right side of a constraint is a key, and not a value itself."""
    is_key = isinstance(right, str) and is_strategy_key(right)
    return is_key and ("." in right or operator not in _EQUALITIES)


def _holds(values: Mapping[str, Any], key: str, operator: str, right: Any) -> bool:
    """Whether one constraint holds."""
    left = value_at(values, key)
    if _stands_for_a_value(operator, right):
        right = value_at(values, right)
    if operator in _EQUALITIES:
        return bool((left == right) == (operator == "=="))
    try:
        return bool(
            (operator == "<" and left < right)
            or (operator == "<=" and left <= right)
            or (operator == ">" and left > right)
            or (operator == ">=" and left >= right)
        )
    except TypeError:
        return False
