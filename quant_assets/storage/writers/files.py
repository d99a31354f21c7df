"""Files that a reader sees whole or not at all."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import polars as pl

from quant_assets.market.errors import CommitError

DISK_ERRORS = (OSError, pl.exceptions.ComputeError)
"""What a full disk raises: the system's error, and the one polars makes of it for Parquet."""


def replace_file(target: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its target and rename it over, so that no reader sees half of it.

    Parameters
    ----------
    target
        Where the file is to stand; its folder is made.
    write
        Writes the whole file to the path it is given.

    Raises
    ------
    CommitError
        If the disk is full or refuses; what stood at `target` still stands.
    """
    staged = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(staged)
        publish(staged, target)
    except DISK_ERRORS as error:
        raise refused(target, error) from error
    finally:
        # Where the folder is none, there is nothing to take away either.
        with suppress(NotADirectoryError):
            staged.unlink(missing_ok=True)


def publish(staged: Path, target: Path) -> None:
    """Make a written file durable and rename it to its target, on the same disk."""
    _sync(staged)
    staged.replace(target)
    _sync(target.parent)


def refused(target: Path, error: Exception) -> CommitError:
    """Return the error for a file that the disk did not take."""
    cause = error.strerror if isinstance(error, OSError) and error.strerror else error
    free = _free_bytes(target.parent)
    return CommitError(
        asked=f"write {target.name} in {target.parent}",
        found=f"{cause}; {free:,} bytes are free there",
        remedy="Free or grant the space and run it again: what stood there still stands.",
    )


def file_sha256(path: Path) -> str:
    """Return SHA-256 over the bytes of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk that a folder is on, or would be on."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free
