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
        Where each stretch ends, ascending; the first begins at row 0. Each has a row, but for the
        one of a frame that has none.

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
    if series.len() and series.null_count() == series.len():
        return _feed_nothing
    if isinstance(series.dtype, pl.String):
        return _feed_of_words(series)
    physical = _physical(series)
    return None if physical is None else _feed_of_numbers(series, physical)


def _physical(series: pl.Series) -> pl.Series | None:
    """Return a column as the numbers that it is stored as, None where it is stored otherwise."""
    dtype = series.dtype
    if isinstance(dtype, _PLAIN):
        return series
    if isinstance(dtype, pl.Enum):
        return series.to_physical()
    # A cast is no query of its own, as `to_physical` is.
    stored = {pl.Boolean: pl.UInt8, pl.Date: pl.Int32, pl.Datetime: pl.Int64}.get(type(dtype))
    return None if stored is None else series.cast(stored)


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
    is_one = mask is None and series.len() > 0 and bool((series == series[0]).all())
    # A column of one text, such as the model of all rows, need not be taken apart.
    first = series[0].encode() if is_one else b""
    words = [] if is_one else [(word or "").encode() for word in series.to_list()]

    def feed(digest: Any, begin: int, end: int) -> None:
        if not _feed_mask(digest, mask, begin, end):
            return
        mine = [first] * (end - begin) if is_one else words[begin:end]
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
