"""Days of contracts drawn value by value: nulls, empty footprints, extreme floats."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from quant_assets.contracts.model import (
    UNKNOWN_LEVEL,
    Bar,
    Contract,
    ContractHead,
    Day,
    FootprintRow,
    Level,
    OrderFlow,
    Prices,
    Running,
)
from quant_assets.levels.schema import LEVEL_NAMES
from quant_assets.lineage.records import Lineage, Origin

HEAD = ContractHead("GC", "GCZ13", "GCZ13", "1m", "0.1")
LINEAGE = Lineage(
    "c" * 64,
    parameters={"name": "GCZ13"},
    inputs={"contract_table/timeframe=1m/symbol=GC/2013-10-01": "1" * 64},
    origin=Origin(synthetic=True, seed=11),
)
FIRST = date(2013, 1, 1)

reals = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [5e-324, -5e-324, 1.7976931348623157e308, -0.0, 0.1 + 0.2, 1e22, 123456789.0, 2.0**53 + 2]
)
maybe = st.none() | reals
counts = st.integers(0, 2**32 - 1)
small = st.integers(0, 2**16 - 1)

rows = st.builds(FootprintRow, reals, reals, reals, reals, reals, counts)
prices = st.builds(Prices, *([reals] * 5), st.none() | counts, *([maybe] * 5))
flows = st.builds(OrderFlow, *([reals] * 8), *([small] * 4), *([st.booleans()] * 3))
levels = st.just(UNKNOWN_LEVEL) | st.builds(Level, maybe, maybe, maybe)
running = st.builds(Running, reals, reals, reals, reals, maybe, counts)


@st.composite
def bars_at(draw: st.DrawFn, start_ns: int) -> Bar:
    """Draw a bar; of its levels only some are drawn, because there are many."""
    chosen = draw(st.dictionaries(st.sampled_from(LEVEL_NAMES), levels, max_size=3))
    return Bar(
        start_ns=start_ns,
        known_at_ns=start_ns + draw(st.integers(1, 10**15)),
        prices=draw(prices),
        order_flow=draw(st.none() | flows),
        atr=draw(maybe),
        levels={name: chosen.get(name, UNKNOWN_LEVEL) for name in LEVEL_NAMES},
        day=draw(running),
        week=draw(running),
        contract=draw(running),
        footprint=tuple(draw(st.lists(rows, max_size=3))),
    )


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Draw a contract of a few days, which may lie many weeks apart."""
    gaps = draw(st.lists(st.integers(1, 40), max_size=4))
    head = draw(st.sampled_from([HEAD, ContractHead("EURUSD", "EURUSD-2013Q1", None, "15m", None)]))
    days, session = [], FIRST
    for number, gap in enumerate(gaps, start=1):
        session += timedelta(days=gap)
        midnight = int(datetime(session.year, session.month, session.day, tzinfo=UTC).timestamp())
        starts = draw(st.lists(st.integers(0, 86_400 * 10**9), min_size=1, max_size=3, unique=True))
        bars = tuple(draw(bars_at(midnight * 10**9 + start)) for start in sorted(starts))
        days.append(Day(session, number, bars))
    return Contract.of(head, days)


def plain_bar(start_ns: int, figure: float = 1.5) -> Bar:
    """Return a small bar without order flow, levels and footprint."""
    told = Running(figure, figure, figure, 1.0, None, 1)
    return Bar(
        start_ns=start_ns,
        known_at_ns=start_ns + 60 * 10**9,
        prices=Prices(figure, figure, figure, figure, 1.0, *([None] * 6)),
        order_flow=None,
        atr=None,
        levels=dict.fromkeys(LEVEL_NAMES, UNKNOWN_LEVEL),
        day=told,
        week=told,
        contract=told,
        footprint=(),
    )


def plain_day(number: int) -> Day:
    """Return a day of one small bar, counted from the first of January 2013."""
    session = FIRST + timedelta(days=number)
    midnight = int(datetime(session.year, session.month, session.day, tzinfo=UTC).timestamp())
    return Day(session, number + 1, (plain_bar(midnight * 10**9),))
