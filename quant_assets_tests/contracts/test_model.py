"""Objects and flat rows hold the same; totals are the last bar's running context."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings

from quant_assets.contracts.flatten import flatten_session
from quant_assets.contracts.model import Contract, Day
from quant_assets.contracts.objects import FLAT_TYPES, day_of, day_of_flat, flat_of
from quant_assets.market.errors import InputError
from quant_assets.market.periods import week_of
from quant_assets_tests.contracts.days import HEAD, contracts, plain_bar, plain_day
from quant_assets_tests.contracts.markets import (
    MINUTE,
    NEXT_START_NS,
    footprint_of,
    levels_of,
    order_flow_of,
    session_bars,
)

SESSION = date(2013, 10, 7)


@settings(max_examples=60)
@given(contracts())
def test_a_day_comes_back_from_its_flat_rows(contract):
    """Whatever a day holds, its rows hold it too, bit by bit."""
    for day in contract.days:
        flat = flat_of(day, contract=contract.head.contract)
        assert dict(flat.schema) == FLAT_TYPES
        assert repr(day_of_flat(flat)) == repr(day)


def test_a_day_of_the_lake_holds_the_rows_of_its_tables():
    """Each figure of the flat table and of the footprint stands in its own bar."""
    bars = session_bars(SESSION, 20, seed=4)
    flat = flatten_session(
        bars,
        timeframe=MINUTE,
        next_start_ns=NEXT_START_NS,
        order_flow=order_flow_of(bars, seed=4),
        levels=levels_of(bars, seed=4),
    )
    footprint = footprint_of(bars, seed=4)
    day = day_of(flat, footprint)
    assert day.session == SESSION
    assert sum(len(bar.footprint) for bar in day.bars) == footprint.height
    for bar, row in zip(day.bars, flat.iter_rows(named=True), strict=True):
        assert (bar.prices.close, bar.atr) == (row["close"], row["atr"])
        assert bar.order_flow.absorption == row["absorption"]
        assert bar.levels["week_vwap"].dist_ticks == row["week_vwap_dist_ticks"]
        assert (bar.week.high, bar.contract.bars) == (row["week_high"], row["contract_bars"])
        own = footprint.filter(pl.col("bar_start") == row["bar_start"])
        assert [row.price for row in bar.footprint] == own["price"].to_list()
    assert day.totals.bars == 20
    assert day.totals.high == bars["high"].max()


def test_days_are_put_into_their_weeks_and_totals_are_the_last_bars():
    """Weeks are ISO weeks; a total is what was known at the end."""
    contract = Contract.of(HEAD, [plain_day(number) for number in range(0, 30, 3)])
    for week in contract.weeks:
        assert {week_of(day.session) for day in week.days} == {(week.year, week.week)}
        assert week.totals is week.days[-1].bars[-1].week
    assert len(contract.weeks) == 5
    assert contract.totals is contract.weeks[-1].days[-1].bars[-1].contract
    assert Contract.of(HEAD, []).totals is None
    told = (contract.symbol, contract.name, contract.timeframe, contract.bucket)
    assert told == ("GC", "GCZ13", "1m", "0.1")


@pytest.mark.parametrize(
    ("days", "says"),
    [
        pytest.param([plain_day(1), plain_day(1)], "does not lie behind", id="a_day_twice"),
        pytest.param([plain_day(2), plain_day(1)], "does not lie behind", id="days_turned"),
        pytest.param([Day(SESSION, 1, ())], "it has no bar", id="a_day_without_bars"),
        pytest.param(
            [Day(SESSION, 1, (plain_bar(5), plain_bar(5)))], "do not ascend", id="a_bar_twice"
        ),
    ],
)
def test_days_out_of_order_are_refused(days, says):
    """Each session once, ascending, with bars that ascend."""
    with pytest.raises(InputError, match=says):
        Contract.of(HEAD, days)


def test_a_bar_of_nanoseconds_keeps_them():
    """No stamp passes through a type that has microseconds only."""
    day = Day(SESSION, 1, (plain_bar(1_381_000_000_000_000_001),))
    flat = flat_of(day, contract=None)
    assert flat["known_at"].to_physical().item() == 1_381_000_060_000_000_001
    assert flat["known_at"].item() - flat["bar_start"].item() == timedelta(minutes=1)
    assert day_of_flat(flat) == day
