"""Bars from ticks: nothing is lost, nothing invented, and each bar is its definition."""

import math
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.bars.build import bars_from_ticks
from quant_assets.bars.schema import BARS
from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.errors import InputError, TimeframeError
from quant_assets.market.timeframes import NS_PER_MINUTE, NS_PER_SECOND, Timeframe
from quant_assets_tests.ticks.rows import SESSION, SESSION_NS, clean, fixed

MINUTE = Timeframe.parse("1m")

TRADES = st.lists(
    st.fixed_dictionaries(
        {
            "ts": st.integers(-7200, 80_000).map(lambda s: s * NS_PER_SECOND),
            "price": st.sampled_from([99.9, 100.0, 100.1, 100.7]),
            "qty": st.sampled_from([0.0, 1.0, 2.5, 0.1, 0.7]),
            "side": st.sampled_from(["buy", "sell", "unknown"]),
            "bid": st.sampled_from([None, 99.8, 100.0]),
            "ask": st.sampled_from([None, 100.2]),
        }
    ),
    max_size=40,
).map(lambda rows: sorted(rows, key=lambda row: row["ts"]))


def oracle(rows: list[dict], width_ns: int, *, is_daily: bool) -> list[dict]:
    """Return bars trade by trade, from their definition."""
    buckets = defaultdict(list)
    for row in rows:
        if row["qty"] > 0:
            ts = SESSION_NS + row["ts"]
            buckets[SESSION_NS if is_daily else ts - ts % width_ns].append(row)
    bars = []
    for start, trades in sorted(buckets.items()):
        prices = [fixed(trade["price"]) / 1e9 for trade in trades]
        volume, turnover, sides = 0.0, 0.0, {"buy": 0.0, "sell": 0.0, "unknown": 0.0}
        for price, trade in zip(prices, trades, strict=True):
            volume += trade["qty"]
            turnover += price * trade["qty"]
            sides[trade["side"]] += trade["qty"]
        bars.append(
            {
                "session": SESSION,
                "start_ns": start,
                "contract": "GCZ13",
                "open": prices[0],
                "high": max(prices),
                "low": min(prices),
                "close": prices[-1],
                "volume": volume,
                "trades": len(trades),
                "buy_volume": sides["buy"],
                "sell_volume": sides["sell"],
                "vwap": min(max(turnover / volume, min(prices)), max(prices)),
                "bid_close": trades[-1]["bid"],
                "ask_close": trades[-1]["ask"],
            }
        )
    return bars


@settings(max_examples=150, deadline=None)
@given(TRADES, st.sampled_from(["1s", "1m", "15m", "1h", "4h", "1d"]))
def test_bars_are_their_definition(rows, name):
    """Every column, to the bit; sums run in row order."""
    timeframe = Timeframe.parse(name)
    found = bars_from_ticks(clean(*rows), timeframe=timeframe)
    expected = oracle(rows, timeframe.ns, is_daily=timeframe.is_daily)
    plain = found.with_columns(start_ns=pl.col("bar_start").dt.epoch("ns")).drop("bar_start")
    assert plain.select(expected[0].keys() if expected else []).to_dicts() == expected
    assert found.columns == BARS.schema.column_names()


@settings(max_examples=100, deadline=None)
@given(TRADES, st.sampled_from(["1s", "1m", "4h", "1d"]))
def test_no_width_loses_or_invents_volume(rows, name):
    """Whatever the width, the bars hold the trades' quantity, and their count."""
    bars = bars_from_ticks(clean(*rows), timeframe=Timeframe.parse(name))
    traded = [row["qty"] for row in rows if row["qty"] > 0]
    assert math.isclose(math.fsum(bars["volume"]), math.fsum(traded), rel_tol=1e-12)
    assert sum(bars["trades"]) == len(traded)
    sides = bars["buy_volume"] + bars["sell_volume"]
    assert (sides <= bars["volume"] * (1 + 1e-12)).all()


@settings(max_examples=50, deadline=None)
@given(TRADES, st.integers(0, 40))
def test_no_bar_depends_on_a_later_trade(rows, count):
    """The bars that ended before a trade are the same without it and all after it."""
    whole = bars_from_ticks(clean(*rows), timeframe=MINUTE)
    early = rows[:count]
    cut_ns = SESSION_NS + (rows[count]["ts"] if count < len(rows) else 90_000 * NS_PER_SECOND)
    ended = pl.col("bar_start").dt.epoch("ns") + NS_PER_MINUTE <= cut_ns
    assert (
        bars_from_ticks(clean(*early), timeframe=MINUTE).filter(ended).equals(whole.filter(ended))
    )


