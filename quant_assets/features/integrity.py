"""The look-ahead law: change or remove all rows after t, and nothing at or before t may change.

The detector knows no list of names: it judges any function from a frame of bars to a frame of
columns, and compares bits.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl

_KEYS = ("session", "bar_start")


@dataclass(frozen=True, order=True)
class Leak:
    """A value that changed although only rows after `cut` did.

    Parameters
    ----------
    feature
        Column that knows the future.
    cut
        Rows up to and with this `bar_start` were left alone.
    time
        First `bar_start` whose value changed.
    change
        What was done to the rows after the cut.
    """

    feature: str
    cut: datetime
    time: datetime
    change: Literal["removed", "scrambled"]


def find_leaks(
    compute: Callable[[pl.DataFrame], pl.DataFrame],
    frame: pl.DataFrame,
    cuts: Iterable[datetime],
    *,
    seed: int = 0,
) -> list[Leak]:
    """Return every column and cut at which the future shows.

    Parameters
    ----------
    compute
        From bars to columns keyed by `bar_start`; must give the same for the same bars.
    frame
        Bars with `bar_start`; `session` is left as it is, all other columns are changed.
    cuts
        Stamps, UTC; use 200 or more, a guard with one cut is nearly blind.
    seed
        Seed of the scrambled values; the result for a cut depends on the seed and that cut alone.

    Returns
    -------
    list of Leak
        By cut, at most one for each column and kind of change; empty where the law holds.
    """
    whole = compute(frame)
    leaks: list[Leak] = []
    for cut in cuts:
        known = frame.filter(pl.col("bar_start") <= cut)
        future = frame.filter(pl.col("bar_start") > cut)
        rng = np.random.default_rng([seed, int(cut.timestamp()) % 2**32])
        expected = whole.filter(pl.col("bar_start") <= cut)
        after_removal = compute(known)
        after_scramble = compute(pl.concat([known, scramble(future, rng=rng)]))
        leaks += _differences(expected, after_removal, cut=cut, change="removed")
        leaks += _differences(expected, after_scramble, cut=cut, change="scrambled")
    return leaks


def scramble(frame: pl.DataFrame, *, rng: np.random.Generator) -> pl.DataFrame:
    """Return the frame with its times kept and all else changed.

    Rows are shuffled beneath their times, and every number is multiplied by a factor of its own:
    a shuffle alone would leave sums, means and extremes as they were.
    """
    payload = [name for name in frame.columns if name not in _KEYS]
    order = rng.permutation(frame.height)
    shuffled = frame.select(payload)[order]
    numbers = [name for name in payload if frame[name].dtype.is_numeric()]
    changed = [
        (shuffled[name] * pl.Series(rng.uniform(0.5, 2.0, frame.height))).cast(frame[name].dtype)
        for name in numbers
    ]
    return frame.with_columns(shuffled).with_columns(changed)


def _differences(
    expected: pl.DataFrame,
    found: pl.DataFrame,
    *,
    cut: datetime,
    change: Literal["removed", "scrambled"],
) -> list[Leak]:
    """Compare two results at and before a cut, bit by bit."""
    names = [name for name in expected.columns if name not in _KEYS]
    rows = expected.join(
        found.filter(pl.col("bar_start") <= cut).with_columns(_there=pl.lit(value=True)),
        on="bar_start",
        how="full",
        coalesce=True,
        suffix="_after",
    ).sort("bar_start")
    gone = rows["_there"].is_null()
    leaks = []
    for name in names:
        differs = gone | _bits(rows[name]).ne_missing(_bits(rows[f"{name}_after"]))
        if differs.any():
            time = rows.filter(differs)["bar_start"][0]
            leaks.append(Leak(feature=name, cut=cut, time=time, change=change))
    return leaks


def _bits(column: pl.Series) -> pl.Series:
    """Return a float column as its bits, so that 0.0 is not -0.0; others as they are."""
    if column.dtype == pl.Float64:
        return column.reinterpret(dtype=pl.UInt64)
    if column.dtype == pl.Float32:
        return column.reinterpret(dtype=pl.UInt32)
    return column
