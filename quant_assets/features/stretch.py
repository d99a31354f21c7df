"""The bars of a session's longest window as arrays, and the runs on which a feature sees them.

What features share is made once: the columns, where one lacks a value, the runs between such rows,
the longer bars of a run, and the arrays handed to functions that read the same inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from quant_assets.features.bar_arrays import BarArrays, read_only
from quant_assets.features.catalog import Feature
from quant_assets.features.inputs import REFERENCE_CONTRACT, REFERENCE_INPUTS
from quant_assets.features.multi_timeframe import LongerBars
from quant_assets.indicators.arrays import FlagArray, FloatArray, IntArray
from quant_assets.indicators.columns import changes_of
from quant_assets.indicators.segments import unbroken_runs
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe

Runs = list[tuple[int, int]]
"""Half-open row ranges."""


class View(NamedTuple):
    """An unbroken run of bars up to the session or into it, as features with one window see it.

    Parameters
    ----------
    bars
        What their functions are handed: the run's bars, or the longer bars of it.
    longer
        Those longer bars, of multi-timeframe features.
    rows
        Which of the session's rows the run holds.
    n_before
        How many rows of the run stand before the session.
    """

    bars: BarArrays
    longer: LongerBars | None
    rows: slice
    n_before: int

    def values(self, one: Feature) -> FloatArray | float:
        """Return the feature's values on the session's rows of the run, NaN for none at all."""
        if self.longer is None:
            return _checked(one, self.bars)[self.n_before :]
        if not len(self.bars):
            return np.nan
        return self.longer.spread(_checked(one, self.bars))[self.n_before :]


@dataclass(frozen=True)
class Stretch:
    """The bars of the longest window; each feature takes its own tail of them.

    Parameters
    ----------
    columns
        What the chosen features read, read-only, NaN for null and infinities; shape (n,) each.
    missing
        Where a column has no value; of the columns that lack one.
    bar_start_ns, bar_of_session
        Start of each bar, and its number from the session's first; shape (n,).
    new_contract, new_reference
        Whether a bar, or the close of the reference beside it, is of another contract than the one
        before; shape (n,). None where none is.
    n_history
        How many of the bars stand before the session.
    """

    columns: dict[str, FloatArray]
    missing: dict[str, FlagArray]
    bar_start_ns: IntArray
    bar_of_session: IntArray
    new_contract: FlagArray | None
    new_reference: FlagArray | None
    n_history: int
    timeframe: Timeframe
    _views_made: dict[Any, list[View]] = field(default_factory=dict, repr=False, compare=False)
    _runs_made: dict[Any, Runs] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_frame(
        cls,
        bars: pl.DataFrame,
        *,
        start_ns: IntArray,
        n_history: int,
        timeframe: Timeframe,
        chosen: Sequence[Feature],
    ) -> "Stretch":
        """Take the columns that the chosen features read."""
        wanted = sorted({column for one in chosen for column in one.inputs})
        columns, missing = _columns(bars, wanted)
        return cls(
            columns=columns,
            missing=missing,
            bar_start_ns=read_only(start_ns),
            bar_of_session=read_only(np.arange(bars.height) - n_history),
            new_contract=_changes(bars, "contract"),
            new_reference=_changes(bars, REFERENCE_CONTRACT),
            n_history=n_history,
            timeframe=timeframe,
        )

    def values(self, chosen: Sequence[Feature]) -> FloatArray:
        """Return the features' values on the session's bars, a row a feature.

        They are NaN where a feature has none, and where it gives an infinity.
        """
        values = np.full((len(chosen), self.bar_start_ns.shape[0] - self.n_history), np.nan)
        for row, one in zip(values, chosen, strict=True):
            for view in self._views(one):
                row[view.rows] = view.values(one)
        values[np.isinf(values)] = np.nan
        return values

    def _views(self, one: Feature) -> list[View]:
        """Return the runs that reach into the session, as features of this window see them."""
        key = (one.inputs, one.nulls, one.multiple, one.look_back)
        if key not in self._views_made:
            self._views_made[key] = self._views_of(one)
        return self._views_made[key]

    def _views_of(self, one: Feature) -> list[View]:
        longer = one.longer_timeframe(self.timeframe)
        if longer is None:
            return []
        first = max(0, self.n_history - one.look_back_bars(self.timeframe))
        return [
            self._view(one, longer, max(start, first), stop)
            for start, stop in self._runs(one)
            if stop > self.n_history  # a run that ends before the session leaves nothing in it
        ]

    def _view(self, one: Feature, longer: Timeframe, start: int, stop: int) -> View:
        """Return the rows [start, stop) of one run, with the columns that a feature declares."""
        own = BarArrays(
            {name: self.columns[name][start:stop] for name in one.inputs},
            self.bar_start_ns[start:stop],
            self.bar_of_session[start:stop],
            self.timeframe,
        )
        together = LongerBars.of_run(own, longer) if one.multiple > 1 else None
        inside = max(start, self.n_history)
        rows = slice(inside - self.n_history, stop - self.n_history)
        return View(together.bars if together else own, together, rows, inside - start)

    def _runs(self, one: Feature) -> Runs:
        """Return the row ranges on which the feature runs without a break."""
        breaking = one.inputs if self.missing and one.nulls == "restart" else ()
        gapped = tuple([name for name in breaking if name in self.missing])
        is_compared = any(name in REFERENCE_INPUTS for name in one.inputs)
        rolls = [self.new_contract, self.new_reference if is_compared else None]
        key = gapped, is_compared
        if key not in self._runs_made:
            self._runs_made[key] = self._runs_of(
                gapped, [roll for roll in rolls if roll is not None]
            )
        return self._runs_made[key]

    def _runs_of(self, gapped: tuple[str, ...], rolls: Sequence[FlagArray]) -> Runs:
        """Return the row ranges of one contract in which no row lacks one of the columns."""
        n_rows = self.bar_start_ns.shape[0]
        if not gapped and not rolls:
            return [(0, n_rows)] if n_rows else []
        missing, starts = np.zeros(n_rows, dtype=np.bool_), np.zeros(n_rows, dtype=np.bool_)
        for name in gapped:
            missing |= self.missing[name]
        for roll in rolls:
            starts |= roll
        return list(unbroken_runs(missing, starts))


def _columns(
    bars: pl.DataFrame, names: list[str]
) -> tuple[dict[str, FloatArray], dict[str, FlagArray]]:
    """Return columns as read-only float64 arrays, NaN for null and infinities.

    With them comes where they are NaN, for those that are so anywhere.
    """
    table = np.empty((len(names), bars.height))
    for row, name in zip(table, names, strict=True):
        # Column by column: a frame's own turn waits for Polars' threads, long on a busy machine.
        column = bars.get_column(name)
        own = column.to_numpy()
        row[:] = own if own.dtype == np.float64 else column.cast(pl.Float64).to_numpy()
    infinite = np.isinf(table)
    if infinite.any():
        table[infinite] = np.nan
    lacks = np.isnan(table)
    gapped = np.flatnonzero(lacks.any(axis=1)).tolist()
    columns = dict(zip(names, read_only(table), strict=True))
    return columns, {names[at]: lacks[at] for at in gapped}


def _changes(bars: pl.DataFrame, column: str) -> FlagArray | None:
    """Return where a contract is another than at the bar before; bars may have none."""
    if bars.is_empty() or column not in bars.columns:
        return None
    changes = changes_of(bars[column])
    return changes if changes.any() else None


def _checked(one: Feature, bars: BarArrays) -> FloatArray:
    """Return what the feature makes of the bars, if it has their shape."""
    try:
        values = np.asarray(one(bars), dtype=np.float64)
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            asked=f"feature {one.name!r} on {len(bars)} bars",
            found=f"its function raised {told}",
            remedy="Mend it, or leave it out by the setting features of the symbol.",
        ) from error
    if values.shape != bars.bar_start_ns.shape:
        raise InputError(
            asked=f"feature {one.name!r} on {len(bars)} bars",
            found=f"its function returned an array of shape {values.shape}",
            remedy="Return one value a bar, NaN where there is none.",
        )
    return values
