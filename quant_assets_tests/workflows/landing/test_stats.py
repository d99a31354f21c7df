"""Totals that the index holds of a landed partition."""

from datetime import timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.workflows.landing.stats import iso, partition_stats
from quant_assets_tests.workflows.landing.fakes import at, tick_batch


def test_volume_is_summed_by_utc_and_by_indian_date() -> None:
    """18:30 UTC is midnight in India, and the source's day ends there."""
    rows = [
        (at("2013-10-07 18:29:59"), 1.0, 1.0),
        (at("2013-10-07 18:30:00"), 1.0, 2.0),
        (at("2013-10-08 00:00:00"), 1.0, 4.0),
    ]
    stats = partition_stats(tick_batch(rows).frame, time="ts", volume="qty")
    assert stats["volume"] == 7.0
    assert stats["volume_by_date"] == {
        "utc": {"2013-10-07": 3.0, "2013-10-08": 4.0},
        "ist": {"2013-10-07": 1.0, "2013-10-08": 6.0},
    }
    assert stats["first"] == "2013-10-07T18:29:59+00:00"
    assert stats["last"] == "2013-10-08T00:00:00+00:00"


def test_a_date_without_rows_is_not_named_and_one_of_zero_volume_is() -> None:
    """The roll map must tell no trade from trades of size zero."""
    rows = [(at("2013-10-05 00:00"), 1.0, 0.0), (at("2013-10-07 00:00"), 1.0, 2.0)]
    stats = partition_stats(tick_batch(rows).frame, time="ts", volume="qty")
    assert stats["volume_by_date"]["utc"] == {"2013-10-05": 0.0, "2013-10-07": 2.0}


def test_instants_are_written_with_the_digits_they_have() -> None:
    """Nanoseconds are not lost, and zeros are not written."""
    assert iso(1) == "1970-01-01T00:00:00.000000001+00:00"
    assert iso(0) == "1970-01-01T00:00:00+00:00"
    assert pl.Series([iso(1_500_000_000)]).to_list() == ["1970-01-01T00:00:01.5+00:00"]


@given(st.lists(st.tuples(st.integers(0, 4 * 86_400), st.floats(0, 1e6)), min_size=1, max_size=40))
def test_sums_by_date_are_those_of_a_plain_loop(rows: list[tuple[int, float]]) -> None:
    """In row order, whatever the order of the rows."""
    start = at("2013-10-05 00:00")
    batch = tick_batch([(start + timedelta(seconds=second), 1.0, qty) for second, qty in rows])
    stats = partition_stats(batch.frame, time="ts", volume="qty")
    total, by_date = 0.0, {"utc": {}, "ist": {}}
    for second, qty in rows:
        total += qty
        for basis, hours in (("utc", 0.0), ("ist", 5.5)):
            moved = start + timedelta(seconds=second, hours=hours)
            key = moved.date().isoformat()
            by_date[basis][key] = by_date[basis].get(key, 0.0) + qty
    assert stats["volume"] == total
    assert stats["volume_by_date"] == by_date
