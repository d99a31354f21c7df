"""Tables of order flow: volume by price and aggressor, what follows from it, and profiles."""

import dataframely as dy

from quant_assets.market.columns import day, flag, instant, real
from quant_assets.market.tables import Table

_LEVELS = ("timeframe", "bucket", "symbol")


def _count(meaning: str) -> dy.UInt16:
    """Declare a small count; above 65,535 it stays there."""
    return dy.UInt16(nullable=False, metadata={"unit": "count", "meaning": meaning})


def _trades() -> dy.UInt32:
    """Declare a count of trades."""
    return dy.UInt32(nullable=False, metadata={"unit": "count", "meaning": "trades"})


class FootprintSchema(dy.Schema):
    """Volume of each bar at each price, by aggressor; a price that did not trade has no row."""

    session = day("session that the bar belongs to")
    bar_start = instant("start of the bar; it is known at its end", key=True)
    price = dy.Float64(
        nullable=False,
        primary_key=True,
        allow_inf=False,
        allow_nan=False,
        metadata={"unit": "price", "meaning": "lower edge of the bucket"},
    )
    bid_volume = real("quantity of selling aggressors, traded at the bid", unit="qty")
    ask_volume = real("quantity of buying aggressors, traded at the ask", unit="qty")
    unknown_volume = real("quantity whose aggressor is unknown", unit="qty")
    delta = real("ask less bid volume", unit="qty")
    trades = _trades()


class FootprintBarsSchema(dy.Schema):
    """One row a bar: its prices, its order flow, and what its footprint shows."""

    session = day("session that the bar belongs to")
    bar_start = instant(
        "start of a bar of time; of others the stamp of its first trade, moved behind the bar "
        "before by 1 ns where both share one",
        key=True,
    )
    bar_end = instant(
        "when the bar is known: end of a bar of time; stamp of the trade that ended another; start "
        "of the next session for what the session's end cuts"
    )
    open = real("first price", unit="price")
    high = real("highest price", unit="price")
    low = real("lowest price", unit="price")
    close = real("last price", unit="price")
    volume = real("quantity traded, summed in row order", unit="qty")
    bid_volume = real("quantity of selling aggressors", unit="qty")
    ask_volume = real("quantity of buying aggressors", unit="qty")
    unknown_volume = real("quantity whose aggressor is unknown", unit="qty")
    trades = _trades()
    delta = real("ask less bid volume", unit="qty")
    cum_delta = real("running delta of the session, at the bar's end", unit="qty")
    min_delta = real("lowest delta inside the bar, 0 at its start", unit="qty")
    max_delta = real("highest delta inside the bar, 0 at its start", unit="qty")
    poc = real("point of control: price of the most volume, the lowest of several", unit="price")
    vah = real("highest price of the value area", unit="price")
    val = real("lowest price of the value area", unit="price")
    imbalance_buy = _count("prices at which buyers outweigh the sellers one price below")
    imbalance_sell = _count("prices at which sellers outweigh the buyers one price above")
    stacked_buy = _count("runs of at least three buy imbalances at adjacent prices")
    stacked_sell = _count("runs of at least three sell imbalances at adjacent prices")
    unfinished_high = flag("whether both sides traded at the highest price")
    unfinished_low = flag("whether both sides traded at the lowest price")
    absorption = flag(
        "whether an extreme took three times the mean row's volume and the close is on the other "
        "half of the bar"
    )


class ProfilesSchema(dy.Schema):
    """Volume of a session at each price, by tick."""

    session = day("session that was traded")
    price = dy.Float64(
        nullable=False,
        primary_key=True,
        allow_inf=False,
        allow_nan=False,
        metadata={"unit": "price", "meaning": "price, a multiple of the tick size"},
    )
    volume = real("quantity traded at the price", unit="qty")
    bid_volume = real("quantity of selling aggressors", unit="qty")
    ask_volume = real("quantity of buying aggressors", unit="qty")


FOOTPRINT = Table(
    name="footprint", schema=FootprintSchema, levels=_LEVELS, order=("bar_start", "price")
)
FOOTPRINT_BARS = Table(
    name="footprint_bars", schema=FootprintBarsSchema, levels=_LEVELS, order=("bar_start",)
)
PROFILES = Table(name="profiles", schema=ProfilesSchema, levels=("symbol",), order=("price",))
