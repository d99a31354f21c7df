"""A user's file over the baked sessions: closed dates, new ones, other hours, and what is wrong."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_assets.market.errors import SettingsError
from quant_assets.market.session_overrides import STARTS, _default_start
from quant_assets.market.sessions import CALENDARS, SESSIONS, SessionCalendar
from quant_assets.storage.package_data import load_calendars, read_sessions

WEDNESDAY, THURSDAY, SATURDAY = date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 6)

GOOD = """
calendars:
  XNYS:
    closed: [2024-01-03, 2024-01-07]
    sessions:
      2024-01-04: {close: 2024-01-04T18:00:00Z, is_half_day: true}
      2024-01-06: {open: "2024-01-06T09:30:00-05:00", close: 2024-01-06T17:00:00Z}
  CME_EQUITY:
    sessions:
      2024-01-06: {open: 2024-01-06T15:00:00Z, close: 2024-01-06T17:00:00Z}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the user's file stands."""
    return tmp_path / "sessions.yaml"


def _ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def _rows(frame: pl.DataFrame, calendar: str) -> pl.DataFrame:
    return frame.filter(pl.col("calendar") == calendar).drop("calendar")


def test_a_closed_date_belongs_to_the_session_before(file: Path) -> None:
    """Closing a date that is none anyway changes nothing."""
    file.write_text(GOOD)
    baked, calendar = load_calendars()["XNYS"], load_calendars(file)["XNYS"]
    assert baked.is_session(WEDNESDAY)
    assert not calendar.is_session(WEDNESDAY)
    assert calendar.bounds(date(2024, 1, 2)).next_start_ns == baked.bounds(THURSDAY).start_ns
    noon = np.array([_ns("2024-01-03T17:00")])
    assert calendar.assign(noon)[0] == np.datetime64("2024-01-02")
    assert calendar.outside_hours(noon).tolist() == [True]


def test_other_hours_leave_all_else_as_baked(file: Path) -> None:
    """What the file does not say of a session stays, its place among the others too."""
    file.write_text(GOOD)
    baked, calendar = load_calendars()["XNYS"], load_calendars(file)["XNYS"]
    old, new = baked.bounds(THURSDAY), calendar.bounds(THURSDAY)
    assert new.close_ns == _ns("2024-01-04T18:00")
    assert (new.start_ns, new.open_ns, new.next_start_ns) == (
        old.start_ns,
        old.open_ns,
        old.next_start_ns,
    )
    row = _rows(read_sessions(file), "XNYS").filter(session=THURSDAY).row(0, named=True)
    assert row["is_half_day"]
    assert row["post_close"] == datetime(2024, 1, 5, 1, tzinfo=UTC)


def test_a_new_session_starts_where_its_market_lets_sessions_start(file: Path) -> None:
    """Midnight in New York, or 17:00 in Chicago the evening before; offsets are understood."""
    file.write_text(GOOD)
    calendars = load_calendars(file)
    shares, futures = (calendars[name].bounds(SATURDAY) for name in ("XNYS", "CME_EQUITY"))
    assert (shares.start_ns, shares.open_ns, shares.close_ns) == (
        _ns("2024-01-06T05:00"),
        _ns("2024-01-06T14:30"),
        _ns("2024-01-06T17:00"),
    )
    assert futures.start_ns == _ns("2024-01-05T23:00")
    assert calendars["XNYS"].bounds(date(2024, 1, 5)).next_start_ns == shares.start_ns
    assert calendars["XNYS"].previous(date(2024, 1, 8), 1) == [SATURDAY]


def test_nothing_else_changes(file: Path) -> None:
    """Row by row: the table is as baked but for what the file says, and keeps its own rules."""
    file.write_text(GOOD)
    baked, changed = read_sessions(), read_sessions(file)
    assert changed.schema == baked.schema
    told = [date(2024, 1, 2), WEDNESDAY, THURSDAY, date(2024, 1, 5), SATURDAY]
    others = ~pl.col("session").is_in(told)
    assert changed.filter(others).equals(baked.filter(others))
    for name in CALENDARS:
        rows = SESSIONS.check(_rows(changed, name))
        assert SessionCalendar.from_frame(name, rows).last == date(2035, 12, 31)
    untouched = {name: load_calendars(file)[name] for name in ("FX", "CRYPTO", "CME_METALS")}
    assert all(load_calendars()[name] is calendar for name, calendar in untouched.items())


@pytest.mark.parametrize("text", ["", "calendars: {}", "calendars: {XNYS: {}, FX: {closed: []}}"])
def test_a_file_that_says_nothing_changes_nothing(file: Path, text: str) -> None:
    """Not a row."""
    file.write_text(text)
    assert read_sessions(file).equals(read_sessions())


def test_every_baked_session_starts_by_the_rule_for_new_ones() -> None:
    """So that a session that a user adds lies as the exchange's own would."""
    for calendar in CALENDARS:
        rows = _rows(read_sessions(), calendar)
        assert calendar in STARTS
        wanted = [_default_start(calendar, day) for day in rows["session"]]
        assert rows["start"].to_list() == wanted


def test_a_break_goes_with_the_hours_that_it_lay_in(file: Path) -> None:
    """An early close leaves no break behind it."""
    session = date(2013, 10, 10)
    row = _rows(read_sessions(), "CME_EQUITY").filter(session=session).row(0, named=True)
    assert len(row["breaks"]) == 1
    for close, count in (("20:00", 0), ("20:45", 1)):
        file.write_text(
            f"calendars: {{CME_EQUITY: {{sessions: {{{session}: "
            f"{{close: 2013-10-10T{close}:00Z}}}}}}}}"
        )
        rows = _rows(read_sessions(file), "CME_EQUITY").filter(session=session)
        assert rows["breaks"].list.len().item() == count


