"""Longer bars from shorter ones."""

import numpy as np
import polars as pl

from quant_assets.bars.buckets import Buckets, bucket_rows
from quant_assets.bars.kernels import extremes_by_group, sum_by_group
from quant_assets.bars.schema import BARS
from quant_assets.market.errors import TimeframeError
from quant_assets.market.timeframes import NS_PER_DAY, Timeframe


def resample_bars(bars: pl.DataFrame, *, timeframe: Timeframe) -> pl.DataFrame:
    """Derive longer bars from finer ones of the same symbol; sessions are never mixed.

    Volumes are summed in row order. A column that is null in any bar of a bucket is null in the
    longer bar, but for quotes, which are those of the last bar.

    Parameters
    ----------
    bars
        Table `bars` in time order, of one finer timeframe.

    Raises
    ------
    TimeframeError
        If the longer timeframe is no divisor of a day, which midnight could not anchor.
    """
    if NS_PER_DAY % timeframe.ns:
        raise TimeframeError(
            asked=f"bars of {timeframe}",
            found="a length that does not divide a day, so that midnight cannot anchor it",
            remedy="Choose one that does, for example 1m, 5m, 15m, 1h or 1d.",
        )
    if bars.is_empty():
        return BARS.empty()
    buckets = bucket_rows(
        bars["bar_start"].dt.epoch("ns").to_numpy(), bars["session"], timeframe
    )
    last = buckets.end - 1
    high, low = extremes_by_group(
        _values(bars["high"]), _values(bars["low"]), buckets.first, buckets.end
    )
    frame = pl.DataFrame(
        {
            "session": bars["session"].gather(buckets.first),
            "bar_start": buckets.starts,
            "contract": bars["contract"].gather(last),
            "open": bars["open"].gather(buckets.first),
            "high": high,
            "low": low,
            "close": bars["close"].gather(last),
            "volume": _sum(bars["volume"], buckets),
            "trades": _sum(bars["trades"], buckets).cast(pl.UInt32),
            "buy_volume": _sum(bars["buy_volume"], buckets),
            "sell_volume": _sum(bars["sell_volume"], buckets),
            "vwap": _vwap(bars, buckets),
            "bid_close": bars["bid_close"].gather(last),
            "ask_close": bars["ask_close"].gather(last),
        }
    )
    return BARS.check(frame)


def _values(column: pl.Series) -> np.ndarray:
    """Return a column as contiguous float64, NaN for null."""
    return np.ascontiguousarray(column.cast(pl.Float64).to_numpy())


def _sum(column: pl.Series, buckets: Buckets) -> pl.Series:
    """Return the sum a bucket, null where any of its rows is null."""
    sums = sum_by_group(_values(column), buckets.first, buckets.end)
    return pl.Series(column.name, sums).fill_nan(None)


def _vwap(bars: pl.DataFrame, buckets: Buckets) -> pl.Series:
    """Return the volume-weighted mean of the bars' own averages; null without volume."""
    weighted = (bars["vwap"] * bars["volume"]).alias("vwap")
    volume = _sum(bars["volume"], buckets)
    ratio = _sum(weighted, buckets) / volume
    return ratio.fill_nan(None).alias("vwap")
