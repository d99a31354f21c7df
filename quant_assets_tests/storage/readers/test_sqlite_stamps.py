"""The stamp kernel equals Python's own reading of ISO 8601."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.storage.readers.sqlite_stamps import RULES, StampReader

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def parse(*texts: str | None, zone: str = "UTC") -> tuple[list[int], list[str]]:
    """Return nanoseconds and rules of some stamps."""
    stamps = StampReader(zone).read(pa.array(texts, type=pa.string()))
    return stamps.utc_ns.tolist(), [RULES[fault] for fault in stamps.faults.tolist()]


def nanoseconds(stamp: datetime) -> int:
    """Return whole nanoseconds since the epoch, without floats."""
    return (stamp - EPOCH) // MICROSECOND * 1000


STAMPS = st.datetimes(datetime(1700, 1, 1), datetime(2199, 12, 31, 23, 59, 59, 999_999))  # noqa: DTZ001 -- local time is the subject


@given(STAMPS, st.sampled_from([" ", "T"]), st.sampled_from(["seconds", "milliseconds", "auto"]))
def test_any_local_stamp_reads_as_python_reads_it(stamp: datetime, between: str, precision: str):
    """From 1700 to 2199, with and without a fraction."""
    text = stamp.isoformat(sep=between, timespec=precision)
    wanted = datetime.fromisoformat(text).replace(tzinfo=UTC)
    assert parse(text) == ([nanoseconds(wanted)], [""])


@given(STAMPS, st.integers(-14 * 60, 14 * 60))
def test_any_offset_reads_as_python_reads_it(stamp: datetime, minutes: int):
    """The offset of the text counts, not the zone of the file."""
    aware = stamp.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = aware.isoformat(sep=" ", timespec="microseconds")
    assert parse(text, zone="Asia/Kolkata") == ([nanoseconds(aware)], [""])


PIECES = st.tuples(
    st.sampled_from(
        ["2013-10-07 10:00", "2013-10-07T10:00", "2013-10-07 10:0x", "2013-10-07_10:00"]
    ),
    st.sampled_from([":00", ":59", ":60", ";00", ":0x", "", ":07.5", ":07.", ":07Z", ":07+05:30"]),
)


@given(st.lists(PIECES.map("".join), max_size=12))
def test_a_stamp_reads_the_same_whatever_stands_before_it(texts: list[str]):
    """Rows of one minute share its reading, and none of their faults."""
    alone = [parse(text) for text in texts]
    assert parse(*texts) == ([ns for (ns,), _ in alone], [rule for _, (rule,) in alone])


@given(STAMPS.filter(lambda stamp: 1950 <= stamp.year <= 2030), st.sampled_from(["Asia/Kolkata"]))
def test_india_is_five_and_a_half_hours_ahead(stamp: datetime, zone: str):
    """Local time of the default zone, as the zone database has it since 1945."""
    wanted = nanoseconds(stamp.replace(tzinfo=UTC) - timedelta(hours=5, minutes=30))
    assert parse(stamp.isoformat(sep=" "), zone=zone) == ([wanted], [""])


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "N/A",
        "1381105933419",
        "2013-10-07",
        "2013-10-07 10:00",
        "2013-10-07 10:00:60",
        "2013-10-07 24:00:00",
        "2013-13-07 10:00:00",
        "2013-02-29 10:00:00",
        "2013-00-07 10:00:00",
        "2013-10-32 10:00:00",
        "1699-12-31 23:59:59",
        "2200-01-01 00:00:00",
        "07-10-2013 10:00:00",
        "2013/10/07 10:00:00",
        "2013-10-07_10:00:00",
        "2013-10-07 10:00:00.",
        "2013-10-07 10:00:00.1234567890",
        "2013-10-07 10:00:00,123",
        "2013-10-07 10:00:00z",
        "2013-10-07 10:00:00Z ",
        "2013-10-07 10:00:00+5:30",
        "2013-10-07 10:00:00+24:00",
        "2013-10-07 10:00:00+0530x",
        "2013-10-07 10:00:00 IST",
        "2013-1O-07 10:00:00",
    ],
)
def test_other_texts_are_no_stamps(text: str | None):
    """What is not the one form is bad, and so are days that no calendar has."""
    assert parse(text, "2013-10-07 10:00:00")[1] == ["bad_stamp", ""]


@given(st.lists(st.binary(max_size=30).map(lambda raw: raw.decode("latin-1")), max_size=20))
def test_any_text_is_read_within_its_bounds(texts: list[str]):
    """The kernel never looks beyond a text: neighbours do not change a verdict."""
    alone = [parse(text)[1][0] for text in texts]
    assert parse(*texts)[1] == alone


def test_a_slice_of_a_column_reads_its_own_rows():
    """An Arrow slice shares buffers with its column."""
    column = pa.array(["x", "2013-10-07 10:00:00", None, "2013-10-08 10:00:00"])
    stamps = StampReader("UTC").read(column.slice(1))
    assert stamps.faults.tolist() == [0, 1, 0]
    assert np.diff(stamps.utc_ns[[0, 2]]).tolist() == [86_400_000_000_000]
