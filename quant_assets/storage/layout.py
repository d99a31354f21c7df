"""Paths of the lake: the one place that builds them, and that reads them back."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from quant_assets.market.errors import LakeError, QuantError
from quant_assets.market.tables import FileKey, Grain, Table, check_symbol

DATA_FILE = "data.parquet"
TEMPORARY = ".tmp"
COMPACT = ".compact"

_WORD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_CUTS = ("year", "month", "day")
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
    """Read a path under the lake back into its key; the inverse of `relative_path`.

    Raises
    ------
    LakeError
        If no key has this path: the file is not the lake's.
    """
    try:
        key, grain = _parsed(relative)
    except (ValueError, QuantError) as error:
        raise _foreign(relative) from error
    if relative_path(key, grain) != relative:
        raise _foreign(relative)
    return key


def _parsed(relative: Path) -> tuple[FileKey, Grain]:
    """Read table, levels and date off a path."""
    table, *folders, _ = relative.parts
    pairs = [_pair(folder) for folder in folders]
    cut = {name: int(value) for name, value in pairs if name in _CUTS}
    levels = tuple((name, value) for name, value in pairs if name not in _CUTS)
    for name, value in levels:
        _check_level(name, value)
    if not cut:
        return FileKey(table=table, levels=levels), Grain.WHOLE
    session = date(cut["year"], cut.get("month", 1), cut.get("day", 1)) if "year" in cut else None
    grain = Grain.DAY if "day" in cut else Grain.YEAR
    return FileKey(table=table, levels=levels, session=session), grain


def _pair(folder: str) -> tuple[str, str]:
    """Split `name=value`; raise ValueError where it is not that."""
    name, value = folder.split("=", 1)
    return name, value


def _foreign(relative: Path) -> LakeError:
    """Say that a path is not one that the lake makes."""
    return LakeError(
        asked=f"the partition of {relative.as_posix()[:200]}",
        found="no table's file has such a path",
        remedy="Move it out of the lake; market files are taken in by `quant ingest`.",
    )


def input_name(key: FileKey) -> str:
    """Return the name by which lineage speaks of a file: table, levels and session."""
    session = key.session.isoformat() if key.session else ""
    return "/".join(part for part in (key.table, hive(key), session) if part)
