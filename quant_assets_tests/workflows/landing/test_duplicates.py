"""Bars that one file gives twice."""

from collections import defaultdict

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.columns import UTC_NS
from quant_assets.workflows.landing.duplicates import settle_duplicates

ROWS = st.lists(st.tuples(st.integers(0, 6), st.sampled_from([1.0, 2.0])), max_size=20)


def frame_of(rows: list[tuple[int, float]]) -> pl.DataFrame:
    """Bars of (minute, close), each with its place."""
    return pl.DataFrame(
        {
            "place": pl.Series(range(len(rows)), dtype=pl.UInt64),
            "bar_start": pl.Series([row[0] for row in rows], dtype=pl.Int64).cast(UTC_NS),
            "close": pl.Series([row[1] for row in rows], dtype=pl.Float64),
            "bid": pl.Series([None] * len(rows), dtype=pl.Float64),
        }
    )


def test_an_equal_bar_is_kept_once_and_a_contested_one_not_at_all() -> None:
    """The first of equal rows stays; all rows of a key with two meanings go."""
    settled = settle_duplicates(frame_of([(0, 1.0), (1, 1.0), (1, 1.0), (2, 1.0), (2, 2.0)]))
    assert settled.kept["place"].to_list() == [0, 1]
    assert settled.repeated["place"].to_list() == [2]
    assert settled.conflicting["place"].to_list() == [3, 4]


def test_an_equal_row_of_a_contested_key_is_contested_too() -> None:
    """Two votes against one decide nothing."""
    settled = settle_duplicates(frame_of([(0, 1.0), (0, 1.0), (0, 2.0)]))
    assert settled.kept.height == settled.repeated.height == 0
    assert settled.conflicting.height == 3


@given(ROWS)
def test_every_row_ends_in_one_place_as_a_plain_loop_says(rows: list[tuple[int, float]]) -> None:
    """Kept, repeated and conflicting rows are those of a dictionary of lists."""
    groups: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for place, (minute, close) in enumerate(rows):
        groups[minute].append((place, close))
    kept, repeated, conflicting = [], [], []
    for group in groups.values():
        places = [place for place, _ in group]
        if len({close for _, close in group}) > 1:
            conflicting += places
        else:
            kept.append(places[0])
            repeated += places[1:]
    settled = settle_duplicates(frame_of(rows))
    assert settled.kept["place"].to_list() == sorted(kept)
    assert sorted(settled.repeated["place"].to_list()) == sorted(repeated)
    assert sorted(settled.conflicting["place"].to_list()) == sorted(conflicting)
