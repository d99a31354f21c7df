"""First passage: equal to a plain search, and safe at the edges."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.paths.kernels import first_at_or_above, first_at_or_below

VALUES = st.lists(
    st.sampled_from([-1.0, 0.0, 1.0, 2.0, math.nan, math.inf, -math.inf]), max_size=12
)
LEVELS = st.sampled_from([-1.0, 0.5, 1.0, 2.0, math.nan, math.inf])
PLACES = st.integers(-3, 16)


@settings(max_examples=200, deadline=None)
@given(VALUES, LEVELS, PLACES, PLACES)
def test_the_first_index_is_that_of_a_plain_search(values, level, start, end):
    """Ranges outside the array are cut to it; NaN reaches nothing."""
    array = np.array(values, dtype=np.float64)
    places = [i for i in range(len(values)) if start <= i < end]
    above = next((i for i in places if values[i] >= level), -1)
    below = next((i for i in places if values[i] <= level), -1)
    assert first_at_or_above(array, level, start, end) == above
    assert first_at_or_below(array, level, start, end) == below


@pytest.mark.parametrize("search", [first_at_or_above, first_at_or_below])
def test_a_touch_is_a_hit(search):
    """The level itself counts."""
    assert search(np.array([0.5, 1.0]), 1.0, 1, 2) == 1
