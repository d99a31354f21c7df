"""The files that a user named: which they are, and what identifies their bytes."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO

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
class Look:
    """What a file was when it was looked at, before its bytes were read.

    Parameters
    ----------
    parts
        The file, and behind a SQLite database its write-ahead log, where it has one.
    stamps
        Size and time of change of each part.
    """

    parts: tuple[Path, ...]
    stamps: tuple[tuple[int, int], ...]
    is_sqlite: bool

    @property
    def size(self) -> int:
        """Bytes of the file itself."""
        return self.stamps[0][0]


@dataclass(frozen=True)
class Identity:
    """SHA-256 of a file's bytes, over all parts of it, and what it was before they were read."""

    sha256: str
    look: Look


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


def look_at(path: Path) -> Look:
    """Look at a file, and with a SQLite database at the log that holds its latest rows."""
    with path.open("rb") as file:
        is_sqlite = file.read(len(_SQLITE)) == _SQLITE
    parts = [path]
    log = path.with_name(f"{path.name}-wal")
    if is_sqlite and log.is_file() and log.stat().st_size:
        parts.append(log)
    stamps = tuple((stat.st_size, stat.st_mtime_ns) for stat in (p.stat() for p in parts))
    return Look(tuple(parts), stamps, is_sqlite)


def identify(path: Path) -> Identity:
    """Hash a file, and with a SQLite database the log that holds its latest rows."""
    look = look_at(path)
    with hashing(look) as sha256:
        return Identity(sha256(), look)


@contextmanager
def hashing(look: Look) -> Iterator[Callable[[], str]]:
    """Hash a file in a thread of its own, while it is read; give what waits for the digest.

    The parts are opened before and closed after all that is done meanwhile: closing a database
    drops the locks by which SQLite reads it, because POSIX locks belong to the process. Whoever
    leaves before the digest is there does not wait for it.
    """
    is_left = Event()
    with ExitStack() as opened, ThreadPoolExecutor(1, thread_name_prefix="hash") as thread:
        files = [opened.enter_context(part.open("rb")) for part in look.parts]
        pending = thread.submit(_digest, files, is_left)
        try:
            yield pending.result
        finally:
            is_left.set()


def _digest(files: Iterable[IO[bytes]], is_left: Event) -> str:
    """Return SHA-256 over files one after the other; of no use once nobody waits for it."""
    digest = hashlib.sha256()
    for file in files:
        while (block := file.read(_BLOCK)) and not is_left.is_set():
            digest.update(block)
    return digest.hexdigest()


def is_as_before(look: Look) -> bool:
    """Whether nothing was written to a file since it was looked at."""
    try:
        stats = [part.stat() for part in look.parts]
    except FileNotFoundError:
        return False
    return tuple((stat.st_size, stat.st_mtime_ns) for stat in stats) == look.stamps
