"""From Arrow batches of a table to frames of the landed tables; bad rows are told apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from quant_assets.market.columns import PRICE_SCALE, SIDES, UTC_NS
from quant_assets.storage.readers.base import Landed
from quant_assets.storage.readers.sqlite_kernels import count_fixed
from quant_assets.storage.readers.sqlite_stamps import RULES, StampReader
from quant_assets.storage.readers.sqlite_tables import OPEN_INTEREST

_PRICE_BOUND = 9.2e9
"""Prices of 1e-9 beyond this do not fit 64 bits."""
_SHOWN = 1000
_NOT_RECEIVED = pl.Series("ts_recv", [None], dtype=UTC_NS)
_NO_SIDE = pl.Series("side", ["unknown"], dtype=pl.Enum(SIDES))
"""What each trade of a tick table has, once: it says nothing of receipt or side."""
_PLACED_BY = {Landed.TICKS: ("ts", "qty"), Landed.BARS: ("bar_start", "volume")}
"""Columns of stamps and volumes."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be typed."""

    rule: str
    place: int
    raw: str


class Typed:
    """One batch, typed at once; its raw rows are let go.

    Parameters
    ----------
    batch
        Stamp text, numbers, rowid, as `sqlite_rows` gives them.

    Notes
    -----
    Rules, first match wins: those of the stamp; for ticks `missing_value` where the volume is
    missing and `price_out_of_range` where a price does not fit 64 bits of 1e-9.
    """

    def __init__(self, batch: pa.RecordBatch, *, kind: Landed, stamps: StampReader) -> None:
        self._rules: list[str] = list(RULES)
        read = stamps.read(batch.column("timestamp"))
        self._stamps_ns, self._faults = read.utc_ns, read.faults
        self._time, self._volume = _PLACED_BY[kind]
        names = batch.schema.names[1:-1]
        self._values = {name: _numbers(batch.column(name)) for name in names}
        if kind is Landed.TICKS:
            self._fault("missing_value", ~np.isfinite(self._values["volume"]))
            for name in ("price", "bid", "ask"):
                self._fault_out_of_range(name)
        self._good = self._faults == 0
        self._all_good = bool(self._good.all())
        self.bad_rows = [] if self._all_good else self._bad_rows(batch)
        """The rows that are set aside."""
        interest = self._values.get(OPEN_INTEREST)
        self.open_interest = None if interest is None else np.array(self._only(interest))
        """Open interest of the good rows, NaN where one is missing; None without a column."""
        columns = self._tick_columns() if kind is Landed.TICKS else self._bar_columns()
        places = self._only(batch.column("rowid").to_numpy().view(np.uint64))
        self.frame = pl.DataFrame([*columns, pl.Series("place", places)])
        """The good rows in the columns of their landed table, with their place."""
        # No number of the batch is held: their memory serves the next one.
        self._values.clear()

    @property
    def stamps_ns(self) -> npt.NDArray[np.int64]:
        """Stamps of the good rows, nanoseconds UTC."""
        stamps: npt.NDArray[np.int64] = self.frame[self._time].to_physical().to_numpy()
        return stamps

    @property
    def volumes(self) -> Floats:
        """Volumes of the good rows; NaN where one is missing."""
        volumes: Floats = self.frame[self._volume].to_numpy()
        return volumes

    def _bad_rows(self, batch: pa.RecordBatch) -> list[BadRow]:
        return [
            BadRow(
                rule=self._rules[self._faults[row]],
                place=int(batch.column("rowid")[row].as_py()),
                raw=self._raw(batch, row),
            )
            for row in np.flatnonzero(~self._good).tolist()
        ]

    def _raw(self, batch: pa.RecordBatch, row: int) -> str:
        """Return a row as it stood; a stamp that is no UTF-8 is shown with marks."""
        stamp = batch.column("timestamp")[row].as_buffer()
        text = "NULL" if stamp is None else stamp.to_pybytes().decode("utf-8", errors="replace")
        numbers = [values[row] for values in self._values.values()]
        shown = ("" if np.isnan(number) else repr(float(number)) for number in numbers)
        return ",".join([text, *shown])[:_SHOWN]

    def _fault(self, rule: str, is_bad: npt.NDArray[np.bool_]) -> None:
        if not is_bad.any():
            return
        if rule not in self._rules:
            self._rules.append(rule)
        self._faults[is_bad & (self._faults == 0)] = self._rules.index(rule)

    def _fault_out_of_range(self, name: str) -> None:
        """Look at each price only where the extremes, which are NaN if any is, do not say all."""
        values = self._values[name]
        if values.size and values.min() >= -_PRICE_BOUND and values.max() <= _PRICE_BOUND:
            return
        sizes = np.abs(values)
        self._fault("price_out_of_range", (sizes > _PRICE_BOUND) & np.isfinite(sizes))

    def _only(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values if self._all_good else values[self._good]

    def _tick_columns(self) -> list[pl.Series]:
        stamps = pl.Series("ts", self._only(self._stamps_ns)).cast(UTC_NS)
        count = stamps.len()
        return [
            stamps,
            _NOT_RECEIVED.new_from_index(0, count),
            self._fixed("price"),
            self._fixed("bid"),
            self._fixed("ask"),
            self._real("qty", "volume"),
            self._real("bid_qty", "bid_size"),
            self._real("ask_qty", "ask_size"),
            _NO_SIDE.new_from_index(0, count),
        ]

    def _bar_columns(self) -> list[pl.Series]:
        reals = [self._real(name, name) for name in ("open", "high", "low")]
        close = self._real("close", "price")
        rest = [self._real(name, name) for name in ("volume", "bid", "ask")]
        return [
            pl.Series("bar_start", self._only(self._stamps_ns)).cast(UTC_NS),
            *reals,
            close,
            *rest,
        ]

    def _real(self, name: str, column: str) -> pl.Series:
        # A copy: a series is a view, and would hold the numbers of the whole batch.
        return pl.Series(name, np.array(self._only(self._values[column])), nan_to_null=True)

    def _fixed(self, name: str) -> pl.Series:
        """Return prices as counts of 1e-9, rounded; what is not finite is null."""
        values = self._only(self._values[name])
        counts = np.empty(values.size, dtype=np.int64)
        if count_fixed(values, PRICE_SCALE, counts) == 0:
            return pl.Series(name, counts)
        is_number = pl.Series(np.isfinite(values))
        return pl.select(pl.when(is_number).then(pl.Series(counts)).alias(name))[name]


def _numbers(column: pa.Array) -> Floats:
    """Return a column; null becomes NaN, which SQLite itself cannot store."""
    values: Floats = column.to_numpy(zero_copy_only=False)
    return values
