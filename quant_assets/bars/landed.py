"""Bars from vendor bars: the same rows in the columns of table `bars`."""

import polars as pl

from quant_assets.bars.schema import BARS


def bars_from_landed(raw: pl.DataFrame, *, contract: str | None) -> pl.DataFrame:
    """Return landed bars of one session and contract as table `bars`.

    Parameters
    ----------
    raw
        Table `raw_bars`.
    contract
        Written into each row; None where the symbol has none.
    """
    nothing = pl.lit(None, dtype=pl.Float64)
    return BARS.check(
        raw.select(
            "session",
            "bar_start",
            pl.lit(contract, dtype=pl.String).alias("contract"),
            "open",
            "high",
            "low",
            "close",
            "volume",
            pl.lit(None, dtype=pl.UInt32).alias("trades"),
            nothing.alias("buy_volume"),
            nothing.alias("sell_volume"),
            nothing.alias("vwap"),
            pl.col("bid").alias("bid_close"),
            pl.col("ask").alias("ask_close"),
        )
    )
