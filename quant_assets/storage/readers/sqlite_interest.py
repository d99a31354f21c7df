"""Open interest that a tick table holds in a column, as records of the landed statistics."""

import numpy as np
import polars as pl

from quant_assets.market.timeframes import NS_PER_MINUTE
from quant_assets.storage.readers.base import Landed, RawBatch
from quant_assets.storage.readers.sqlite_frames import Typed
from quant_assets.storage.readers.sqlite_tables import OPEN_INTEREST, TickTable
from quant_assets.ticks.open_interest import STATISTICS, payload_of

_WINDOW_NS = 30 * NS_PER_MINUTE
"""Dates of all bases, India's too, change at a half hour: none loses its last figure."""


class InterestRecords:
    """The last open interest of each half hour of one table, by stamp, then by place."""

    def __init__(self, table: TickTable) -> None:
        self._table = table
        self._last = pl.DataFrame(
            schema={
                "window": pl.Int64,
                "ts": pl.Int64,
                OPEN_INTEREST: pl.Float64,
                "place": pl.UInt64,
            }
        )

    @property
    def count(self) -> int:
        """Records so far."""
        return self._last.height

    def add(self, typed: Typed) -> None:
        """Take the rows of a batch that have a figure."""
        if typed.open_interest is None:
            return
        is_figure = np.isfinite(typed.open_interest) & (typed.open_interest >= 0.0)
        stamps = typed.stamps_ns[is_figure]
        rows = pl.DataFrame(
            {
                "window": stamps // _WINDOW_NS,
                "ts": stamps,
                OPEN_INTEREST: typed.open_interest[is_figure],
                "place": typed.frame["place"].filter(pl.Series(is_figure)),
            }
        )
        ascending = pl.concat([self._last, rows]).sort("ts", maintain_order=True)
        self._last = ascending.unique("window", keep="last", maintain_order=True)

    def batch(self) -> RawBatch:
        """Return the records, named by their contract."""
        contract = self._table.contract
        frame = self._last.select(
            pl.col("ts").cast(pl.Datetime("ns", "UTC")),
            raw_symbol=pl.lit(contract.code),
            kind=pl.lit(STATISTICS),
            payload=payload_of(pl.col(OPEN_INTEREST)),
            place=pl.col("place"),
        )
        return RawBatch(
            kind=Landed.DEFINITIONS,
            symbol=contract.root,
            frame=frame,
            place_prefix=f"{self._table.name}:",
        )
