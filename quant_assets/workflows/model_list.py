"""The models of a data root, each beside what the registry says of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from quant_assets.models.schema import MODELS
from quant_assets.models.trained import CrossValidated, FoldModel, TrainedModel
from quant_assets.storage.index import Entry
from quant_assets.storage.model_registry import RegisteredVersion
from quant_assets.workflows.strategy_model import stored_model
from quant_assets.workflows.workspace import Workspace


@dataclass(frozen=True)
class ListedModel:
    """A version of a strategy's model.

    Parameters
    ----------
    model
        What the lake holds; None of a version that a newer one has replaced there.
    registered
        What the registry says; None of a model that no tracker has seen.
    """

    strategy: str
    model_version: str
    model: TrainedModel | None
    entry: Entry | None
    registered: RegisteredVersion | None

    def to_json(self) -> dict[str, Any]:
        """Return the version as JSON values."""
        content = self.model.content if self.model else None
        return {
            "strategy": self.strategy,
            "model_version": self.model_version,
            "number": self.registered.number if self.registered else None,
            "aliases": list(self.registered.aliases) if self.registered else [],
            "run_id": self.registered.run_id if self.registered else None,
            "estimator": content.model.kind if content else None,
            "symbols": list(content.symbols) if content else None,
            "timeframe": content.timeframe if content else None,
            "rows": content.n_rows if content else None,
            "features": len(content.features) if content else None,
            "auc": mean_score(self.model, "auc"),
            "logloss": mean_score(self.model, "logloss"),
            "auc_cv": mean_of(self.model.cv, "auc") if self.model else None,
            "synthetic": self.entry.synthetic if self.entry else None,
        }


def list_models(
    workspace: Workspace,
    registered: Iterable[RegisteredVersion],
    *,
    strategy: str | None = None,
) -> list[ListedModel]:
    """Return every version that is stored or registered, by strategy, the newest last."""
    names = {entry.symbol for entry in workspace.lake.index.entries(MODELS.name)}
    wanted = sorted(name for name in names if strategy in {None, name})
    stored = {name: stored_model(workspace, name) for name in wanted}
    current = {name: one for name, one in stored.items() if one}
    listed = []
    for version in registered:
        one = current.get(version.strategy)
        is_stored = one is not None and one.model.model_version == version.model_version
        listed.append(
            ListedModel(
                version.strategy,
                version.model_version,
                one.model if one and is_stored else None,
                one.entry if one and is_stored else None,
                version,
            )
        )
    known = {(one.strategy, one.model_version) for one in listed}
    listed += [
        ListedModel(name, one.model.model_version, one.model, one.entry, None)
        for name, one in current.items()
        if (name, one.model.model_version) not in known
    ]
    return sorted(listed, key=lambda one: (one.strategy, _number(one)))


def mean_score(model: TrainedModel | None, name: str) -> float | None:
    """Return the mean of a score over the folds that have one."""
    return mean_of(model.folds if model else (), name)


def mean_of(folds: Iterable[FoldModel | CrossValidated], name: str) -> float | None:
    """Return the mean of a score over the folds that have one; None where none has."""
    values = [value for fold in folds if (value := fold.scores.get(name)) is not None]
    return sum(values) / len(values) if values else None


def _number(one: ListedModel) -> float:
    """Return the registry's number; what is not registered comes last."""
    return one.registered.number if one.registered else float("inf")
