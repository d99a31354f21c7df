"""Totals that the index holds of a landed partition."""

import polars as pl

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
