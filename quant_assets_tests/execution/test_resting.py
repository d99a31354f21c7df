"""Limit orders at rest: as the slow telling says, and laws of queues and budgets."""

from collections import defaultdict
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.execution.costs import Realism
from quant_assets.execution.halts import HALT_SPANS
from quant_assets.execution.quote_kernels import work_orders
from quant_assets.execution.quotes import Taking, quote_stream, take_liquidity
from quant_assets.execution.resting import QueueRule, Rested, rest_limits
from quant_assets.execution.resting_kernels import rest_orders
from quant_assets.market.errors import InputError
from quant_assets_tests.execution.quote_markets import (
    NOW,
    START,
    any_markets,
    halts,
    moments,
    order_frame,
    quote_frame,
    sides,
)
from quant_assets_tests.execution.slow_quotes import MS, SECOND, Quote
from quant_assets_tests.execution.slow_resting import Limit, Trade, rest

LAW = settings(max_examples=40)
WORDS = {1: "buy", -1: "sell", 0: "unknown"}

prices = st.sampled_from([998, 999, 1000, 1000, 1000, 1001, 1002])
trade_steps = st.tuples(
    st.sampled_from([0, 1, 30, 400, 3000]),
    prices,
    st.sampled_from([0, 1, 5, 30, 200]),
    st.sampled_from([1, -1, 0]),
)


def trades_of(steps):
    """Return trades from steps of gap, price, size and aggressor."""
    at, made = START, []
    for gap_ms, price, qty, aggressor in steps:
        at += gap_ms * MS
        made.append(Trade(at, price, float(qty), aggressor))
    return made


@st.composite
def limits(draw, side=None):
    """Draw a resting order about the market."""
    arrival = draw(st.sampled_from([START + 1, draw(moments)]))
    end = arrival - 1 + draw(st.sampled_from([30, 400, 3000, 10_000, 90_000])) * MS
    own = side or draw(sides)
    return Limit(arrival, own, float(draw(st.integers(1, 300))), draw(prices), end)


many_trades = st.lists(trade_steps, max_size=25).map(trades_of)
some_limits = st.lists(limits(), min_size=1, max_size=6)
buys = st.lists(limits(side=1), min_size=1, max_size=6)
queues = st.sampled_from(list(QueueRule))


def run(trades, given_limits, *, quotes=(), stops=(), queue=QueueRule.RISK_AVERSE, **changes):
    """Let orders rest; their way takes a nanosecond."""
    trade_frame = pl.DataFrame(
        [(one.at, one.price, one.qty, WORDS[one.aggressor]) for one in trades],
        schema={"ts_ns": pl.Int64, "price": pl.Int64, "qty": pl.Float64, "side": pl.String},
        orient="row",
    )
    order_frame = pl.DataFrame(
        [
            (place, one.arrival - 1, one.side, one.qty, one.limit, one.end)
            for place, one in enumerate(given_limits)
        ],
        schema={
            "number": pl.Int64,
            "decided_ns": pl.Int64,
            "side": pl.Int64,
            "qty": pl.Float64,
            "limit": pl.Float64,
            "end_ns": pl.Int64,
        },
        orient="row",
    )
    spans = pl.DataFrame(list(stops), schema=HALT_SPANS, orient="row")
    taking = Taking(**({"latency": NOW, "halts": spans} | changes))
    stream = quote_stream(quote_frame(quotes)) if quotes else None
    return rest_limits(trade_frame, order_frame, taking, queue=queue, quotes=stream)


def fills_by_order(rested: Rested) -> dict:
    """Return trade and size of the fills of each order."""
    found = defaultdict(list)
    for number, _, _, row, qty, _ in rested.fills.rows():
        found[number].append((row, qty))
    return found


@settings(max_examples=120)
@given(many_trades, any_markets, some_limits, halts(), queues, st.booleans())
def test_orders_rest_as_the_slow_telling_says(trades, quotes, orders, stops, queue, is_whole):
    """Fill by fill, and why something is left."""
    ranked = sorted(range(len(orders)), key=lambda place: orders[place].arrival)
    copies = {place: replace(orders[place], fills=[], left=orders[place].qty) for place in ranked}
    minded = [] if is_whole else stops
    rest(
        trades, quotes, [copies[place] for place in ranked], minded, "whole" if is_whole else queue
    )
    realism = Realism.LATENCY if is_whole else Realism.FULL
    rested = run(trades, orders, quotes=quotes, stops=stops, queue=queue, realism=realism)
    found = fills_by_order(rested)
    for place, copy in copies.items():
        assert found[place] == [(row, pytest.approx(qty, rel=1e-9)) for row, qty in copy.fills]
    expected = [copies[place] for place in range(len(orders))]
    assert rested.orders["reason"].to_list() == [copy.reason for copy in expected]
    assert rested.orders["left"].to_list() == pytest.approx([copy.left for copy in expected])


