"""The table of bars: one base a session, and what is derived from it."""

import dataframely as dy
import polars as pl

from quant_assets.market.columns import day, instant, real, word
from quant_assets.market.tables import Table


class BarsSchema(dy.Schema):
    """OHLCV, left label, left closed; a stretch without trades has no row."""

    session = day("session that the bar belongs to", key=True)
    bar_start = instant("start of the bar; it is known at its end", key=True)
    contract = word("contract; null where the symbol has none", nullable=True)
    open = real("first price", unit="price")
    high = real("highest price", unit="price")
    low = real("lowest price", unit="price")
    close = real("last price", unit="price")
    volume = real("quantity traded, summed in row order", unit="qty")
    trades = dy.UInt32(
        nullable=True, metadata={"unit": "count", "meaning": "trades; null where bars hide them"}
    )
    buy_volume = real("quantity of buying aggressors", unit="qty", nullable=True)
    sell_volume = real("quantity of selling aggressors", unit="qty", nullable=True)
    vwap = real("volume-weighted average price", unit="price", nullable=True)
    bid_close = real("best bid at the bar's end", unit="price", nullable=True)
    ask_close = real("best ask at the bar's end", unit="price", nullable=True)

    @dy.rule()
    def holds_its_prices(cls) -> pl.Expr:
        """Open and close lie between low and high."""
        inside = pl.col("open").is_between("low", "high")
        return inside & pl.col("close").is_between("low", "high")


BARS = Table(name="bars", schema=BarsSchema, levels=("timeframe", "symbol"), order=("bar_start",))
