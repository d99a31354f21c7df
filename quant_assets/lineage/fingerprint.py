"""Fingerprints: SHA-256 in hex over contents, parameters and inputs, never over file bytes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl


def content_version(frame: pl.DataFrame) -> str:
    """Return the data version of a frame: SHA-256 over its schema and its values in row order.

    Chunking, file format and compression do not matter; names, types, order, nulls and the bits
    of every value do.
    """
    digest = hashlib.sha256()
    digest.update(f"rows={frame.height}".encode())
    for series in frame.iter_columns():
        digest.update(f"|{series.name}:{series.dtype!r}:".encode())
        _update_with_values(digest, series)
    return digest.hexdigest()


def _update_with_values(digest: Any, series: pl.Series) -> None:
    """Feed one column's validity and values to the digest."""
    if series.null_count():
        digest.update(b"nulls")
        digest.update(np.packbits(series.is_null().to_numpy()).tobytes())
    dtype = series.dtype
    if isinstance(dtype, pl.Struct):
        for name in (f.name for f in dtype.fields):
            _update_with_values(digest, series.struct.field(name))
    elif isinstance(dtype, pl.List):
        _update_with_values(digest, series.list.len().fill_null(0))
        _update_with_values(digest, series.explode(empty_as_null=False, keep_nulls=False))
    elif isinstance(dtype, pl.Enum | pl.Categorical | pl.String):
        # Categories are hashed as their words: how a writer numbered them does not matter.
        words = series.cast(pl.String).fill_null("")
        _update_with_values(digest, words.str.len_bytes())
        digest.update(words.str.join("").item().encode())
    else:
        values = series.to_physical()
        if values.dtype == pl.Boolean:
            values = values.cast(pl.UInt8)
        digest.update(np.ascontiguousarray(values.fill_null(0).to_numpy()).tobytes())


def digest_of(value: object) -> str:
    """Return SHA-256 over the canonical JSON of a value (sorted keys, no blanks)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: object) -> str:
    """Write a value as JSON that is the same for equal values: sorted keys, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def combined_version(versions: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Return one version for several named ones, in sorted order: a partition of several files."""
    return digest_of(sorted(dict(versions).items()))
