"""Locks of the lake: one writer a file, and a note of what a writer that died was replacing.

A lock file holds the path that its holder is replacing, and is empty again when the index knows of
it. A killed process loses its lock, but not its note: whoever takes the lock next, or opens the
lake next, brings the index up to that one file's footer.
"""

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from quant_assets.storage.layout import TEMPORARY

SHARDS = 256
"""Files share this many locks, so that their number does not grow with the lake."""

_PATTERN = "lake-*.lock"

Mend = Callable[[Path], object]
"""Brings the index up to the footer of one file, given by its path under the lake."""


def shard_of(relative: Path) -> int:
    """Return which lock guards a file, by its path under the lake."""
    return int(hashlib.sha256(relative.as_posix().encode()).hexdigest(), 16) % SHARDS


class Locks:
    """The lock files under one lake.

    Parameters
    ----------
    root
        Folder of the lake.
    mend
        Called with the path that a dead holder was replacing, while its lock is held.
    """

    def __init__(self, root: Path, mend: Mend) -> None:
        self._folder = root / TEMPORARY
        self._mend = mend

    @contextmanager
    def replacing(self, relative: Path) -> Iterator[None]:
        """Hold the lock of a file while it is replaced; an error leaves the note standing."""
        with self.holding(shard_of(relative)) as handle:
            _write(handle, relative.as_posix())
            yield
            _write(handle, "")

    @contextmanager
    def holding(self, shard: int) -> Iterator[IO[str]]:
        """Hold one lock; what its holder before left undone is mended first."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"lake-{shard:02x}.lock").open("a+", encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._settle(handle)
            yield handle

    def mend_all(self) -> int:
        """Mend what dead holders left undone; return how many there were. Waits for nobody."""
        noted = [path for path in self._folder.glob(_PATTERN) if path.stat().st_size]
        return sum(self._mend_one(path) for path in noted)

    def _mend_one(self, path: Path) -> bool:
        """Mend one note, unless its writer lives, or we may only read here."""
        with ExitStack() as opened:
            try:
                handle = opened.enter_context(path.open("a+", encoding="utf-8"))
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            return self._settle(handle)

    def _settle(self, handle: IO[str]) -> bool:
        """Mend what the note of a held lock names, and clear it."""
        handle.seek(0)
        note = handle.read()
        if not note:
            return False
        self._mend(Path(note))
        _write(handle, "")
        return True


def _write(handle: IO[str], note: str) -> None:
    """Replace the note; the operating system keeps it when the process dies."""
    handle.seek(0)
    handle.truncate()
    handle.write(note)
    handle.flush()
