"""Code versions kept between processes: parsing all sources takes a second, looking at them none.

A kept version holds while no source file of the package has another size or time of change: what
Python itself goes by for the bytecode that it keeps.
"""

import json
import os
from pathlib import Path

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.storage.source_code import PACKAGE, code_version

_PACKAGE_FOLDER = Path(__file__).parents[1]


def kept_code_version(
    file: Path, roots: tuple[str, ...], schema_versions: tuple[tuple[str, int], ...]
) -> str:
    """Return `code_version`, from a file where it was computed of the same sources before.

    Parameters
    ----------
    file
        JSON file that keeps it, made anew where the sources have changed; one that cannot be read
        or written costs time and nothing else.
    """
    key = digest_of([_stamps(), roots, schema_versions])
    if (kept := _read(file, key)) is not None:
        return kept
    version = code_version(roots, schema_versions)
    # Sources that changed while they were read must not be kept under either of their stamps.
    if key == digest_of([_stamps(), roots, schema_versions]):
        _write(file, {"sources": key, "version": version})
    return version


def _stamps() -> list[list[object]]:
    """Return path, size and time of change of all sources."""
    found = sorted(_PACKAGE_FOLDER.rglob("*.py"))
    stats = [(path, path.stat()) for path in found]
    inside = [
        [path.relative_to(_PACKAGE_FOLDER).as_posix(), stat.st_size, stat.st_mtime_ns]
        for path, stat in stats
    ]
    return [[PACKAGE, 0, 0], *inside]


def _read(file: Path, key: str) -> str | None:
    """Return the version that is kept under a key."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return str(kept["version"]) if kept["sources"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(file: Path, kept: dict[str, str]) -> None:
    """Replace the file, where that can be done."""
    staged = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        staged.write_text(json.dumps(kept), encoding="utf-8")
        staged.replace(file)
    except OSError:
        staged.unlink(missing_ok=True)
