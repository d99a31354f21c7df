"""Bars and status of stocks, with momentum days and a halt."""

import numpy as np
import polars as pl
import pytest

from quant_assets.market.timeframes import NS_PER_HOUR, NS_PER_SECOND
from quant_assets.synthetic.equities import momentum_sessions, simulate_equity
from quant_assets.synthetic.market import DEMO_MARKET
from quant_assets_tests.synthetic.sessions import SEEDS, SESSIONS

STOCKS = {spec.symbol: spec for spec in DEMO_MARKET.equities}
DAYS = SESSIONS["XNYS"]


@pytest.fixture(scope="module", params=sorted(STOCKS))
def market(request):
    """Give what is recorded of one stock."""
    return simulate_equity(STOCKS[request.param], DAYS, seed=7)


def _daily(bars):
    """Return range and volume by session."""
    return bars.group_by("session", maintain_order=True).agg(
        ((pl.col("high").max() - pl.col("low").min()) / pl.col("open").first()).alias("range"),
        pl.col("volume").sum(),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_two_days_of_momo_have_range_and_volume_of_momentum_days(seed):
    """Above 20 % of the open, on four times the average volume; no other day comes near."""
    daily = _daily(simulate_equity(STOCKS["MOMO"], DAYS, seed=seed).bars)
    average = daily.select(pl.col("volume").cum_sum() / pl.int_range(1, pl.len() + 1)).to_series()
    ratio = daily["volume"] / average.shift(1)
    fast = sorted(momentum_sessions(STOCKS["MOMO"], len(DAYS)))
    assert len(fast) == 2
    assert fast[0] >= 5
    for place in range(len(DAYS)):
        if place in fast:
            assert daily["range"][place] > 0.20
            assert ratio[place] > 4.0
        else:
            assert daily["range"][place] < 0.20


def test_the_quiet_stock_has_no_momentum_day():
    """No day of QSYN moves by a tenth."""
    for seed in SEEDS:
        assert _daily(simulate_equity(STOCKS["QSYN"], DAYS, seed=seed).bars)["range"].max() < 0.10


def test_nothing_trades_while_a_stock_is_paused():
    """One pause of five minutes in MOMO: no bar inside it, trade just before and after."""
    market = simulate_equity(STOCKS["MOMO"], DAYS, seed=7)
    halted = market.status.filter(pl.col("reason") == "LULD_PAUSE")
    assert halted["action"].to_list() == ["PAUSE", "TRADING"]
    assert halted["is_trading"].to_list() == [False, True]
    pause, resumption = halted["ts"].cast(pl.Int64)
    assert resumption - pause == 300 * NS_PER_SECOND
    stamps = market.bars["bar_start"].cast(pl.Int64)
    assert ((stamps >= pause) & (stamps < resumption)).sum() == 0
    assert ((stamps >= pause - 30 * NS_PER_SECOND) & (stamps < pause)).sum() > 0
    assert ((stamps >= resumption) & (stamps < resumption + 30 * NS_PER_SECOND)).sum() > 0


def test_every_day_opens_and_closes_by_its_status(market):
    """Each session has its schedule, in order, on the calendar's instants."""
    for bounds in DAYS:
        day = market.status.filter(pl.col("session") == bounds.session)
        assert day["ts"].is_sorted()
        times = dict(day.filter(pl.col("reason") == "SCHEDULED").select("action", "ts").rows())
        assert list(times) == ["PRE_OPEN", "TRADING", "POST_CLOSE"]
        in_order = day.filter(pl.col("reason") == "SCHEDULED")["ts"].cast(pl.Int64).to_list()
        assert in_order[1:] == [bounds.open_ns, bounds.close_ns]


def test_bars_stand_between_pre_market_and_after_hours(market):
    """From 04:00 to 20:00 New York, one bar a second at most, and some on each side."""
    for bounds in DAYS:
        day = market.bars.filter(pl.col("session") == bounds.session)
        stamps = day["bar_start"].cast(pl.Int64)
        assert (stamps.diff().drop_nulls() >= NS_PER_SECOND).all()
        assert (stamps % NS_PER_SECOND == 0).all()
        assert stamps.min() >= bounds.open_ns - 11 * NS_PER_HOUR // 2
        assert stamps.max() < bounds.close_ns + 4 * NS_PER_HOUR
        assert (stamps < bounds.open_ns).any()
        assert (stamps >= bounds.close_ns).any()


def test_seconds_without_a_trade_have_no_row(market):
    """Bars are sparse: a fraction of the day's 57,600 seconds."""
    per_day = market.bars.group_by("session").len()["len"]
    assert per_day.min() > 1_500
    assert per_day.max() < 12_000


def test_prices_are_whole_cents_and_bars_hold_their_ends(market):
    """Each price is the number nearest to its two decimals."""
    bars = market.bars
    for column in ("open", "high", "low", "close"):
        prices = bars[column].to_numpy()
        # Numpy divides exactly; polars multiplies by the inverse.
        assert (prices == np.rint(prices * 100) / 100).all()
        assert prices.min() >= 0.01
    assert (bars["high"] >= bars.select(pl.max_horizontal("open", "close")).to_series()).all()
    assert (bars["low"] <= bars.select(pl.min_horizontal("open", "close")).to_series()).all()


def test_volumes_are_whole_shares(market):
    """At least one share a bar."""
    volume = market.bars["volume"]
    assert ((volume >= 1) & (volume % 1 == 0)).all()


def test_a_half_day_keeps_its_hours():
    """Everything is relative to the session's own open and close."""
    full = DAYS[0]
    half = type(full)(
        session=full.session,
        start_ns=full.start_ns,
        open_ns=full.open_ns,
        close_ns=full.open_ns + 7 * NS_PER_HOUR // 2,
        next_start_ns=full.next_start_ns,
    )
    market = simulate_equity(STOCKS["QSYN"], [half], seed=7)
    assert market.bars["bar_start"].cast(pl.Int64).max() < half.close_ns + 4 * NS_PER_HOUR
    assert market.status["ts"].cast(pl.Int64)[-1] == half.close_ns