def trade(at_ms, price, qty, aggressor=0):
    """Return a trade of that many milliseconds after the start."""
    return Trade(START + at_ms * MS, price, float(qty), aggressor)


def quote(at_ms, bid, ask, qty):
    """Return a quote of equal sizes."""
    return Quote(START + at_ms * MS, bid, ask, float(qty), float(qty))


@pytest.mark.parametrize(
    ("trades", "queue", "expected"),
    [
        ([trade(10, 1000, 30)], "risk_averse", 0.0),
        ([trade(10, 1000, 30)], "optimistic", 10.0),
        ([trade(10, 1000, 30), trade(20, 1000, 25)], "risk_averse", 5.0),
        ([trade(10, 999, 4)], "risk_averse", 4.0),
        ([trade(10, 1001, 99)], "risk_averse", 0.0),
        ([trade(10, 1000, 99, 1)], "risk_averse", 0.0),
        ([trade(10, 1000, 99, -1)], "risk_averse", 10.0),
        ([trade(0, 999, 99)], "risk_averse", 0.0),
        ([trade(1000, 999, 99)], "risk_averse", 10.0),
        ([trade(1001, 999, 99)], "risk_averse", 0.0),
    ],
    ids=["the_queue_comes_first", "but_for_the_optimist", "then_its_rest", "no_more_than_traded",
         "not_reached", "buyers_do_not_sell", "sellers_do", "before_the_arrival",
         "at_its_end", "after_its_end"],
)  # fmt: skip
def test_a_bid_behind_fifty_fills_by_rule(trades, queue, expected):
    """A bid of 10 at 1000, where 50 are bid."""
    order = Limit(START + 1, 1, 10.0, 1000, START + 1000 * MS)
    rested = run(trades, [order], quotes=[quote(0, 1000, 1001, 50)], queue=QueueRule(queue))
    assert rested.orders["filled"].item() == expected


def test_what_has_traded_is_not_cancelled_too():
    """Where 80 are shown, 20 trade and 60 are shown then, nobody has left the queue."""
    order = Limit(START + 1, 1, 10.0, 1000, START + SECOND)
    shown = [quote(0, 1000, 1001, 50), quote(5, 1000, 1001, 80)]
    trades = [trade(10, 1000, 20), trade(30, 1000, 35)]
    rested = run(
        trades,
        [order],
        quotes=[*shown, quote(20, 1000, 1001, 60)],
        queue=QueueRule.PROBABILISTIC,
    )
    # 50 before, 30 behind; 20 trade, 30 are before: the 60 shown are no cancelled ones.
    assert rested.orders["filled"].item() == 5.0


def test_a_price_off_the_tick_is_refused():
    """As is a size that is none."""
    order = Limit(START, 1, 10.0, 1000.5, START + SECOND)
    none = replace(order, limit=1000, qty=0.0)
    assert run([], [order, none]).orders["reason"].to_list() == ["bad_price", "bad_size"]


def test_trades_must_be_in_order_of_time():
    """They say so."""
    with pytest.raises(InputError, match="backwards"):
        run([trade(2, 1, 1), trade(1, 1, 1)], [])


def test_kernels_are_compiled_for_one_form_of_arrays():
    """Whether there are trades or none, and quotes, none or no stream of them."""
    order = Limit(START + 1, 1, 10.0, 1000, START + SECOND)
    for trades in ([], [trade(10, 1000, 30)]):
        for quotes in ([], [quote(0, 1000, 1001, 50)]):
            run(trades, [order], quotes=quotes)
            taken = take_liquidity(quote_stream(quote_frame(quotes)), order_frame([]), Taking())
            assert taken.orders.is_empty()
    assert len(rest_orders.signatures) == len(work_orders.signatures) == 1


