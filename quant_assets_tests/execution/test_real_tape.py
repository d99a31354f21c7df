"""Real quotes and trades: the slow telling, mirrors, and halts cut in at random times."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.execution.costs import Realism
from quant_assets.execution.halts import HALT_SPANS
from quant_assets.execution.quotes import Taking, quote_stream
from quant_assets.execution.resting import QueueRule, rest_limits
from quant_assets.execution.tape import quotes_of_ticks, trades_of_ticks
from quant_assets_tests.execution.quote_markets import SIGMA, order_frame, quote_frame, run
from quant_assets_tests.execution.slow_quotes import SECOND, Market, Order, Quote, Rules
from quant_assets_tests.storage.readers.dbn_files import read_dbn, source_of

VOLUME = 8.8e6
FILE = "dbn/XNAS-20131007-A7LEANTBB1/xnas-itch-20131007.tbbo.dbn.zst"
WORDS = ("halt_luld", "halt_news", "halt_market_wide", "suspended")

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def tapes(shared_data: Path) -> dict[str, pl.DataFrame]:
    """Ticks with quotes of two symbols and one day."""
    read = read_dbn(source_of(shared_data / FILE))
    return {symbol: read.frame(symbol) for symbol in ("AIG", "BAC")}


def piece(ticks: pl.DataFrame, start: int, count: int) -> list[Quote]:
    """Return some quotes of a tape."""
    frame = quotes_of_ticks(ticks.slice(start, count), tick_size=0.01)
    return [Quote(*row) for row in frame.iter_rows()]


def random_orders(quotes: list[Quote], rng: np.random.Generator, count: int) -> list[Order]:
    """Return orders some time after random quotes, in order of arrival."""
    made = []
    after = rng.integers(0, 3 * SECOND, count)
    for at in np.sort([quotes[row].at for row in rng.integers(0, len(quotes), count)] + after):
        quote = quotes[int(rng.integers(len(quotes)))]
        limit = None if rng.random() < 0.5 else float(quote.ask + rng.integers(-3, 4))
        qty = float(np.ceil(np.exp(rng.uniform(0.0, 10.0))))
        ttl = int(rng.choice([0, 1, 5, 60])) * SECOND
        made.append(Order(int(at), int(rng.choice([1, -1])), qty, limit, ttl))
    return made


def random_halts(quotes: list[Quote], rng: np.random.Generator) -> list[tuple[int, int, str]]:
    """Return three halts at random times within quotes."""
    cuts = np.sort(rng.integers(quotes[0].at, quotes[-1].at, 6)).tolist()
    return [
        (start, end, str(rng.choice(WORDS)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=True)
        if start < end
    ]


@pytest.mark.parametrize("seed", range(6))
def test_real_quotes_fill_as_the_slow_telling_says(tapes, seed):
    """Random stretches, orders and halts: no fill inside a halt, and the right reasons."""
    rng = np.random.default_rng(seed)
    ticks = tapes["AIG" if seed % 2 else "BAC"]
    quotes = piece(ticks, int(rng.integers(ticks.height - 1500)), 1500)
    orders, stops = random_orders(quotes, rng, 60), random_halts(quotes, rng)
    taken = run(quotes, orders, stops=stops, volume=VOLUME)
    slow = Market(quotes, stops, Rules(impact=SIGMA / np.sqrt(VOLUME)))
    expected = slow.run([replace(order, fills=[]) for order in orders])
    assert taken.orders["reason"].to_list() == [order.reason for order in expected]
    assert taken.orders["left"].to_list() == [order.left for order in expected]
    fills = [(n, *fill) for n, order in enumerate(expected) for fill in order.fills]
    columns = ("number", "ts_ns", "qty", "price")
    found = taken.fills.sort("number", maintain_order=True).select(columns).rows()
    assert found == [pytest.approx(fill[:4], rel=1e-9) for fill in fills]
    assert not any(start <= at < end for at in taken.fills["ts_ns"] for start, end, _ in stops)
    for order, row in zip(orders, taken.orders.iter_rows(named=True), strict=True):
        inside = [why for start, end, why in stops if start <= order.arrival < end]
        if inside:
            assert (row["reason"], row["filled"]) == (inside[0], 0.0)


def test_real_quotes_in_a_mirror_fill_alike(tapes):
    """Also where they are crossed and locked."""
    rng = np.random.default_rng(3)
    quotes = piece(tapes["AIG"], 0, 4000)
    orders = random_orders(quotes, rng, 200)
    mirrored = [
        replace(q, bid=-q.ask, ask=-q.bid, bid_qty=q.ask_qty, ask_qty=q.bid_qty) for q in quotes
    ]
    turned = [
        replace(order, side=-order.side, limit=None if order.limit is None else -order.limit)
        for order in orders
    ]
    straight, mirror = run(quotes, orders, volume=VOLUME), run(mirrored, turned, volume=VOLUME)
    assert straight.fills.height > 50
    assert mirror.fills.with_columns(-pl.col("price"), -pl.col("last_price")).equals(straight.fills)


def test_more_realism_costs_more_on_real_quotes(tapes):
    """The mean of what orders pay over the mid at decision rises from level to level."""
    rng = np.random.default_rng(5)
    quotes = piece(tapes["AIG"], 5000, 15_000)
    times = np.sort(rng.integers(quotes[0].at, quotes[-1].at, 1500))
    orders = [Order(int(at), int(rng.choice([1, -1])), 300.0) for at in times]
    paid = {}
    for realism in Realism:
        taken = run(quotes, orders, volume=VOLUME, realism=realism).orders
        paid[realism] = taken["price"].to_numpy()
    is_filled = np.all([~np.isnan(prices) for prices in paid.values()], axis=0)
    sides = np.array([order.side for order in orders])
    ideal = paid[Realism.IDEAL]
    means = [np.mean((sides * (paid[level] - ideal))[is_filled]) for level in Realism]
    assert is_filled.mean() > 0.8
    assert means[0] == 0.0
    assert means[1] > 0.25
    assert means[3] > means[2] >= means[1]


@pytest.mark.parametrize("queue", list(QueueRule))
def test_no_real_trade_fills_more_than_it_is_large(tapes, queue):
    """Resting orders about the market share each trade; none fills in a halt cut in."""
    rng = np.random.default_rng(9)
    ticks = tapes["AIG"].slice(8000, 6000)
    quotes = piece(tapes["AIG"], 8000, 6000)
    trades = trades_of_ticks(ticks, tick_size=0.01)
    stops = random_halts(quotes, rng)
    orders = [replace(order, ttl=0) for order in random_orders(quotes, rng, 300)]
    frame = order_frame(orders).with_columns(
        pl.col("limit").fill_null(float(quotes[0].bid)),
        (pl.col("decided_ns") + 600 * SECOND).alias("end_ns"),
    )
    halts = pl.DataFrame(stops, schema=HALT_SPANS, orient="row")
    stream = quote_stream(quote_frame(quotes))
    rested = rest_limits(trades, frame, Taking(halts=halts), queue=queue, quotes=stream)
    used: dict[int, float] = defaultdict(float)
    for fill in rested.fills.iter_rows(named=True):
        used[fill["trade_row"]] += fill["qty"]
        assert not any(start <= fill["ts_ns"] < end for start, end, _ in stops)
    assert rested.fills.height > 20
    assert all(qty <= trades["qty"][row] for row, qty in used.items())
