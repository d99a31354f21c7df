"""Bars from cleaned ticks."""

import numpy as np
import polars as pl

from quant_assets.bars.buckets import Buckets, bucket_rows
from quant_assets.bars.kernels import extremes_by_group, sum_by_group
from quant_assets.bars.schema import BARS
from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.timeframes import Timeframe


def bars_from_ticks(ticks: pl.DataFrame, *, timeframe: Timeframe) -> pl.DataFrame:
    """Build the bars of one session from its cleaned ticks.

    Trades of quantity zero (spread legs, as some feeds give them) make no price, are no trade and
    make no bar: a bucket of nothing else has no row. `buy_volume` and `sell_volume` are null where
    no trade of the session has a side, and leave out trades of an unknown side where some have
    one. `vwap` lies within low and high. Quotes are those that came with the bar's last trade.

    Parameters
    ----------
    ticks
        Table `clean_ticks`, in order of (ts, seq).
    timeframe
        A divisor of a day; `1d` makes one bar a session, which starts at its date's midnight UTC.

    Returns
    -------
    DataFrame
        Table `bars`.
    """
    traded = ticks.filter(pl.col("qty") > 0)
    if traded.is_empty():
        return BARS.empty()
    buckets = bucket_rows(traded["ts"].dt.epoch("ns").to_numpy(), traded["session"], timeframe)
    price = traded["price"].to_numpy() / PRICE_SCALE
    qty = np.ascontiguousarray(traded["qty"].to_numpy())
    high, low = extremes_by_group(price, price, buckets.first, buckets.end)
    volume = sum_by_group(qty, buckets.first, buckets.end)
    last = buckets.end - 1
    frame = pl.DataFrame(
        {
            "session": traded["session"].gather(buckets.first),
            "bar_start": buckets.starts,
            "contract": traded["contract"].gather(buckets.first),
            "open": price[buckets.first],
            "high": high,
            "low": low,
            "close": price[last],
            "volume": volume,
            "trades": pl.Series(buckets.end - buckets.first).cast(pl.UInt32),
            **_side_volumes(traded, qty, buckets),
            "vwap": np.clip(
                sum_by_group(price * qty, buckets.first, buckets.end) / volume, low, high
            ),
            "bid_close": traded["bid"].gather(last) / PRICE_SCALE,
            "ask_close": traded["ask"].gather(last) / PRICE_SCALE,
        }
    )
    return BARS.check(frame)


def _side_volumes(traded: pl.DataFrame, qty: np.ndarray, buckets: Buckets) -> dict[str, pl.Series]:
    """Return the quantity of buying and of selling aggressors a bar."""
    columns = {}
    is_told = bool((traded["side"] != "unknown").any())
    for side in ("buy", "sell"):
        of_side = np.where((traded["side"] == side).to_numpy(), qty, 0.0)
        sums = sum_by_group(of_side, buckets.first, buckets.end)
        values = sums if is_told else [None] * sums.shape[0]
        columns[f"{side}_volume"] = pl.Series(values, dtype=pl.Float64)
    return columns
