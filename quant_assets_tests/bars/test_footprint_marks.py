"""Marked rows say of each row what the bar's own figures say of all."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.bars.footprint import RULES
from quant_assets.bars.footprint_marks import coarser_rows, mark_rows
from quant_assets_tests.bars.test_footprint import TICK, made, trade_lists


@given(trades=trade_lists(least=1), bucket=st.sampled_from([TICK, 2 * TICK]))
def test_marks_add_up_to_the_bars_own_figures(trades, bucket):
    """Imbalances, point of control and value area of the rows are those of the bars."""
    found = made(trades, "15m", bucket)
    marked = mark_rows(found.rows, bucket=bucket, rules=RULES)
    assert marked.select(found.rows.columns).equals(found.rows)
    inside = pl.col("price").filter("in_value_area")
    counted = marked.group_by("bar_start", maintain_order=True).agg(
        imbalance_buy=pl.col("buy_imbalance").sum().cast(pl.UInt16),
        imbalance_sell=pl.col("sell_imbalance").sum().cast(pl.UInt16),
        poc=pl.col("price").filter("is_poc").first(),
        vah=inside.max(),
        val=inside.min(),
    )
    assert counted.equals(found.bars.select(counted.columns))


@given(trades=trade_lists(), factor=st.sampled_from([2, 5, 10]))
def test_wider_rows_are_the_rows_of_a_wider_bucket(trades, factor):
    """Putting rows together gives what building them so gives."""
    narrow = made(trades, "15m").rows
    wide = made(trades, "15m", factor * TICK).rows
    found = coarser_rows(narrow, bucket=TICK, factor=factor)
    keys = ["session", "bar_start", "price", "trades"]
    assert found.select(keys).equals(wide.select(keys))
    for name in ("bid_volume", "ask_volume", "unknown_volume"):
        assert found[name].to_list() == pytest.approx(wide[name].to_list(), abs=1e-9)
