"""Landed partitions for Dagster: their versions, registered symbols and observations."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from quant_assets.defs.partitions import CONTRACTS, STRATEGIES, SYMBOLS, partition_key
from quant_assets.lineage.fingerprint import combined_version
from quant_assets.workflows.contract_objects import contract_sessions
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.workspace import Workspace

RAW_FILES = dg.AssetKey("raw_files")
LANDED_TABLES = ("raw_bars", "raw_status", "raw_ticks")


def landed_versions(workspace: Workspace) -> dict[str, str]:
    """Return each landed partition of the graph with its data version."""
    first = workspace.settings.partitions.start
    files: dict[str, dict[str, str]] = defaultdict(dict)
    for table in LANDED_TABLES:
        for entry in workspace.lake.index.entries(table):
            if entry.day >= first:
                key = Key(entry.symbol, entry.day)
                partition = partition_key(key, workspace.settings.partitions.grain)
                files[partition][entry.name] = entry.data_version
    return {partition: combined_version(files[partition]) for partition in sorted(files)}


def register(instance: dg.DagsterInstance, workspace: Workspace) -> None:
    """Make landed symbols, strategies with bars and contracts partitions that users can choose."""
    symbols = {key.split("|", 1)[1] for key in landed_versions(workspace)}
    _add(instance, SYMBOLS, symbols)
    _add(instance, STRATEGIES, strategies(workspace))
    _add(instance, CONTRACTS, contract_sessions(workspace))


def _add(
    instance: dg.DagsterInstance, partitions: dg.DynamicPartitionsDefinition, keys: Iterable[str]
) -> None:
    """Add partitions that the instance does not hold yet."""
    name = str(partitions.name)
    new = sorted(set(keys) - set(instance.get_dynamic_partitions(name)))
    if new:
        instance.add_dynamic_partitions(name, new)


def observe(instance: dg.DagsterInstance, versions: Mapping[str, str]) -> list[str]:
    """Tell Dagster of landed partitions whose version it has not seen; return those."""
    seen = observed_versions(instance, versions)
    changed = [key for key, version in versions.items() if seen.get(key) != version]
    for key in changed:
        observation = dg.AssetObservation(
            RAW_FILES, partition=key, tags={DATA_VERSION_TAG: versions[key]}
        )
        instance.report_runless_asset_event(observation)
    return changed


def observed_versions(instance: dg.DagsterInstance, keys: Iterable[str]) -> dict[str, str]:
    """Return the versions that Dagster last saw of some landed partitions."""
    found: dict[str, str] = {}
    for key in keys:
        record = instance.get_latest_data_version_record(
            RAW_FILES, is_source=True, partition_key=key
        )
        observation = record.asset_observation if record else None
        if observation and observation.tags:
            found[key] = observation.tags[DATA_VERSION_TAG]
    return found
