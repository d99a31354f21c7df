"""Real futures trades fall into the sessions that were counted from the source files."""

import csv
import sqlite3
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from quant_assets.storage.package_data import load_calendars

IST = ZoneInfo("Asia/Kolkata")


def stamps_of(database: Path, table: str) -> np.ndarray:
    """UTC ns of all rows of one contract; the file holds local text without a zone."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        texts = [row[0] for row in connection.execute(f'SELECT timestamp FROM "{table}"')]
    connection.close()
    offset = datetime(2013, 10, 7, tzinfo=IST).utcoffset()
    assert offset is not None
    local = np.array(texts, dtype="datetime64[ns]")
    return (local - np.timedelta64(offset)).astype(np.int64)


def expected_rows(answers: Path, root: str) -> list[tuple[str, date, int]]:
    """Table, session and number of rows, as counted from the source."""
    with answers.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["day_basis"] == "session"]
    return [
        (row["table"], date.fromisoformat(row["day"]), int(row["rows"]))
        for row in rows
        if row["root"] == root
    ]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("root", "calendar", "stem"),
    [("GC", "CME_METALS", "futures_ticks"), ("ES", "CME_EQUITY", "futures_minutes")],
)
def test_each_session_holds_the_rows_that_were_counted(shared_data, root, calendar, stem):
    """Rows of the leading contract a session equal those of the shipped answers."""
    folder = shared_data / "futures"
    answers = expected_rows(folder / f"{stem}.expected_roll.csv", root)
    assert len(answers) >= 3
    for table, session, count in answers:
        assigned = load_calendars()[calendar].assign(stamps_of(folder / f"{stem}.sqlite", table))
        assert np.count_nonzero(assigned == np.datetime64(session)) == count


@pytest.mark.shared
def test_gold_trades_after_the_close_stay_in_their_session_and_are_flagged(shared_data):
    """Between 21:00 and 21:15 UTC gold traded in October 2013, though the calendar says closed."""
    stamps = stamps_of(shared_data / "futures" / "futures_ticks.sqlite", "GCZ13_TICK")
    calendar = load_calendars()["CME_METALS"]
    for day in (7, 8):
        session = date(2013, 10, day)
        bounds = calendar.bounds(session)
        is_late = (stamps >= bounds.close_ns) & (stamps < bounds.next_start_ns)
        assert np.count_nonzero(is_late) > 50
        assert set(calendar.assign(stamps[is_late]).tolist()) == {session}
        assert calendar.outside_hours(stamps[is_late]).all()
        is_regular = (stamps >= bounds.open_ns) & (stamps < bounds.close_ns)
        assert not calendar.outside_hours(stamps[is_regular]).any()
