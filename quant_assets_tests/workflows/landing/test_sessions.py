"""Rows are cut by session, whatever their order."""

from datetime import date

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.columns import UTC_NS
from quant_assets.storage.package_data import load_calendars
from quant_assets.workflows.landing.sessions import (
    cut_by_date,
    cut_by_session,
    is_outside_hours,
)

METALS = load_calendars()["CME_METALS"]
FIRST = int(np.datetime64("2013-10-01", "ns").astype(np.int64))
HOUR = 3_600_000_000_000


def frame_of(hours: list[int]) -> pl.DataFrame:
    """Rows at whole hours after 2013-10-01."""
    stamps = pl.Series([FIRST + hour * HOUR for hour in hours], dtype=pl.Int64)
    return pl.DataFrame({"place": list(range(len(hours))), "ts": stamps.cast(UTC_NS)})


@given(st.lists(st.integers(0, 400), max_size=40), st.booleans())
def test_each_row_lands_in_the_session_that_the_calendar_says(
    hours: list[int], is_sorted: bool
) -> None:
    """Sorted rows are sliced, others grouped; both agree with the calendar row by row."""
    frame = frame_of(sorted(hours) if is_sorted else hours)
    cut = cut_by_session(frame, time="ts", calendar=METALS)
    assert cut.without.height == 0
    found = {row: day for day, piece in cut.pieces for row in piece["place"]}
    days = METALS.assign(frame["ts"].to_physical().to_numpy().astype(np.int64))
    assert found == {row: day.item() for row, day in enumerate(days)}
    assert all(piece["place"].is_sorted() for _, piece in cut.pieces)


def test_a_stamp_outside_the_calendar_has_no_session() -> None:
    """The year 1970 is a wrong unit, not a session."""
    stamps = pl.Series([0, FIRST], dtype=pl.Int64).cast(UTC_NS)
    cut = cut_by_session(pl.DataFrame({"ts": stamps}), time="ts", calendar=METALS)
    assert cut.without.height == 1
    assert [day for day, _ in cut.pieces] == [date(2013, 10, 1)]


def test_a_daily_bar_belongs_to_its_own_date_or_nowhere() -> None:
    """Monday is a session of a stock exchange, Sunday is none; of crypto both are."""
    days = pl.Series([date(2014, 5, 4), date(2014, 5, 5)]).cast(UTC_NS)
    frame = pl.DataFrame({"bar_start": days})
    stocks = cut_by_date(frame, time="bar_start", calendar=load_calendars()["XNYS"])
    assert [day for day, _ in stocks.pieces] == [date(2014, 5, 5)]
    assert (stocks.without.height, stocks.rule) == (1, "no_session")
    crypto = cut_by_date(frame, time="bar_start", calendar=load_calendars()["CRYPTO"])
    assert [day for day, _ in crypto.pieces] == [date(2014, 5, 4), date(2014, 5, 5)]


@given(
    st.lists(st.integers(0, 24 * 60), max_size=40),
    st.booleans(),
    st.sampled_from(["CME_METALS", "CME_EQUITY", "XNYS", "FX", "CRYPTO"]),
    st.sampled_from([date(2013, 10, 7), date(2013, 11, 29), date(2024, 3, 11)]),
)
def test_hours_told_by_their_edges_are_those_of_the_calendar(
    minutes: list[int], is_sorted: bool, name: str, session: date
) -> None:
    """Ordinary sessions, half days, breaks; sorted or not."""
    calendar = load_calendars()[name]
    bounds = calendar.bounds(session)
    stamps = np.array([bounds.start_ns + m * HOUR // 60 for m in minutes], dtype=np.int64)
    edges = [bounds.open_ns, bounds.close_ns - 1, bounds.close_ns]
    stamps = np.append(stamps, np.array(edges, dtype=np.int64))
    stamps = stamps[stamps < bounds.next_start_ns]
    stamps = np.sort(stamps) if is_sorted else stamps
    found = is_outside_hours(stamps, session=session, calendar=calendar)
    assert found.tolist() == calendar.outside_hours(stamps).tolist()