def test_a_trade_of_nothing_makes_no_price_no_trade_and_no_bar():
    """Spread legs come with quantity zero, at prices of another market."""
    legs = [{"ts": 0, "price": 150.0, "qty": 0.0}, {"ts": NS_PER_MINUTE, "price": 50.0, "qty": 0.0}]
    bars = bars_from_ticks(clean(legs[0], {"ts": 1, "price": 100.0}, legs[1]), timeframe=MINUTE)
    assert bars.height == 1
    assert bars.select("open", "high", "low", "close", "trades").row(0) == (100, 100, 100, 100, 1)
    assert bars_from_ticks(clean(*legs), timeframe=MINUTE).equals(BARS.empty())


def test_a_bar_is_half_open_and_labelled_left():
    """A trade at the full minute belongs to the bar that starts there."""
    bars = bars_from_ticks(
        clean({"ts": NS_PER_MINUTE - 1}, {"ts": NS_PER_MINUTE}), timeframe=MINUTE
    )
    starts = (bars["bar_start"].dt.epoch("ns") - SESSION_NS).to_list()
    assert starts == [0, NS_PER_MINUTE]


def test_a_days_bar_starts_at_its_sessions_midnight():
    """Also where the session started the evening before."""
    bars = bars_from_ticks(
        clean({"ts": -NS_PER_MINUTE}, {"ts": 5}), timeframe=Timeframe.parse("1d")
    )
    assert bars["bar_start"].dt.epoch("ns").to_list() == [SESSION_NS]
    assert bars["trades"].to_list() == [2]


def test_trades_of_an_unknown_side_count_in_volume_alone():
    """They neither bought nor sold."""
    rows = [{"qty": 1.0, "side": "buy"}, {"qty": 2.0, "side": "sell"}, {"qty": 4.0}]
    bars = bars_from_ticks(clean(*rows), timeframe=MINUTE)
    assert bars.select("volume", "buy_volume", "sell_volume").row(0) == (7.0, 1.0, 2.0)


def test_an_average_of_equal_prices_is_that_price():
    """Rounding never moves the average out of the bar."""
    rows = [{"price": 100.1, "qty": q} for q in (0.1, 0.7, 0.1, 2.5, 0.7, 0.1)]
    bars = bars_from_ticks(clean(*rows), timeframe=MINUTE)
    assert bars["vwap"].to_list() == [100.1]


def test_trades_out_of_order_are_refused():
    """They would tear a bar into two."""
    ticks = clean({"ts": 0}, {"ts": 5}).reverse()
    with pytest.raises(InputError, match="time order"):
        bars_from_ticks(ticks, timeframe=MINUTE)


def test_a_width_that_does_not_divide_a_day_is_refused():
    """Midnight could not anchor it."""
    with pytest.raises(TimeframeError, match="7s"):
        bars_from_ticks(clean({}), timeframe=Timeframe.parse("7s"))


def ticks_of(trades: pl.DataFrame) -> pl.DataFrame:
    """Return a file's trades in the columns that bars are built from; each price to 1e-9."""
    ts = pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))
    nothing = pl.lit(None, dtype=pl.Int64)
    return trades.select(
        session=ts.dt.date(),
        ts=ts,
        price=(pl.col("price") * PRICE_SCALE).round().cast(pl.Int64),
        qty="amount",
        side="side",
        bid=nothing,
        ask=nothing,
        contract=pl.lit(None, dtype=pl.String),
    )


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("BTCUSDT-perp-20240808", "1m"),
        ("BTCUSD_PERP-coinm-20240808", "30s"),
        ("XRPETH-201910", "15m"),
    ],
)
def test_real_trades_give_the_expected_bars(shared_data: Path, name: str, width: str):
    """Prices, volumes by side and counts, as computed with exact decimals."""
    folder = shared_data / "orderflow"
    trades = pl.read_parquet(folder / f"{name}.trades.parquet")
    if trades.schema["timestamp"] == pl.Int64:
        stamps = pl.col("timestamp").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
        trades = trades.with_columns(timestamp=stamps)
    expected = pl.read_csv(folder / f"{name}.expected_bars.csv")
    bars = bars_from_ticks(ticks_of(trades), timeframe=Timeframe.parse(width))
    starts = expected["bar_start_utc"].str.to_datetime(time_unit="ns", time_zone="UTC")
    assert bars["bar_start"].to_list() == starts.to_list()
    assert bars["trades"].to_list() == expected["trades"].to_list()
    for column in ("open", "high", "low", "close"):
        assert bars[column].to_list() == expected[column].cast(pl.Float64).to_list()
    sides = {"volume": "volume", "buy_volume": "ask_volume", "sell_volume": "bid_volume"}
    for ours, theirs in sides.items():
        assert bars[ours].to_list() == pytest.approx(expected[theirs].to_list(), rel=1e-12)
