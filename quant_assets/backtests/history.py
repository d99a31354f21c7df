"""What a backtest is given of one symbol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl


@dataclass(frozen=True)
class SymbolHistory:
    """Bars of one symbol, what a strategy asks for on them, and what is known beside.

    Parameters
    ----------
    bars
        Columns session, bar_start, open, high, low, close, volume, and contract where there is
        one. They may run on after the last signal, so that positions can end.
    signals
        In the columns of SIGNALS; rows that are not out of sample are not traded.
    finer
        Finer bars of the same columns, inside which stops and targets are met in their order;
        None where there are none. Bars without a finer one are taken as they are.
    halts
        Columns start_ns, end_ns (Int64, half-open) and reason: spans in which nothing fills.
    closes
        By session the official close in ns, for symbols that end flat each session; a session that
        is missing ends with its last bar.
    """

    bars: pl.DataFrame
    signals: pl.DataFrame
    finer: pl.DataFrame | None = None
    halts: pl.DataFrame | None = None
    closes: Mapping[date, int] = field(default_factory=dict)
