"""Row rules of landed trades: what cannot be landed, and by which name."""

import math

import polars as pl
import pytest

from quant_assets.ticks.rules import TICK_RULES, judge_ticks
from quant_assets_tests.ticks.rows import raw_ticks

NULL = pl.lit(None)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("ts", NULL, "missing_stamp"),
        ("price", NULL, "missing_price"),
        ("qty", NULL, "missing_quantity"),
        ("qty", pl.lit(math.nan), "not_a_number"),
        ("qty", pl.lit(math.inf), "infinite_value"),
        ("qty", pl.lit(-1.0), "negative_quantity"),
        ("qty", pl.lit(2.0**53 + 2), "quantity_out_of_range"),
        ("bid_qty", pl.lit(math.nan), "not_a_number"),
        ("ask_qty", pl.lit(-math.inf), "infinite_value"),
    ],
)
def test_a_trade_that_cannot_be_landed_is_told_by_rule(column, value, rule):
    """The bad row goes with its rule, the good one stays as it was."""
    rows = raw_ticks({}, {}).with_columns(
        pl.when(pl.col("seq") == 1).then(value).otherwise(pl.col(column)).alias(column)
    )
    good, bad = judge_ticks(rows)
    assert good.equals(rows[:1])
    assert bad["rule"].to_list() == [rule]
    assert bad.drop("rule").equals(rows[1:], null_equal=True)


@pytest.mark.parametrize(
    "row",
    [{"price": -37.63}, {"price": 0.0}, {"qty": 0.0}, {"qty": 2.0**53}, {"bid": 9.0, "ask": 8.0}],
)
def test_odd_but_possible_trades_are_landed(row):
    """Crude oil traded below zero; whether a price is usable is decided by cleaning."""
    good, bad = judge_ticks(raw_ticks(row))
    assert (good.height, bad.height) == (1, 0)


def test_the_first_rule_names_a_row_that_breaks_several():
    """Each bad row is counted once."""
    rows = raw_ticks({"qty": -1.0}).with_columns(price=pl.lit(None, dtype=pl.Int64))
    _, bad = judge_ticks(rows)
    assert bad["rule"].to_list() == ["missing_price"]


def test_a_frame_without_sizes_of_quotes_is_judged():
    """Feeds without quotes have no such columns."""
    rows = raw_ticks({}, {"qty": -1.0}).drop("bid_qty", "ask_qty")
    good, bad = judge_ticks(rows)
    assert (good.height, bad["rule"].to_list()) == (1, ["negative_quantity"])


def test_no_rows_are_no_rows():
    """An empty batch gives two empty frames, the bad one with its rule column."""
    good, bad = judge_ticks(raw_ticks())
    assert (good.height, bad.height) == (0, 0)
    assert bad.columns == [*good.columns, "rule"]
    assert bad.schema["rule"] == pl.String


def test_rule_names_are_words():
    """They become counts in reports and values in tables."""
    assert all(name.replace("_", "").isalpha() and name.islower() for name in TICK_RULES)
