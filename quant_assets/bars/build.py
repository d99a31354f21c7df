"""Bars from cleaned ticks."""

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.bars.buckets import Buckets, bucket_rows
from quant_assets.bars.kernels import extremes_by_group, sum_by_group
from quant_assets.bars.schema import BARS
from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.timeframes import Timeframe


def bars_from_ticks(ticks: pl.DataFrame, *, timeframe: Timeframe) -> pl.DataFrame:
    """Build the bars of one session from its cleaned ticks.

    Trades of quantity zero (spread legs, as some feeds give them) make no price, are no trade and
    make no bar: a bucket of nothing else has no row. Trades of an unknown side are in `volume`
    alone. `vwap` lies within low and high. Quotes are those that came with the bar's last trade.

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
    price = _decimal(traded["price"]).to_numpy()
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
            "bid_close": _decimal(traded["bid"].gather(last)),
            "ask_close": _decimal(traded["ask"].gather(last)),
        }
    )
    return BARS.check(frame)


def _decimal(counts: pl.Series) -> pl.Series:
    """Return prices at rest as the Float64 nearest to their decimal value; null stays null.

    Divided by numpy: polars multiplies by 1e-9 instead, which misses the nearest number for four
    prices in ten (99.8 becomes 99.80000000000001).
    """
    values = counts.fill_null(0).to_numpy() / PRICE_SCALE
    return pl.Series(counts.name, values).set(counts.is_null(), None)


def _side_volumes(
    traded: pl.DataFrame, qty: npt.NDArray[np.float64], buckets: Buckets
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the quantity of buying and of selling aggressors a bar."""
    columns = {}
    for side in ("buy", "sell"):
        of_side = np.where((traded["side"] == side).to_numpy(), qty, 0.0)
        columns[f"{side}_volume"] = sum_by_group(of_side, buckets.first, buckets.end)
    return columns
