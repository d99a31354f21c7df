"""First passage: equal to a plain search, and safe at the edges."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.paths.kernels import first_at_or_above, next_records, reach_levels

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
    assert first_at_or_above(array, next_records(array), level, start, end) == above
    assert first_at_or_above(-array, next_records(-array), -level, start, end) == below


def test_a_touch_is_a_hit():
    """The level itself counts."""
    values = np.array([0.5, 1.0])
    assert first_at_or_above(values, next_records(values), 1.0, 1, 2) == 1


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_the_next_record_is_that_of_a_plain_search(values):
    """Strictly higher, NaN below all; n where there is none."""
    expected = [
        next(
            (
                later
                for later in range(idx + 1, len(values))
                if values[later] > values[idx]
                or (math.isnan(values[idx]) and not math.isnan(values[later]))
            ),
            len(values),
        )
        for idx in range(len(values))
    ]
    assert next_records(np.array(values, dtype=np.float64)).tolist() == expected


FACTORS = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0, 2.0]), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(VALUES, FACTORS, FACTORS, st.sampled_from([1.0, -1.0]), st.integers(0, 12), st.data())
def test_levels_are_reached_where_a_plain_search_says(values, near, far, sign, start, data):
    """Both sets at once, doubled levels and levels of either sign, as one search a level."""
    array = np.array(values, dtype=np.float64)
    end = data.draw(st.integers(0, len(values)))
    price, shifts = 1.5, (0.25, -0.5)
    sets = [np.array(sorted(factors, key=lambda f: sign * f)) for factors in (near, far)]
    hits = [np.full(len(factors), -7, dtype=np.int32) for factors in sets]
    counts = reach_levels(
        array,
        next_records(array),
        start,
        end,
        price,
        sign,
        sets[0],
        shifts[0],
        hits[0],
        sets[1],
        shifts[1],
        hits[1],
    )
    for factors, shift, found, count in zip(sets, shifts, hits, counts, strict=True):
        levels = [sign * (price * factor + shift) for factor in factors]
        expected = [
            next((i for i in range(start, end) if values[i] >= level), None) for level in levels
        ]
        reached = [place for place in expected if place is not None]
        assert found[:count].tolist() == reached
        assert expected[count:] == [None] * (len(factors) - count)
