"""A file's rows among those already landed."""

from collections import Counter

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.columns import UTC_NS
from quant_assets.workflows.landing.merge import (
    Merged,
    merge_bars,
    merge_events,
    merge_streams,
    number,
)

EVENTS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from([1, 2])), min_size=1, max_size=15)


def bars_of(values: dict[int, float]) -> pl.DataFrame:
    """Bars of close by minute."""
    return pl.DataFrame(
        {
            "bar_start": pl.Series(list(values), dtype=pl.Int64).cast(UTC_NS),
            "close": pl.Series(list(values.values()), dtype=pl.Float64),
            "bid": pl.Series([None] * len(values), dtype=pl.Float64),
        }
    )


def events_of(rows: list[tuple[int, int]], *, of: str = "x") -> pl.DataFrame:
    """Events of (ts, price)."""
    frame = pl.DataFrame(
        {
            "ts": pl.Series([row[0] for row in rows], dtype=pl.Int64).cast(UTC_NS),
            "price": pl.Series([row[1] for row in rows], dtype=pl.Int64),
            "bid": pl.Series([None] * len(rows), dtype=pl.Int64),
            "of": pl.Series([of] * len(rows), dtype=pl.String),
        }
    )
    return number(frame)


def rows_of(merged: Merged) -> list[tuple[int, int]]:
    """Read events back."""
    assert merged.frame["seq"].to_list() == list(range(merged.frame.height))
    return list(zip(merged.frame["ts"].to_physical(), merged.frame["price"], strict=True))


def test_a_bar_is_new_known_or_restated() -> None:
    """The file's value wins, and each row is counted once."""
    merged = merge_bars(bars_of({0: 1.0, 1: 1.0, 2: 1.0}), bars_of({3: 1.0, 1: 1.0, 2: 5.0}))
    assert merged.frame["close"].to_list() == [1.0, 1.0, 5.0, 1.0]
    assert (merged.committed, merged.duplicates, merged.restated) == (2, 1, 1)


@given(
    st.dictionaries(st.integers(0, 9), st.sampled_from([1.0, 2.0])),
    st.dictionaries(st.integers(0, 9), st.sampled_from([1.0, 2.0]), min_size=1),
)
def test_bars_merge_as_dictionaries_do(old: dict[int, float], new: dict[int, float]) -> None:
    """The oracle is a dictionary update."""
    merged = merge_bars(bars_of(old), bars_of(new))
    stamps = merged.frame["bar_start"].to_physical()
    assert dict(zip(stamps, merged.frame["close"], strict=True)) == dict(
        sorted((old | new).items())
    )
    assert stamps.is_sorted()
    assert merged.duplicates == sum(old.get(key) == value for key, value in new.items())
    assert merged.restated == sum(key in old and old[key] != value for key, value in new.items())
    assert merged.committed == len(new) - merged.duplicates


def test_a_newer_file_replaces_the_span_that_it_covers() -> None:
    """Rows outside the span stay; inside it only the file's rows stand."""
    landed = events_of([(0, 1), (3, 1), (5, 1), (9, 1)])
    merged = merge_events(landed, events_of([(3, 2), (4, 1), (5, 1)]))
    assert rows_of(merged) == [(0, 1), (3, 2), (4, 1), (5, 1), (9, 1)]
    assert (merged.committed, merged.duplicates, merged.restated) == (2, 1, 1)


def test_a_file_that_grew_restates_nothing() -> None:
    """A database read again while it is written only adds rows."""
    merged = merge_events(events_of([(0, 1), (1, 1)]), events_of([(0, 1), (1, 1), (1, 2), (2, 1)]))
    assert (merged.committed, merged.duplicates, merged.restated) == (2, 2, 0)


def test_equal_ticks_are_market_and_stay() -> None:
    """A row that stands twice in the file stands twice in the lake."""
    merged = merge_events(events_of([(0, 1)]), events_of([(0, 1), (0, 1)]))
    assert rows_of(merged) == [(0, 1), (0, 1)]
    assert (merged.committed, merged.duplicates, merged.restated) == (1, 1, 0)


def test_another_order_of_the_same_rows_is_restated() -> None:
    """The places that changed count, although no row is new."""
    merged = merge_events(events_of([(0, 1), (0, 2), (1, 1)]), events_of([(0, 2), (0, 1), (1, 1)]))
    assert rows_of(merged) == [(0, 2), (0, 1), (1, 1)]
    assert (merged.committed, merged.duplicates, merged.restated) == (0, 3, 2)


@given(EVENTS, EVENTS)
def test_events_merge_as_plain_lists_do(
    old: list[tuple[int, int]], new: list[tuple[int, int]]
) -> None:
    """The oracle cuts lists by the file's span and counts with a multiset."""
    first, last = min(new)[0], max(new)[0]
    inside = [row for row in old if first <= row[0] <= last]
    wanted = [row for row in old if row[0] < first] + new + [row for row in old if row[0] > last]
    kept = (Counter(inside) & Counter(new)).total()
    merged = merge_events(events_of(old), events_of(new))
    assert rows_of(merged) == wanted
    assert (merged.committed, merged.duplicates) == (len(new) - kept, kept)
    if kept < len(inside):
        assert merged.restated == len(inside) - kept
    assert (merged.restated > 0 or merged.committed > 0) == (inside != new)


@given(EVENTS, EVENTS)
def test_files_that_do_not_overlap_may_come_in_any_order(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    """Two files that share a session at a UTC cut end in the same rows either way."""
    early, late = events_of(one), events_of([(ts + 100, price) for ts, price in other])
    assert merge_events(early, late).frame.equals(merge_events(late, early).frame)


def test_streams_that_share_a_session_do_not_replace_each_other() -> None:
    """Definitions of two contracts stand side by side; each is replaced by its own alone."""
    landed = merge_streams(
        events_of([(0, 1), (5, 1)], of="ESH4"),
        events_of([(0, 1), (6, 1)], of="ESM4"),
        stream=("of",),
    )
    assert (landed.committed, landed.restated, landed.frame.height) == (2, 0, 4)
    again = merge_streams(landed.frame, events_of([(0, 2), (6, 1)], of="ESM4"), stream=("of",))
    assert (again.committed, again.duplicates, again.restated) == (1, 1, 1)
    assert again.frame.filter(of="ESH4")["price"].to_list() == [1, 1]
