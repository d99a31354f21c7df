"""A split by time: nothing that is learned from reaches the time that is tested."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.errors import InputError
from quant_assets.models.time_split import split_by_time

START = datetime(2024, 1, 2, tzinfo=UTC)
CUT = START + timedelta(minutes=30)


def rows(spans: list[tuple[int, int]]) -> pl.DataFrame:
    """Return rows numbered in order, from minutes of start and of label length."""
    starts = [START + timedelta(minutes=start) for start, _ in spans]
    ends = [START + timedelta(minutes=start + length) for start, length in spans]
    frame = pl.DataFrame(
        {"row": range(len(spans)), "bar_start": starts, "label_end": ends},
        schema={
            "row": pl.Int64,
            "bar_start": pl.Datetime("ns", "UTC"),
            "label_end": pl.Datetime("ns", "UTC"),
        },
    )
    return frame.with_columns(pl.lit("ES").alias("symbol"))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40)), max_size=30))
def test_each_row_is_before_after_or_counted(spans: list[tuple[int, int]]) -> None:
    """Label ended before the cut; started at it or later; all else is neither."""
    split = split_by_time(rows(spans), at=CUT)
    train = [n for n, (start, length) in enumerate(spans) if start + length < 30]
    test = [n for n, (start, _) in enumerate(spans) if start >= 30]
    assert split.train["row"].to_list() == train
    assert split.test["row"].to_list() == test
    assert split.n_spanning == len(spans) - len(train) - len(test)


def test_the_edges_belong_where_they_are_known() -> None:
    """A label that ends at the cut is not learned from; a bar that starts there is tested."""
    split = split_by_time(rows([(0, 29), (0, 30), (29, 9), (30, 1)]), at=CUT)
    assert split.train["row"].to_list() == [0]
    assert split.test["row"].to_list() == [3]
    assert split.n_spanning == 2


def test_the_cut_may_stand_in_any_zone() -> None:
    """It is a moment, not a text."""
    frame = rows([(0, 10), (30, 10)])
    there = CUT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert split_by_time(frame, at=there).test.equals(split_by_time(frame, at=CUT).test)


def test_what_cannot_be_placed_is_refused() -> None:
    """A cut without a zone, a label without an end, and rows without labels."""
    frame = rows([(0, 10), (30, 10)])
    with pytest.raises(InputError, match="no time zone"):
        split_by_time(frame, at=CUT.replace(tzinfo=None))
    ended = pl.when(pl.col("row") > 0).then(pl.col("label_end"))
    with pytest.raises(InputError, match="1 rows have no start or no end"):
        split_by_time(frame.with_columns(label_end=ended), at=CUT)
    with pytest.raises(InputError, match="columns label_end are missing"):
        split_by_time(frame.drop("label_end"), at=CUT)
