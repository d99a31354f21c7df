"""The model of a strategy: trained on its training sets, kept as text, logged to the tracker."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from quant_assets.lineage.records import Hashes, Lineage, Origin, why_stale
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import LakeError, PartitionReplacedError, TrainingError
from quant_assets.models.schema import MODELS
from quant_assets.models.tracker_protocol import Tracker
from quant_assets.models.trained import TrainedModel
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.storage.source_code import code_version
from quant_assets.workflows.strategy_check import check_strategy
from quant_assets.workflows.training import Progress, train_and_log
from quant_assets.workflows.training_rows import training_rows
from quant_assets.workflows.view import versions
from quant_assets.workflows.workspace import Workspace

CODE = (__name__, "quant_assets.workflows.training", "quant_assets.models.training")


@dataclass(frozen=True)
class StoredModel:
    """The model of a strategy as the lake holds it."""

    model: TrainedModel
    entry: Entry
    is_new: bool
    set_aside: tuple[str, ...] = ()
    """Sessions left out because a label may still change."""
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    run_id: str | None = None


def training_entries(workspace: Workspace, strategy: Strategy) -> list[Entry]:
    """Return the training sets that a strategy learns from, by symbol and session."""
    wanted = {"dataset": strategy.dataset, "timeframe": strategy.timeframe}
    return [
        entry
        for symbol in strategy.symbols or ()
        for entry in workspace.lake.index.entries("training_set", symbol=symbol)
        if wanted.items() <= entry.levels.items()
        and workspace.calendar(symbol).is_session(entry.day)
    ]


def training_lineage(strategy: Strategy, entries: Sequence[Entry]) -> Lineage:
    """Return what a model trained on some training sets would be made from."""
    return Lineage(
        code_version=code_version(CODE, ((MODELS.name, MODELS.version),)),
        parameters=strategy.training_values(),
        inputs=versions(entries),
        origin=Origin.of(entry.origin for entry in entries),
    )


def train_model_task(
    workspace: Workspace,
    strategy: Strategy,
    *,
    tracker: Callable[[], Tracker] | None = None,
    progress: Progress = lambda _: None,
) -> StoredModel:
    """Train, evaluate, store and record a strategy's model, or return the one that stands.

    It stands where nothing that it hangs on has changed: rows, values of the strategy, code.

    Parameters
    ----------
    tracker
        Opens the keeper of runs; called only where there is something to record.

    Raises
    ------
    TrainingError
        If there are no training sets, too few sessions, no final label, or what the strategy
        asks for is not there; see `check_strategy`.
    StrategyError
        As `check_strategy`.
    """
    entries = training_entries(workspace, strategy)
    lineage = training_lineage(strategy, entries)
    stored = stored_model(workspace, strategy.name)
    wanted = Hashes(lineage.inputs_hash, lineage.params_hash, lineage.code_version)
    if stored is not None and why_stale(stored.entry.hashes, wanted) is None:
        return stored
    check_strategy(workspace, strategy)
    training = train_and_log(
        _rows(workspace, strategy, entries),
        strategy=strategy,
        data_versions=lineage.inputs,
        code_version=lineage.code_version,
        synthetic=lineage.origin.synthetic,
        tracker=tracker() if tracker else None,
        progress=progress,
    )
    committed = workspace.lake.commit(
        MODELS, {"strategy": strategy.name}, _frame(training.model, strategy), lineage
    )
    return StoredModel(
        training.model,
        committed.entry,
        is_new=True,
        set_aside=tuple(training.sessions_set_aside),
        pictures=training.pictures,
        run_id=training.run_id,
    )


def stored_model(workspace: Workspace, name: str) -> StoredModel | None:
    """Return the model that the lake holds for a strategy, or None.

    One that cannot be read any more, lost, damaged or of an older form, counts as none: it is made
    anew.
    """
    entries = workspace.lake.index.entries(MODELS.name, symbol=name)
    if not entries:
        return None
    try:
        row = workspace.lake.read(entries[0]).row(0, named=True)
        model = TrainedModel.from_text(row["text"])
    except PartitionReplacedError:
        raise
    except (LakeError, TrainingError):
        return None
    return StoredModel(model, entries[0], is_new=False)


def _rows(workspace: Workspace, strategy: Strategy, entries: list[Entry]) -> pl.DataFrame:
    """Return all training rows with their symbol."""
    if not entries:
        raise TrainingError(
            asked=f"train {strategy.name}",
            found=f"no training set {strategy.dataset} at {strategy.timeframe}",
            remedy="Make it first: quant materialize training_set",
        )
    return training_rows(workspace, entries)


def _frame(model: TrainedModel, strategy: Strategy) -> pl.DataFrame:
    """Return the model's row of the lake."""
    return pl.DataFrame(
        {
            "model_version": [model.model_version],
            "strategy": [strategy.name],
            "n_rows": pl.Series([model.content.n_rows], dtype=pl.UInt32),
            "n_folds": pl.Series([len(model.folds)], dtype=pl.UInt16),
            "train_start": pl.Series([model.train_start_ns]).cast(UTC_NS),
            "train_end": pl.Series([model.train_end_ns]).cast(UTC_NS),
            "text": [model.to_text()],
        }
    )
