"""The look-ahead law: change or remove all rows after t, and nothing at or before t may change.

The detector knows no list of names: it judges any function from a frame of bars to a frame of
columns, and compares bits. Such a function must give the same for the same bars: one that does not
is told apart from one that knows the future.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import polars as pl

from quant_assets.features.cuts import CHANGES, KEYS, Change, Moments, changed_frames
from quant_assets.indicators.arrays import FlagArray

_FAILURES = (Exception, pl.exceptions.PanicException)
"""What a function of a user's may raise; a panic of polars is no Exception."""

ENOUGH_LEAKS = 16
"""A column with as many is not looked at any further."""

Compute = Callable[[pl.DataFrame], pl.DataFrame]
NamedCompute = Callable[[pl.DataFrame, Sequence[str]], pl.DataFrame]
"""From bars and the names of some columns to these columns, keyed by `bar_start`."""


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
    change: Change


@dataclass(frozen=True)
class Judgement:
    """What the law says of one column.

    Parameters
    ----------
    feature
        The column.
    n_cuts
        Cuts that it was held to the law at.
    n_values
        Values, not null, of the frame as it was; a column without any is not judged.
    leaks
        By cut, at most one for each kind of change, and no more than `ENOUGH_LEAKS`.
    is_stable
        Whether it gave the same bits for the same bars each time that it was asked.
    error
        What its function raised, and on which rows; empty where it raised nothing.
    """

    feature: str
    n_cuts: int = 0
    n_values: int = 0
    leaks: tuple[Leak, ...] = ()
    is_stable: bool = True
    error: str = ""


def find_leaks(
    compute: Compute,
    frame: pl.DataFrame,
    cuts: Iterable[datetime],
    *,
    seed: int = 0,
    changes: Sequence[Change] = CHANGES,
    expected: pl.DataFrame | None = None,
) -> list[Leak]:
    """Return every column and cut at which the future shows.

    Parameters
    ----------
    compute
        From bars to columns keyed by `bar_start`; must give the same for the same bars.
    frame
        Bars with `bar_start`; `session` is left as it is, all other columns are changed.
    cuts
        Stamps, UTC; use 200 or more, a guard with one cut is nearly blind. A cut that comes again
        is scrambled in another way.
    seed
        Seed of the scrambled values; the result for a cut depends on the seed and that cut alone.
    changes
        What is done to the rows after each cut.
    expected
        Columns as they were stored, with a row for each row that `compute` gives; default what it
        makes of the whole frame.

    Returns
    -------
    list of Leak
        By cut, at most one for each column and kind of change; empty where the law holds.
    """
    whole = _Columns(compute(frame) if expected is None else expected)
    return [
        leak
        for cut, change, bars in changed_frames(frame, cuts, seed=seed, changes=changes)
        for leak in whole.differences(compute(bars), cut=cut, change=change)
    ]


def judge(
    compute: NamedCompute,
    names: Sequence[str],
    frame: pl.DataFrame,
    cuts: Sequence[datetime],
    *,
    seed: int = 0,
    apart: NamedCompute | None = None,
) -> list[Judgement]:
    """Hold columns against the law, whatever their functions do: one that fails stops no other.

    Parameters
    ----------
    compute, frame, cuts, seed
        As in `find_leaks`.
    names
        Columns to be judged.
    apart
        The same functions as those of `compute`, but others: they are handed the changed bars
        alone, so that they cannot remember what the whole frame holds. Default `compute` itself.

    Returns
    -------
    list of Judgement
        One a name, in their order.
    """
    court = _Court(compute, apart or compute, frame, seed=seed, n_cuts=len(cuts))
    return court.judged(names, cuts)


