"""A strategy as a checked, frozen value: where signals come from, what they risk, at what cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from quant_assets.lineage.fingerprint import canonical_json, digest_of
from quant_assets.market.errors import QuantError, StrategyError
from quant_assets.market.tables import check_symbol
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.spec import (
    CrossValidationSpec,
    Frozen,
    ModelSpec,
    PruningSpec,
    SplitSpec,
    TailSpec,
)
from quant_assets.signals.execution_spec import ADDED_COSTS, ExecutionSpec
from quant_assets.signals.exits import Exits, ExitSpec
from quant_assets.signals.filters import ConfirmSpec, RegimeFilter
from quant_assets.signals.sizing import CappedKelly, FixedSize, RiskPerTrade, RiskSpec
from quant_assets.signals.sources import ModelSignal, SignalSpec

DEFAULT_SOURCE = "features"
"""Table that a model learns from where its strategy names none."""

_LEARNING = ("source", "features", "label", "model", "splits", "cv", "pruning", "tail", "decision")
"""Keys of a model and of what it is trained from; a rule has none of them."""

_ADDED = ("source", "signal", "exits", "risk", "max_leverage", "confirm", "regimes")
"""Keys that strategies of the first version did not have."""

_TRADING = ("name", "decision", "execution", "capital", "qty", "exits", "risk", "max_leverage",
            "confirm", "regimes", "signal")  # fmt: skip
"""Keys that a model does not hang on."""


class DecisionSpec(Frozen):
    """When a probability becomes a position.

    A trade of the side that the label speaks of is wanted where its probability is >= threshold.
    With side `both`, a short is wanted where that of a long is <= 1 - threshold.
    """

    threshold: float = Field(gt=0.0, lt=1.0)
    side: Literal["long", "both"] = "long"


@dataclass(frozen=True)
class Learning:
    """What a strategy's model is trained from: the `TrainingPlan` of `models.training`."""

    label: LabelSpec
    model: ModelSpec
    splits: SplitSpec
    cv: CrossValidationSpec | None
    pruning: PruningSpec
    tail: TailSpec
    timeframe: str
    seed: int
    decision: DecisionSpec


