"""Receipts: which files were landed with which options, and what became of them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Lake
from quant_assets.storage.readers.base import SourceFile
from quant_assets.storage.source_code import code_version
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import RECEIPTS
from quant_assets.workflows.landing.partition import TABLES
from quant_assets.workflows.landing.report import (
    FileReport,
    FileStatus,
    Reason,
    Touched,
    status_of,
)
from quant_assets.workflows.workspace import Workspace

RESTATED = "restated"
UNCHANGED = "unchanged"

_PACKAGES = ("quant_assets.workflows.landing", "quant_assets.storage.readers")

LandedVersion = tuple[str, str, str, str]
"""Table, levels and session of an index entry, and the data version that it had."""


@dataclass(frozen=True)
class Receipt:
    """What stands in the state database of a file that was read before."""

    report: FileReport
    partitions: tuple[LandedVersion, ...]


@cache
def landing_code_version() -> str:
    """Return the code version of reading and landing files, over all formats."""
    modules = [name for package in _PACKAGES for name in _modules_of(package)]
    schemas = tuple(sorted((table.name, table.version) for table in TABLES.values()))
    return code_version(tuple(sorted(modules)), schemas)


def _modules_of(package: str) -> list[str]:
    """Return the modules of a package, by name."""
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    return [f"{package}.{module.name}" for module in iter_modules(folders)]


def options_of(workspace: Workspace, source: SourceFile) -> str:
    """Return all that may change what comes of the same bytes, as canonical JSON."""
    listed = workspace.root / "instruments.yaml"
    return canonical_json(
        {
            "name": source.name,
            "symbol": source.symbol,
            "zone": source.zone,
            "instruments": _digest(listed),
            "settings": workspace.settings.ingest.model_dump(mode="json"),
            "code": landing_code_version(),
        }
    )


def _digest(path: Path) -> str:
    """Return SHA-256 of a small file; nothing where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def may_be_known(state: State, options: str, size: int) -> bool:
    """Whether a file of this size landed rows with these options: its hash would tell if it did."""
    return any(
        row["status"] != FileStatus.REJECT and row["report"]["size"] == size
        for row in state.select(RECEIPTS, options=options)
    )


def find_receipt(state: State, sha256: str, options: str) -> Receipt | None:
    """Return the receipt of a file that landed rows; a rejected one is read anew."""
    for row in state.select(RECEIPTS, sha256=sha256, options=options):
        if row["status"] != FileStatus.REJECT:
            return _from_json(row["report"])
    return None


def write_receipt(
    state: State, source: SourceFile, options: str, report: FileReport, entries: Iterable[Entry]
) -> None:
    """Record the end of a file: the last thing that is written of it."""
    keys = [[e.table, e.hive, e.session, e.data_version] for e in entries]
    row = {
        "sha256": source.sha256,
        "options": options,
        "name": source.name.encode(errors="replace").decode(),
        "format": report.format,
        "status": report.status.value,
        "report": _to_json(report, keys) | {"size": source.size},
    }
    state.upsert(RECEIPTS, [row])


def is_in_lake(lake: Lake, receipt: Receipt) -> bool:
    """Whether all that the file was landed in still stands as the file left it.

    Where a later file has restated a partition, the first one is no longer what is there, and
    landing it again is a restatement too.
    """
    levels = sorted({(table, hive) for table, hive, _, _ in receipt.partitions})
    held = {
        (entry.table, entry.hive, entry.session, entry.data_version): entry
        for table, hive in levels
        for entry in lake.index.entries(table, hive=hive)
    }
    return all(key in held and (lake.root / held[key].path).is_file() for key in receipt.partitions)


def unchanged(receipt: Receipt, shown: str) -> FileReport:
    """Return the report of a file that was landed before: nothing was written.

    Its first status stays, but for `restated`, which was said once.
    """
    first = receipt.report
    reasons = tuple(reason for reason in first.reasons if reason.rule != RESTATED)
    status = status_of(
        held=first.rows_in - first.quarantined,
        quarantined=first.quarantined,
        reasons=len(reasons),
    )
    note = Reason(
        UNCHANGED, first.rows_in - first.quarantined, "landed before, nothing was written"
    )
    return replace(
        first,
        file=shown,
        status=status,
        committed=0,
        duplicates=first.rows_in - first.quarantined,
        reasons=(*reasons, note),
        touched=tuple(replace(touched, changed=False) for touched in first.touched),
    )


def _to_json(report: FileReport, keys: list[list[str]]) -> dict[str, Any]:
    """Return a report as JSON values, without the folder it was read from."""
    values = report.to_json()
    del values["file"]
    values["touched"] = [[t.symbol, t.session.isoformat(), t.changed] for t in report.touched]
    values["partitions"] = keys
    return values


def _from_json(values: dict[str, Any]) -> Receipt:
    """Read what `_to_json` wrote."""
    report = FileReport(
        file="",
        format=values["format"],
        status=FileStatus(values["status"]),
        rows_in=values["rows_in"],
        committed=values["committed"],
        quarantined=values["quarantined"],
        duplicates=values["duplicates"],
        reasons=tuple(Reason(r["rule"], r["count"], r["where"]) for r in values["reasons"]),
        symbols=tuple(values["symbols"]),
        first=values["from"],
        last=values["to"],
        touched=tuple(Touched(t[0], date.fromisoformat(t[1]), t[2]) for t in values["touched"]),
    )
    keys = [(str(k[0]), str(k[1]), str(k[2]), str(k[3])) for k in values["partitions"]]
    return Receipt(report, tuple(keys))
