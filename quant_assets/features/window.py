"""The session-window rule: which bars a feature of a session may see, and where it starts.

A feature of session s with look-back B is computed on the last min(B, available) bars before the
first bar of s, and on the bars of s. It starts anew there, for each feature on its own window, so
its bits do not depend on what else the frame holds. Within the window it starts anew after a row
that lacks one of its inputs and where the contract changes. Warm-up is null, as are NaN and
infinities.

The rule serves batch and stream: no value looks beyond its own bar, so the bars of an unfinished
session give the same bits as the finished one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quant_assets.features.catalog import BarArrays, Catalog, Feature
from quant_assets.features.standard import standard_catalog
from quant_assets.indicators.arrays import FloatArray, IntArray
from quant_assets.indicators.segments import unbroken_runs
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import Timeframe


def required_look_back_bars(
    names: Sequence[str] | None, timeframe: Timeframe, *, catalog: Catalog | None = None
) -> int:
    """Return how many bars before the session the named features need at most; None is all."""
    return (catalog or standard_catalog()).look_back_bars(names, timeframe)


def compute_features(
    window: pl.DataFrame,
    *,
    session: date,
    timeframe: Timeframe,
    names: Sequence[str] | None = None,
    catalog: Catalog | None = None,
) -> pl.DataFrame:
    """Compute the features of one session.

    Parameters
    ----------
    window
        Bars with their `session`, in any order: those of the session and as many before as there
        are, `required_look_back_bars` at least where they exist. More bars, also later ones,
        change nothing.
    session
        Session whose bars get a row each.
    timeframe
        Length of a bar.
    names
        Features wanted; None is all of the catalogue.
    catalog
        Where features are looked up; default the package's.

    Returns
    -------
    DataFrame
        `session`, `bar_start` and one nullable Float64 a feature, in the catalogue's order.

    Raises
    ------
    InputError
        A name is unknown, a bar column is missing, two bars share a start, or a feature's
        function returns another shape than its bars'.
    """
    chosen = (catalog or standard_catalog()).select(names)
    _require_columns(window, chosen)
    longest = max((one.look_back_bars(timeframe) for one in chosen), default=0)
    bars, n_history = _cut(window, session=session, look_back=longest)
    stretch = _Stretch.from_frame(bars, n_history=n_history, timeframe=timeframe, chosen=chosen)
    keys = bars[n_history:].select(
        pl.lit(session, dtype=pl.Date).alias("session"), pl.col("bar_start").cast(UTC_NS)
    )
    values = pl.DataFrame({one.name: stretch.compute(one) for one in chosen})
    # The one place where NaN becomes null.
    return keys.hstack(values.with_columns(pl.all().fill_nan(None)))


def _require_columns(window: pl.DataFrame, chosen: Sequence[Feature]) -> None:
    """Raise where the bars lack a column that a feature reads."""
    present = set(window.columns)
    for name, inputs in [("the session-window rule", ("session", "bar_start"))] + [
        (f"feature {one.name!r}", one.inputs) for one in chosen
    ]:
        missing = [column for column in inputs if column not in present]
        if missing:
            raise InputError(
                asked=f"bars for {name}",
                found=f"columns {', '.join(missing)} are missing",
                remedy=f"The bars have {', '.join(window.columns)}.",
            )


def _cut(window: pl.DataFrame, *, session: date, look_back: int) -> tuple[pl.DataFrame, int]:
    """Return the session's bars behind the last `look_back` bars before, and how many those are."""
    ordered = window.sort("bar_start")
    inside = ordered.filter(pl.col("session") == session)
    if inside.is_empty():
        return inside, 0
    first = inside["bar_start"][0]
    before = ordered.filter(pl.col("bar_start") < first)
    history = before.tail(look_back)
    bars = pl.concat([history, inside], rechunk=True)
    if bars["bar_start"].n_unique() != bars.height:
        raise InputError(
            asked=f"features of session {session.isoformat()}",
            found="two bars share a start",
            remedy="Give the bars of one symbol and one timeframe.",
        )
    return bars, history.height


@dataclass(frozen=True)
class _Stretch:
    """The bars of the longest window as arrays; each feature takes its own tail of them."""

    columns: Mapping[str, FloatArray]
    bar_start_ns: IntArray
    new_contract: NDArray[np.bool_]
    n_history: int
    timeframe: Timeframe

    @classmethod
    def from_frame(
        cls,
        bars: pl.DataFrame,
        *,
        n_history: int,
        timeframe: Timeframe,
        chosen: Sequence[Feature],
    ) -> "_Stretch":
        """Take the columns that the chosen features read."""
        wanted = sorted({column for one in chosen for column in one.inputs})
        return cls(
            columns={name: _finite(bars[name]) for name in wanted},
            bar_start_ns=bars["bar_start"].cast(UTC_NS).dt.epoch("ns").to_numpy(),
            new_contract=_contract_changes(bars),
            n_history=n_history,
            timeframe=timeframe,
        )

    def compute(self, one: Feature) -> FloatArray:
        """Return the feature's values on the session's bars, NaN where it has none."""
        first = self.n_history - min(one.look_back_bars(self.timeframe), self.n_history)
        n_rows = self.bar_start_ns.shape[0]
        values = np.full(n_rows, np.nan)
        for start, stop in self._runs(one, first):
            values[start:stop] = _checked(one, self._bars(one, start, stop))
        return values[self.n_history :]

    def _runs(self, one: Feature, first: int) -> list[tuple[int, int]]:
        """Return the row ranges on which the feature runs without a break."""
        missing = np.zeros(self.bar_start_ns.shape[0] - first, dtype=np.bool_)
        if one.nulls == "restart":
            for name in one.inputs:
                missing |= np.isnan(self.columns[name][first:])
        runs = unbroken_runs(missing, self.new_contract[first:])
        return [(first + start, first + stop) for start, stop in runs]

    def _bars(self, one: Feature, start: int, stop: int) -> BarArrays:
        """Return the rows [start, stop) with the columns that the feature declares."""
        return BarArrays(
            columns={name: self.columns[name][start:stop] for name in one.inputs},
            bar_start_ns=self.bar_start_ns[start:stop],
            bar_of_session=np.arange(start, stop) - self.n_history,
            timeframe=self.timeframe,
        )


def _finite(column: pl.Series) -> FloatArray:
    """Return a column as a read-only float64 array, NaN for null and infinities."""
    values = column.cast(pl.Float64).to_numpy(writable=True)
    values[~np.isfinite(values)] = np.nan
    values.flags.writeable = False
    return values


def _contract_changes(bars: pl.DataFrame) -> NDArray[np.bool_]:
    """Return where a bar is of another contract than the bar before; bars may have none."""
    if "contract" not in bars.columns:
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
