"""Taking from quotes is what the slow telling says, order by order and fill by fill."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.execution.quotes import quote_stream
from quant_assets.market.errors import InputError
from quant_assets_tests.execution.quote_markets import (
    SIGMA,
    START,
    VOLUME,
    any_markets,
    halts,
    orders,
    quote_frame,
    run,
)
from quant_assets_tests.execution.slow_quotes import MS, SECOND, Market, Order, Quote, Rules


def slow(quotes, given_orders, stops, impact):
    """Run the slow telling on copies, in order of arrival."""
    rules = Rules(impact=impact * SIGMA / math.sqrt(VOLUME))
    ranked = sorted(range(len(given_orders)), key=lambda place: given_orders[place].arrival)
    copies = [replace(given_orders[place], fills=[]) for place in ranked]
    Market(quotes, stops, rules).run(copies)
    return [copy for _, copy in sorted(zip(ranked, copies, strict=True), key=lambda pair: pair[0])]


@settings(max_examples=250)
@given(
    any_markets,
    st.lists(orders(), min_size=1, max_size=8),
    halts(),
    st.sampled_from([0.0, 0.3, 1.0, 10.0]),
)
def test_orders_take_what_the_slow_telling_takes(quotes, given_orders, stops, impact):
    """Sizes, times and reasons exactly, prices to the last digits of another integral."""
    taken = run(quotes, given_orders, stops=stops, impact=impact)
    expected = slow(quotes, given_orders, stops, impact)
    assert taken.orders["reason"].to_list() == [order.reason for order in expected]
    assert taken.orders["left"].to_list() == [order.left for order in expected]
    fills = [(n, *fill) for n, order in enumerate(expected) for fill in order.fills]
    columns = ("number", "ts_ns", "qty", "price", "last_price")
    found = taken.fills.sort("number", maintain_order=True).select(columns).rows()
    assert [fill[:3] for fill in found] == [fill[:3] for fill in fills]
    assert [fill[3:] for fill in found] == [pytest.approx(fill[3:], rel=1e-9) for fill in fills]


def quote(at_ms=0, bid=1000, ask=1001, bid_qty=100.0, ask_qty=100.0):
    """Return a quote of that many milliseconds after the start."""
    return Quote(START + at_ms * MS, bid, ask, bid_qty, ask_qty)


def buy(at_ms=0, qty=1.0, limit=None, ttl=5 * SECOND):
    """Return a market order to buy."""
    return Order(START + at_ms * MS + 1, 1, qty, limit, ttl)


@pytest.mark.parametrize(
    ("quotes", "order", "stops", "expected"),
    [
        ([quote()], buy(), [], ("filled", 1.0)),
        ([], buy(), [], ("no_quote", 0.0)),
        ([quote(9)], buy(ttl=0), [], ("no_quote", 0.0)),
        ([quote()], buy(31_000), [], ("stale_quote", 0.0)),
        ([quote(bid=1002)], buy(), [], ("crossed_quote", 0.0)),
        ([quote(bid=1001)], buy(), [], ("locked_quote", 0.0)),
        ([quote(ask_qty=0.0)], buy(), [], ("empty_quote", 0.0)),
        ([quote()], buy(qty=700.0), [], ("liquidity", 500.0)),
        ([quote(ask=9), quote(1, bid=20, ask=30)], buy(qty=900.0), [], ("collar", 100.0)),
        ([quote()], buy(limit=1000.0), [], ("expired", 0.0)),
        ([quote()], buy(qty=0.0), [], ("bad_size", 0.0)),
        ([quote()], buy(qty=math.nan), [], ("bad_size", 0.0)),
        ([quote()], buy(10), [(0, 50, "halt_news")], ("halt_news", 0.0)),
        ([quote()], buy(qty=700.0), [(10, 50, "halt_news")], ("halt_news", 500.0)),
        ([quote(), quote(60)], buy(qty=600.0), [(10, 50, "halt_news")], ("liquidity", 500.0)),
        ([quote(), quote(60, ask_qty=200.0)], buy(qty=600.0), [(10, 50, "halt_news")],
         ("filled", 600.0)),
        ([quote(), quote(9_000, ask_qty=200.0)], buy(qty=600.0), [(10, 8_990, "halt_news")],
         ("filled", 600.0)),
        ([quote()], buy(60), [(10, 50, "halt_news")], ("stale_quote", 0.0)),
    ],
)  # fmt: skip
def test_what_is_left_has_its_reason(quotes, order, stops, expected):
    """Each reason once, by hand; without impact."""
    if quotes and quotes[0].ask == 9:
        quotes = [replace(quotes[0], bid=8), *quotes[1:]]
    spans = [(START + start * MS, START + end * MS, why) for start, end, why in stops]
    (row,) = run(quotes, [order], stops=spans, impact=0.0).orders.iter_rows(named=True)
    assert (row["reason"], row["filled"]) == expected


def test_taken_size_is_not_offered_again_until_it_grows():
    """A refreshed quote of the same size has nothing more; growth and a new price have."""
    steps = [quote(), quote(1), quote(2, ask_qty=130.0), quote(3, ask=1002), quote(4)]
    steps += [quote(5, ask=1007), quote(6)]
    orders = [buy(at, 200.0, 1001.0, 0) for at in range(7)]
    taken = run(steps, orders, impact=0.0)
    # The 1001 of step 4 was taken, gone in step 3, and came back.
    assert taken.orders["filled"].to_list() == [100.0, 0.0, 30.0, 0.0, 100.0, 0.0, 100.0]


def test_what_others_took_besides_is_new_when_it_comes_back():
    """Of 100 all is taken; it shrinks to 40, so that the 60 which come then are offered."""
    steps = [quote(), quote(1, ask_qty=40.0), quote(2)]
    taken = run(steps, [buy(at, 200.0, 1001.0, 0) for at in range(3)], impact=0.0)
    assert taken.orders["filled"].to_list() == [100.0, 0.0, 60.0]


def test_what_was_taken_behind_the_touch_is_not_offered_when_it_gets_there():
    """Two levels are taken at once; the touch moves to the second, away, and back."""
    steps = [quote(), quote(1, ask=1002, ask_qty=130.0), quote(2), quote(3, ask=1002)]
    orders = [buy(0, 150.0, None, 0), *(buy(at, 500.0, 1002.0, 0) for at in (1, 2, 3))]
    taken = run(steps, orders, impact=0.0)
    # 100 and 50; then 130 less those 50; then 1001 anew, and nothing of 1002; then nothing.
    assert taken.orders["filled"].to_list() == [150.0, 80.0, 100.0, 0.0]


def test_quotes_must_be_in_order_of_time():
    """Both the stream and a call that goes on after another one say so."""
    with pytest.raises(InputError, match="backwards"):
        quote_stream(quote_frame([quote(2), quote(1)]))
    quotes = [quote(), quote(10), quote(20)]
    first = run(quotes, [buy(15)])
    assert run(quotes, [buy(30)], memory=first.memory).orders["filled"].item() == 1.0
    with pytest.raises(InputError, match="passed"):
        run(quotes, [buy(5)], memory=first.memory)
