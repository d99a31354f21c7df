"""Cuts through a frame of bars, and what is done to the rows after them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl

from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.indicators.columns import nullable_columns

KEYS = ("session", "bar_start")
"""Columns that are left as they are."""

_LEAST_FACTOR, _MOST_FACTOR = 0.25, 4.0
"""A column is scaled by a factor between them: sums over the rows after a cut change places."""

_NS = pl.Datetime("ns")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Change = Literal["removed", "scrambled"]
CHANGES: tuple[Change, ...] = ("removed", "scrambled")


class Moments:
    """Frames' rows by the instants of their `bar_start`, among which stamps are found.

    Parameters
    ----------
    frame
        Rows with `bar_start`, in any order.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        starts = frame["bar_start"]
        self.is_sorted = bool(starts.is_sorted())
        self.ns: IntArray = starts.cast(_NS).cast(pl.Int64).to_numpy()

    def until(self, cut: datetime) -> int:
        """Return how many rows of a sorted frame stand at or before a stamp."""
        return int(np.searchsorted(self.ns, instant_ns(cut), side="right"))

    def split_at(self, cut: datetime) -> tuple[IntArray, IntArray]:
        """Return the rows up to and with a stamp, and those after it, by number, in order."""
        if self.is_sorted:
            rows = np.arange(self.ns.shape[0])
            count = self.until(cut)
            return rows[:count], rows[count:]
        is_known = self.ns <= instant_ns(cut)
        return np.flatnonzero(is_known), np.flatnonzero(~is_known)

    def taken(self, rows: IntArray) -> pl.DataFrame:
        """Return rows that `split_at` gave."""
        if self.is_sorted:
            first = int(rows[0]) if rows.size else 0
            return self._frame[first : first + rows.shape[0]]
        return self._frame[rows]


def instant_ns(stamp: datetime) -> int:
    """Return a stamp in nanoseconds of UTC; one without a zone is taken for UTC."""
    aware = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1) * 1_000


def changed_frames(
    frame: pl.DataFrame,
    cuts: Iterable[datetime],
    *,
    seed: int,
    changes: Sequence[Change] = CHANGES,
) -> Iterator[tuple[datetime, Change, pl.DataFrame]]:
    """Yield for each cut the bars with what lies after it removed, and with it scrambled."""
    seen: Counter[datetime] = Counter()
    moments = Moments(frame)
    payload = _Payload(frame) if "scrambled" in changes else None
    for cut in cuts:
        before, after = moments.split_at(cut)
        known = moments.taken(before)
        if "removed" in changes:
            yield cut, "removed", known
        if payload:
            again = [seen[cut]] if seen[cut] else []
            rng = np.random.default_rng([seed, int(cut.timestamp()) % 2**32, *again])
            future = payload.scrambled(moments.taken(after), after, rng=rng)
            yield cut, "scrambled", known.vstack(future)
        seen[cut] += 1


def scramble(frame: pl.DataFrame, *, rng: np.random.Generator) -> pl.DataFrame:
    """Return the frame with its times kept and all else changed.

    Rows are shuffled beneath their times, every number is multiplied by a factor of its own, and
    each column by one more: a shuffle alone would leave sums, means and extremes as they were, and
    with factors of one mean the larger of two sums would stay the larger one.
    """
    return _Payload(frame).scrambled(frame, np.arange(frame.height), rng=rng)


class _Payload:
    """What is changed of a frame, laid out once so that many tails of it are changed cheaply."""

    def __init__(self, frame: pl.DataFrame) -> None:
        payload = [column for column in frame.iter_columns() if column.name not in KEYS]
        self._numbers = [one.name for one in payload if one.dtype.is_numeric()]
        arrays = {one.name: one.to_numpy() for one in payload if one.dtype == pl.Float64}
        # Null is NaN in an array: a column with a NaN of its own is changed as a column.
        missing = {name: int(np.isnan(values).sum()) for name, values in arrays.items()}
        self._plain = [name for name in arrays if missing[name] == frame[name].null_count()]
        self._table = np.array([arrays[name] for name in self._plain])
        self._others = [one for one in payload if one.name not in self._plain]

    def scrambled(
        self, tail: pl.DataFrame, rows: IntArray, *, rng: np.random.Generator
    ) -> pl.DataFrame:
        """Return rows of the frame, of which `tail` holds the keys, with all else changed."""
        if not self._numbers and not self._others:
            return tail
        order = rows[rng.permutation(rows.shape[0])]
        factors = _factors((rows.shape[0], len(self._numbers)), rng=rng)
        by_name = dict(zip(self._numbers, factors.T, strict=True))
        columns = {name: tail[name] for name in KEYS if name in tail.columns}
        for column in self._others:
            columns[column.name] = _scaled(column[order], by_name.get(column.name))
        if self._plain:
            own = np.array([by_name[name] for name in self._plain])
            made = nullable_columns(self._plain, self._table[:, order] * own)
            columns |= {column.name: column for column in made}
        return pl.DataFrame([columns[name] for name in tail.columns])


def _scaled(column: pl.Series, factors: FloatArray | None) -> pl.Series:
    """Return a column times factors; what is too large for an integer column becomes null."""
    if factors is None:
        return column
    scaled = column * pl.Series(np.ascontiguousarray(factors))
    return scaled.cast(column.dtype, strict=False).alias(column.name)


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
