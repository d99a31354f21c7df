"""A trained model as one JSON text: pipelines, features, label, spans; loading runs no code."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from quant_assets.lineage.fingerprint import canonical_json, digest_of
from quant_assets.market.errors import TrainingError
from quant_assets.models.label_spec import LabelSpec
from quant_assets.models.pipeline import FittedPipeline
from quant_assets.models.scores import CalibrationBin
from quant_assets.models.spec import ModelSpec

SCHEMA_VERSION = 2

CLASS_MAP: dict[str, int] = {"-1": 0, "0": 0, "1": 1}
"""Label to class: what is learned is whether the target comes first."""

MAX_MODEL_CHARS = 1_000_000_000
"""Longest model text that is read."""


class FoldModel(BaseModel):
    """The pipeline of one test fold, its span [test_start_ns, test_end_ns) and its scores."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    test_start_ns: int = Field(ge=0, lt=2**63)
    test_end_ns: int = Field(ge=0, lt=2**63)
    train_end_ns: int = Field(ge=0, lt=2**63)
    n_train: int = Field(ge=1)
    n_test: int = Field(ge=1)
    scores: dict[str, float | None]
    pipeline: FittedPipeline


class CrossValidated(BaseModel):
    """Scores of one fold of cross-validation; its model also saw later rows and never predicts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    blocks: tuple[int, ...]
    n_train: int = Field(ge=1)
    n_test: int = Field(ge=1)
    scores: dict[str, float | None]


class _Content(BaseModel):
    """What the JSON text must hold, beside its SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: int = Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)
    features: tuple[str, ...] = Field(min_length=1, max_length=100_000)
    label: LabelSpec
    timeframe: str
    symbols: tuple[str, ...]
    class_map: dict[str, int]
    model: ModelSpec
    seed: int
    n_rows: int
    folds: tuple[FoldModel, ...] = Field(min_length=1, max_length=1000)
    cv: tuple[CrossValidated, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    final: FittedPipeline
    train_start_ns: int
    train_end_ns: int
    oos_start_ns: int


@dataclass(frozen=True)
class TrainedModel:
    """A model: one pipeline a fold, and one of all rows for what comes after."""

    content: _Content

    @classmethod
    def from_values(cls, **values: Any) -> Self:
        """Build a model from its values; `schema_version` and `class_map` are filled in."""
        return cls(_Content(schema_version=SCHEMA_VERSION, class_map=CLASS_MAP, **values))

    @functools.cached_property
    def model_version(self) -> str:
        """SHA-256 over the canonical JSON of the content."""
        return digest_of(self.content.model_dump(mode="json"))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns given."""
        return self.content.features

    @property
    def folds(self) -> tuple[FoldModel, ...]:
        """The folds, in time order."""
        return self.content.folds

    @property
    def cv(self) -> tuple[CrossValidated, ...]:
        """Scores of cross-validation, empty where none was asked for."""
        return self.content.cv

    @property
    def calibration(self) -> tuple[CalibrationBin, ...]:
        """Mean probability and frequency by bin, over all rows of the walk-forward tests."""
        return self.content.calibration

    @functools.cached_property
    def importances(self) -> Mapping[str, float]:
        """Importance of each feature in the final pipeline, 0 for one that was left out.

        Total gain of boosters, decrease of impurity of trees, amount of a linear coefficient;
        empty where the estimator tells none.
        """
        told = self.content.final.importances
        return {name: told.get(name, 0.0) for name in self.features} if told else {}

    @property
    def oos_start_ns(self) -> int:
        """First instant at which the final pipeline is out of sample."""
        return self.content.oos_start_ns

    @property
    def train_start_ns(self) -> int:
        """Start of the first training bar."""
        return self.content.train_start_ns

    @property
    def train_end_ns(self) -> int:
        """Latest label end of the final pipeline's rows."""
        return self.content.train_end_ns

    def to_text(self) -> str:
        """Return the model as one line of JSON; equal models, equal text."""
        content = self.content.model_dump(mode="json")
        return canonical_json({"content": content, "sha256": self.model_version}) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` wrote; every check comes before a library sees a byte.

        Raises
        ------
        TrainingError
            If the text is too long, is no model, does not match its SHA-256, or an estimator
            holds an index out of range.
        """
        if len(text) > MAX_MODEL_CHARS:
            raise _not_a_model(f"{len(text)} characters, {MAX_MODEL_CHARS} are the most")
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _not_a_model("not JSON") from error
        if not isinstance(raw, dict) or set(raw) != {"content", "sha256"}:
            raise _not_a_model("not an object with `content` and `sha256`")
        try:
            content = _Content.model_validate_json(json.dumps(raw["content"]))
        except (ValidationError, ValueError) as error:
            raise _not_a_model(" ".join(str(error).split())[:300]) from error
        model = cls(content)
        if model.model_version != raw["sha256"]:
            raise _not_a_model("its content does not match its SHA-256")
        model.check()
        return model

    def check(self) -> None:
        """Raise `TrainingError` unless pipelines, spans and classes fit each other."""
        content = self.content
        if content.class_map != CLASS_MAP or len(set(content.features)) != len(content.features):
            raise _not_a_model("its classes or feature names are not those of a model")
        spans = [(fold.test_start_ns, fold.test_end_ns) for fold in content.folds]
        flat = [instant for span in spans for instant in span]
        if flat != sorted(flat) or any(start >= end for start, end in spans):
            raise _not_a_model("its test spans overlap or are not in order")
        leaks = [f for f in content.folds if f.train_end_ns >= f.test_start_ns]
        if leaks or content.train_end_ns >= content.oos_start_ns:
            raise _not_a_model("a fold was trained on labels that reach into its test span")
        for pipeline in (content.final, *(fold.pipeline for fold in content.folds)):
            pipeline.check(content.features, content.model)

    def pipeline(self, fold: int | None) -> FittedPipeline:
        """Return the pipeline of a fold; None is the final one."""
        return self.content.final if fold is None else self.content.folds[fold].pipeline

    def predict(self, matrix: np.ndarray, *, fold: int | None) -> np.ndarray:
        """Return P(target first) of rows of features, NaN where a row cannot be read.

        Parameters
        ----------
        matrix : float64 array of shape (n, features)
            NaN is null.
        """
        return self.pipeline(fold).predict(matrix, self.features, self.content.model)


def _not_a_model(found: str) -> TrainingError:
    """Return the error of a text that is not read as a model."""
    return TrainingError(
        asked="a stored model",
        found=found,
        remedy="The file was changed or damaged: make the model again.",
    )
