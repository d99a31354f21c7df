"""Rows of one file, kept by partition: in memory while they are few, else on disk."""

import fcntl
import shutil
import uuid
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from quant_assets.workflows.landing.partition import Partition

MEMORY_BYTES = 256 * 2**20
"""Rows of a file that stay in memory; above it all of them go to disk."""

_PREFIX = "ingest-"
_LOCK = "owner.lock"


class Spill:
    """The rows of a file by partition, in the order they came.

    Use it as a context manager: its folder is removed in every case, and the folder of a process
    that died is removed by the next `sweep`.

    Parameters
    ----------
    temporary
        Folder in which this one makes its own, on first need.
    memory_bytes
        Bytes of rows above which everything kept so far is written to disk.
    """

    def __init__(self, temporary: Path, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self.folder = temporary / f"{_PREFIX}{uuid.uuid4().hex}"
        self._memory_bytes = memory_bytes
        self._kept_bytes = 0
        self._n_files = 0
        self._in_memory: dict[Partition, list[pl.DataFrame]] = defaultdict(list)
        self._on_disk: dict[Partition, list[Path]] = defaultdict(list)
        self._rows: dict[Partition, int] = defaultdict(int)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        self._lock = (self.folder / _LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._in_memory.clear()
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, partition: Partition, frame: pl.DataFrame) -> None:
        """Keep some rows of a partition, behind those it has."""
        if frame.height == 0:
            return
        self._in_memory[partition].append(frame)
        self._rows[partition] += frame.height
        self._kept_bytes += int(frame.estimated_size())
        if self._kept_bytes > self._memory_bytes:
            self._write_out()

    def replace(self, partition: Partition, frame: pl.DataFrame) -> None:
        """Put other rows in place of a partition's."""
        self.take(partition)
        self.add(partition, frame)

    def read(self, partition: Partition) -> pl.DataFrame:
        """Return the rows of a partition, in the order they came."""
        stored = [pl.read_ipc(path) for path in self._on_disk[partition]]
        frames = [*stored, *self._in_memory[partition]]
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal", rechunk=True)

    def take(self, partition: Partition) -> pl.DataFrame:
        """Return the rows of a partition and keep them no longer."""
        frame = self.read(partition)
        self._kept_bytes -= sum(int(f.estimated_size()) for f in self._in_memory.pop(partition, []))
        for path in self._on_disk.pop(partition, []):
            path.unlink()
        del self._rows[partition]
        return frame

    def partitions(self) -> list[Partition]:
        """Return the partitions that hold rows, sorted."""
        return sorted(self._rows, key=lambda partition: partition.order)

    def rows(self, partition: Partition) -> int:
        """Return how many rows were kept for a partition."""
        return self._rows[partition]

    def _write_out(self) -> None:
        """Write what is in memory to one Arrow file a partition."""
        for partition, frames in self._in_memory.items():
            path = self.folder / f"{self._n_files:08d}.arrow"
            pl.concat(frames, how="diagonal", rechunk=True).write_ipc(path)
            self._on_disk[partition].append(path)
            self._n_files += 1
        self._in_memory.clear()
        self._kept_bytes = 0


def sweep(temporary: Path) -> int:
    """Remove the folders that dead processes left; return how many went.

    A living owner holds the lock in its folder, however long it works.
    """
    left = sorted(temporary.glob(f"{_PREFIX}*"))
    return sum(_remove_if_dead(folder) for folder in left)


def _remove_if_dead(folder: Path) -> bool:
    """Remove a folder whose owner no longer holds its lock."""
    try:
        with (folder / _LOCK).open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False
    return True
