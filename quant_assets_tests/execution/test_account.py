"""An account: nothing is lost to the billionth, and what it cannot carry is refused."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.execution.account import NANOS, Account, ShortRule
from quant_assets.execution.reasons import Reason
from quant_assets_tests.execution.test_fills import instrument

SHARE = instrument(symbol="AIG", multiplier=1.0, qty_step=1.0)
COIN = instrument(symbol="BTCUSD", multiplier=1.0, qty_step=0.001)
FUTURE = instrument(symbol="ES", multiplier=50.0, qty_step=1.0)
BOOK = {one.symbol: one for one in (SHARE, COIN, FUTURE)}

fills = st.tuples(
    st.sampled_from(list(BOOK)),
    st.sampled_from([1, -1]),
    st.integers(1, 10_000),
    st.floats(-50.0, 1e5),
    st.floats(0.0, 100.0),
)


@settings(max_examples=60)
@given(st.lists(fills, max_size=30), st.floats(1.0, 1e7))
def test_cash_and_positions_are_conserved(booked, capital):
    """What left the cash is what each fill and fee cost, to the billionth; sizes are exact."""
    account = Account.opened(capital, short=ShortRule.EASY)
    cash, held = round(Fraction(capital) * 10**9), dict.fromkeys(BOOK, 0)
    for symbol, side, steps, price, fees in booked:
        qty = steps * BOOK[symbol].qty_step
        paid = account.book(BOOK[symbol], side=side, qty=qty, price=price, fees=fees)
        size = steps * Fraction(BOOK[symbol].qty_step) * Fraction(BOOK[symbol].multiplier)
        cost = round(side * size * Fraction(price) * 10**9)
        cost += round(Fraction(fees) * 10**9)
        assert paid == cost
        cash, held[symbol] = cash - cost, held[symbol] + side * steps
    assert account.cash == cash
    for symbol, steps in held.items():
        assert account.position(symbol) == float(steps * Fraction(BOOK[symbol].qty_step))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 500), st.floats(1.0, 1e4)), min_size=1, max_size=10))
def test_a_round_trip_at_one_price_costs_its_fees_alone(parts):
    """Bought in parts and sold back at the same prices, all cash but the fees is there again."""
    account = Account.opened(1e6, short=ShortRule.NONE)
    for side in (1, -1):
        for steps, price in parts:
            account.book(FUTURE, side=side, qty=steps, price=price, fees=0.25)
    assert account.position("ES") == 0.0
    assert account.cash == 10**15 - 2 * len(parts) * 250_000_000
    assert account.equity() == account.cash / NANOS


def refuse(account, one=SHARE, side=1, qty=1.0, price=100.0, **more):
    """Return why an order is refused."""
    return account.refusal(one, side=side, qty=qty, price=price, **more)


@pytest.mark.parametrize(
    ("qty", "price", "expected"),
    [
        (0.0, 100.0, Reason.BAD_SIZE),
        (-1.0, 100.0, Reason.BAD_SIZE),
        (0.5, 100.0, Reason.BAD_SIZE),
        (math.nan, 100.0, Reason.BAD_SIZE),
        (math.inf, 100.0, Reason.BAD_SIZE),
        (1.0, math.nan, Reason.BAD_PRICE),
        (1.0, math.inf, Reason.BAD_PRICE),
        (10.0, 100.0, None),
        (11.0, 100.0, Reason.BUYING_POWER),
    ],
)
def test_an_order_is_refused_by_rule(qty, price, expected):
    """Of an account of 1000 without leverage."""
    assert refuse(Account.opened(1000.0, short=ShortRule.EASY), qty=qty, price=price) is expected


def test_a_size_of_decimal_steps_is_one():
    """0.1 + 0.2 is 300 steps of 0.001, though floats say otherwise."""
    account = Account.opened(1e6, short=ShortRule.EASY)
    assert refuse(account, COIN, qty=0.1 + 0.2) is None
    assert refuse(account, COIN, qty=0.0005) is Reason.BAD_SIZE


def test_nobody_lends_where_the_rule_is_none():
    """What is held may be sold, and not a share more."""
    account = Account.opened(1000.0, short=ShortRule.NONE)
    assert refuse(account, side=-1) is Reason.NO_BORROW
    account.book(SHARE, side=1, qty=5, price=100.0)
    assert refuse(account, side=-1, qty=5.0) is None
    assert refuse(account, side=-1, qty=6.0) is Reason.NO_BORROW


def test_a_restricted_short_sale_must_stand_above_the_bid():
    """Sales of what is held are free."""
    account = Account.opened(1000.0, short=ShortRule.EASY)
    rule = {"is_short_restricted": True, "side": -1}
    assert refuse(account, bid=100.0, **rule) is Reason.SHORT_RESTRICTED
    assert refuse(account, **rule) is Reason.SHORT_RESTRICTED
    assert refuse(account, bid=99.99, **rule) is None
    account.book(SHARE, side=1, qty=1, price=100.0)
    assert refuse(account, bid=100.0, **rule) is None


def test_what_is_made_smaller_is_never_refused():
    """Also where all is lost; turned over it is."""
    account = Account.opened(1000.0, short=ShortRule.EASY)
    account.book(SHARE, side=1, qty=10, price=100.0)
    account.book(SHARE, side=1, qty=90, price=100.0, fees=5000.0)
    assert account.equity({"AIG": 50.0}) < 0.0
    assert refuse(account, side=-1, qty=100.0, price=50.0) is None
    assert refuse(account, side=-1, qty=101.0, price=50.0) is Reason.BUYING_POWER


def test_buying_power_counts_all_positions_at_their_marks():
    """A short of one and a long of another add up."""
    account = Account.opened(1000.0, max_leverage=2.0, short=ShortRule.EASY)
    account.book(SHARE, side=-1, qty=10, price=100.0)
    assert refuse(account, COIN, qty=10.0, price=100.0) is None
    assert refuse(account, COIN, qty=10.001, price=100.0) is Reason.BUYING_POWER
    # At 110 the short has lost 100 and is worth 1100 of 2 x 900.
    marks = {"AIG": 110.0}
    assert account.equity(marks) == 900.0
    assert refuse(account, COIN, qty=7.0, price=100.0, marks=marks) is None
    assert refuse(account, COIN, qty=7.001, price=100.0, marks=marks) is Reason.BUYING_POWER


def test_borrowing_costs_its_yearly_rate():
    """Of shorts alone: 30 basis points of the worth a year."""
    account = Account.opened(10_000.0, short=ShortRule.EASY)
    assert account.pay_borrowing("AIG", seconds=1.0, price=100.0) == 0
    account.book(SHARE, side=-1, qty=10, price=100.0)
    year = 365 * 86_400
    assert account.pay_borrowing("AIG", seconds=year, price=100.0) == 3 * NANOS
    assert account.equity() == 9_997.0
    account.book(SHARE, side=1, qty=20, price=100.0)
    assert account.pay_borrowing("AIG", seconds=year, price=100.0) == 0
