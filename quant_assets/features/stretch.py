"""The bars of a session's longest window as arrays, and the runs on which a feature sees them.

What features share is made once: the columns, where one lacks a value, the runs between such rows,
the longer bars of a run, and the arrays handed to functions that read the same inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quant_assets.features.bar_arrays import BarArrays
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
    bar_start_ns, bar_of_session, new_contract
        Start of each bar, its number from the session's first, and whether it is of another
        contract than the bar before; shape (n,).
    n_history
        How many of the bars stand before the session.
    """

    columns: dict[str, FloatArray]
    bar_start_ns: IntArray
    bar_of_session: IntArray
    new_contract: NDArray[np.bool_]
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
        return cls(
            columns={name: _finite(bars[name]) for name in wanted},
            bar_start_ns=start_ns,
            bar_of_session=np.arange(bars.height) - n_history,
            new_contract=_contract_changes(bars),
            n_history=n_history,
            timeframe=timeframe,
        )

    def compute(self, one: Feature) -> FloatArray:
        """Return the feature's values on the session's bars, NaN where it has none."""
        first = self.n_history - min(one.look_back_bars(self.timeframe), self.n_history)
        values = np.full(self.bar_start_ns.shape[0], np.nan)
        longer = one.longer_timeframe(self.timeframe)
        if longer is None:
            return values[self.n_history :]
        for start, stop in self._runs(one):
            # A run that ends before the session leaves nothing in it.
            if stop > self.n_history:
                begin = max(start, first)
                values[begin:stop] = self._on_run(one, longer, begin, stop)
        return values[self.n_history :]

    def _on_run(self, one: Feature, longer: Timeframe, start: int, stop: int) -> FloatArray:
        """Return the feature's values on the rows [start, stop) of one run."""
        own = self._bars(one, start, stop)
        if one.multiple == 1:
            return _checked(one, own)
        key = ("longer", one.inputs, start, stop, longer.ns)
        if key not in self._made:
            self._made[key] = LongerBars.of_run(own, longer)
        seen: LongerBars = self._made[key]
        return seen.spread(_checked(one, seen.bars))

    def _runs(self, one: Feature) -> list[tuple[int, int]]:
        """Return the row ranges on which the feature runs without a break."""
        key = ("runs", one.inputs if one.nulls == "restart" else ())
        if key not in self._made:
            missing = np.zeros(self.bar_start_ns.shape[0], dtype=np.bool_)
            for name in key[1]:
                missing |= self._missing(name)
            self._made[key] = list(unbroken_runs(missing, self.new_contract))
        runs: list[tuple[int, int]] = self._made[key]
        return runs

    def _missing(self, name: str) -> FlagArray:
        """Return where a column has no value."""
        key = ("missing", name)
        if key not in self._made:
            self._made[key] = np.isnan(self.columns[name])
        missing: FlagArray = self._made[key]
        return missing

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


def _finite(column: pl.Series) -> FloatArray:
    """Return a column as a read-only float64 array, NaN for null and infinities."""
    values: FloatArray = column.cast(pl.Float64).to_numpy()
    if not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, np.nan)
    values.flags.writeable = False
    return values


def _contract_changes(bars: pl.DataFrame) -> FlagArray:
    """Return where a bar is of another contract than the bar before; bars may have none."""
    if "contract" not in bars.columns or bars["contract"].null_count() == bars.height:
        return np.zeros(bars.height, dtype=np.bool_)
    contract = bars["contract"]
    return contract.ne_missing(contract.shift(1)).to_numpy()


def _checked(one: Feature, bars: BarArrays) -> FloatArray:
    """Return what the feature makes of the bars, NaN for infinities, if it has their shape."""
    values = np.asarray(one(bars), dtype=np.float64)
    if values.shape != bars.bar_start_ns.shape:
        raise InputError(
            asked=f"feature {one.name!r} on {len(bars)} bars",
            found=f"its function returned an array of shape {values.shape}",
            remedy="Return one value a bar, NaN where there is none.",
        )
    return np.where(np.isfinite(values), values, np.nan)
