"""Cuts through a frame of bars, and what is done to the rows after them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl

KEYS = ("session", "bar_start")
"""Columns that are left as they are."""

_LEAST_FACTOR, _MOST_FACTOR = 0.25, 4.0
"""A column is scaled by a factor between them: sums over the rows after a cut change places."""

Change = Literal["removed", "scrambled"]
CHANGES: tuple[Change, ...] = ("removed", "scrambled")


def changed_frames(
    frame: pl.DataFrame,
    cuts: Iterable[datetime],
    *,
    seed: int,
    changes: Sequence[Change] = CHANGES,
) -> Iterator[tuple[datetime, Change, pl.DataFrame]]:
    """Yield for each cut the bars with what lies after it removed, and with it scrambled."""
    seen: Counter[datetime] = Counter()
    for cut in cuts:
        known, future = split_at(frame, cut)
        if "removed" in changes:
            yield cut, "removed", known
        if "scrambled" in changes:
            again = [seen[cut]] if seen[cut] else []
            rng = np.random.default_rng([seed, int(cut.timestamp()) % 2**32, *again])
            yield cut, "scrambled", pl.concat([known, scramble(future, rng=rng)])
        seen[cut] += 1


def split_at(frame: pl.DataFrame, cut: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows up to and with a stamp, and those after it, each in their order."""
    starts = frame["bar_start"]
    if not starts.is_sorted():
        is_known = starts <= cut
        return frame.filter(is_known), frame.filter(~is_known)
    count = int(starts.search_sorted(cut, side="right"))
    return frame[:count], frame[count:]


def scramble(frame: pl.DataFrame, *, rng: np.random.Generator) -> pl.DataFrame:
    """Return the frame with its times kept and all else changed.

    Rows are shuffled beneath their times, every number is multiplied by a factor of its own, and
    each column by one more: a shuffle alone would leave sums, means and extremes as they were, and
    with factors of one mean the larger of two sums would stay the larger one.
    """
    payload = [name for name in frame.columns if name not in KEYS]
    if not payload:
        return frame
    shuffled = frame.select(payload)[rng.permutation(frame.height)]
    numbers = [name for name in payload if frame[name].dtype.is_numeric()]
    types = pl.Schema({name: frame[name].dtype for name in numbers})
    factors = _factors((frame.height, len(numbers)), rng=rng)
    # What is too large for an integer column becomes null.
    scaled = shuffled.select(numbers) * pl.DataFrame(factors, schema=numbers)
    changed = scaled.cast(types, strict=False)
    # Built anew: `with_columns` would make an expression of each of a hundred columns.
    columns = frame.to_dict() | shuffled.to_dict() | changed.to_dict()
    return pl.DataFrame([columns[name] for name in frame.columns])


def _factors(shape: tuple[int, int], *, rng: np.random.Generator) -> np.ndarray:
    """Return a factor for each row and column: one of the column times one of its own."""
    common = np.exp(rng.uniform(np.log(_LEAST_FACTOR), np.log(_MOST_FACTOR), shape[1]))
    return np.asarray(common * rng.uniform(0.5, 2.0, shape))


def choose_cuts(frame: pl.DataFrame, *, count: int, seed: int) -> list[datetime]:
    """Choose stamps to cut at: around whatever breaks the rows, and at random.

    Half of them at most stand around gaps: where a number is missing or comes back, where a time
    step is longer than usual, where a text (the contract) or the session changes. The others are
    drawn from all rows but the last.

    Parameters
    ----------
    frame
        Bars with `bar_start`.
    count
        How many cuts; with fewer rows than that they come again.

    Returns
    -------
    list of datetime
        In order; empty where there are fewer than two rows.
    """
    ordered = frame.sort("bar_start")
    starts = ordered["bar_start"][:-1]
    if starts.is_empty():
        return []
    rng = np.random.default_rng(seed)
    near = _around(_breaks(ordered), starts.len())
    special = rng.permutation(near)[: count // 2]
    rest = np.setdiff1d(np.arange(starts.len()), special)
    drawn = rng.permutation(rest)[: count - len(special)]
    chosen = np.concatenate([special, drawn])
    missing = count - len(chosen)
    chosen = np.concatenate([chosen, rng.integers(0, starts.len(), missing)])
    return [starts[int(at)] for at in np.sort(chosen)]


def _breaks(ordered: pl.DataFrame) -> np.ndarray:
    """Return the rows, by number, that break with the row before."""
    step = ordered["bar_start"].diff()
    usual = step.drop_nulls().mode().sort()
    breaks = step.ne_missing(usual[0]) if usual.len() else pl.Series([False] * ordered.height)
    for column in ordered.iter_columns():
        if column.name == "bar_start":
            continue
        state = (
            column if column.name == "session" or column.dtype == pl.String else column.is_null()
        )
        breaks |= state.ne_missing(state.shift(1))
    return np.flatnonzero(breaks.to_numpy()[1:]) + 1


def _around(rows: np.ndarray, n_rows: int) -> np.ndarray:
    """Return the rows around some rows: two before, the row itself, one behind."""
    near = np.unique(np.concatenate([rows + offset for offset in (-2, -1, 0, 1)]))
    return near[(near >= 0) & (near < n_rows)]
