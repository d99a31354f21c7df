"""Whether a strategy's stored model is the one that would be trained now, and if not why."""

from collections import Counter
from collections.abc import Mapping

from quant_assets.lineage.records import Hashes, why_stale
from quant_assets.models.schema import MODELS
from quant_assets.signals.strategy import Strategy
from quant_assets.workflows.strategy_model import training_entries, training_lineage
from quant_assets.workflows.workspace import Workspace

NEVER_MADE = "never made"


def model_reason(workspace: Workspace, strategy: Strategy) -> str | None:
    """Return why a strategy's model would be trained; None where it is fresh, or a rule."""
    if not strategy.learns:
        return None
    wanted = training_lineage(strategy, training_entries(workspace, strategy))
    entries = workspace.lake.index.entries(MODELS.name, symbol=strategy.name)
    if not entries:
        return NEVER_MADE
    hashes = Hashes(wanted.inputs_hash, wanted.params_hash, wanted.code_version)
    reason = why_stale(entries[0].hashes, hashes)
    if reason != "inputs changed":
        return reason
    return changed_inputs(reason, workspace.lake.lineage(entries[0]).inputs, wanted.inputs)


def changed_inputs(reason: str, stored: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Add to a reason which tables' partitions are others now, and how many of them."""
    changed = [name for name in {*stored, *wanted} if stored.get(name) != wanted.get(name)]
    counts = Counter(name.split("/", 1)[0] for name in changed)
    told = ", ".join(f"{count:,} of {table}" for table, count in sorted(counts.items()))
    return f"{reason}: {told}"
