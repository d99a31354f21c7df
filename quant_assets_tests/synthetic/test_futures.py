"""Trades of futures roots."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from quant_assets.market.timeframes import NS_PER_HOUR
from quant_assets.storage.package_data import load_calendars
from quant_assets.synthetic.futures import listed_contracts, simulate_future, volume_shares
from quant_assets.synthetic.market import DEMO_MARKET
from quant_assets_tests.synthetic.sessions import SEEDS, SESSIONS

ROOTS = {spec.root: spec for spec in DEMO_MARKET.futures}


@pytest.fixture(scope="module", params=sorted(ROOTS))
def spec(request):
    """Give each root of the demo."""
    return ROOTS[request.param]


@pytest.fixture(scope="module")
def trades(spec):
    """Trades of one root, by contract."""
    return simulate_future(spec, SESSIONS[spec.calendar], seed=7)


def _leaders(spec, trades):
    """Return the contract with the most volume, by session."""
    calendar = load_calendars()[spec.calendar]
    volumes = pl.concat(
        frame.select(
            pl.lit(code).alias("contract"),
            pl.Series("session", calendar.assign(frame["ts"].cast(pl.Int64).to_numpy())),
            "qty",
        )
        for code, frame in trades.items()
    )
    return (
        volumes.group_by("session", "contract")
        .agg(pl.col("qty").sum())
        .sort("qty")
        .group_by("session")
        .agg(pl.col("contract").last())
        .sort("session")
    )


def test_the_demo_trades_three_contracts_that_are_alive_to_its_end():
    """The nearest expiry is the last session or later."""
    assert [c.code for c in listed_contracts(ROOTS["ES"], date(2024, 3, 15))] == [
        "ESH24",
        "ESM24",
        "ESU24",
    ]
    assert [c.code for c in listed_contracts(ROOTS["GC"], date(2024, 3, 15))] == [
        "GCJ24",
        "GCM24",
        "GCQ24",
    ]
    assert listed_contracts(ROOTS["ES"], date(2024, 3, 18))[0].code == "ESM24"


def test_the_leader_in_volume_changes_once_and_inside_the_window(spec):
    """Whatever the seed, the second contract takes over for good after some sessions."""
    sessions = SESSIONS[spec.calendar]
    for seed in SEEDS:
        leaders = _leaders(spec, simulate_future(spec, sessions, seed=seed))["contract"].to_list()
        front, back, _ = (c.code for c in listed_contracts(spec, sessions[-1].session))
        n_front = leaders.count(front)
        assert 3 <= n_front <= 7
        assert leaders == [front] * n_front + [back] * (len(sessions) - n_front)


def test_the_shares_of_the_volume_add_up(spec):
    """Every session's shares sum to 1, and none is negative."""
    for n_sessions in (1, 2, 10, 60):
        shares = volume_shares(spec, n_sessions)
        assert shares.sum(axis=1) == pytest.approx(np.ones(n_sessions))
        assert (shares > 0).all()


def test_the_bid_is_below_the_ask_and_every_trade_is_at_one_of_them(trades):
    """The book never locks or crosses, and no trade stands outside it."""
    for frame in trades.values():
        assert (frame["bid"] < frame["ask"]).all()
        assert ((frame["price"] == frame["bid"]) | (frame["price"] == frame["ask"])).all()


def test_prices_stand_on_the_tick_grid_and_the_book_is_mostly_one_tick_wide(spec, trades):
    """Every price is a whole number of ticks; the liquid contracts quote one tick."""
    for frame in trades.values():
        for column in ("price", "bid", "ask"):
            assert (frame[column] % spec.tick_units == 0).all()
        assert (frame[column] > 0).all()
    busiest = max(trades.values(), key=len)
    assert ((busiest["ask"] - busiest["bid"]) == spec.tick_units).mean() > 0.85


def test_stamps_are_in_order_and_inside_the_session_hours(spec, trades):
    """No trade stands where the calendar says that the market is closed."""
    calendar = load_calendars()[spec.calendar]
    for frame in trades.values():
        stamps = frame["ts"].cast(pl.Int64).to_numpy()
        assert (np.diff(stamps) >= 0).all()
        assert not calendar.outside_hours(stamps).any()


def test_the_front_contract_has_thousands_of_trades_a_session(spec, trades):
    """Seven to eight thousand before the roll: enough to look real, few enough to be fast."""
    front = next(iter(trades.values()))
    end = SESSIONS[spec.calendar][0].close_ns
    assert 6_000 <= (front["ts"].cast(pl.Int64) < end).sum() <= 8_500


def test_a_buyer_follows_a_buyer_more_often_than_not(trades):
    """Aggressors come in runs."""
    buys = max(trades.values(), key=len).select(pl.col("price") == pl.col("ask")).to_series()
    assert (buys == buys.shift(1)).mean() == pytest.approx(0.72, abs=0.02)


def test_a_buyer_moves_the_book_up_and_a_seller_down(spec, trades):
    """The book of a row stands before its trade; the next one shows what the trade did."""
    busiest = max(trades.values(), key=len)
    moves = busiest.select(
        is_buy=pl.col("price") == pl.col("ask"),
        move=(pl.col("bid").shift(-1) - pl.col("bid")) / spec.tick_units,
    ).drop_nulls()
    assert moves.filter("is_buy")["move"].mean() > 0.05
    assert moves.filter(~pl.col("is_buy"))["move"].mean() < -0.05


def test_sizes_are_whole_and_above_zero(trades):
    """Nobody trades half a contract."""
    for frame in trades.values():
        for column in ("qty", "bid_qty", "ask_qty"):
            assert ((frame[column] >= 1) & (frame[column] % 1 == 0)).all()


def test_an_expiring_contract_stops_before_the_close_of_its_last_day():
    """ESH24 trades last at 08:30 Chicago on 2024-03-15, its third Friday."""
    sessions = SESSIONS["CME_EQUITY"]
    trades = simulate_future(ROOTS["ES"], sessions, seed=7)
    last_ns = trades["ESH24"]["ts"].cast(pl.Int64).max()
    end_ns = sessions[-1].close_ns - 15 * NS_PER_HOUR // 2
    assert sessions[-1].open_ns < last_ns < end_ns
    assert trades["ESM24"]["ts"].cast(pl.Int64).max() > end_ns


def test_a_later_contract_costs_more():
    """The roll leaves a gap, as carry does."""
    trades = simulate_future(ROOTS["GC"], SESSIONS["CME_METALS"], seed=7)
    means = [frame["price"].head(10).mean() for frame in trades.values()]
    assert means == sorted(means)
    assert means[1] / means[0] == pytest.approx(1.009, abs=0.004)


def test_the_past_does_not_depend_on_how_long_the_market_goes_on():
    """With the same roll, prices of a session are the same whatever follows it."""
    sessions = SESSIONS["CME_EQUITY"]
    whole = simulate_future(ROOTS["ES"], sessions, seed=7)["ESU24"]
    part = simulate_future(ROOTS["ES"], sessions[:-1], seed=7)["ESU24"]
    first = pl.col("ts").cast(pl.Int64) < sessions[0].close_ns
    assert whole.filter(first).equals(part.filter(first))
