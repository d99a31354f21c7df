"""The files that a user named: which they are, and what identifies their bytes."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SIDE_FILES = frozenset(
    {"manifest.json", "metadata.json", "condition.json", "symbology.json", "synthetic.json"}
)
"""What vendors and our own writers lay beside market files."""

SIDE_SUFFIXES = (".md", "-wal", "-shm", "-journal")

OWN_FOLDERS = ("lake", "bronze", "contracts", "mlflow", "strategies")
"""Folders of a data root that hold what was made, not what was given."""

_SQLITE = b"SQLite format 3\0"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Identity:
    """What a file was when it was looked at.

    Parameters
    ----------
    sha256
        Of its bytes; of a SQLite database's and its write-ahead log's, where it has one.
    size
        Bytes of the file itself.
    stamps
        Size and time of change of all that was hashed.
    """

    sha256: str
    size: int
    stamps: tuple[tuple[int, int], ...]
    is_sqlite: bool


def named_files(paths: Iterable[Path], *, root: Path) -> Iterator[Path]:
    """Yield files as named, and those of folders, sorted; side files and hidden ones are not.

    Parameters
    ----------
    paths
        Files and folders; a path that is not there is given back, so that it can be reported.
    root
        Data root: what stands in it beside `raw` is ours, and not walked through.
    """
    for path in paths:
        if path.is_dir():
            yield from _walk(path, root.resolve())
        else:
            yield path


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    """Yield the market files below a folder, sorted; links to folders are not followed."""
    found = []
    for name, folders, files in os.walk(folder):
        here = Path(name)
        is_root = here.resolve() == root
        folders[:] = [f for f in folders if _is_shown(f) and not (is_root and f in OWN_FOLDERS)]
        if not is_root:
            found += [here / file for file in files if _is_market_file(file)]
    yield from sorted(path for path in found if path.is_file())


def _is_shown(name: str) -> bool:
    """Whether a name is not hidden; one that starts with two dots hides nothing, it attacks."""
    return not name.startswith(".") or name.startswith("..")


def _is_market_file(name: str) -> bool:
    """Whether a file is not known to be something else."""
    return _is_shown(name) and name.lower() not in SIDE_FILES and not name.endswith(SIDE_SUFFIXES)


def identify(path: Path) -> Identity:
    """Hash a file, and with a SQLite database the log that holds its latest rows."""
    with path.open("rb") as file:
        is_sqlite = file.read(len(_SQLITE)) == _SQLITE
    parts = [path]
    log = path.with_name(f"{path.name}-wal")
    if is_sqlite and log.is_file() and log.stat().st_size:
        parts.append(log)
    stamps = tuple((stat.st_size, stat.st_mtime_ns) for stat in (p.stat() for p in parts))
    digest = hashlib.sha256()
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return Identity(digest.hexdigest(), stamps[0][0], stamps, is_sqlite)


def is_as_before(path: Path, identity: Identity) -> bool:
    """Whether nothing was written to the file since it was identified."""
    parts = [path, path.with_name(f"{path.name}-wal")][: len(identity.stamps)]
    try:
        now = tuple((stat.st_size, stat.st_mtime_ns) for stat in (p.stat() for p in parts))
    except FileNotFoundError:
        return False
    return now == identity.stamps
