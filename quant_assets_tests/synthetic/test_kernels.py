"""The kernel against a loop that shares nothing with it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.synthetic.kernels import decaying_sums

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, max_size=60), st.floats(0, 1), numbers)
def test_each_sum_is_what_is_left_of_the_one_before_and_its_shock(shocks, decay, start):
    """Sum after sum equals the plain recursion, to the bit."""
    expected, current = [], start
    for shock in shocks:
        current = decay * current + shock
        expected.append(current)
    assert decaying_sums(np.array(shocks, dtype=np.float64), decay, start).tolist() == expected
