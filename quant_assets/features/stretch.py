"""The bars of a session's longest window as arrays, and the runs on which a feature sees them.

What features share is made once: the columns, where one lacks a value, the runs between such rows,
the longer bars of a run, and the arrays handed to functions that read the same inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from quant_assets.features.bar_arrays import BarArrays, read_only
from quant_assets.features.catalog import Feature
from quant_assets.features.multi_timeframe import LongerBars
from quant_assets.indicators.arrays import FlagArray, FloatArray, IntArray
from quant_assets.indicators.segments import unbroken_runs
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe


@dataclass(frozen=True)
class Stretch:
    """The bars of the longest window; each feature takes its own tail of them.

    Parameters
    ----------
    columns
        What the chosen features read, read-only, NaN for null and infinities; shape (n,) each.
    missing
        Where a column has no value; of the columns that lack one.
    bar_start_ns, bar_of_session, new_contract
        Start of each bar, its number from the session's first, and whether it is of another
        contract than the bar before; shape (n,).
    rolls
        Whether any bar is of another contract than the one before.
    n_history
        How many of the bars stand before the session.
    """

    columns: dict[str, FloatArray]
    missing: dict[str, FlagArray]
    bar_start_ns: IntArray
    bar_of_session: IntArray
    new_contract: FlagArray
    rolls: bool
    n_history: int
    timeframe: Timeframe
    _made: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

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
        new_contract = _contract_changes(bars)
        return cls(
            columns=columns,
            missing=missing,
            bar_start_ns=read_only(start_ns),
            bar_of_session=read_only(np.arange(bars.height) - n_history),
            new_contract=new_contract,
            rolls=bool(new_contract.any()),
            n_history=n_history,
            timeframe=timeframe,
        )

    def values(self, chosen: Sequence[Feature]) -> FloatArray:
        """Return the features' values on the session's bars, a row a feature.

        They are NaN where a feature has none, and where it gives an infinity.
        """
        values = np.full((len(chosen), self.bar_start_ns.shape[0] - self.n_history), np.nan)
        for row, one in zip(values, chosen, strict=True):
            self._fill(row, one)
        values[np.isinf(values)] = np.nan
        return values

    def _fill(self, row: FloatArray, one: Feature) -> None:
        """Write a feature's values on the session's bars into an array of NaN."""
        longer = one.longer_timeframe(self.timeframe)
        if longer is None:
            return
        first = max(0, self.n_history - one.look_back_bars(self.timeframe))
        for start, stop in self._runs(one):
            # A run that ends before the session leaves nothing in it.
            if stop > self.n_history:
                begin = max(start, first)
                inside = max(begin, self.n_history)
                values = self._on_run(one, longer, begin, stop)
                row[inside - self.n_history : stop - self.n_history] = values[inside - begin :]

    def _on_run(self, one: Feature, longer: Timeframe, start: int, stop: int) -> FloatArray:
        """Return the feature's values on the rows [start, stop) of one run."""
        own = self._bars(one, start, stop)
        if one.multiple == 1:
            return _checked(one, own)
        key = ("longer", one.inputs, start, stop, longer.ns)
        if key not in self._made:
            self._made[key] = LongerBars.of_run(own, longer)
        seen: LongerBars = self._made[key]
        if not len(seen.bars):
            return np.full(stop - start, np.nan)
        return seen.spread(_checked(one, seen.bars))

    def _runs(self, one: Feature) -> list[tuple[int, int]]:
        """Return the row ranges on which the feature runs without a break."""
        key = ("runs", one.inputs if one.nulls == "restart" else ())
        if key not in self._made:
            self._made[key] = self._runs_of(key[1])
        runs: list[tuple[int, int]] = self._made[key]
        return runs

    def _runs_of(self, inputs: tuple[str, ...]) -> list[tuple[int, int]]:
        """Return the row ranges of one contract in which no row lacks one of the inputs."""
        n_rows = self.bar_start_ns.shape[0]
        gapped = [name for name in inputs if name in self.missing]
        if not gapped and not self.rolls:
            return [(0, n_rows)] if n_rows else []
        missing = np.zeros(n_rows, dtype=np.bool_)
        for name in gapped:
            missing |= self.missing[name]
        return list(unbroken_runs(missing, self.new_contract))

    def _bars(self, one: Feature, start: int, stop: int) -> BarArrays:
        """Return the rows [start, stop) with the columns that the feature declares."""
        key = ("bars", one.inputs, start, stop)
        if key not in self._made:
            self._made[key] = BarArrays(
                columns={name: self.columns[name][start:stop] for name in one.inputs},
                bar_start_ns=self.bar_start_ns[start:stop],
                bar_of_session=self.bar_of_session[start:stop],
                timeframe=self.timeframe,
            )
        bars: BarArrays = self._made[key]
        return bars


def _columns(
    bars: pl.DataFrame, names: Sequence[str]
) -> tuple[dict[str, FloatArray], dict[str, FlagArray]]:
    """Return columns as read-only float64 arrays, NaN for null and infinities.

    With them comes where they are NaN, for those that are so anywhere.
    """
    table = np.empty((len(names), bars.height))
    for row, name in zip(table, names, strict=True):
        # Column by column: a frame's own turn waits for Polars' threads, long on a busy machine.
        column = bars[name]
        row[:] = (column if column.dtype == pl.Float64 else column.cast(pl.Float64)).to_numpy()
    lacks = ~np.isfinite(table)
    if lacks.any():
        table = np.where(lacks, np.nan, table)
    columns = dict(zip(names, read_only(table), strict=True))
    return columns, {name: rows for name, rows in zip(names, lacks, strict=True) if rows.any()}


def _contract_changes(bars: pl.DataFrame) -> FlagArray:
    """Return where a bar is of another contract than the bar before; bars may have none."""
    none = np.zeros(bars.height, dtype=np.bool_)
    if bars.is_empty() or "contract" not in bars.columns:
        return none
    contract = bars["contract"]
    n_null = contract.null_count()
    # Most windows are of one contract, or of a symbol without.
    if n_null == bars.height or (n_null == 0 and (contract == contract[0]).all()):
        return none
    return contract.ne_missing(contract.shift(1)).to_numpy()


def _checked(one: Feature, bars: BarArrays) -> FloatArray:
    """Return what the feature makes of the bars, if it has their shape."""
    values = np.asarray(one(bars), dtype=np.float64)
    if values.shape != bars.bar_start_ns.shape:
        raise InputError(
            asked=f"feature {one.name!r} on {len(bars)} bars",
            found=f"its function returned an array of shape {values.shape}",
            remedy="Return one value a bar, NaN where there is none.",
        )
    return values