class _Court:
    """Computes columns together while all goes well, and one by one where one fails."""

    def __init__(
        self,
        compute: NamedCompute,
        apart: NamedCompute,
        frame: pl.DataFrame,
        *,
        seed: int,
        n_cuts: int,
    ) -> None:
        self._compute = compute
        self._apart = apart
        self._frame = frame
        self._seed = seed
        self._n_cuts = n_cuts
        self._failed: dict[str, str] = {}
        self._leaks: dict[str, list[Leak]] = {}
        self._unstable: set[str] = set()

    def judged(self, names: Sequence[str], cuts: Sequence[datetime]) -> list[Judgement]:
        """Return a judgement a name."""
        whole = _Columns(self._made(names, self._frame, "all rows"))
        self._compare_again(whole, self._frame, None)
        self._compute = self._apart
        for cut, change, bars in changed_frames(self._frame, cuts, seed=self._seed):
            named = self._left(names)
            if not named:
                break
            made = self._made(named, bars, f"rows after {cut.isoformat()} {change}")
            found = list(whole.differences(made, cut=cut, change=change))
            if found:
                self._note(found, made, bars)
        return [self._judgement(name, whole) for name in names]

    def _judgement(self, name: str, whole: "_Columns") -> Judgement:
        """Return what was found of one column; an unstable one is accused of nothing else."""
        is_stable = name not in self._unstable
        return Judgement(
            feature=name,
            n_cuts=self._n_cuts,
            n_values=whole.n_values(name),
            leaks=tuple(self._leaks.get(name, ())) if is_stable else (),
            is_stable=is_stable,
            error=self._failed.get(name, ""),
        )

    def _left(self, names: Sequence[str]) -> list[str]:
        """Return the names that are worth another look."""
        condemned = {name for name, leaks in self._leaks.items() if len(leaks) >= ENOUGH_LEAKS}
        done = condemned | self._unstable | set(self._failed)
        return [name for name in names if name not in done]

    def _made(self, names: Sequence[str], bars: pl.DataFrame, what: str) -> pl.DataFrame:
        """Compute the columns that can be computed, and remember those that cannot."""
        try:
            return self._called(bars, names)
        except _FAILURES:
            return self._one_by_one(names, bars, what)

    def _one_by_one(self, names: Sequence[str], bars: pl.DataFrame, what: str) -> pl.DataFrame:
        """Compute each column alone, so that the one that fails is known."""
        rows: pl.DataFrame | None = None
        for name in names:
            try:
                made = self._called(bars, [name])
            except _FAILURES as error:
                told = " ".join(f"{type(error).__name__}: {error}".split())
                self._failed[name] = f"with {what}: {told}"
                continue
            one = made.select("bar_start", name)
            rows = (
                one if rows is None else rows.join(one, on="bar_start", how="full", coalesce=True)
            )
        return bars.select("bar_start").clear() if rows is None else rows

    def _called(self, bars: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """Compute some columns; what divides by a scrambled zero need not say so."""
        with np.errstate(all="ignore"):
            return self._compute(bars, names)

    def _note(self, found: Sequence[Leak], made: pl.DataFrame, bars: pl.DataFrame) -> None:
        """Keep leaks that are found again; what comes out otherwise is unstable."""
        self._compare_again(_Columns(made), bars, sorted({leak.feature for leak in found}))
        for leak in found:
            self._leaks.setdefault(leak.feature, []).append(leak)

    def _compare_again(
        self, before: "_Columns", bars: pl.DataFrame, names: Sequence[str] | None
    ) -> None:
        """Compute columns a second time on the same bars, and remember those that differ."""
        chosen = [n for n in before.names if n not in self._failed and (not names or n in names)]
        if not chosen:
            return
        again = self._made(chosen, bars, "the same rows a second time")
        last = bars["bar_start"].max()
        if isinstance(last, datetime):
            differing = before.differences(again, cut=last, change="removed")
            self._unstable |= {leak.feature for leak in differing}


class _Columns:
    """Columns by `bar_start`, against whose beginning others are held."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame.sort("bar_start")
        self._moments = Moments(self._frame)
        self.names = [name for name in frame.columns if name not in KEYS]

    @cached_property
    def _two_faced(self) -> dict[str, np.ndarray]:
        """Bits of columns of which equal values may have others: 0.0 is -0.0, and a NaN another."""
        floats = [one for one in self._frame[self.names] if one.dtype.is_float()]
        return {
            one.name: _as_bits(one)
            for one in floats
            if np.count_nonzero(np.abs(one.to_numpy()) > 0.0) < one.count()
        }

    def n_values(self, name: str) -> int:
        """Return how many values of a column are neither null nor NaN."""
        if name not in self.names:
            return 0
        column = self._frame[name]
        n_nan = int(column.is_nan().sum()) if column.dtype.is_float() else 0
        return column.len() - column.null_count() - n_nan

    def differences(self, found: pl.DataFrame, *, cut: datetime, change: Change) -> Iterator[Leak]:
        """Yield a leak for each column in both that differs at or before the cut."""
        moments = Moments(found)
        if not moments.is_sorted:
            found = found.sort("bar_start")
            moments = Moments(found)
        height, count = self._moments.until(cut), moments.until(cut)
        after = found[:count]
        there = set(found.columns)
        names = [name for name in self.names if name in there]
        if not np.array_equal(self._moments.ns[:height], moments.ns[:count]):
            yield from _joined(self._frame[:height], after, names, cut=cut, change=change)
        elif not self._begins_as(after[names]):
            expected = self._frame[:height][names]
            yield from _aligned(expected, after[names], after["bar_start"], cut=cut, change=change)

    def _begins_as(self, found: pl.DataFrame) -> bool:
        """Whether some columns begin with the bits of others, null for null.

        All are compared as numbers, and those alone whose equal values may differ as bits once
        more: to turn every column into bits costs more than all the rest of a comparison.
        """
        expected = self._frame[: found.height][found.columns]
        if expected.dtypes != found.dtypes or not expected.equals(found):
            return False
        return all(
            np.array_equal(self._two_faced[one.name][: found.height], _as_bits(one))
            for one in found.iter_columns()
            if one.name in self._two_faced
        )


def _as_bits(column: pl.Series) -> np.ndarray:
    """Return a column of floats as whole numbers of their bits; all nulls have the same."""
    values = np.ascontiguousarray(column.to_numpy())
    return values.view(np.uint64 if column.dtype == pl.Float64 else np.uint32)


def _aligned(
    expected: pl.DataFrame, found: pl.DataFrame, time: pl.Series, *, cut: datetime, change: Change
) -> Iterator[Leak]:
    """Compare columns whose rows are of the same bars."""
    for name in expected.columns:
        differs = _differs(expected[name], found[name])
        if differs.any():
            first = time[int(differs.argmax())]
            yield Leak(feature=name, cut=cut, time=first, change=change)


def _differs(expected: pl.Series, found: pl.Series) -> FlagArray:
    """Return where two columns of one length differ, floats by their bits, null being a value."""
    if expected.dtype != found.dtype or not expected.dtype.is_float():
        return _bits(expected).ne_missing(_bits(found)).to_numpy()
    differs: FlagArray = _as_bits(expected) != _as_bits(found)
    if expected.null_count() or found.null_count():
        differs |= (expected.is_null() != found.is_null()).to_numpy()
    return differs


def _joined(
    expected: pl.DataFrame,
    found: pl.DataFrame,
    names: Sequence[str],
    *,
    cut: datetime,
    change: Change,
) -> Iterator[Leak]:
    """Compare columns of which one side has bars that the other lacks; that is a difference."""
    rows = expected.select("bar_start", *names, _expected=pl.lit(value=True)).join(
        found.select("bar_start", *names, _found=pl.lit(value=True)),
        on="bar_start",
        how="full",
        coalesce=True,
        suffix="_after",
    )
    rows = rows.sort("bar_start")
    one_sided = rows["_expected"].is_null() | rows["_found"].is_null()
    for name in names:
        differs = one_sided | _bits(rows[name]).ne_missing(_bits(rows[f"{name}_after"]))
        if differs.any():
            time = rows.filter(differs)["bar_start"][0]
            yield Leak(feature=name, cut=cut, time=time, change=change)


def merged(one: Judgement, other: Judgement) -> Judgement:
    """Return what two judgements of one feature, on different bars, say together."""
    return replace(
        one,
        n_cuts=one.n_cuts + other.n_cuts,
        n_values=one.n_values + other.n_values,
        leaks=one.leaks + other.leaks,
        is_stable=one.is_stable and other.is_stable,
        error=one.error or other.error,
    )


def _bits(column: pl.Series) -> pl.Series:
    """Return a float column as its bits, so that 0.0 is not -0.0; others as they are."""
    if column.dtype == pl.Float64:
        return column.reinterpret(dtype=pl.UInt64)
    if column.dtype == pl.Float32:
        return column.reinterpret(dtype=pl.UInt32)
    return column
