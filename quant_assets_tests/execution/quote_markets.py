"""Markets of quotes and orders for tests, drawn by hypothesis, and how they are run."""

from collections.abc import Sequence

import polars as pl
from hypothesis import strategies as st

from quant_assets.execution.costs import Realism
from quant_assets.execution.halts import HALT_SPANS
from quant_assets.execution.quote_spec import QuoteSpec
from quant_assets.execution.quotes import QuoteMemory, Taken, Taking, quote_stream, take_liquidity
from quant_assets.signals.execution_spec import LatencySpec
from quant_assets_tests.execution.slow_quotes import MS, SECOND, Order, Quote

START = 1_381_147_200 * SECOND
NOW = LatencySpec(kind="constant", arrival_ms=1e-6)
"""A way of one nanosecond."""
SIGMA, VOLUME = 0.02, 40_000.0


def walk_of(steps: Sequence[tuple]) -> list[Quote]:
    """Return quotes from steps of gap, move, spread and sizes."""
    at, bid, quotes = START, 1000, []
    for gap_ms, move, spread, bid_qty, ask_qty in steps:
        at, bid = at + gap_ms * MS, bid + move
        quotes.append(Quote(at, bid, bid + spread, float(bid_qty), float(ask_qty)))
    return quotes


sizes = st.sampled_from([1, 3, 10, 40, 100, 500])
gaps = st.sampled_from([0, 1, 30, 400, 1500, 4000, 31_000])
moves = st.sampled_from([0, 0, 0, 0, 1, -1, 2, -3])
sound_steps = st.tuples(gaps, moves, st.integers(1, 3), sizes, sizes)
any_steps = st.tuples(
    gaps,
    moves,
    st.sampled_from([1, 1, 1, 2, 3, 0, -1]),
    st.one_of(sizes, st.just(0)),
    st.one_of(sizes, st.just(0)),
)
sound_markets = st.lists(sound_steps, min_size=1, max_size=25).map(walk_of)
any_markets = st.lists(any_steps, max_size=25).map(walk_of)
sides = st.sampled_from([1, -1])
quantities = st.integers(1, 2000).map(float)
moments = st.integers(0, 60_000).map(lambda ms: START + ms * MS + 1)


@st.composite
def orders(draw, limits=True):
    """Draw an order; its limit lies about the market."""
    limit = draw(st.none() | st.integers(980, 1020).map(float)) if limits else None
    ttl = draw(st.sampled_from([0, SECOND, 5 * SECOND, 60 * SECOND]))
    return Order(draw(moments), draw(sides), draw(quantities), limit, ttl)


@st.composite
def halts(draw):
    """Draw halts that do not overlap, in order."""
    cuts = sorted(draw(st.sets(st.integers(0, 80), max_size=6)))
    words = st.sampled_from(["halt_luld", "halt_news", "suspended"])
    return [
        (START + start * SECOND, START + end * SECOND, draw(words))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]


def quote_frame(quotes: Sequence[Quote]) -> pl.DataFrame:
    """Return quotes as a frame."""
    ints, reals = pl.Int64, pl.Float64
    return pl.DataFrame(
        [(q.at, q.bid, q.ask, q.bid_qty, q.ask_qty) for q in quotes],
        schema={"ts_ns": ints, "bid": ints, "ask": ints, "bid_qty": reals, "ask_qty": reals},
        orient="row",
    )


def order_frame(given: Sequence[Order]) -> pl.DataFrame:
    """Return orders as a frame; with a way of a nanosecond they arrive when they should."""
    return pl.DataFrame(
        [
            (place, order.arrival - 1, order.side, order.qty, order.limit, order.ttl / SECOND)
            for place, order in enumerate(given)
        ],
        schema={
            "number": pl.Int64,
            "decided_ns": pl.Int64,
            "side": pl.Int64,
            "qty": pl.Float64,
            "limit": pl.Float64,
            "ttl_s": pl.Float64,
        },
        orient="row",
    )


def run(
    quotes: Sequence[Quote],
    given: Sequence[Order],
    *,
    stops: Sequence[tuple] = (),
    impact: float = 1.0,
    memory: QuoteMemory | None = None,
    sigma: float = SIGMA,
    volume: float = VOLUME,
    **changes: object,
) -> Taken:
    """Work orders through quotes."""
    values: dict = {
        "spec": QuoteSpec(impact=impact),
        "realism": Realism.FULL,
        "latency": NOW,
        "sigma_day": sigma,
        "volume_day": volume,
        "halts": pl.DataFrame(list(stops), schema=HALT_SPANS, orient="row"),
    }
    stream = quote_stream(quote_frame(quotes))
    return take_liquidity(stream, order_frame(given), Taking(**(values | changes)), memory=memory)


def alone(quotes: Sequence[Quote], order: Order, **changes: object) -> dict:
    """Return what becomes of one order alone."""
    return run(quotes, [order], **changes).orders.row(0, named=True)