def test_an_edited_file_is_read_anew(file: Path) -> None:
    """By its content, not by its name."""
    for day in (3, 4):
        file.write_text(f"calendars: {{XNYS: {{closed: [2024-01-0{day}]}}}}")
        assert not load_calendars(file)["XNYS"].is_session(date(2024, 1, day))
        assert load_calendars(file)["XNYS"].is_session(date(2024, 1, 7 - day))
    assert load_calendars(file)["XNYS"] is load_calendars(file)["XNYS"]


def test_the_version_of_a_stretch_changes_with_any_session_of_it_alone(file: Path) -> None:
    """With a date, an hour or a break; what lies before and after does not count."""
    baked = load_calendars()["XNYS"]
    stretches = {
        "before": (date(2023, 12, 1), date(2023, 12, 29)),
        "about": (date(2024, 1, 2), date(2024, 1, 8)),
        "after": (date(2024, 1, 9), date(2024, 2, 1)),
    }
    for change in (
        "closed: [2024-01-03]",
        "sessions: {2024-01-04: {close: 2024-01-04T18:00:00Z}}",
        "sessions: {2024-01-04: {open: 2024-01-04T15:00:00Z}}",
        "sessions: {2024-01-06: {open: 2024-01-06T15:00:00Z, close: 2024-01-06T16:00:00Z}}",
    ):
        file.write_text(f"calendars: {{XNYS: {{{change}}}}}")
        changed = load_calendars(file)["XNYS"]
        differs = [k for k, s in stretches.items() if changed.version(*s) != baked.version(*s)]
        assert differs == ["about"], change


X = "calendars: {XNYS: "


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        ("- x", "sessions from sessions.yaml", "a list at the top level"),
        ("calendars: [", "sessions from sessions.yaml", "expected the node content"),
        ("calendars: {XNYS: {closed: [2024-13-01]}}", "'calendars.XNYS.closed.0'", "2024-13-01"),
        ("calendars: {XNYS: {closed: [2024-02-30]}}", "'calendars.XNYS.closed.0'", "2024-02-30"),
        ("holidays: {}", "'holidays'", "extra inputs"),
        ("calendars: {NYSE: {closed: [2024-01-03]}}", "'calendars.NYSE'", "input should be 'XNYS'"),
        (X + "{shut: []}}", "'calendars.XNYS.shut'", "extra inputs"),
        (X + "{closed: 2024-01-03}}", "'calendars.XNYS.closed'", "tuple"),
        (X + "{closed: [1704304800.0]}}", "'calendars.XNYS.closed.0'", "a date or an instant"),
        (X + "{closed: [20240103]}}", "'calendars.XNYS.closed.0'", "20240103: value error"),
        (X + "{closed: [1985-01-03]}}", "'calendars.XNYS.closed'", "spans 1990-01-02 to 2035"),
        (
            X + "{sessions: {2040-01-03: {close: 2040-01-03T18:00:00Z}}}}",
            "'calendars.XNYS.sessions.2040-01-03'",
            "outside the calendar",
        ),
        (
            X + "{closed: [2024-01-03], sessions: {2024-01-03: {}}}}",
            "'calendars.XNYS.sessions.2024-01-03'",
            "under `closed` too",
        ),
        (
            X + "{sessions: {2024-01-03: {close: 14:30}}}}",
            "'calendars.XNYS.sessions.2024-01-03.close'",
            "14:30: input should be a valid datetime",
        ),
        (
            X + "{sessions: {2024-01-03: {close: 2024-01-03T18:00:00}}}}",
            "'calendars.XNYS.sessions.2024-01-03.close'",
            "timezone",
        ),
        (
            X + "{sessions: {2024-01-03: {shut: 2024-01-03T18:00:00Z}}}}",
            "'calendars.XNYS.sessions.2024-01-03.shut'",
            "extra inputs",
        ),
        (
            X + "{sessions: {2024-01-06: {close: 2024-01-06T18:00:00Z}}}}",
            "'calendars.XNYS.sessions.2024-01-06.open'",
            "must be said",
        ),
        (
            X + "{sessions: {2024-01-03: {close: 2024-01-03T14:00:00Z}}}}",
            "'calendars.XNYS.sessions.2024-01-03'",
            "open 2024-01-03T14:30:00Z, close 2024-01-03T14:00:00Z do not rise",
        ),
        (
            X + "{sessions: {2024-01-03: {close: 2024-01-04T06:00:00Z}}}}",
            "'calendars.XNYS.sessions.2024-01-03'",
            "2024-01-03 closes at 2024-01-04T06:00:00Z, after 2024-01-04 starts",
        ),
        (
            X + "{sessions: {2024-01-04: {start: 2024-01-03T20:00:00Z}}}}",
            "'calendars.XNYS.sessions.2024-01-04'",
            "2024-01-03 closes at 2024-01-03T21:00:00Z, after 2024-01-04 starts",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_calendar_and_key(
    file: Path, text: str, key: str, found: str
) -> None:
    """And how to write it."""
    file.write_text(text)
    for read in (read_sessions, load_calendars):
        with pytest.raises(SettingsError) as caught:
            read(file)
        assert "sessions.yaml" in caught.value.asked
        assert key in caught.value.asked
        assert found in caught.value.found
        assert caught.value.remedy


def test_a_file_that_is_not_there_is_said_so(file: Path) -> None:
    """By its name."""
    with pytest.raises(SettingsError, match=r"sessions from sessions\.yaml"):
        load_calendars(file)