class Strategy(Frozen):
    """All that decides what is learned, when it is traded, how much, and at what cost.

    Parameters
    ----------
    name
        Names the experiment, the folders and the pages.
    symbols
        Symbols to trade; None is the whole universe.
    timeframe
        Bar length, such as `15m`.
    signal
        Where its signals come from; `model` needs `label`, `splits` and `decision`.
    source
        Table that the model learns from: `features`, or the flat `contract_table`.
    features
        Features by name, columns of the source; None is all that it has.
    exits
        What ends a position; None takes the barriers and the horizon of the label.
    risk
        How large a position is.
    max_leverage
        Value of a position over the equity, at most; an order above it is not made.
    confirm, regimes
        A second opinion, and the regimes traded in; None is without.
    capital
        Account at the start, in the instruments' currency.
    qty
        Contracts, shares or units of each position, where the risk is `fixed`.
    seed
        Seed of the estimator's sampling.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,40}$")
    symbols: tuple[str, ...] | None = None
    timeframe: str
    signal: SignalSpec = ModelSignal()
    source: Literal["features", "contract_table"] = "features"
    features: tuple[str, ...] | None = None
    label: LabelSpec | None = None
    model: ModelSpec = Field(default_factory=ModelSpec)
    splits: SplitSpec | None = None
    cv: CrossValidationSpec | None = None
    pruning: PruningSpec = Field(default_factory=PruningSpec)
    tail: TailSpec = Field(default_factory=TailSpec)
    decision: DecisionSpec | None = None
    exits: ExitSpec | None = None
    risk: RiskSpec = FixedSize()
    max_leverage: float = Field(default=10.0, gt=0.0, le=1000.0)
    confirm: ConfirmSpec | None = None
    regimes: RegimeFilter | None = None
    execution: ExecutionSpec = Field(default_factory=ExecutionSpec)
    capital: float = Field(gt=0.0)
    qty: float | None = Field(default=None, gt=0.0)
    seed: int = Field(default=7, ge=0, lt=2**31)

    @field_validator("timeframe")
    @classmethod
    def _check_timeframe(cls, text: str) -> str:
        """Return the timeframe's own name: `60m` is `1h`."""
        try:
            return Timeframe.parse(text).name
        except QuantError as error:
            raise ValueError(str(error)) from error

    @field_validator("symbols")
    @classmethod
    def _check_symbols(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return the symbols once each, in order: their order in the file decides nothing."""
        if symbols is None:
            return None
        try:
            checked = {check_symbol(symbol) for symbol in symbols}
        except QuantError as error:
            raise ValueError(str(error)) from error
        if not checked:
            raise ValueError("no symbol is named; leave the key out for the whole universe")
        return tuple(sorted(checked))

    @field_validator("features")
    @classmethod
    def _check_features(cls, features: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Refuse an empty list, and a feature named twice."""
        if features is not None and (not features or len(set(features)) != len(features)):
            raise ValueError("it is empty, or names a feature twice")
        return features

    @model_validator(mode="after")
    def _has_what_its_signal_needs(self) -> Self:
        """Refuse a model without a label, and a rule with one."""
        if self.learns:
            needed = ("label", "splits", "decision")
            missing = [key for key in needed if getattr(self, key) is None]
            if missing:
                raise ValueError(f"signal model needs {', '.join(missing)}")
        elif foreign := sorted(self.model_fields_set & set(_LEARNING)):
            raise ValueError(
                f"signal {self.signal.kind} learns nothing: leave out {', '.join(foreign)}"
            )
        elif self.exits is None:
            raise ValueError(f"signal {self.signal.kind} needs exits, for there is no label")
        return self

    @model_validator(mode="after")
    def _check_short_side(self) -> Self:
        """Allow shorts by 1 - P only where P speaks of a rise: there the rest is a fall.

        Of a label with barriers 1 - P also counts what time decides, so that a horizon within
        which few trades end would make a short of nearly every bar. A meta-label on a rule of
        both sides is the way to short by barriers.
        """
        if self.learns and self.learning.decision.side == "both":
            label = self.learning.label
            if label.kind != "return" or label.threshold is not None:
                raise ValueError(
                    "decision.side: both needs label return(horizon) without a threshold, or use"
                    " a meta-label, whose first rule tells the side"
                )
            if self.learning.decision.threshold <= 0.5:
                raise ValueError("decision.threshold: with side both it must be above 0.5")
        return self

    @model_validator(mode="after")
    def _has_what_its_risk_needs(self) -> Self:
        """Refuse a size that hangs on a stop, a target or a chance that there is not."""
        exits = self.exit_rules
        if isinstance(self.risk, FixedSize) and self.qty is None:
            raise ValueError("qty: risk fixed needs it")
        if not isinstance(self.risk, FixedSize) and self.qty is not None:
            raise ValueError(f"qty: risk {self.risk.kind} sizes by itself, leave it out")
        needs_stop = isinstance(self.risk, RiskPerTrade | CappedKelly)
        if needs_stop and exits.stop_ratio == float("inf"):
            raise ValueError(f"risk.kind: {self.risk.kind} needs a stop, in exits or label")
        if isinstance(self.risk, CappedKelly):
            if exits.target_ratio == float("inf"):
                raise ValueError("risk.kind: kelly needs a target, in exits or label")
            if not self.learns:
                raise ValueError("risk.kind: kelly needs a model's chance, a rule has none")
        return self

    @property
    def learns(self) -> bool:
        """Whether its signals come from a model of its own."""
        return isinstance(self.signal, ModelSignal)

    @property
    def learning(self) -> Learning:
        """What its model is trained from.

        Raises
        ------
        StrategyError
            If it is a rule, which learns nothing.
        """
        if self.label is None or self.splits is None or self.decision is None:
            raise StrategyError(
                asked=f"the model of strategy {self.name!r}",
                found=f"its signals come from {self.signal.kind}, it learns nothing",
                remedy="Choose a strategy with a label; quant models lists those trained.",
            )
        return Learning(
            label=self.label,
            model=self.model,
            splits=self.splits,
            cv=self.cv,
            pruning=self.pruning,
            tail=self.tail,
            timeframe=self.timeframe,
            seed=self.seed,
            decision=self.decision,
        )

    @property
    def exit_rules(self) -> Exits:
        """What ends a position, as numbers."""
        if self.exits is not None:
            return Exits.of_spec(self.exits)
        return Exits.of_label(self.learning.label)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Strategy":
        """Check the values of a strategy file.

        Raises
        ------
        StrategyError
            If a key is unknown or missing, or a value is wrong; every such key is named.
        """
        try:
            return cls.model_validate(dict(raw))
        except ValidationError as error:
            faults = [_fault(detail) for detail in error.errors(include_url=False)]
            name = raw.get("name") if isinstance(raw.get("name"), str) else None
            raise StrategyError(
                asked=f"strategy {name!r}" if name else "a strategy without a name",
                found="; ".join(faults),
                remedy="Correct these keys; the README shows a strategy that runs.",
            ) from error

    def to_mapping(self) -> dict[str, Any]:
        """Return the strategy as JSON values; `parse` reads them back.

        What a rule has no use for is left out, and what stands at its default of the keys that
        were added over time: a strategy that names it is no other trial than one that does not,
        nor than those that were counted before there was a choice.
        """
        mapping = self.model_dump(mode="json", exclude=_at_default(self, _ADDED))
        mapping["execution"] = self.execution.model_dump(
            mode="json", exclude=_at_default(self.execution, ADDED_COSTS)
        )
        if not self.learns:
            return {key: value for key, value in mapping.items() if key not in _LEARNING}
        return mapping | {"label": self.learning.label.to_mapping()}

    @property
    def dataset(self) -> str:
        """Name of the training sets, a folder of the lake; another source, another dataset."""
        name = self.learning.label.dataset
        return name if self.source == DEFAULT_SOURCE else f"contract_{name}"

    def canonical_json(self) -> str:
        """Return the strategy as JSON that is the same for equal strategies."""
        return canonical_json(self.to_mapping())

    @property
    def content_hash(self) -> str:
        """SHA-256 over all but the name: a strategy renamed is no new trial."""
        mapping = self.to_mapping()
        del mapping["name"]
        return digest_of(mapping)

    def training_values(self) -> dict[str, Any]:
        """Return what the model depends on: nothing of when and how it is traded."""
        return {key: value for key, value in self.to_mapping().items() if key not in _TRADING}


def _at_default(value: Frozen, keys: Iterable[str]) -> set[str]:
    """Return the keys of a value that stand at their default."""
    defaults = _defaults(type(value))
    return {key for key in keys if getattr(value, key) == defaults[key]}


@cache
def _defaults(model: type[Frozen]) -> dict[str, Any]:
    """Return the defaults of a model's keys; pydantic copies each anew whenever it is asked."""
    return {key: field.get_default() for key, field in model.model_fields.items()}


def _fault(detail: Mapping[str, Any]) -> str:
    """Write one fault as `key: what is wrong`."""
    key = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{key}: {message}" if key else message
