"""Columns from arrays, and where a column changes, against their definitions."""

import math

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.indicators.columns import changes_of, nullable_columns

texts = st.lists(st.sampled_from(["ESH24", "ESM24", None]), max_size=12)
numbers = st.sampled_from([0.0, -0.0, 1.5, math.inf, math.nan])


@given(texts)
def test_a_change_is_another_value_than_before(values):
    """Null is a value, the first row no change."""
    expected = [at > 0 and values[at] != values[at - 1] for at in range(len(values))]
    assert changes_of(pl.Series(values, dtype=pl.String)).tolist() == expected


@given(st.integers(0, 4).flatmap(lambda n: st.lists(st.lists(numbers, min_size=n, max_size=n),
                                                    min_size=1, max_size=4)))  # fmt: skip
def test_columns_hold_the_bits_of_the_rows_and_null_for_nan(table):
    """Each under its own name, whatever stands beside it."""
    names = [f"column_{at}" for at in range(len(table))]
    columns = nullable_columns(names, np.array(table).reshape(len(table), -1))
    assert [column.name for column in columns] == names
    for column, row in zip(columns, table, strict=True):
        assert column.dtype == pl.Float64
        found = [None if value is None else (value, math.copysign(1, value)) for value in column]
        assert found == [None if math.isnan(v) else (v, math.copysign(1, v)) for v in row]
