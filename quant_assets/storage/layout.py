"""Paths of the lake: the one place that builds them, and that reads them back."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from quant_assets.market.errors import LakeError
from quant_assets.market.tables import FileKey, Grain, Table, check_symbol

DATA_FILE = "data.parquet"
TEMPORARY = ".tmp"

_WORD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_SYMBOL_LEVELS = frozenset({"symbol", "contract", "root"})


def file_key(table: Table, levels: Mapping[str, str], session: date | None) -> FileKey:
    """Return the key of one file, its level values checked and put in the table's order."""
    absent = set(table.levels) - set(levels) - table.optional_levels
    foreign = set(levels) - set(table.levels)
    if absent or foreign or (session is None) != (table.grain is Grain.WHOLE):
        raise LakeError(
            asked=f"a file of table {table.name!r} with levels {sorted(levels)} and {session}",
            found=f"its levels are {list(table.levels)}, cut by {table.grain}",
            remedy="Name exactly these levels.",
        )
    ordered = tuple((name, levels[name]) for name in table.levels if name in levels)
    for name, value in ordered:
        _check_level(name, value)
    return FileKey(table=table.name, levels=ordered, session=session)


def _check_level(name: str, value: str) -> None:
    """Refuse a value that could leave its folder or would not round-trip."""
    if name in _SYMBOL_LEVELS:
        check_symbol(value)
    elif not _WORD.fullmatch(value) or ".." in value:
        raise LakeError(
            asked=f"the folder {name}={value[:40]!r}",
            found="not 1 to 64 of letters, digits, dot, dash and underscore",
            remedy="Choose another name.",
        )


def hive(key: FileKey) -> str:
    """Return the levels as a path fragment: `symbol=ES/contract=ESZ13`; empty without levels."""
    return "/".join(f"{name}={value}" for name, value in key.levels)


def relative_path(key: FileKey, grain: Grain) -> Path:
    """Return the file's path under the lake."""
    parts = [key.table, *(f"{name}={value}" for name, value in key.levels)]
    if key.session is not None and grain is not Grain.WHOLE:
        parts.append(f"year={key.session.year:04d}")
        if grain is Grain.DAY:
            parts += [f"month={key.session.month:02d}", f"day={key.session.day:02d}"]
    return Path(*parts, DATA_FILE)


def key_of_path(relative: Path) -> FileKey:
    """Read a path under the lake back into its key; the inverse of `relative_path`."""
    table, *folders, _ = relative.parts
    pairs = [tuple(folder.split("=", 1)) for folder in folders]
    cut = {name: int(value) for name, value in pairs if name in {"year", "month", "day"}}
    session = date(cut["year"], cut.get("month", 1), cut.get("day", 1)) if "year" in cut else None
    levels = tuple((name, value) for name, value in pairs if name not in cut)
    return FileKey(table=table, levels=levels, session=session)


def input_name(key: FileKey) -> str:
    """Return the name by which lineage speaks of a file: table, levels and session."""
    session = key.session.isoformat() if key.session else ""
    return "/".join(part for part in (key.table, hive(key), session) if part)
