"""Fingerprints of many stretches of one frame, each as if it were a frame of its own."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from quant_assets.lineage.fingerprint import canonical_json, content_version

_PLAIN = (
    *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
    *(pl.Float32, pl.Float64),
)

_Feed = Callable[[Any, int, int], None]
"""Feeds a column's rows from one place to another to a digest."""


def content_versions(frame: pl.DataFrame, ends: Sequence[int]) -> list[str]:
    """Return the `content_version` of each stretch of rows.

    Parameters
    ----------
    ends
        Where each stretch ends, ascending; the first begins at row 0, and each has a row.

    Notes
    -----
    A column is turned to bytes once and not once a stretch. A column whose bytes are not told here,
    such as a list, sends all stretches to `content_version`.
    """
    begins = [0, *ends][: len(ends)]
    feeds = [_feed_of(series) for series in frame.iter_columns()]
    told = [feed for feed in feeds if feed is not None]
    if len(told) < len(feeds):
        return [content_version(frame[begin:end]) for begin, end in zip(begins, ends, strict=True)]
    names = [[series.name, repr(series.dtype)] for series in frame.iter_columns()]
    # Keys are written in sorted order: the columns, then the rows.
    head = canonical_json({"columns": names})[:-1]
    return [
        _version(f'{head},"rows":{end - begin}}}', told, begin, end)
        for begin, end in zip(begins, ends, strict=True)
    ]


def _version(head: str, feeds: Sequence[_Feed], begin: int, end: int) -> str:
    """Return the version of one stretch."""
    digest = hashlib.sha256(head.encode())
    for feed in feeds:
        feed(digest, begin, end)
    return digest.hexdigest()


def _feed_of(series: pl.Series) -> _Feed | None:
    """Return what feeds a column to a digest, None where that is not told here."""
    dtype = series.dtype
    if series.len() and series.null_count() == series.len():
        return _feed_nothing
    if isinstance(dtype, pl.String):
        return _feed_of_words(series)
    if isinstance(dtype, _PLAIN):
        return _feed_of_numbers(series, series)
    if isinstance(dtype, pl.Boolean):
        return _feed_of_numbers(series, series.cast(pl.UInt8))
    if isinstance(dtype, pl.Enum | pl.Date | pl.Datetime):
        return _feed_of_numbers(series, series.to_physical())
    return None


def _feed_nothing(digest: Any, _begin: int, _end: int) -> None:
    """Feed rows of which none has a value."""
    digest.update(b"empty")


def _feed_of_numbers(series: pl.Series, physical: pl.Series) -> _Feed:
    """Return what feeds the bits of a column."""
    mask = _mask(series)
    values = np.ascontiguousarray(
        (physical.fill_null(0) if mask is not None else physical).to_numpy()
    )

    def feed(digest: Any, begin: int, end: int) -> None:
        if _feed_mask(digest, mask, begin, end):
            digest.update(values[begin:end])

    return feed


def _feed_of_words(series: pl.Series) -> _Feed:
    """Return what feeds texts: the bytes of each one's length, then all of them."""
    mask = _mask(series)
    words = [(word or "").encode() for word in series.to_list()]

    def feed(digest: Any, begin: int, end: int) -> None:
        if not _feed_mask(digest, mask, begin, end):
            return
        mine = words[begin:end]
        digest.update(b"whole")
        digest.update(np.array([len(word) for word in mine], dtype=np.uint32))
        digest.update(b"".join(mine))

    return feed


def _mask(series: pl.Series) -> np.ndarray | None:
    """Return where a column has no value, None where it has one everywhere."""
    return series.is_null().to_numpy() if series.null_count() else None


def _feed_mask(digest: Any, mask: np.ndarray | None, begin: int, end: int) -> bool:
    """Feed where a stretch has no value; return whether its values are to follow."""
    is_null = mask[begin:end] if mask is not None else None
    if is_null is None or not is_null.any():
        digest.update(b"whole")
        return True
    if is_null.all():
        digest.update(b"empty")
        return False
    digest.update(b"nulls")
    digest.update(np.packbits(is_null).tobytes())
    return True
