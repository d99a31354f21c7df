"""Row rules of landed bars: what is no bar, and by which name."""

import math

import polars as pl
import pytest

from quant_assets.bars.rules import BAR_RULES, judge_bars

GOOD = {"bar_start": 0, "open": 2.0, "high": 3.0, "low": 1.0, "close": 2.5, "volume": 7.0}
TYPES = dict.fromkeys(GOOD, pl.Float64) | {"bar_start": pl.Datetime("ns", "UTC")}


def bars(*changes: dict) -> pl.DataFrame:
    """Return bars that differ from a good one as named."""
    rows = [GOOD | change for change in changes]
    names = {name: TYPES.get(name, pl.Float64) for row in rows for name in row}
    physical = names | {"bar_start": pl.Int64}
    return pl.DataFrame(rows, schema=physical).cast({"bar_start": TYPES["bar_start"]})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"bar_start": None}, "missing_stamp"),
        *[({name: None}, "missing_value") for name in ("open", "high", "low", "close", "volume")],
        *[
            ({name: math.nan}, "not_a_number")
            for name in ("open", "high", "low", "close", "volume")
        ],
        ({"high": math.inf}, "infinite_value"),
        ({"volume": math.inf}, "infinite_value"),
        ({"low": -math.inf}, "infinite_value"),
        ({"low": 0.0}, "non_positive_price"),
        ({"open": -1.0}, "non_positive_price"),
        ({"volume": -1.0}, "negative_volume"),
        ({"high": 0.5}, "high_below_low"),
        ({"open": 3.1}, "open_or_close_outside_range"),
        ({"close": 0.9}, "open_or_close_outside_range"),
        ({"volume": 2.0**53 + 2}, "volume_out_of_range"),
        ({"volume": 1e308}, "volume_out_of_range"),
        ({"bid": math.nan, "ask": 3.0}, "not_a_number"),
        ({"bid": 2.0, "ask": math.inf}, "infinite_value"),
    ],
)
def test_a_row_that_is_no_bar_is_told_by_rule(change, rule):
    """The bad row goes with its rule, the good one stays as it was."""
    rows = bars({name: None for name in change if name in {"bid", "ask"}}, change)
    good, bad = judge_bars(rows)
    assert good.equals(rows[:1])
    assert bad["rule"].to_list() == [rule]
    assert bad.drop("rule").equals(rows[1:])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"volume": 0.0}, id="feeds_without_volume_give_zero"),
        pytest.param({"volume": 12.5}, id="part_units"),
        pytest.param({"volume": 2.0**53}, id="the_largest_exact_volume"),
        pytest.param({"open": 2.0, "high": 2.0, "low": 2.0, "close": 2.0}, id="a_flat_bar"),
        pytest.param({"bid": None, "ask": None}, id="no_quote"),
    ],
)
def test_odd_looking_bars_are_landed(change):
    """They are right."""
    good, bad = judge_bars(bars(change))
    assert (good.height, bad.height) == (1, 0)


def test_the_first_rule_names_a_row_that_breaks_several():
    """Each bad row is counted once, by the rule that stands first."""
    _, bad = judge_bars(bars({"high": -1.0, "volume": -1.0}, {"close": None, "open": math.nan}))
    assert bad["rule"].to_list() == ["non_positive_price", "missing_value"]


def test_no_rows_are_no_rows():
    """An empty batch gives two empty frames, the bad one with its rule column."""
    good, bad = judge_bars(bars({})[:0])
    assert (good.height, bad.height) == (0, 0)
    assert bad.columns == [*good.columns, "rule"]


def test_rule_names_are_words():
    """They become counts in reports and values in tables."""
    assert all(name.replace("_", "").isalpha() and name.islower() for name in BAR_RULES)
