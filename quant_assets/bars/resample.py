"""Longer bars from shorter ones."""

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.bars.buckets import Buckets, bucket_rows
from quant_assets.bars.kernels import extremes_by_group, sum_by_group
from quant_assets.bars.schema import BARS
from quant_assets.market.errors import TimeframeError
from quant_assets.market.timeframes import Timeframe


def resample_bars(
    bars: pl.DataFrame, *, timeframe: Timeframe, source: Timeframe | None = None
) -> pl.DataFrame:
    """Derive longer bars from finer ones of the same symbol; sessions are never mixed.

    Volumes are summed in row order. A column that is null in any bar of a bucket is null in the
    longer bar, but for quotes, which are those of the last bar. A bar without volume needs no
    average price to make one.

    Parameters
    ----------
    bars
        Table `bars` in time order, of one finer timeframe.
    timeframe
        A divisor of a day; `1d` makes one bar a session, which starts at its date's midnight UTC.
    source
        Timeframe of `bars`, where it is known: bars that do not fit into the longer ones whole
        are then refused.

    Raises
    ------
    TimeframeError
        If the longer timeframe is no divisor of a day, which midnight could not anchor, or no
        multiple of the source's.
    InputError
        If the bars are not in time order.
    """
    if source is not None and timeframe.ns % source.ns:
        raise TimeframeError(
            asked=f"bars of {timeframe} from bars of {source}",
            found=f"a length that {source} does not divide",
            remedy=f"Choose a multiple of {source}.",
        )
    if bars.is_empty():
        return BARS.empty()
    buckets = bucket_rows(bars["bar_start"].dt.epoch("ns").to_numpy(), bars["session"], timeframe)
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
            "vwap": _vwap(bars, buckets).clip(pl.Series(low), pl.Series(high)),
            "bid_close": bars["bid_close"].gather(last),
            "ask_close": bars["ask_close"].gather(last),
        }
    )
    return BARS.check(frame)


def _values(column: pl.Series) -> npt.NDArray[np.float64]:
    """Return a column as contiguous float64, NaN for null."""
    return np.ascontiguousarray(column.cast(pl.Float64).to_numpy())


def _sum(column: pl.Series, buckets: Buckets) -> pl.Series:
    """Return the sum a bucket, null where any of its rows is null."""
    sums = sum_by_group(_values(column), buckets.first, buckets.end)
    return pl.Series(column.name, sums).fill_nan(None)


def _vwap(bars: pl.DataFrame, buckets: Buckets) -> pl.Series:
    """Return the volume-weighted mean of the bars' own averages; null without volume."""
    turnover = pl.when(pl.col("volume") == 0).then(0.0).otherwise(pl.col("vwap") * pl.col("volume"))
    weighted = bars.select(turnover.alias("vwap"))["vwap"]
    ratio = _sum(weighted, buckets) / _sum(bars["volume"], buckets)
    return ratio.fill_nan(None).alias("vwap")
