"""A strategy as a checked, frozen value: what is learned, when it trades, at what cost."""

import math
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from quant_assets.lineage.fingerprint import canonical_json, digest_of
from quant_assets.market.errors import QuantError, StrategyError
from quant_assets.market.tables import check_symbol
from quant_assets.market.timeframes import Timeframe
from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.spec import (
    CrossValidationSpec,
    ModelSpec,
    PruningSpec,
    SplitSpec,
    TailSpec,
)

DEFAULT_SOURCE = "features"
"""Table that a model learns from where its strategy names none."""


class _Frozen(BaseModel):
    """A value that refuses unknown keys, NaN and infinities, and is never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DecisionSpec(_Frozen):
    """When a probability becomes a position.

    A long is wanted where P(target first) >= threshold. With side `both`, a short is wanted where
    it is <= 1 - threshold; its barriers are the long's, mirrored.
    """

    threshold: float = Field(gt=0.0, lt=1.0)
    side: Literal["long", "both"] = "long"


class ExecutionSpec(_Frozen):
    """Costs of trading; None takes the instrument's default."""

    spread_ticks: float | None = Field(default=None, ge=0.0, le=10_000.0)
    fee_per_unit: float | None = Field(default=None, ge=0.0)


class Strategy(_Frozen):
    """All that decides what a model learns and how it is traded.

    Parameters
    ----------
    name
        Names the experiment, the folders and the pages.
    symbols
        Symbols to trade; None is the whole universe.
    timeframe
        Bar length, such as `15m`.
    source
        Table that the model learns from: `features`, or the flat `contract_table`.
    features
        Features by name, columns of the source; None is all that it has.
    capital
        Account at the start, in the instruments' currency.
    qty
        Contracts, shares or units of each position.
    seed
        Seed of the booster's sampling.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,40}$")
    symbols: tuple[str, ...] | None = None
    timeframe: str
    source: Literal["features", "contract_table"] = "features"
    features: tuple[str, ...] | None = None
    label: LabelSpec
    model: ModelSpec = Field(default_factory=ModelSpec)
    splits: SplitSpec
    cv: CrossValidationSpec | None = None
    pruning: PruningSpec = Field(default_factory=PruningSpec)
    tail: TailSpec = Field(default_factory=TailSpec)
    decision: DecisionSpec
    execution: ExecutionSpec = Field(default_factory=ExecutionSpec)
    capital: float = Field(gt=0.0)
    qty: float = Field(gt=0.0)
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
    def _check_short_side(self) -> Self:
        """Allow shorts only where the label tells their chances.

        With equal barriers a long's stop is the short's target. Otherwise 1 - P says nothing
        about a short. It is the short's chance at best: labels that time decides are in it too, so
        that a horizon which few trades end within makes a short of nearly every bar.
        """
        if self.decision.side == "both":
            if self.label.kind != "tb":
                raise ValueError("decision.side: both needs a label of kind tb")
            if self.label.sl != self.label.tp:
                raise ValueError("decision.side: both needs label.sl equal to label.tp")
            if self.decision.threshold <= 0.5:
                raise ValueError("decision.threshold: with side both it must be above 0.5")
        return self

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

        The usual source is left out: a strategy that names it is no other trial than one that
        does not, nor than those that were counted before there was a choice.
        """
        mapping = self.model_dump(mode="json") | {"label": self.label.to_mapping()}
        if self.source == DEFAULT_SOURCE:
            del mapping["source"]
        return mapping

    @property
    def dataset(self) -> str:
        """Name of the training sets, a folder of the lake; another source, another dataset."""
        is_usual = self.source == DEFAULT_SOURCE
        return self.label.dataset if is_usual else f"contract_{self.label.dataset}"

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
        """Return what the model depends on: neither decision, nor costs, nor capital."""
        of_trading = {"name", "decision", "execution", "capital", "qty"}
        return {key: value for key, value in self.to_mapping().items() if key not in of_trading}


_DAILY_MOVE = {"fx": 0.004, "crypto": 0.03, "equity": 0.015, "metal": 0.011}
"""Usual standard deviation of a day's return by class; futures are the rest."""

_MINUTES_A_DAY = {"equity": 390.0}
_QTY = {"fx": 10_000.0, "crypto": 0.1, "equity": 100.0}
_HORIZON_BARS = 24

_LEAST_SESSIONS = {"crypto": 2}
"""Sessions before the first test fold, else 1; files of a market that never closes begin midway."""


def default_strategy(asset_class: str, timeframe: str) -> Strategy:
    """Return a strategy that runs for a class of instruments and a bar length.

    The target is half the usual move over the horizon, so that it is met often enough to learn
    from; the stop is half the target, so that a random walk meets the target first in about a
    third of the cases; the threshold asks for a little more.
    """
    bar = Timeframe.parse(timeframe)
    minutes = min(bar.minutes, _MINUTES_A_DAY.get(asset_class, 1440.0))
    share = minutes / _MINUTES_A_DAY.get(asset_class, 1440.0)
    horizon = 10 if bar.is_daily else _HORIZON_BARS
    move = _DAILY_MOVE.get(asset_class, 0.011) * math.sqrt(share * horizon)
    target = float(f"{move / 2:.2g}")
    sessions = 250 if bar.is_daily else _LEAST_SESSIONS.get(asset_class, 1)
    return Strategy(
        name=f"{asset_class}_{bar.name}_barriers",
        timeframe=bar.name,
        label=LabelSpec(sl=float(f"{target / 2:.2g}"), tp=target, horizon_bars=horizon),
        splits=SplitSpec(n_folds=3, min_train_sessions=sessions, embargo_bars=1),
        decision=DecisionSpec(threshold=0.36, side="long"),
        capital=100_000.0,
        qty=_QTY.get(asset_class, 1.0),
    )


def _fault(detail: Mapping[str, Any]) -> str:
    """Write one fault as `key: what is wrong`."""
    key = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{key}: {message}" if key else message
