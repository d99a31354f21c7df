"""Frames as files for other programs: Parquet or CSV, by the name's ending."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
from polars import selectors

from quant_assets.market.errors import InputError
from quant_assets.storage.writers.files import replace_file

_ISO = "%Y-%m-%dT%H:%M:%S%.f+00:00"


def export_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame to a file that is seen whole or not at all; its folder is made.

    Parameters
    ----------
    frame
        In CSV, instants are ISO 8601 in UTC with offset, with as many decimals as they need;
        instants without a zone are taken as UTC. Floats have as many digits as give the same
        number back. Nulls are empty. Parquet keeps all types.
    path
        Ends in `.parquet` or `.csv`, in any case.

    Raises
    ------
    InputError
        If the name ends in something else, or a column of lists or records is to go to CSV.
    CommitError
        If the disk is full or refuses; what stood at `path` still stands.
    """
    replace_file(path, partial(_writer(path), frame))


def check_export_name(path: Path) -> None:
    """Raise `InputError` unless `export_frame` can write to such a name: ask before the work."""
    _writer(path)


def _writer(path: Path) -> Callable[[pl.DataFrame, Path], None]:
    """Return what writes files of this name's ending."""
    writers = {".parquet": _write_parquet, ".csv": _write_csv}
    suffix = path.suffix.lower()
    if suffix not in writers:
        raise InputError(
            asked=f"write to {path.name!r}",
            found=f"the ending {suffix!r}" if suffix else "a name without an ending",
            remedy="Give a name that ends in .parquet or .csv.",
        )
    return writers[suffix]


def _write_parquet(frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path, compression="zstd")


def _write_csv(frame: pl.DataFrame, path: Path) -> None:
    nested = frame.select(selectors.nested()).columns
    if nested:
        raise InputError(
            asked=f"write columns {', '.join(nested)} as CSV",
            found="lists or records, which CSV cannot hold",
            remedy="Give a name that ends in .parquet, or leave these columns out.",
        )
    frame.with_columns(
        _as_utc(name, dtype).dt.strftime(_ISO)
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.Datetime)
    ).write_csv(path)


def _as_utc(name: str, dtype: pl.Datetime) -> pl.Expr:
    """Return an instant in UTC, whatever its unit and zone."""
    if dtype.time_zone is None:
        return pl.col(name).dt.replace_time_zone("UTC")
    return pl.col(name).dt.convert_time_zone("UTC")
