"""A quick look at any Parquet file: last rows, schema, row groups, lineage."""

import json
from pathlib import Path

import polars as pl

from quant_assets.market.errors import InputError
from quant_assets.storage.commit import read_footer


def last_rows(path: Path, count: int) -> pl.DataFrame:
    """Return the last rows of a file; only their row groups are read."""
    _check(path)
    return pl.scan_parquet(path, hive_partitioning=False).tail(count).collect()


def describe_file(path: Path) -> str:
    """Return columns, row groups and, for files of the lake, the lineage of a file as text."""
    import pyarrow.parquet as pq

    _check(path)
    meta = pq.read_metadata(path)
    schema = pl.read_parquet_schema(path)
    lines = [f"{meta.num_rows:,} rows, {path.stat().st_size:,} bytes", "", "column  type"]
    width = max((len(name) for name in schema), default=0)
    lines += [f"{name:<{width}}  {dtype}" for name, dtype in schema.items()]
    lines += ["", "row group  rows  bytes"]
    for number in range(meta.num_row_groups):
        group = meta.row_group(number)
        lines.append(f"{number:>9}  {group.num_rows:,}  {group.total_byte_size:,}")
    footer = read_footer(path)
    if footer:
        lines += ["", "lineage", json.dumps(footer, indent=2)]
    return "\n".join(lines)


def _check(path: Path) -> None:
    """Raise `InputError` where there is no readable Parquet file."""
    try:
        pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.ComputeError) as error:
        raise InputError(
            asked=f"look into {path.name}",
            found=" ".join(str(error).split())[:200],
            remedy="Give a Parquet file that is there and whole.",
        ) from error
