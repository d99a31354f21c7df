"""A folder of synthetic market files, and the side file that says so.

CSV files have no place for a mark, so the side file lists every file with its SHA-256. It is
written before any file shows: whatever kills the writer, no file stands there unmarked.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.market.errors import InputError
from quant_assets.storage.writers.files import (
    DISK_ERRORS,
    file_sha256,
    publish,
    refused,
    replace_file,
)

MARK_FILE = "synthetic.json"
"""Name of the side file: `{"files": {name: sha256}, "note": ..., "seed": ...}`."""

_NOTE = "Synthetic market data, drawn from a seed. No price is real."
_STAGING = ".synthetic-"

Write = Callable[[Path], object]


def write_synthetic_files(folder: Path, files: Mapping[str, Write], *, seed: int) -> list[Path]:
    """Write files and their mark to a folder; each is seen whole or not at all.

    Files of an earlier market that this one does not hold are taken away, if they still have the
    bytes that their mark states. A file that already has its bytes is left alone.

    Parameters
    ----------
    folder
        Where they are to stand; it is made.
    files
        Name of each file, and what writes it to the path it is given.
    seed
        Seed of the market, for the mark.

    Returns
    -------
    list of Path
        The files in the order given, without the mark.

    Raises
    ------
    InputError
        If a file stands in the way that no mark lists with its bytes; nothing is changed.
    CommitError
        If the disk is full or refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
    except OSError as error:
        raise refused(folder / MARK_FILE, error) from error
    try:
        return _stage_and_show(folder, staging, files, seed)
    except DISK_ERRORS as error:
        raise refused(folder / MARK_FILE, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def read_mark(folder: Path) -> dict[str, str]:
    """Return name and SHA-256 of the files that a folder's mark lists; empty without a mark.

    Raises
    ------
    InputError
        If the mark cannot be read.
    """
    path = folder / MARK_FILE
    if not path.exists():
        return {}
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {str(name): str(digest) for name, digest in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            asked=f"read {MARK_FILE} in {folder}",
            found=f"not a list of synthetic files ({type(error).__name__})",
            remedy="Take it away, together with the synthetic files beside it.",
        ) from error


def _stage_and_show(
    folder: Path, staging: Path, files: Mapping[str, Write], seed: int
) -> list[Path]:
    """Write all files out of sight, mark them, then rename each to its place."""
    earlier = read_mark(folder)
    for name, write in files.items():
        write(staging / name)
    digests = {name: file_sha256(staging / name) for name in files}
    _refuse_foreign(folder, digests, earlier)
    _remove_earlier(folder, digests, earlier)
    _write_mark(folder, digests, seed)
    for name, digest in digests.items():
        if not _has_bytes(folder / name, digest):
            publish(staging / name, folder / name)
    return [folder / name for name in files]


def _refuse_foreign(folder: Path, digests: Mapping[str, str], earlier: Mapping[str, str]) -> None:
    """Refuse to write over a file that is not one of ours."""
    for name, digest in digests.items():
        path = folder / name
        is_ours = _has_bytes(path, digest) or _has_bytes(path, earlier.get(name))
        if path.exists() and not is_ours:
            raise InputError(
                asked=f"write the synthetic file {name} to {folder}",
                found="a file of that name which no earlier synthetic market has written",
                remedy="Choose an empty folder.",
            )


def _remove_earlier(folder: Path, digests: Mapping[str, str], earlier: Mapping[str, str]) -> None:
    """Take away what an earlier market wrote and this one does not hold."""
    for name, digest in earlier.items():
        path = folder / name
        # A name with a folder in it was never written here.
        is_own_name = Path(name).name == name
        if is_own_name and digests.get(name) != digest and _has_bytes(path, digest):
            path.unlink()


def _write_mark(folder: Path, digests: Mapping[str, str], seed: int) -> None:
    """Write the side file, if it would change."""
    mark = canonical_json({"files": digests, "note": _NOTE, "seed": seed}) + "\n"
    path = folder / MARK_FILE
    if not path.exists() or path.read_text(encoding="utf-8") != mark:
        replace_file(path, lambda staged: staged.write_text(mark, encoding="utf-8"))


def _has_bytes(path: Path, digest: str | None) -> bool:
    """Tell whether a file is there and has the bytes of a digest."""
    return digest is not None and path.is_file() and file_sha256(path) == digest
