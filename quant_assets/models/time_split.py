"""A split by time: learn from what was over before a moment, test on what began after it."""

from datetime import datetime
from typing import NamedTuple

import polars as pl

from quant_assets.market.errors import InputError


class TimeSplit(NamedTuple):
    """Rows before and after a cut, and how many belong to neither."""

    train: pl.DataFrame
    test: pl.DataFrame
    n_spanning: int


def split_by_time(frame: pl.DataFrame, *, at: datetime) -> TimeSplit:
    """Split training rows so that no label to learn from reaches the time that is tested.

    Parameters
    ----------
    frame
        Rows with `bar_start` and `label_end`, of any symbols and in any order.
    at
        The cut, with its time zone.

    Returns
    -------
    TimeSplit
        train: rows whose label ended before `at`; test: rows that start at it or later; rows are
        in the frame's order. Those between, whose label spans the cut, are counted alone.

    Raises
    ------
    InputError
        If the cut has no time zone, a column is missing, or a row has no start or end.
    """
    open_ends = _open_ends(frame)
    if at.tzinfo is None or open_ends:
        raise InputError(
            asked=f"split {frame.height} rows at {at.isoformat()}",
            found=open_ends or "the cut has no time zone",
            remedy="Give rows of a training set, and the cut in UTC.",
        )
    cut = pl.lit(at)
    is_train = (pl.col("label_end") < cut) & (pl.col("bar_start") < cut)
    train, test = frame.filter(is_train), frame.filter(pl.col("bar_start") >= cut)
    return TimeSplit(train, test, frame.height - train.height - test.height)


def _open_ends(frame: pl.DataFrame) -> str:
    """Return what keeps the rows from being split; empty where nothing does."""
    spans = ("bar_start", "label_end")
    missing = [name for name in spans if name not in frame.columns]
    if missing:
        return f"columns {', '.join(missing)} are missing"
    n_open = frame.select(pl.any_horizontal(pl.col(spans).is_null()).sum()).item()
    return f"{n_open} rows have no start or no end" if n_open else ""
