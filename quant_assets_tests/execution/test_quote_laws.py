"""Laws of taking from quotes that hold in any market."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quant_assets.execution.costs import Realism
from quant_assets.execution.quote_spec import QuoteSpec
from quant_assets.execution.quotes import Taking, quote_stream, take_liquidity
from quant_assets.signals.execution_spec import LatencySpec
from quant_assets_tests.execution.quote_markets import (
    SIGMA,
    START,
    VOLUME,
    alone,
    any_markets,
    halts,
    moments,
    order_frame,
    orders,
    quantities,
    quote_frame,
    run,
    sides,
    sound_markets,
)
from quant_assets_tests.execution.slow_quotes import MS, SECOND, Market, Order, Quote, Rules

LAW = settings(max_examples=40)
some_orders = st.lists(orders(), min_size=1, max_size=5)
impacts = st.sampled_from([0.0, 0.3, 1.0, 10.0])


def touch_of(quote, side):
    """Return the price that a side takes at."""
    return quote.ask if side > 0 else quote.bid


def standing(quotes, at):
    """Return the last quote at a time, None before the first."""
    return next((quote for quote in reversed(quotes) if quote.at <= at), None)


def market_order(at, side, qty, ttl=0):
    """Return a market order."""
    return Order(at, side, qty, None, ttl)


@LAW
@given(sound_markets, moments, sides)
def test_one_unit_without_impact_pays_the_quote_at_arrival(quotes, at, side):
    """With no way to go and no impact, the touch of the last quote is the price."""
    quote = standing(quotes, at)
    assume(quote is not None and at - quote.at <= 30 * SECOND)
    row = alone(quotes, market_order(at, side, 1.0), impact=0.0)
    assert (row["filled"], row["price"]) == (1.0, touch_of(quote, side))


@LAW
@given(any_markets, orders(), quantities, halts(), impacts)
def test_a_larger_order_fills_no_less_and_begins_alike(quotes, order, more, stops, impact):
    """The prefix law: fills of a larger order are those of a smaller one, and more of them."""
    small = run(quotes, [order], stops=stops, impact=impact).fills.rows()
    larger = replace(order, qty=order.qty + more)
    large = run(quotes, [larger], stops=stops, impact=impact).fills.rows()
    assert len(large) >= len(small)
    assert large[: len(small) - 1] == small[:-1]
    if small:
        last, same = small[-1], large[len(small) - 1]
        assert same[:4] == last[:4]
        assert same[4] >= last[4]


@LAW
@given(sound_markets, moments, sides, quantities, quantities, impacts)
def test_a_larger_order_pays_no_better_price_at_one_quote(quotes, at, side, qty, more, impact):
    """Within one quote the mean price gets no better with size, and the last unit pays most."""
    prices = []
    for size in (qty, qty + more):
        fills = run(quotes, [market_order(at, side, size)], impact=impact).fills
        assume(fills.height == 1)
        price, last = fills["price"].item(), fills["last_price"].item()
        assert side * (last - price) >= -1e-9
        prices.append(price)
    assert side * (prices[1] - prices[0]) >= -1e-9


@LAW
@given(any_markets, some_orders, impacts)
def test_no_fill_is_better_than_the_touch(quotes, given_orders, impact):
    """The premium over the touch of the fill's quote is never negative."""
    for number, _, _, row, _, price, _ in run(quotes, given_orders, impact=impact).fills.rows():
        side = given_orders[number].side
        assert side * (price - touch_of(quotes[row], side)) >= 0.0


def premium(quotes, order, **changes):
    """Return what an order pays over the mid at one quote, None where it is not filled whole."""
    taken = run(quotes, [order], **changes)
    if taken.orders["left"].item() > 0.0:
        return None
    quote = quotes[taken.fills["quote_row"].item()]
    return order.side * (taken.fills["price"].item() - 0.5 * (quote.bid + quote.ask))


