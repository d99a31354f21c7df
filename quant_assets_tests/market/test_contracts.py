"""Contract codes, their order, and the day on which each kind of contract ends."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.contracts import (
    MONTH_CODES,
    Contract,
    expiry_date,
    is_contract,
    parse_contract,
    root_of,
)
from quant_assets.market.errors import SymbolError
from quant_assets.storage.package_data import load_calendars

roots = st.sampled_from(["ES", "GC", "6E", "M2K", "RTY", "ZN", "CL", "E7", "SR3"])
contracts = st.builds(Contract, root=roots, month=st.integers(1, 12), year=st.integers(1990, 2089))


@pytest.mark.parametrize(
    ("text", "root", "month", "year"),
    [
        ("ESM24", "ES", 6, 2024),
        ("GCZ13", "GC", 12, 2013),
        ("ESH14", "ES", 3, 2014),
        ("6EH24", "6E", 3, 2024),
        ("M2KU25", "M2K", 9, 2025),
        ("CLF99", "CL", 1, 1999),
        ("CLF90", "CL", 1, 1990),
        ("CLF89", "CL", 1, 2089),
    ],
)
def test_a_code_is_read_into_root_month_and_year(text, root, month, year):
    """Two digits of a year mean 1990 to 2089."""
    assert parse_contract(text) == Contract(root, month, year)


@pytest.mark.parametrize(
    ("text", "listed_on", "code"),
    [
        pytest.param("ESH1", date(2020, 12, 28), "ESH21", id="next_year"),
        pytest.param("ESM3", date(2023, 4, 2), "ESM23", id="this_year"),
        pytest.param("ESM3", date(2023, 6, 30), "ESM23", id="month_not_over"),
        pytest.param("ESM3", date(2023, 7, 1), "ESM33", id="month_is_over"),
        pytest.param("ESZ9", date(2020, 1, 2), "ESZ29", id="nine_years_ahead"),
        pytest.param("ESZ0", date(2019, 12, 31), "ESZ20", id="new_decade"),
        pytest.param("ESZ13", date(2024, 1, 1), "ESZ13", id="two_digits_need_no_date"),
    ],
)
def test_one_digit_of_a_year_is_the_next_such_year(text, listed_on, code):
    """The contract month must not be over on the date at which it was listed."""
    assert parse_contract(text, reference=listed_on).code == code


@given(contracts)
def test_reading_a_code_undoes_writing_it(contract):
    """Code and contract are two forms of one thing."""
    assert parse_contract(contract.code) == contract


@given(contracts, st.data())
def test_one_digit_is_enough_on_any_day_of_the_last_nine_years(contract, data):
    """A contract is found again from one digit on each date of the years before it ends."""
    earlier = data.draw(st.dates(date(contract.year - 9, 1, 1), date(contract.year, 1, 1)))
    short = f"{contract.root}{contract.month_code}{contract.year % 10}"
    assert parse_contract(short, reference=earlier) == contract


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ES",
        "ESA24",
        "ESM",
        "ESM245",
        "esm24",
        "ESM24 ",
        "ESM24\n",
        "1H24",
        "LONGRH24",
        "EURUSD",
    ],
)
def test_what_is_no_code_is_refused(text):
    """Only a root, a month letter and one or two digits make a code."""
    assert not is_contract(text)
    with pytest.raises(SymbolError):
        parse_contract(text)


def test_one_digit_without_a_date_is_refused():
    """One digit returns every ten years, and the message says so."""
    with pytest.raises(SymbolError, match="every ten years"):
        parse_contract("ESH1")


def test_the_root_needs_no_year():
    """The root is read also where the year is one digit."""
    assert [root_of(text) for text in ("ESH1", "6EZ24", "GCX13")] == ["ES", "6E", "GC"]


def test_contracts_are_ordered_by_expiry():
    """Sorting follows the calendar, not the alphabet of month letters or two-digit years."""
    codes = ["ESH14", "ESZ13", "ESU00", "ESZ99", "ESM14"]
    ordered = sorted(parse_contract(code) for code in codes)
    assert [contract.code for contract in ordered] == ["ESZ99", "ESU00", "ESZ13", "ESH14", "ESM14"]


@given(contracts, contracts)
def test_of_one_root_the_earlier_contract_expires_first(one, other):
    """The order of contracts is the order of their last trading days."""
    other = Contract(one.root, other.month, other.year)
    assert (one < other) == (expiry_date(one) < expiry_date(other))


@pytest.mark.parametrize(
    ("code", "last_day"),
    [
        pytest.param("ESZ13", "2013-12-20", id="third_friday"),
        pytest.param("ESH14", "2014-03-21", id="third_friday_of_march"),
        pytest.param("MNQM24", "2024-06-21", id="micro_third_friday"),
        pytest.param("ESH08", "2008-03-20", id="third_friday_is_good_friday"),
        pytest.param("GCZ13", "2013-12-27", id="metals_third_last_business_day"),
        pytest.param("GCX13", "2013-11-26", id="metals_with_thanksgiving"),
        pytest.param("GCV13", "2013-10-29", id="metals_october"),
        pytest.param("SIK24", "2024-05-29", id="metals_with_memorial_day"),
        pytest.param("CLM24", "2024-05-21", id="oil_three_days_before_the_25th_on_a_weekend"),
        pytest.param("CLZ13", "2013-11-20", id="oil_three_days_before_a_business_25th"),
        pytest.param("MCLM24", "2024-05-20", id="micro_oil_a_day_earlier"),
        pytest.param("NGX13", "2013-10-29", id="gas_third_last_of_the_month_before"),
        pytest.param("6EZ13", "2013-12-16", id="euro_two_days_before_third_wednesday"),
        pytest.param("6CZ13", "2013-12-17", id="canada_one_day_before_third_wednesday"),
        pytest.param("ZNZ13", "2013-12-19", id="notes_eighth_last_business_day"),
        pytest.param("ZFZ13", "2013-12-31", id="five_years_last_business_day"),
        pytest.param("ZCZ13", "2013-12-13", id="corn_before_the_15th"),
    ],
)
def test_contracts_end_on_the_day_that_their_rule_names(code, last_day):
    """Last trading days, worked out from the rule books and a wall calendar."""
    found = expiry_date(parse_contract(code), business_days=load_calendars()["XNYS"])
    assert found == date.fromisoformat(last_day)


def test_without_a_calendar_holidays_are_business_days():
    """Good Friday counts where nobody says that it is a holiday."""
    assert expiry_date(Contract("ES", 3, 2008)) == date(2008, 3, 21)


def test_beyond_the_calendar_monday_to_friday_count():
    """A contract that ends after the last baked session still gets a date."""
    found = expiry_date(Contract("GC", 12, 2040), business_days=load_calendars()["XNYS"])
    assert found == date(2040, 12, 27)


def test_month_letters_stand_for_the_twelve_months():
    """F is January, Z is December, no letter twice."""
    assert (MONTH_CODES[0], MONTH_CODES[5], MONTH_CODES[11]) == ("F", "M", "Z")
    assert len(set(MONTH_CODES)) == 12
