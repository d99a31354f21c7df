"""Bars as MetaTrader 4 exports them: no header, `2024.03.04,00:15,O,H,L,C,V`, stamps in UTC."""

from pathlib import Path

import polars as pl


def write_mt4_csv(path: Path, bars: pl.DataFrame, *, digits: int) -> None:
    """Write bars to a file; the same bars give the same bytes.

    Parameters
    ----------
    bars
        bar_start T; open, high, low, close, volume Float64. Stamps are cut to minutes, prices are
        rounded to `digits` decimals and volumes to whole numbers.
    """
    prices = (
        pl.col(name).map_elements(lambda price: f"{price:.{digits}f}", return_dtype=pl.String)
        for name in ("open", "high", "low", "close")
    )
    bars.select(
        pl.col("bar_start").dt.strftime("%Y.%m.%d").alias("date"),
        pl.col("bar_start").dt.strftime("%H:%M").alias("time"),
        *prices,
        pl.col("volume").round().cast(pl.Int64),
    ).write_csv(path, include_header=False, line_terminator="\n")
