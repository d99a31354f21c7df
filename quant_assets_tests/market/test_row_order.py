"""Rows of a table are stored in its order, whether they came in it or not."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.ticks.schema import CLEAN_TICKS
from quant_assets_tests.ticks.rows import clean

PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=6)


@given(PAIRS | PAIRS.map(sorted))
def test_rows_that_seem_in_order_are_looked_at_twice(pairs):
    """Stamps that ascend say nothing of the rows that share one."""
    rows = clean(*({"ts": ts} for ts, _ in pairs)).with_columns(
        seq=pl.Series([seq for _, seq in pairs], dtype=pl.UInt32)
    )
    found = CLEAN_TICKS.check(rows)
    assert found.equals(rows.sort("ts", "seq", maintain_order=True))
