"""Tables of landed market data, of what was set aside, of the roll map and of cleaned ticks."""

import dataframely as dy

from quant_assets.market.columns import SIDES, choice, day, fixed_price, flag, instant, real, word
from quant_assets.market.tables import Grain, Table

SIDE_METHODS = ("feed", "quote", "tick", "none")
"""How an aggressor side was told: by the feed, by the quote, by the tick rule, or not at all."""

_CONTRACT = frozenset({"contract"})


class RawTicksSchema(dy.Schema):
    """Trades as the feed gave them, all contracts; equal rows are market and stay."""

    session = day("session that the trade belongs to")
    ts = instant("venue's time of the trade")
    ts_recv = instant("time at which the vendor received it", nullable=True)
    seq = dy.UInt32(
        nullable=False, metadata={"unit": "count", "meaning": "order in the source, from 0"}
    )
    price = fixed_price("price of the trade")
    bid = fixed_price("best bid before the trade", nullable=True)
    ask = fixed_price("best ask before the trade", nullable=True)
    qty = real("contracts, shares or units", unit="qty")
    bid_qty = real("size at the bid", unit="qty", nullable=True)
    ask_qty = real("size at the ask", unit="qty", nullable=True)
    side = choice(SIDES, "aggressor, as far as the feed tells")
    outside_hours = flag("whether the calendar calls the market closed at that time")


class RawBarsSchema(dy.Schema):
    """Vendor bars, left label, left closed, all contracts."""

    session = day("session that the bar belongs to")
    bar_start = instant("start of the bar", key=True)
    open = real("first price", unit="price")
    high = real("highest price", unit="price")
    low = real("lowest price", unit="price")
    close = real("last price", unit="price")
    volume = real("quantity traded, or the vendor's tick count", unit="qty")
    bid = real("best bid at the bar's end", unit="price", nullable=True)
    ask = real("best ask at the bar's end", unit="price", nullable=True)


class RawStatusSchema(dy.Schema):
    """Trading status records of a symbol."""

    session = day("session that the record belongs to")
    ts = instant("venue's time of the change")
    seq = dy.UInt32(nullable=False, metadata={"unit": "count", "meaning": "order in the source"})
    action = word("what happened, for example HALT or TRADING")
    reason = word("why, for example LULD_PAUSE")
    is_trading = flag("whether the symbol trades from here on", nullable=True)


class RawDefinitionsSchema(dy.Schema):
    """Instrument definitions and statistics as the vendor gave them."""

    session = day("session that the record belongs to")
    ts = instant("venue's time of the record")
    seq = dy.UInt32(nullable=False, metadata={"unit": "count", "meaning": "order in the source"})
    raw_symbol = word("symbol as the vendor writes it")
    kind = word("definition or statistics")
    payload = word("the record's fields as JSON, sorted by name")


class QuarantineSchema(dy.Schema):
    """Rows that were set aside, each with the rule that it broke."""

    session = day("session under which the row is kept")
    file_sha256 = word("source file, or data version of the table that held the row")
    place = word("line, table and rowid, or record number")
    rule = word("name of the rule")
    raw = word("the row as it stood, at most 1 kB")


class RollMapSchema(dy.Schema):
    """Which contract of a root is read on a date; a row depends on nothing later."""

    date = day("session, or date by the map's basis", key=True)
    contract = word("active contract")
    leader = word("contract of the highest volume that day")
    volume = real("the active contract's own volume that day", unit="contracts")
    leader_volume = real("the leader's volume that day", unit="contracts")
    runner_up_volume = real("volume of the second; 0 without one", unit="contracts")
    runner_up = word("contract of the second highest volume", nullable=True)
    rolled = flag("whether the active contract differs from the day before")
    bootstrap = flag("whether no earlier volume was there to decide by")
    known_at = instant("when the decision can be known")


class CleanTicksSchema(RawTicksSchema):
    """Ticks of the active contract in time order, flagged, with the aggressor side told.

    A trade of quantity zero (a spread leg) is its own flag: it makes no price and no volume.
    """

    contract = word("contract; null where the symbol has none", nullable=True)
    side_method = choice(SIDE_METHODS, "how the side was told")
    repeats = flag("whether it equals an earlier row of the same stamp in all values")
    no_spread = flag("whether the bid is at or above the ask: no side is told by such a quote")


RAW_TICKS = Table(
    name="raw_ticks",
    schema=RawTicksSchema,
    levels=("symbol", "contract"),
    order=("seq",),
    optional_levels=_CONTRACT,
)
RAW_BARS = Table(
    name="raw_bars",
    schema=RawBarsSchema,
    levels=("schema", "symbol", "contract"),
    order=("bar_start",),
    optional_levels=_CONTRACT,
)
RAW_STATUS = Table(
    name="raw_status", schema=RawStatusSchema, levels=("symbol",), order=("ts", "seq")
)
RAW_DEFINITIONS = Table(
    name="raw_definitions", schema=RawDefinitionsSchema, levels=("symbol",), order=("ts", "seq")
)
QUARANTINE = Table(
    name="quarantine",
    schema=QuarantineSchema,
    levels=("table", "symbol"),
    order=("file_sha256", "place"),
)
ROLL_MAP = Table(
    name="roll_map",
    schema=RollMapSchema,
    levels=("root", "mode", "date_basis"),
    order=("date",),
    grain=Grain.WHOLE,
    session_column="date",
)
CLEAN_TICKS = Table(
    name="clean_ticks",
    schema=CleanTicksSchema,
    levels=("symbol",),
    order=("ts", "seq"),
    version=2,
)
