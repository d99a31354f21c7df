"""Fingerprints: SHA-256 in hex over contents, parameters and inputs, never over file bytes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl

from quant_assets.market.errors import SchemaError

_PLAIN = frozenset(
    {pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64}
    | {pl.Float32, pl.Float64, pl.Null}
)
"""Physical types whose values are hashed by their bits."""


def content_version(frame: pl.DataFrame) -> str:
    """Return the data version of a frame: SHA-256 over its schema and its values in row order.

    Chunking, file format and compression do not matter; names, types, order, nulls and the bits
    of every value do.

    Raises
    ------
    SchemaError
        If a column is of a type that no table has (binary, decimal, object).
    """
    digest = hashlib.sha256()
    columns = [[series.name, repr(series.dtype)] for series in frame.iter_columns()]
    digest.update(canonical_json({"rows": frame.height, "columns": columns}).encode())
    for series in frame.iter_columns():
        _update_with_values(digest, series)
    return digest.hexdigest()


def _update_with_values(digest: Any, series: pl.Series) -> None:
    """Feed one column's validity and values to the digest."""
    # The mark comes always: without it a null's stand-in could pass for the value itself.
    nulls = series.null_count()
    if nulls and nulls == series.len():
        digest.update(b"empty")
        return
    digest.update(b"nulls" if nulls else b"whole")
    if nulls:
        digest.update(np.packbits(series.is_null().to_numpy()).tobytes())
    dtype = series.dtype
    if isinstance(dtype, pl.Struct):
        for name in (f.name for f in dtype.fields):
            _update_with_values(digest, series.struct.field(name))
    elif isinstance(dtype, pl.List):
        _update_with_values(digest, series.list.len().fill_null(0))
        _update_with_values(digest, series.explode(empty_as_null=False, keep_nulls=False))
    elif isinstance(dtype, pl.Categorical | pl.String):
        # Categories are hashed as their words: how a writer numbered them does not matter. The
        # words of an Enum stand in its type, so its numbers say all.
        _update_with_words(digest, series.cast(pl.String).fill_null(""))
    else:
        values = series.to_physical()
        if values.dtype == pl.Boolean:
            values = values.cast(pl.UInt8)
        if values.dtype not in _PLAIN:
            raise SchemaError(
                asked=f"the data version of column {series.name!r}",
                found=f"it is of type {dtype!r}, which no table has",
                remedy="Cast it to a number, a text, an instant, a list or a struct.",
            )
        if nulls:
            values = values.fill_null(0)
        digest.update(np.ascontiguousarray(values.to_numpy()))


def _update_with_words(digest: Any, words: pl.Series) -> None:
    """Feed texts without nulls to the digest: the bytes of each one's length, then all of them.

    A column of one text, such as a contract's code in all of its ticks, need not be joined.
    """
    if words.len() and bool((words == words[0]).all()):
        text = words[0].encode()
        _update_with_values(digest, pl.Series(np.full(words.len(), len(text), dtype=np.uint32)))
        digest.update(text * words.len())
        return
    _update_with_values(digest, words.str.len_bytes())
    digest.update(words.str.join("").item().encode())


def digest_of(value: object) -> str:
    """Return SHA-256 over the canonical JSON of a value (sorted keys, no blanks)."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: object) -> str:
    """Write a value as JSON that is the same for equal values: sorted keys, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def combined_version(versions: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Return one version for several named ones, in sorted order: a partition of several files."""
    return digest_of(sorted(dict(versions).items()))
