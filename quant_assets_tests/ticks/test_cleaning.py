"""Cleaning: market stays, what is no trade is set aside, and each side has its method."""

import json
from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.instruments import AssetClass
from quant_assets.ticks.cleaning import clean_ticks
from quant_assets.ticks.schema import CLEAN_TICKS
from quant_assets_tests.ticks.rows import instrument, raw_ticks


def cleaned(*rows: dict, **changes):
    """Clean short rows of gold futures."""
    return clean_ticks(raw_ticks(*rows), contract="GCZ13", instrument=instrument(**changes))


ROWS = st.fixed_dictionaries(
    {
        "ts": st.integers(0, 5),
        "price": st.sampled_from([-0.1, 0.0, 99.9, 100.0, 100.05, 100.1, 100.2]),
        "qty": st.sampled_from([0.0, 1.0, 2.5]),
        "bid": st.sampled_from([None, 99.9, 100.0, 100.1]),
        "ask": st.sampled_from([None, 100.0, 100.1, 100.2]),
        "side": st.sampled_from(["buy", "sell", "unknown", "unknown", "unknown"]),
    }
)


def oracle(rows: list[dict]) -> tuple[list[tuple], list[tuple], int]:
    """Return kept (seq, side, method), set aside (seq, rule), and the rows out of order."""
    kept, aside = [], []
    for seq, row in enumerate(rows):
        if row["price"] <= 0:
            aside.append((seq, "non_positive_price"))
        elif row["price"] == 100.05:
            aside.append((seq, "off_tick_grid"))
        else:
            kept.append((row["ts"], seq, row))
    told, last, direction = [], None, None
    for _, seq, row in sorted(kept, key=lambda one: one[:2]):
        moved = direction
        if last is not None and row["price"] != last:
            moved = "buy" if row["price"] > last else "sell"
        told.append((seq, *side_of(row, moved)))
        if row["qty"] > 0:
            last, direction = row["price"], moved
    late = sum(row["ts"] < max(r["ts"] for r in rows[: n + 1]) for n, row in enumerate(rows))
    return told, aside, late


def side_of(row: dict, moved: str | None) -> tuple[str, str]:
    """Return the side of a trade and how it was told."""
    if row["side"] != "unknown":
        return row["side"], "feed"
    bid, ask = row["bid"], row["ask"]
    if bid is not None and ask is not None and bid < ask:
        if row["price"] >= ask:
            return "buy", "quote"
        if row["price"] <= bid:
            return "sell", "quote"
    return (moved, "tick") if moved else ("unknown", "none")


@settings(max_examples=200, deadline=None)
@given(st.lists(ROWS, max_size=20))
def test_cleaning_is_its_definition(rows):
    """Order, sides, methods, rows set aside and disorder are the oracle's; no row is lost."""
    found = cleaned(*rows)
    told, aside, late = oracle(rows)
    assert list(found.frame.select("seq", "side", "side_method").iter_rows()) == told
    places = [int(place.removeprefix("row ")) for place in found.set_aside["place"]]
    assert sorted(zip(places, found.set_aside["rule"], strict=True)) == aside
    assert found.disorder == late
    assert found.sides == Counter(method for _, _, method in told)


@settings(max_examples=50, deadline=None)
@given(st.lists(ROWS, max_size=20), st.integers(0, 5))
def test_no_row_depends_on_a_later_one(rows, cut):
    """What was told up to a time stays the same without all that follows."""
    early = [row for row in rows if row["ts"] <= cut]
    columns = ["ts", "price", "qty", "side", "side_method"]
    whole = cleaned(*rows).frame.filter(pl.col("ts").dt.epoch("ns") % 10**9 <= cut)
    assert cleaned(*early).frame.select(columns).equals(whole.select(columns))


@settings(max_examples=50, deadline=None)
@given(st.lists(ROWS, max_size=12), st.randoms(use_true_random=False))
def test_rows_may_come_in_any_order(rows, random):
    """Time and the place in the source decide, not where a row stands in the frame."""
    ticks = raw_ticks(*rows)
    places = list(range(len(rows)))
    random.shuffle(places)
    straight = clean_ticks(ticks, contract="GCZ13", instrument=instrument())
    mixed = clean_ticks(ticks[places], contract="GCZ13", instrument=instrument())
    assert mixed.frame.equals(straight.frame)
    assert (mixed.disorder, mixed.sides) == (straight.disorder, straight.sides)
    assert sorted(mixed.set_aside.rows()) == sorted(straight.set_aside.rows())


def test_equal_rows_are_market_and_stay():
    """Two fills of one order look the same."""
    assert cleaned({"ts": 1}, {"ts": 1}, {"ts": 1}).frame.height == 3


def test_values_are_kept_and_the_contract_is_added():
    """Cleaning changes nothing but the side; flagged and empty trades stay."""
    rows = raw_ticks({"ts": 2, "outside_hours": True, "qty": 0.0}, {"ts": 5, "bid": 99.9})
    found = clean_ticks(rows, contract="GCZ13", instrument=instrument()).frame
    same = [name for name in rows.columns if name != "side"]
    assert found.select(same).equals(rows.select(same))
    assert found["contract"].to_list() == ["GCZ13", "GCZ13"]
    assert found.columns == CLEAN_TICKS.schema.column_names()


def test_a_symbol_without_contracts_has_none():
    """Equities and pairs."""
    found = clean_ticks(raw_ticks({}), contract=None, instrument=instrument())
    assert found.frame["contract"].to_list() == [None]


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        pytest.param({"tick_size": None}, 100.05, id="no_tick_size_is_known"),
        pytest.param(
            {"asset_class": AssetClass.EQUITY, "tick_size": 0.01},
            100.005,
            id="midpoint_of_equities",
        ),
        pytest.param({"tick_size": 0.05}, 100.05, id="on_the_grid"),
        pytest.param({"tick_size": 0.0000005}, 0.0068605, id="a_tiny_tick"),
        pytest.param({"tick_size": 0.00390625}, 109.12890625, id="a_fraction"),
    ],
)
def test_prices_that_are_market_stay(changes, price):
    """The grid is a rule only where it is known and binding."""
    assert cleaned({"price": price}, **changes).set_aside.is_empty()


def test_what_is_set_aside_can_be_read_again():
    """Its place is the row of the landed table, and its text holds the values."""
    aside = cleaned({}, {"price": 100.05, "qty": 3.0}).set_aside
    assert aside.columns == ["place", "rule", "raw"]
    assert aside["place"].to_list() == ["row 1"]
    values = json.loads(aside["raw"][0])
    assert (values["price"], values["qty"]) == (100_050_000_000, 3.0)


def test_no_ticks_are_no_ticks():
    """An empty session has an empty, typed table."""
    found = cleaned()
    assert found.frame.equals(CLEAN_TICKS.empty())
    assert (found.disorder, found.sides, found.set_aside.height) == (0, {}, 0)
