"""What a file's footer says of its partitions, and the index entries that follow from it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.lineage.fingerprint import content_version
from quant_assets.lineage.records import Lineage
from quant_assets.market.tables import FileKey, Table
from quant_assets.storage.index import Entry
from quant_assets.storage.layout import hive, input_name

_SYMBOL_LEVELS = ("symbol", "root", "strategy")


def footer_of(table: Table, rows: pl.DataFrame, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file says of itself."""
    return {
        "table": table.name,
        "schema_version": table.version,
        "session_column": table.session_column,
        "rows": rows.height,
        "parts": {label: parts[label] for label in sorted(parts)},
    }


def name_of(key: FileKey, label: str) -> str:
    """Return the name by which lineage speaks of one session of a file."""
    return input_name(FileKey(key.table, key.levels, date.fromisoformat(label) if label else None))


def label_of(session: date | None) -> str:
    """Return how the index and footers write a session."""
    return session.isoformat() if session else ""


def part_of(rows: pl.DataFrame, lineage: Lineage) -> dict[str, Any]:
    """Return what the footer says of one session's rows."""
    return {
        "data_version": content_version(rows),
        "rows": rows.height,
        "lineage": lineage.to_json(),
    }


def entry_of(key: FileKey, label: str, relative: Path, part: Mapping[str, Any]) -> Entry:
    """Return the index entry of one session of a file."""
    lineage = Lineage.from_json(part["lineage"])
    levels = dict(key.levels)
    return Entry(
        table=key.table,
        hive=hive(key),
        session=label,
        symbol=next((levels[name] for name in _SYMBOL_LEVELS if name in levels), ""),
        path=relative.as_posix(),
        data_version=part["data_version"],
        inputs_hash=lineage.inputs_hash,
        params_hash=lineage.params_hash,
        code_version=lineage.code_version,
        rows=part["rows"],
        final=lineage.final,
        final_through=label_of(lineage.final_through) or None,
        status="ok",
        synthetic=lineage.origin.synthetic,
        seed=lineage.origin.seed,
        stats=dict(lineage.stats),
    )