@LAW
@given(sound_markets, moments, sides, st.integers(1, 100).map(float), st.floats(1.0, 5.0))
def test_a_worse_market_costs_no_less(quotes, at, side, qty, factor):
    """More volatility, less volume, a wider spread, less depth: each never lowers the cost."""
    order = market_order(at, side, qty)
    base = premium(quotes, order)
    assume(base is not None)
    wide = [
        replace(quote, bid=quote.bid - side_away, ask=quote.ask + side_away)
        for side_away in (int(factor),)
        for quote in quotes
    ]
    thin = [
        replace(quote, bid_qty=quote.bid_qty // 2 or 1.0, ask_qty=quote.ask_qty // 2 or 1.0)
        for quote in quotes
    ]
    worse = [
        premium(quotes, order, sigma=SIGMA * factor),
        premium(quotes, order, volume=VOLUME / factor),
        premium(wide, order),
        premium(thin, order),
    ]
    assert all(cost is None or cost >= base - 1e-9 for cost in worse)


@LAW
@given(any_markets, orders(limits=False), st.integers(1, 6), halts(), impacts)
def test_an_order_in_parts_is_the_order(quotes, order, parts, stops, impact):
    """With the memory of own fills, parts at one moment get and pay what the whole does."""
    assume(order.qty % parts == 0.0)
    whole = run(quotes, [order], stops=stops, impact=impact)
    split = run(quotes, [replace(order, qty=order.qty / parts)] * parts, stops=stops, impact=impact)
    assert split.orders["filled"].sum() == whole.orders["filled"].sum()
    cost = (whole.fills["qty"] * whole.fills["price"]).sum()
    assert (split.fills["qty"] * split.fills["price"]).sum() == pytest.approx(cost, rel=1e-11)


@LAW
@given(sound_markets, moments, st.integers(0, 5000), sides, quantities, impacts)
def test_what_was_bought_before_never_makes_it_cheaper(quotes, at, later, side, qty, impact):
    """An order after own fills at the same standing quote pays no less than without them."""
    second = market_order(at + later * MS, side, qty)
    assume(standing(quotes, at) is standing(quotes, second.arrival))
    fresh = alone(quotes, second, impact=impact)
    both = run(quotes, [market_order(at, side, 300.0), second], impact=impact).orders
    after = both.row(1, named=True)
    assert after["filled"] <= fresh["filled"]
    if after["filled"] == fresh["filled"] > 0.0:
        assert side * (after["price"] - fresh["price"]) >= -1e-9


@LAW
@given(any_markets, some_orders, halts(), impacts)
def test_selling_is_buying_in_a_mirror(quotes, given_orders, stops, impact):
    """Negated prices with sides exchanged turn each buy into a sale, to the bit."""
    mirrored = [
        replace(q, bid=-q.ask, ask=-q.bid, bid_qty=q.ask_qty, ask_qty=q.bid_qty) for q in quotes
    ]
    turned = [
        replace(order, side=-order.side, limit=None if order.limit is None else -order.limit)
        for order in given_orders
    ]
    straight = run(quotes, given_orders, stops=stops, impact=impact)
    mirror = run(mirrored, turned, stops=stops, impact=impact)
    assert mirror.orders.drop("price").equals(straight.orders.drop("price"))
    back = mirror.fills.with_columns(-pl.col("price"), -pl.col("last_price"))
    assert back.equals(straight.fills)


@LAW
@given(any_markets, some_orders, halts(), impacts)
def test_units_of_price_and_size_do_not_matter(quotes, given_orders, stops, impact):
    """Four times the ticks, or four times all sizes, give four times the prices or sizes."""
    straight = run(quotes, given_orders, stops=stops, impact=impact)
    finer = run(
        [replace(q, bid=4 * q.bid, ask=4 * q.ask) for q in quotes],
        [replace(o, limit=None if o.limit is None else 4 * o.limit) for o in given_orders],
        stops=stops,
        spec=QuoteSpec(impact=impact, level_ticks=4),
    )
    prices = (pl.col("price") * 4, pl.col("last_price") * 4)
    assert finer.fills.equals(straight.fills.with_columns(prices))
    larger = run(
        [replace(q, bid_qty=4 * q.bid_qty, ask_qty=4 * q.ask_qty) for q in quotes],
        [replace(o, qty=4 * o.qty) for o in given_orders],
        stops=stops,
        impact=impact,
        volume=4 * VOLUME,
        qty_step=4.0,
    )
    assert larger.fills.equals(straight.fills.with_columns(pl.col("qty") * 4))
    assert larger.orders["reason"].equals(straight.orders["reason"])


@LAW
@given(any_markets, some_orders, halts(), impacts)
def test_nothing_fills_in_a_halt(quotes, given_orders, stops, impact):
    """No fill of any order, also of none that came before; one that comes in it is refused."""
    taken = run(quotes, given_orders, stops=stops, impact=impact)
    for at in taken.fills["ts_ns"]:
        assert not any(start <= at < end for start, end, _ in stops)
    for order, row in zip(given_orders, taken.orders.iter_rows(named=True), strict=True):
        for start, end, why in stops:
            if start <= order.arrival < end:
                assert (row["reason"], row["filled"]) == (why, 0.0)


@LAW
@given(any_markets, some_orders, impacts)
def test_no_more_fills_than_was_ever_offered(quotes, given_orders, impact):
    """At the touch alone: what a price first offers, and what it grows by, bounds all fills."""
    spec = QuoteSpec(impact=impact, max_sweep_levels=1)
    fills = run(quotes, given_orders, spec=spec).fills
    taken = defaultdict(float)
    for number, _, _, row, qty, _, _ in fills.rows():
        taken[given_orders[number].side, row] += qty
    for side in (1, -1):
        offered, price, shown, used = 0.0, None, 0.0, 0.0
        for row, quote in enumerate(quotes):
            size = quote.ask_qty if side > 0 else quote.bid_qty
            has_both = quote.bid_qty > 0 and quote.ask_qty > 0
            if size > 0 and not (has_both and quote.bid >= quote.ask):
                if touch_of(quote, side) != price:
                    offered, shown, used = 0.0, 0.0, 0.0
                price = touch_of(quote, side)
                offered += max(0.0, size - shown)
                shown = size
            used += taken[side, row]
            assert used <= offered


@LAW
@given(any_markets, some_orders, halts(), impacts)
def test_a_limit_is_never_passed(quotes, given_orders, stops, impact):
    """Neither the mean nor the last unit pays more than the limit; nor than the collar."""
    for number, _, _, _, _, price, last in run(
        quotes, given_orders, stops=stops, impact=impact
    ).fills.rows():
        order = given_orders[number]
        if order.limit is not None:
            assert order.side * (price - order.limit) <= 1e-9
            assert order.side * (last - order.limit) <= 1e-9


@LAW
@given(any_markets, some_orders, impacts, st.sampled_from(list(Realism)))
def test_unsound_quotes_fill_nobody(quotes, given_orders, impact, realism):
    """No fill at a crossed, locked or empty quote, at any level of realism."""
    taken = run(quotes, given_orders, impact=impact, realism=realism)
    for number, _, _, row, _, _, _ in taken.fills.rows():
        quote, side = quotes[row], given_orders[number].side
        assert (quote.ask_qty if side > 0 else quote.bid_qty) > 0.0
        assert quote.bid < quote.ask or 0.0 in {quote.bid_qty, quote.ask_qty}


@LAW
@given(any_markets, some_orders, halts(), impacts)
def test_what_comes_after_an_order_has_ended_changes_no_bit(quotes, given_orders, stops, impact):
    """The window law: the end of its time, halts not counted, is the last time that counts."""
    first = given_orders[0]
    copy = replace(first, fills=[])
    Market(quotes, stops, Rules()).run([copy])
    end = max(copy.expiry, first.arrival)
    whole = run(quotes, [first], stops=stops, impact=impact)
    for kept in (
        [quote for quote in quotes if quote.at <= end],
        [q if q.at <= end else replace(q, bid=5, ask=9, bid_qty=1.0) for q in quotes],
    ):
        cut = run(kept, [first], stops=stops, impact=impact)
        assert cut.fills.equals(whole.fills)
        assert cut.orders.equals(whole.orders)


@LAW
@given(any_markets, moments, sides, quantities, st.integers(0, 2**40))
def test_what_comes_after_a_decision_shows_at_the_fill_alone(quotes, at, side, qty, number):
    """The decision law: no fill is known before it happened, nor happens before the arrival."""
    frame = order_frame([market_order(at, side, qty, 5 * SECOND)])
    taking = Taking(sigma_day=SIGMA, volume_day=VOLUME)
    frame = frame.with_columns(pl.lit(number, dtype=pl.Int64).alias("number"))
    taken = take_liquidity(quote_stream(quote_frame(quotes)), frame, taking)
    arrival, decided = taken.orders["arrival_ns"].item(), frame["decided_ns"].item()
    assert 50 * MS <= arrival - decided < 200 * MS
    for fill in taken.fills.iter_rows(named=True):
        assert fill["ts_ns"] >= arrival
        assert 10 * MS <= fill["known_ns"] - fill["ts_ns"] < 50 * MS
    moved = [q if q.at <= decided else replace(q, bid=5, ask=9) for q in quotes]
    other = take_liquidity(quote_stream(quote_frame(moved)), frame, taking)
    assert other.orders["arrival_ns"].item() == arrival
    assert all(known > arrival for known in other.fills["known_ns"])


@LAW
@given(sound_markets, moments, sides, quantities, st.integers(1, 400), impacts)
def test_a_longer_way_sees_a_later_quote_and_nothing_else(quotes, at, side, qty, ms, impact):
    """A price hangs on latency through the quotes passed alone; none before the order is read."""
    slow = LatencySpec(kind="constant", arrival_ms=float(ms))
    order = market_order(at, side, qty)
    near = run(quotes, [order], impact=impact)
    far = run(quotes, [order], impact=impact, latency=slow)
    if standing(quotes, at) is standing(quotes, at - 1 + ms * MS):
        assume(near.orders["reason"].item() != "stale_quote")
        assume(far.orders["reason"].item() != "stale_quote")
        assert far.fills["price"].to_list() == near.fills["price"].to_list()
    last = standing(quotes, at)
    if last is not None:
        kept = [quote for quote in quotes if quote.at >= last.at]
        assume(kept[0] is last)
        spec = QuoteSpec(impact=impact, max_sweep_levels=1)
        alike = run(kept, [order], spec=spec, latency=slow)
        assert alike.orders.equals(run(quotes, [order], spec=spec, latency=slow).orders)


@LAW
@given(any_markets, st.lists(orders(), min_size=2, max_size=6), st.randoms(), impacts)
def test_the_order_of_the_rows_and_of_the_calls_does_not_matter(quotes, given_orders, rng, impact):
    """Shuffled rows, threads, and one call after the other give the same bits."""
    spaced = [
        replace(order, arrival=START + place * 90 * SECOND + 1)
        for place, order in enumerate(given_orders)
    ]
    spread_out = [replace(q, at=START + place * 7 * SECOND) for place, q in enumerate(quotes)]
    frame, stream = order_frame(spaced), quote_stream(quote_frame(spread_out))
    taking = Taking(sigma_day=SIGMA, volume_day=VOLUME, spec=QuoteSpec(impact=impact))
    whole = take_liquidity(stream, frame, taking)
    rows = list(range(frame.height))
    rng.shuffle(rows)
    with ThreadPoolExecutor(2) as threads:
        shuffled, again = threads.map(
            lambda one: take_liquidity(stream, one, taking), (frame[rows], frame)
        )
    assert again.orders.equals(whole.orders)
    assert shuffled.fills.equals(whole.fills)
    assert shuffled.orders.sort("number").equals(whole.orders)
    memory, parts = None, []
    for row in range(frame.height):
        part = take_liquidity(stream, frame[row], taking, memory=memory)
        memory = part.memory
        parts.append(part)
    assert pl.concat([part.orders for part in parts]).equals(whole.orders)
    assert pl.concat([part.fills for part in parts]).equals(whole.fills)


@LAW
@given(sound_markets, moments, sides, st.integers(1, 30).map(float))
def test_each_level_of_realism_holds_the_one_before(quotes, at, side, qty):
    """The mid, the touch, the touch on arrival, and what size pays on top of it."""
    order = market_order(at, side, qty)
    ways = LatencySpec(kind="constant", arrival_ms=100.0)
    prices = {}
    for realism in Realism:
        row = alone(quotes, order, realism=realism, latency=ways)
        prices[realism] = row["price"]
    first, later = standing(quotes, at - 1), standing(quotes, at - 1 + 100 * MS)
    assume(all(price is not None for price in prices.values()))
    assert prices[Realism.IDEAL] == 0.5 * (first.bid + first.ask)
    assert prices[Realism.SPREAD] == touch_of(first, side)
    assert prices[Realism.LATENCY] == touch_of(later, side)
    assert side * (prices[Realism.FULL] - prices[Realism.LATENCY]) >= 0.0


def test_an_impact_that_fades_leaves_its_share():
    """After a day the second order pays what stays of the first, at once all of it."""
    quotes = [Quote(START + 20 * at * SECOND, 1000, 1001, 5000.0, 5000.0) for at in range(4000)]
    wide = QuoteSpec(impact=10.0, collar_bps=1000.0)
    costs = []
    for wait in (0, 300, 70_000):
        first, second = market_order(START + 1, 1, 100.0), market_order(START + 1, 1, 100.0)
        second = replace(second, arrival=second.arrival + wait * SECOND)
        taken = run(quotes, [first, second], spec=wide)
        costs.append(taken.orders["price"][1] - 1001.0)
    scale = 10.0 * SIGMA / np.sqrt(VOLUME) * 1001.0
    expected = [
        scale * (2 / 3) * ((root**2 + 100) ** 1.5 - root**3) / 100
        for root in (10.0, 3.0 + 7.0 * np.exp(-1), 3.0)
    ]
    assert costs == pytest.approx(expected, rel=1e-6)
