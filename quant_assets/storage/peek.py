"""A quick look at any Parquet file: last rows, schema, row groups, sizes, lineage."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.market.errors import InputError
from quant_assets.storage.commit import read_footer

_MOST_GROUPS = 50


def last_rows(path: Path, count: int) -> pl.DataFrame:
    """Return the last rows of a file; only their row groups are read.

    Raises
    ------
    InputError
        If there is no readable Parquet file.
    """
    _check(path)
    return pl.scan_parquet(path, hive_partitioning=False).tail(count).collect()


def describe_file(path: Path) -> str:
    """Return columns, row groups, sizes and, for files of the lake, the lineage of a file as text.

    Raises
    ------
    InputError
        If there is no readable Parquet file.
    """
    import pyarrow.parquet as pq

    _check(path)
    meta = pq.read_metadata(path)
    schema = pl.read_parquet_schema(path)
    size, writer = path.stat().st_size, meta.created_by or "unknown"
    shape = f"{meta.num_rows:,} rows, {len(schema)} columns, {meta.num_row_groups} row groups"
    lines = [
        f"{shape}, {size:,} bytes; written by {writer}",
        "",
        *_columns(meta, schema),
        "",
        *_row_groups(meta),
    ]
    if footer := read_footer(path):
        lines += ["", "lineage", json.dumps(footer, indent=2)]
    return "\n".join(lines)


@dataclass
class _Size:
    """What a column takes over all row groups, its nested leaves together."""

    stored: int = 0
    plain: int = 0
    nulls: int | None = 0
    compression: str = "-"


def _columns(meta: Any, schema: Mapping[str, pl.DataType]) -> Iterator[str]:
    """Yield a table of the columns: type, nulls, bytes."""
    sizes: dict[str, _Size] = defaultdict(_Size)
    for group in range(meta.num_row_groups):
        for place in range(meta.num_columns):
            leaf = meta.row_group(group).column(place)
            size = sizes[leaf.path_in_schema.split(".")[0]]
            size.stored += leaf.total_compressed_size
            size.plain += leaf.total_uncompressed_size
            size.compression = leaf.compression.lower()
            known = leaf.statistics is not None and leaf.statistics.has_null_count
            has_all = known and size.nulls is not None
            size.nulls = size.nulls + leaf.statistics.null_count if has_all else None
    head = ("column", "type", "nulls", "stored bytes", "plain bytes", "compression")
    yield from _aligned([head, *(_cells(name, t, sizes[name]) for name, t in schema.items())], 2)


def _cells(name: str, dtype: pl.DataType, size: _Size) -> tuple[str, ...]:
    """Return a column as text; nested ones have no nulls of their own in the file."""
    nulls = "-" if size.nulls is None or dtype.is_nested() else f"{size.nulls:,}"
    return name, str(dtype), nulls, f"{size.stored:,}", f"{size.plain:,}", size.compression


def _row_groups(meta: Any) -> Iterator[str]:
    """Yield a table of the row groups, the first fifty."""
    shown = min(meta.num_row_groups, _MOST_GROUPS)
    groups = [meta.row_group(number) for number in range(shown)]
    rows = [
        (str(n), f"{one.num_rows:,}", f"{_stored(one):,}", f"{one.total_byte_size:,}")
        for n, one in enumerate(groups)
    ]
    yield from _aligned([("row group", "rows", "stored bytes", "plain bytes"), *rows], 0)
    if meta.num_row_groups > shown:
        yield f"and {meta.num_row_groups - shown:,} more"


def _stored(group: Any) -> int:
    """Return the bytes of a row group in the file."""
    return sum(group.column(n).total_compressed_size for n in range(group.num_columns))


def _aligned(rows: Sequence[Sequence[str]], n_text: int) -> Iterator[str]:
    """Yield rows as columns; the first `n_text` to the left, the others, figures, to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = [
            text.ljust(width) if place < n_text else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _check(path: Path) -> None:
    """Raise `InputError` where there is no readable Parquet file."""
    try:
        if path.is_dir():
            raise IsADirectoryError(f"{path.name} is a folder")
        pl.read_parquet_schema(path)
    except (OSError, pl.exceptions.ComputeError) as error:
        raise InputError(
            asked=f"look into {path.name}",
            found=" ".join(str(error).split())[:200],
            remedy="Give a Parquet file that is there and whole.",
        ) from error
