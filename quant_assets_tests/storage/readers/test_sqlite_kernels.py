"""Prices as whole counts: Python's own rounding, number by number."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.storage.readers.sqlite_kernels import count_fixed

PRICES = st.floats(-9.2e9, 9.2e9) | st.sampled_from([math.nan, math.inf, -math.inf])


@given(st.lists(PRICES, max_size=20))
def test_prices_are_counted_as_python_rounds_them(prices: list[float]) -> None:
    """Half to even; what is not finite counts as nothing, and is counted."""
    counts = np.full(len(prices), 7, dtype=np.int64)
    n_other = count_fixed(np.array(prices, dtype=np.float64), 1e9, counts)
    wanted = [round(price * 1e9) if math.isfinite(price) else 0 for price in prices]
    assert (counts.tolist(), n_other) == (wanted, sum(not math.isfinite(p) for p in prices))


@pytest.mark.parametrize(("value", "wanted"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2)])
def test_a_half_goes_to_the_even_count(value: float, wanted: int) -> None:
    """As IEEE 754 rounds, and not away from zero."""
    counts = np.empty(1, dtype=np.int64)
    assert count_fixed(np.array([value]), 1.0, counts) == 0
    assert counts.tolist() == [wanted]
