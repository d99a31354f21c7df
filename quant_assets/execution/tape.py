"""A market's tape as execution reads it: trades and quotes of landed ticks, in whole ticks."""

import polars as pl

from quant_assets.market.columns import PRICE_SCALE

_NS = pl.col("ts").dt.timestamp("ns").alias("ts_ns")


def quotes_of_ticks(ticks: pl.DataFrame, *, tick_size: float) -> pl.DataFrame:
    """Return the quotes that stand beside ticks, for `quotes.quote_stream`.

    Parameters
    ----------
    ticks
        ts, bid, ask (1e-9), bid_qty, ask_qty, as RAW_TICKS and CLEAN_TICKS have them, in order.
    tick_size
        Smallest price step, in quote currency. A quote between two steps moves away from the
        other side, which is the worse one to take.

    Returns
    -------
    DataFrame
        ts_ns, bid, ask (Int64, ticks), bid_qty, ask_qty; nulls stay.
    """
    step = round(tick_size * PRICE_SCALE)
    return ticks.select(
        _NS,
        (pl.col("bid") // step).alias("bid"),
        (-(-pl.col("ask") // step)).alias("ask"),
        "bid_qty",
        "ask_qty",
    )


def trades_of_ticks(ticks: pl.DataFrame, *, tick_size: float) -> pl.DataFrame:
    """Return the trades among ticks that can have met an order, for `resting.rest_limits`.

    A trade between two price steps is none: it met no limit order. Neither is one without size.

    Returns
    -------
    DataFrame
        ts_ns, price (Int64, ticks), qty, side.
    """
    step = round(tick_size * PRICE_SCALE)
    on_step = ticks.filter(pl.col("price") % step == 0, pl.col("qty") > 0.0)
    return on_step.select(_NS, (pl.col("price") // step).alias("price"), "qty", "side")
