"""The commit: a reader sees the old file or the new one, whatever kills the writer, and when.

Five steps, then the index row: write under `.tmp/`, verify the footer, fsync, rename over the
target, fsync the folder.
"""

import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import polars as pl

from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.market.errors import CommitError
from quant_assets.storage.layout import TEMPORARY

FOOTER_KEY = "quant_assets"


class CommitStep(StrEnum):
    """A step of the commit, in order."""

    WRITE = "write"
    VERIFY = "verify"
    SYNC_FILE = "sync_file"
    RENAME = "rename"
    SYNC_FOLDER = "sync_folder"
    INDEX = "index"


type_hook = Callable[[CommitStep, Path], None]


def no_hook(_step: CommitStep, _path: Path) -> None:
    """Do nothing: what stands where a test puts a kill."""


def commit_file(
    root: Path,
    target: Path,
    frame: pl.DataFrame,
    footer: Mapping[str, Any],
    *,
    hook: type_hook = no_hook,
) -> None:
    """Store a frame at `target` so that no reader ever sees a torn or half-written file.

    The hook is called inside each step, after its work has begun and before it is complete.

    Raises
    ------
    CommitError
        If the disk is full or refuses; the old file still stands and nothing new is visible.
    """
    staged = root / TEMPORARY / f"{uuid.uuid4().hex}.parquet"
    try:
        staged.parent.mkdir(parents=True, exist_ok=True)
        _write(staged, frame, footer, hook)
        hook(CommitStep.VERIFY, staged)
        _verify(staged, frame.height, footer)
        with staged.open("rb") as handle:
            hook(CommitStep.SYNC_FILE, staged)
            os.fsync(handle.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        hook(CommitStep.RENAME, staged)
        staged.replace(target)
        _sync_folder(target.parent, hook)
    except (OSError, pl.exceptions.ComputeError) as error:
        raise refused(target, root, error) from error
    finally:
        staged.unlink(missing_ok=True)


def _write(staged: Path, frame: pl.DataFrame, footer: Mapping[str, Any], hook: type_hook) -> None:
    """Write the Parquet file; the hook sees it half written.

    LZ4 takes two thirds of the processor time that zstd takes to write a day of ticks, and half of
    that to read it, for a file a third larger.
    """
    with staged.open("wb") as handle:
        handle.write(b"PAR1")
        handle.flush()
        hook(CommitStep.WRITE, staged)
        handle.seek(0)
        frame.write_parquet(
            handle,
            compression="lz4",
            row_group_size=1_000_000,
            metadata={FOOTER_KEY: canonical_json(footer)},
        )


def _verify(staged: Path, rows: int, footer: Mapping[str, Any]) -> None:
    """Read the file's end back: a short write shows here, before anything is visible."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        end = pq.read_metadata(staged)
    except pa.ArrowInvalid as error:
        raise OSError(errno.EIO, f"the file has no sound end: {error}", str(staged)) from error
    told = (end.metadata or {}).get(FOOTER_KEY.encode(), b"")
    if end.num_rows != rows or told.decode() != canonical_json(footer):
        found = f"the file reads back with {end.num_rows} rows of {rows}"
        raise OSError(errno.EIO, found, str(staged))


def _sync_folder(folder: Path, hook: type_hook) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        hook(CommitStep.SYNC_FOLDER, folder)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refused(target: Path, root: Path, error: Exception) -> CommitError:
    """Say what could not be stored, how much room there is, and what to do."""
    free = shutil.disk_usage(root).free if root.exists() else 0
    return CommitError(
        asked=f"store {target.name} in {target.parent}",
        found=f"{error}; {free:,} bytes are free there",
        remedy="Free or grant the space and run it again: the version before still stands.",
    )


def read_footer(source: Path | IO[bytes]) -> dict[str, Any]:
    """Return what the footer says of the file; empty where it is not one of ours."""
    raw = pl.read_parquet_metadata(source).get(FOOTER_KEY)
    return json.loads(raw) if raw else {}
