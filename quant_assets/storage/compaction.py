"""Compaction: the days of a symbol-year in one file, a derived cache of the lake.

A compact file names the day versions that it holds, and is read only where every one of them is
asked for at just that version. So none of its rows is ever filtered, a restated or dropped day
takes the whole file out of use, and days that came later are read beside it. Deleting it loses
nothing. The days' own folders, the index and lineage know nothing of it.

Beside it stands its checksum, written last: a file that was torn or changed is passed over.
"""

import os
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from quant_assets.market.errors import InputError
from quant_assets.market.tables import FileKey, Grain
from quant_assets.storage.commit import commit_file, no_hook, read_footer, refused, type_hook
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Lake
from quant_assets.storage.layout import COMPACT, TEMPORARY, relative_path

FORMAT = 1
"""Raised when compact files change their form: those of another form are passed over."""

MOST_PARTS = 32
"""Files of a symbol-year that are read one by one without complaint."""

_CHECKSUM = ".crc32"
_BLOCK = 2**20


@dataclass(frozen=True)
class Source:
    """A file to scan, and the entries whose rows it holds: all of its rows and no others."""

    path: Path
    entries: tuple[Entry, ...]
    is_compact: bool

    @property
    def symbol(self) -> str:
        """Symbol of all of its rows."""
        return self.entries[0].symbol


def compacted_or_days(lake: Lake, entries: Iterable[Entry]) -> list[Source]:
    """Return the files to scan for some entries, each of which is in exactly one of them.

    A compact file is taken where every version that it names is among the entries and every such
    day's own file stands; the rest are day files. Their versions are for the reader to check.

    Raises
    ------
    InputError
        If the table is not cut by day.
    """
    return [
        source
        for target, days in symbol_years(entries).items()
        for source in _sources(lake, target, days)
    ]


def symbol_years(entries: Iterable[Entry]) -> dict[Path, list[Entry]]:
    """Group entries by the compact file, under the lake, that would hold them; sessions ascend.

    Raises
    ------
    InputError
        If the table is not cut by day.
    """
    groups: dict[Path, list[Entry]] = {}
    for entry in sorted(entries, key=lambda one: (one.table, one.hive, one.session)):
        if "/day=" not in entry.path:
            raise InputError(
                asked=f"the days of {entry.name}",
                found="its table is not cut by day",
                remedy="Read it as it is: it has few files.",
            )
        groups.setdefault(_target(entry), []).append(entry)
    return groups


def compact(lake: Lake, days: Sequence[Entry], *, hook: type_hook = no_hook) -> Path | None:
    """Store the days of one symbol-year in one file; return its path.

    None, and no file, where the days differ in their columns: their rows are no one table.

    Parameters
    ----------
    days
        Entries of one table, levels and year.
    hook
        Called inside each commit step; tests kill the process there.

    Raises
    ------
    LakeError
        If a day cannot be read as the version of its entry, or the file cannot be stored.
    """
    ((target, ordered),) = symbol_years(days).items()
    frames = [lake.read(entry) for entry in ordered]
    if any(frame.schema != frames[0].schema for frame in frames[1:]):
        return None
    path = lake.root / target
    footer = _footer(ordered, schema_version=lake.footer(ordered[0])["schema_version"])
    commit_file(lake.root, path, pl.concat(frames), footer, hook=hook)
    with path.open("rb") as handle:
        _write_checksum(lake.root, path, _checksum(handle))
    return path


def versions_in(footer: Mapping[str, Any]) -> dict[str, str]:
    """Return session to data version as a file's footer names them: a day's or a compact one's."""
    if footer.get("compact") == FORMAT:
        return dict(footer["versions"])
    return {label: part["data_version"] for label, part in footer.get("parts", {}).items()}


def is_due(lake: Lake, days: Sequence[Entry], *, most_parts: int = MOST_PARTS) -> bool:
    """Whether more of a symbol-year's days than `most_parts` are read one by one."""
    return sum(not one.is_compact for one in compacted_or_days(lake, days)) > most_parts


def forget(lake: Lake, table: str, *, but: Iterable[Path]) -> int:
    """Delete the compact files of a table other than those named; return how many went."""
    kept = {lake.root / relative for relative in but}
    found = [path for path in (lake.root / COMPACT / table).rglob("*.parquet") if path not in kept]
    for path in found:
        path.with_suffix(_CHECKSUM).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    return len(found)


def _target(entry: Entry) -> Path:
    """Return the path under the lake of the compact file that would hold an entry."""
    key = FileKey(entry.table, tuple(entry.levels.items()), entry.day)
    return COMPACT / relative_path(key, Grain.YEAR)


def _footer(days: Sequence[Entry], *, schema_version: int) -> dict[str, object]:
    """Return what a compact file says of itself; like the rows, it hangs on the versions alone."""
    return {
        "compact": FORMAT,
        "table": days[0].table,
        "levels": days[0].hive,
        "schema_version": schema_version,
        "versions": {entry.session: entry.data_version for entry in days},
    }


def _sources(lake: Lake, target: Path, days: Sequence[Entry]) -> Iterator[Source]:
    """Yield the files to scan for the days of one symbol-year."""
    held = _held(lake.root / target, days[0])
    asked = {entry.session: entry.data_version for entry in days}
    if not held or not held.items() <= asked.items() or not _stand(lake, days):
        held = {}
    if held:
        inside = tuple(entry for entry in days if entry.session in held)
        yield Source(lake.root / target, inside, is_compact=True)
    for entry in days:
        if entry.session not in held:
            yield Source(lake.root / entry.path, (entry,), is_compact=False)


def _stand(lake: Lake, days: Sequence[Entry]) -> bool:
    """Whether all day files are there: with or without the cache, a lost one is an error."""
    return all((lake.root / entry.path).exists() for entry in days)


def _held(path: Path, like: Entry) -> dict[str, str]:
    """Return session to version of a sound compact file of an entry's table; else nothing."""
    try:
        with path.open("rb") as handle:
            if _checksum(handle) != path.with_suffix(_CHECKSUM).read_text(encoding="ascii"):
                return {}
            handle.seek(0)
            footer = read_footer(handle)
    except (OSError, UnicodeDecodeError, pl.exceptions.ComputeError):
        return {}
    wanted = {"compact": FORMAT, "table": like.table, "levels": like.hive}
    return versions_in(footer) if wanted.items() <= footer.items() else {}


def _checksum(handle: IO[bytes]) -> str:
    """Return length and CRC-32 of an open file: 4 GB a second, so that each read affords it."""
    crc = length = 0
    while block := handle.read(_BLOCK):
        crc = zlib.crc32(block, crc)
        length += len(block)
    return f"{length} {crc:08x}"


def _write_checksum(root: Path, path: Path, checksum: str) -> None:
    """Put the checksum beside its file in one step."""
    staged = root / TEMPORARY / f"{uuid.uuid4().hex}{_CHECKSUM}"
    try:
        with staged.open("w", encoding="ascii") as handle:
            handle.write(checksum)
            handle.flush()
            os.fsync(handle.fileno())
        staged.replace(path.with_suffix(_CHECKSUM))
    except OSError as error:
        raise refused(path, root, error) from error
    finally:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
