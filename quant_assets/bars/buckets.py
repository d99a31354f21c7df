"""Which rows fall into which bar: half-open buckets anchored at midnight UTC, or the session."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError, TimeframeError
from quant_assets.market.timeframes import NS_PER_DAY, Timeframe

Stamps = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Buckets:
    """Bars as row ranges [first, end) of rows in time order.

    Parameters
    ----------
    start_ns : int64 array of shape (n_bars,)
        Start of each bar.
    first, end : int64 arrays of shape (n_bars,)
    """

    start_ns: Stamps
    first: Stamps
    end: Stamps

    @property
    def starts(self) -> pl.Series:
        """Start of each bar as an instant."""
        return pl.Series("bar_start", self.start_ns).cast(UTC_NS)


def bucket_rows(ts_ns: Stamps, sessions: pl.Series, timeframe: Timeframe) -> Buckets:
    """Return the buckets of rows in time order; a bucket never spans two sessions.

    Where a session starts inside a bucket, as a futures session does inside a 4h one, both
    sessions have a bar of that start.

    Parameters
    ----------
    ts_ns : int64 array of shape (n,)
        Instants, not decreasing.
    sessions
        Session of each row. For `1d` the session is the bar, and starts at its date's midnight.

    Raises
    ------
    InputError
        If the rows are not in time order.
    TimeframeError
        If the timeframe is no divisor of a day, which midnight could not anchor.
    """
    if NS_PER_DAY % timeframe.ns:
        raise TimeframeError(
            asked=f"bars of {timeframe}",
            found="a length that does not divide a day, so that midnight cannot anchor it",
            remedy="Choose one that does, for example 1m, 5m, 15m, 1h or 1d.",
        )
    if ts_ns.shape[0] and (np.diff(ts_ns) < 0).any():
        raise InputError(
            asked=f"bars of {timeframe}",
            found="rows that are not in time order",
            remedy="Sort them by time first.",
        )
    day_ns = sessions.cast(pl.Int32).to_numpy().astype(np.int64) * NS_PER_DAY
    label = day_ns if timeframe.is_daily else ts_ns // timeframe.ns * timeframe.ns
    changed = np.ones(ts_ns.shape[0], dtype=np.bool_)
    changed[1:] = (label[1:] != label[:-1]) | (day_ns[1:] != day_ns[:-1])
    first = np.flatnonzero(changed).astype(np.int64)
    end = np.append(first[1:], ts_ns.shape[0]).astype(np.int64)
    return Buckets(start_ns=label[first], first=first, end=end)
