"""Tables of winning trades, in nine columns under their published names, and of all outcomes."""

import dataframely as dy

from quant_assets.market.columns import choice, day, real
from quant_assets.market.tables import Table

TRADE_TYPES = ("buy", "sell")
OUTCOMES = ("win",)


def _count(meaning: str) -> dy.Int64:
    """Declare a number of entries or candles."""
    return dy.Int64(nullable=False, metadata={"unit": "count", "meaning": meaning})


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


class BronzeStatsSchema(dy.Schema):
    """What became of every entry of a (direction, stop, target), by the entry's hour."""

    session = day("session of the entries")
    direction = choice(TRADE_TYPES, "bought or sold at the close")
    sl = real("distance of the stop", unit="share of entry price")
    tp = real("distance of the target", unit="share of entry price")
    weekday = dy.UInt8(
        nullable=False, metadata={"unit": "ISO, 1 is Monday", "meaning": "UTC weekday of the entry"}
    )
    hour = dy.UInt8(nullable=False, metadata={"unit": "hour, UTC", "meaning": "hour of the entry"})
    wins = _count("entries that reach the target before the stop")
    losses = _count("entries that reach the stop first, or lose a tie")
    timeouts = _count("entries whose look-forward reaches neither")
    ambiguous = _count("wins or losses of which one candle reaches both levels")
    sum_bars_to_win = _count("candles from entry to target, all wins together")
    expectancy = real("mean return of an entry after spread", unit="share of entry price")


BRONZE_STATS = Table(
    name="bronze_stats",
    schema=BronzeStatsSchema,
    levels=("timeframe", "grid", "symbol"),
    order=(),
)
"""Rows stand by direction, sl, tp, weekday and hour; levels that are doubled come twice."""
