"""The trials that were ever computed: kept in the state database, exported to the lake."""

from dataclasses import dataclass

from quant_assets.bars.schema import BARS
from quant_assets.lineage.fingerprint import content_version
from quant_assets.lineage.records import Lineage, Origin
from quant_assets.optimization.schema import TRIALS
from quant_assets.optimization.trials import Trial, trials_frame
from quant_assets.storage.index import Entry
from quant_assets.storage.source_code import code_version
from quant_assets.storage.state_tables import TRIALS as ROWS
from quant_assets.workflows.workspace import Workspace

CODE = (__name__, "quant_assets.optimization.trials")


@dataclass(frozen=True)
class StoredTrials:
    """The trials as the lake holds them; `is_new` where there were others before."""

    entry: Entry
    trials: list[Trial]
    is_new: bool


def all_trials(workspace: Workspace) -> list[Trial]:
    """Return the trials of the state database, by id."""
    return [Trial.from_row(row) for row in workspace.state.select(ROWS)]


def store_trials(workspace: Workspace) -> StoredTrials:
    """Export the trials to the lake, where DuckDB shows them as `simulations`."""
    before = _stored_versions(workspace)
    trials = all_trials(workspace)
    lineage = Lineage(
        code_version=code_version(CODE, ((TRIALS.name, TRIALS.version),)),
        inputs={f"trial/{trial.trial_id}": trial.data_hash for trial in trials},
        origin=Origin.of(e.origin for e in workspace.lake.index.entries(BARS.name)),
    )
    entry = workspace.lake.commit(TRIALS, {}, trials_frame(trials), lineage).entry
    return StoredTrials(entry, trials, is_new=entry.data_version not in before)


def are_trials_stored(workspace: Workspace) -> bool | None:
    """Whether the lake holds the trials as they are now; None where it holds none."""
    before = _stored_versions(workspace)
    if not before:
        return None
    return content_version(TRIALS.check(trials_frame(all_trials(workspace)))) in before


def _stored_versions(workspace: Workspace) -> set[str]:
    """Return the data version of the exported trials, in a set that may be empty."""
    return {entry.data_version for entry in workspace.lake.index.entries(TRIALS.name)}
