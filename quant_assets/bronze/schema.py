"""The published table of winning trades: nine columns under their published names and types."""

import dataframely as dy

from quant_assets.market.tables import Table

TRADE_TYPES = ("buy", "sell")
OUTCOMES = ("win",)


def _ratio(meaning: str) -> dy.Float32:
    return dy.Float32(nullable=False, metadata={"unit": "share of entry price", "meaning": meaning})


def _price(meaning: str) -> dy.Float32:
    return dy.Float32(nullable=False, metadata={"unit": "price", "meaning": meaning})


def _time(meaning: str) -> dy.Datetime:
    unit = {"unit": "ns, UTC, without zone", "meaning": meaning}
    return dy.Datetime(time_unit="ns", nullable=False, metadata=unit)


class BronzeTradesSchema(dy.Schema):
    """One row a (candle, direction, stop, target) that would have won."""

    entry_time = _time("start of the candle at whose close the trade enters")
    trade_type = dy.Enum(TRADE_TYPES, nullable=False, metadata={"unit": "one of"})
    entry_price = _price("close of the entry candle")
    sl_price = _price("stop level")
    tp_price = _price("target level, without the spread")
    sl_ratio = _ratio("distance of the stop")
    tp_ratio = _ratio("distance of the target")
    exit_time = _time("start of the candle that reached the target")
    outcome = dy.Enum(OUTCOMES, nullable=False, metadata={"unit": "one of"})


BRONZE_TRADES = Table(
    name="bronze_trades",
    schema=BronzeTradesSchema,
    levels=("timeframe", "grid", "symbol"),
    order=(),
)
"""Rows stand by entry_time, buy before sell, tp_ratio and sl_ratio ascending."""