@LAW
@given(many_trades, any_markets, some_limits, halts(), queues)
def test_one_trade_fills_no_more_than_it_is_large(trades, quotes, orders, stops, queue):
    """All own orders share its size; each is filled at its limit, after arrival, in no halt."""
    rested = run(trades, orders, quotes=quotes, stops=stops, queue=queue)
    used = defaultdict(float)
    for number, at, known, row, qty, price in rested.fills.rows():
        used[row] += qty
        order = orders[number]
        assert price == order.limit
        assert order.side * (order.limit - trades[row].price) >= 0
        assert order.arrival < at <= order.end
        assert known > at
        assert not any(start <= at < end for start, end, _ in stops)
    assert all(qty <= trades[row].qty + 1e-9 for row, qty in used.items())
    for order, row in zip(orders, rested.orders.iter_rows(named=True), strict=True):
        assert row["filled"] + row["left"] == pytest.approx(order.qty)


@LAW
@given(many_trades, any_markets, limits(), st.integers(1, 100), queues)
def test_a_larger_order_at_rest_begins_alike(trades, quotes, order, more, queue):
    """The prefix law at rest: a larger order gets the same, and then more."""
    small = fills_by_order(run(trades, [order], quotes=quotes, queue=queue))[0]
    larger = replace(order, qty=order.qty + more)
    large = fills_by_order(run(trades, [larger], quotes=quotes, queue=queue))[0]
    assert large[: len(small) - 1] == small[:-1]
    assert len(large) >= len(small)
    assert sum(qty for _, qty in large) >= sum(qty for _, qty in small) - 1e-9


@LAW
@given(many_trades, any_markets, limits())
def test_rules_of_queues_bracket_what_fills(trades, quotes, order):
    """The cautious rule fills no more than the optimist, and he no more than no queue at all."""
    filled = [
        run(trades, [order], quotes=quotes, queue=queue).orders["filled"].item()
        for queue in (QueueRule.RISK_AVERSE, QueueRule.OPTIMISTIC)
    ]
    likely = run(trades, [order], quotes=quotes, queue=QueueRule.PROBABILISTIC)
    whole = run(trades, [order], quotes=quotes, realism=Realism.SPREAD).orders["filled"].item()
    assert filled[0] <= filled[1] <= whole
    assert likely.orders["filled"].item() <= filled[1]


@LAW
@given(many_trades, any_markets, buys, halts(), queues)
def test_an_offer_is_a_bid_in_a_mirror(trades, quotes, orders, stops, queue):
    """Negated prices with sides exchanged fill the same orders by the same trades."""
    straight = run(trades, orders, quotes=quotes, stops=stops, queue=queue)
    turned = run(
        [replace(one, price=-one.price, aggressor=-one.aggressor) for one in trades],
        [replace(one, side=-1, limit=-one.limit) for one in orders],
        quotes=[
            replace(q, bid=-q.ask, ask=-q.bid, bid_qty=q.ask_qty, ask_qty=q.bid_qty) for q in quotes
        ],
        stops=stops,
        queue=queue,
    )
    assert turned.orders.equals(straight.orders)
    assert turned.fills.with_columns(-pl.col("price")).equals(straight.fills)


@LAW
@given(many_trades, any_markets, limits(), queues)
def test_nothing_after_its_end_touches_an_order_at_rest(trades, quotes, order, queue):
    """The window law at rest."""
    whole = run(trades, [order], quotes=quotes, queue=queue)
    kept = [one for one in trades if one.at <= order.end]
    seen = [one for one in quotes if one.at <= order.end]
    cut = run(kept, [order], quotes=seen, queue=queue)
    assert cut.fills.equals(whole.fills)
    assert cut.orders.equals(whole.orders)


@LAW
@given(many_trades, any_markets, some_limits, halts(), queues, st.randoms())
def test_rows_may_come_in_any_order(trades, quotes, orders, stops, queue, rng):
    """Orders of different arrivals do not mind how their rows are sorted."""
    spaced = [replace(order, arrival=order.arrival + place) for place, order in enumerate(orders)]
    rows = list(range(len(spaced)))
    rng.shuffle(rows)
    arrivals = [order.arrival for order in spaced]
    if len(set(arrivals)) < len(arrivals):
        return
    straight = run(trades, spaced, quotes=quotes, stops=stops, queue=queue).orders
    shuffled = run(
        trades, [spaced[row] for row in rows], quotes=quotes, stops=stops, queue=queue
    ).orders
    for place, row in enumerate(rows):
        assert shuffled.row(place)[1:] == straight.row(row)[1:]
