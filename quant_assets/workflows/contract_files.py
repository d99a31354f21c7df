"""`contract.json` and `contract.parquet` of the lake's contracts, kept while nothing changed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.lineage.records import Hashes, Lineage, why_stale
from quant_assets.market.errors import InputError
from quant_assets.storage.readers.contract_json import ContractOpening, read_contract_opening
from quant_assets.storage.readers.contract_parquet import read_parquet_opening
from quant_assets.storage.source_code import code_version
from quant_assets.storage.writers.contract_json import VERSION, write_contract_rows
from quant_assets.storage.writers.contract_parquet import json_to_parquet
from quant_assets.workflows.contract_objects import ContractParts, find_contract, iter_day_rows
from quant_assets.workflows.workspace import Workspace

FOLDER = "contracts"
JSON_FILE = "contract.json"
PARQUET_FILE = "contract.parquet"

CODE = (
    __name__,
    "quant_assets.workflows.contract_objects",
    "quant_assets.storage.writers.contract_json",
    "quant_assets.storage.writers.contract_parquet",
)

NEVER_MADE = "never made"


@dataclass(frozen=True)
class ContractFile:
    """A contract's file on disk; `is_new` where it was written now."""

    path: Path
    parts: ContractParts
    version: str
    is_new: bool


def contract_path(workspace: Workspace, name: str, file: str) -> Path:
    """Return where a file of a contract lies."""
    return workspace.root / FOLDER / name / file


def store_contract_json(workspace: Workspace, name: str) -> ContractFile:
    """Write a contract as JSON, or keep what was made from the same versions.

    Raises
    ------
    TableMissingError
        If the flat table holds no session of it.
    CommitError
        If the disk is full or refuses; the old file still stands.
    """
    parts = find_contract(workspace, name)
    lineage = contract_lineage(parts)
    path = contract_path(workspace, name, JSON_FILE)
    is_new = _reason(path, lineage, read_contract_opening) is not None
    if is_new:
        write_contract_rows(path, parts.head, iter_day_rows(workspace, parts), lineage=lineage)
    return ContractFile(path, parts, _version(lineage), is_new)


def store_contract_parquet(workspace: Workspace, name: str) -> ContractFile:
    """Turn a contract's JSON into Parquet, or keep what was made from the same versions.

    The JSON is brought up to the lake first, so that the two never tell different things.
    """
    source = store_contract_json(workspace, name)
    lineage = contract_lineage(source.parts)
    path = contract_path(workspace, name, PARQUET_FILE)
    is_new = _reason(path, lineage, read_parquet_opening) is not None
    if is_new:
        json_to_parquet(source.path, path)
    return ContractFile(path, source.parts, _version(lineage), is_new)


def contract_json_reason(workspace: Workspace, name: str) -> str | None:
    """Return why a contract's JSON would be written; None where it stands as it would."""
    lineage = contract_lineage(find_contract(workspace, name))
    return _reason(contract_path(workspace, name, JSON_FILE), lineage, read_contract_opening)


def contract_parquet_reason(workspace: Workspace, name: str) -> str | None:
    """Return why a contract's Parquet would be written; None where it stands as it would."""
    lineage = contract_lineage(find_contract(workspace, name))
    return _reason(contract_path(workspace, name, PARQUET_FILE), lineage, read_parquet_opening)


def contract_lineage(parts: ContractParts) -> Lineage:
    """Return what both files of a contract are made from."""
    return Lineage(
        code_version=code_version(
            CODE, ((CONTRACT_TABLE.name, CONTRACT_TABLE.version), (JSON_FILE, VERSION))
        ),
        parameters={"name": parts.head.name, "timeframe": parts.head.timeframe},
        inputs=parts.inputs,
        origin=parts.origin,
    )


def _reason(path: Path, wanted: Lineage, read: Callable[[Path], ContractOpening]) -> str | None:
    """Return why a file would be written; one that cannot be read is none."""
    if not path.exists():
        return NEVER_MADE
    try:
        stored = read(path).lineage
    except InputError:
        return "file damaged"
    return why_stale(_hashes(stored), _hashes(wanted))


def _hashes(lineage: Lineage) -> Hashes:
    """Return the hashes that freshness is decided by."""
    return Hashes(lineage.inputs_hash, lineage.params_hash, lineage.code_version)


def _version(lineage: Lineage) -> str:
    """Return the data version of a contract's file: over all that it is made from."""
    return digest_of([lineage.inputs_hash, lineage.params_hash, lineage.code_version])
