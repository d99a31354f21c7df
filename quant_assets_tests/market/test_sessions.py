"""Laws of session calendars: they tile time, and every look-up agrees with a slow search."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.errors import SchemaError, SessionError
from quant_assets.market.sessions import CALENDARS, SESSIONS, SessionCalendar
from quant_assets.storage.package_data import load_calendars, read_sessions

NS_PER_SECOND = 1_000_000_000
FIRST_NS = int(datetime(1990, 1, 3, tzinfo=UTC).timestamp()) * NS_PER_SECOND
LAST_NS = int(datetime(2035, 12, 31, tzinfo=UTC).timestamp()) * NS_PER_SECOND

names = st.sampled_from(CALENDARS)
stamps = st.lists(st.integers(FIRST_NS, LAST_NS), min_size=1, max_size=20)
days = st.dates(date(1989, 1, 1), date(2037, 1, 1))


def edges_of(name: str) -> st.SearchStrategy[int]:
    """Instants at and beside the bounds of sessions, where an off-by-one would show."""
    calendar = load_calendars()[name]
    bounds = [calendar.start_ns, calendar.open_ns, calendar.close_ns, calendar.break_start_ns]
    edges = np.concatenate([b[1:-1] for b in bounds] + [calendar.break_end_ns[1:-1]]).tolist()
    return st.tuples(st.sampled_from(edges), st.integers(-1, 1)).map(sum)


@pytest.mark.parametrize("name", CALENDARS)
def test_sessions_tile_the_time_line(name):
    """Each session ends where the next one starts, and opens and closes inside."""
    rows = read_sessions().filter(pl.col("calendar") == name).sort("session")
    assert (rows["next_start"][:-1] == rows["start"][1:]).all()
    assert (rows["start"] <= rows["open"]).all()
    assert (rows["open"] < rows["close"]).all()
    assert (rows["close"] <= rows["next_start"]).all()


@pytest.mark.parametrize("name", CALENDARS)
def test_breaks_lie_inside_their_session_and_have_length(name):
    """A break starts after the open, ends before the close, and is not empty."""
    rows = read_sessions().filter((pl.col("calendar") == name) & (pl.col("breaks").list.len() > 0))
    pauses = rows.explode("breaks").unnest("breaks", separator="_")
    assert (pauses["open"] < pauses["breaks_start"]).all()
    assert (pauses["breaks_start"] < pauses["breaks_end"]).all()
    assert (pauses["breaks_end"] < pauses["close"]).all()


@pytest.mark.parametrize("name", CALENDARS)
def test_baked_rows_keep_the_contract_of_their_table(name):
    """The package's rows pass the table's own check unchanged."""
    rows = read_sessions().filter(pl.col("calendar") == name).drop("calendar")
    assert SESSIONS.check(rows).equals(rows)


def test_a_session_that_closes_before_it_opens_breaks_the_contract():
    """The table refuses a session whose instants are out of order."""
    row = read_sessions().drop("calendar").head(1)
    swapped = row.with_columns(open="close", close="open")
    with pytest.raises(SchemaError):
        SESSIONS.check(swapped)


@given(name=names, ts_ns=stamps)
def test_each_instant_belongs_to_exactly_one_session(name, ts_ns):
    """Counting the sessions that hold an instant gives one, and `assign` names it."""
    calendar = load_calendars()[name]
    for instant, found in zip(ts_ns, calendar.assign(np.array(ts_ns)).tolist(), strict=True):
        holds = (calendar.start_ns <= instant) & (instant < calendar.next_start_ns)
        assert [calendar.sessions[i] for i in np.flatnonzero(holds)] == [found]


@given(data=st.data(), name=names)
def test_hours_agree_with_a_search_through_open_close_and_breaks(data, name):
    """At and beside every bound, the vectorised answer is that of plain comparisons."""
    calendar = load_calendars()[name]
    instant = data.draw(edges_of(name))
    bounds = calendar.bounds(calendar.assign(np.array([instant])).tolist()[0])
    pauses = zip(calendar.break_start_ns, calendar.break_end_ns, strict=True)
    is_open = bounds.open_ns <= instant < bounds.close_ns
    is_paused = any(begin <= instant < end for begin, end in pauses)
    found = calendar.outside_hours(np.array([instant])).tolist()
    assert found == [not is_open or is_paused]


@given(name=names, ts_ns=stamps)
def test_order_of_the_stamps_does_not_matter(name, ts_ns):
    """Stamps out of order get the sessions they get alone."""
    calendar = load_calendars()[name]
    alone = [calendar.assign(np.array([instant]))[0] for instant in ts_ns]
    assert calendar.assign(np.array(ts_ns)).tolist() == [day.item() for day in alone]


@given(name=names, day=days, count=st.integers(0, 12))
def test_previous_and_next_agree_with_a_walk_through_the_dates(name, day, count):
    """Walking the dates one by one finds the same sessions on both sides."""
    calendar = load_calendars()[name]
    walk = [day + timedelta(days=n) for n in range(-60, 61)]
    before = [d for d in walk if d < day and calendar.is_session(d)]
    after = [d for d in walk if d > day and calendar.is_session(d)]
    if calendar.first + timedelta(days=60) < day < calendar.last - timedelta(days=60):
        assert calendar.previous(day, count) == before[len(before) - count :]
        assert calendar.next(day, count) == after[:count]


@given(name=names, place=st.integers(0, 11_000), count=st.integers(1, 300))
def test_previous_undoes_next(name, place, count):
    """Going ahead and back the same number of sessions ends where it began."""
    calendar = load_calendars()[name]
    start = calendar.sessions[place]
    ahead = calendar.next(start, count)
    assert calendar.previous(ahead[-1], count)[0] == start
    assert [*calendar.previous(ahead[-1], count), ahead[-1]] == [start, *ahead]


@given(name=names, first=days, last=days)
def test_between_holds_both_ends_and_nothing_else(name, first, last):
    """The sessions between two dates are those at or after the first, at or before the last."""
    calendar = load_calendars()[name]
    assert calendar.between(first, last) == [d for d in calendar.sessions if first <= d <= last]


def test_there_are_fewer_sessions_than_asked_at_the_edge():
    """Before the first session there is none, and the list is shorter, not wrong."""
    calendar = load_calendars()["XNYS"]
    assert calendar.previous(date(1990, 1, 4), 10) == [date(1990, 1, 2), date(1990, 1, 3)]
    assert calendar.previous(calendar.first, 3) == []
    assert calendar.next(calendar.last, 3) == []


@pytest.mark.parametrize("method", ["assign", "outside_hours"])
def test_a_stamp_outside_the_calendar_is_named(method):
    """The first stamp that no session holds stands in the message."""
    inside = int(datetime(2013, 10, 7, tzinfo=UTC).timestamp()) * NS_PER_SECOND
    early = int(datetime(1969, 7, 20, 20, 17, tzinfo=UTC).timestamp()) * NS_PER_SECOND
    late = int(datetime(2050, 1, 1, tzinfo=UTC).timestamp()) * NS_PER_SECOND
    calendar = load_calendars()["XNYS"]
    with pytest.raises(SessionError, match="1969-07-20T20:17"):
        getattr(calendar, method)(np.array([inside, early, late]))
    with pytest.raises(SessionError, match="2050-01-01"):
        getattr(calendar, method)(np.array([late]))


@pytest.mark.parametrize("name", CALENDARS)
def test_the_calendar_ends_just_before_the_next_start(name):
    """The last ns of the last session is inside, the one after it is not."""
    calendar = load_calendars()[name]
    end = int(calendar.next_start_ns[-1])
    assert calendar.assign(np.array([end - 1])).tolist() == [date(2035, 12, 31)]
    with pytest.raises(SessionError):
        calendar.assign(np.array([end]))


def test_no_stamps_have_no_sessions():
    """An empty array gives empty answers of the right type."""
    calendar = load_calendars()["FX"]
    nothing = np.array([], dtype=np.int64)
    assert calendar.assign(nothing).dtype == np.dtype("datetime64[D]")
    assert calendar.outside_hours(nothing).dtype == np.bool_


def test_bounds_of_a_holiday_name_the_sessions_beside_it():
    """The error says which sessions stand around a date that is none."""
    with pytest.raises(SessionError, match="2013-11-27 and 2013-11-29"):
        load_calendars()["XNYS"].bounds(date(2013, 11, 28))


def test_bounds_beyond_the_calendar_say_how_far_it_reaches():
    """The error says the first and the last session."""
    with pytest.raises(SessionError, match="1990-01-02 to 2035-12-31"):
        load_calendars()["XNYS"].bounds(date(1929, 10, 29))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(lambda rows: rows.clear(), id="no_row"),
        pytest.param(lambda rows: rows[[0, 2]], id="a_gap"),
        pytest.param(lambda rows: rows[[0, 0, 1]], id="a_session_twice"),
    ],
)
def test_a_torn_calendar_is_refused(rows):
    """Rows with a gap or an overlap make no calendar."""
    whole = read_sessions().filter(pl.col("calendar") == "XNYS").drop("calendar").head(3)
    with pytest.raises(SessionError, match="XNYS"):
        SessionCalendar.from_frame("XNYS", rows(whole))


def test_rows_may_come_in_any_order():
    """A calendar sorts its rows."""
    rows = read_sessions().filter(pl.col("calendar") == "CME_EQUITY").drop("calendar")
    calendar = SessionCalendar.from_frame("CME_EQUITY", rows.reverse())
    assert calendar.sessions == load_calendars()["CME_EQUITY"].sessions
    assert (np.diff(calendar.break_start_ns) > 0).all()


def test_all_calendars_are_baked():
    """The package holds each calendar that the vocabulary names, and no other."""
    assert sorted(load_calendars()) == sorted(CALENDARS)
