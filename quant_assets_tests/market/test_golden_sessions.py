"""Sessions that were worked out by hand from the exchanges' rules, not from the baked file.

Instants are UTC. New York is UTC-5 (EST) or UTC-4 (EDT), Chicago UTC-6 (CST) or UTC-5 (CDT);
daylight saving time runs from the second Sunday of March to the first Sunday of November, before
2007 from the first Sunday of April to the last of October.
"""

from datetime import date, datetime

import numpy as np
import pytest

from quant_assets.market.sessions import SessionCalendar
from quant_assets.storage.package_data import load_calendars, read_sessions

REGULAR, HALF = False, True

# session, start, open, close, is_half_day
XNYS = [
    ("2013-10-07", "2013-10-07T04:00", "2013-10-07T13:30", "2013-10-07T20:00", REGULAR),
    ("2013-11-01", "2013-11-01T04:00", "2013-11-01T13:30", "2013-11-01T20:00", REGULAR),
    ("2013-11-04", "2013-11-04T05:00", "2013-11-04T14:30", "2013-11-04T21:00", REGULAR),
    ("2014-03-07", "2014-03-07T05:00", "2014-03-07T14:30", "2014-03-07T21:00", REGULAR),
    ("2014-03-10", "2014-03-10T04:00", "2014-03-10T13:30", "2014-03-10T20:00", REGULAR),
    ("2006-03-13", "2006-03-13T05:00", "2006-03-13T14:30", "2006-03-13T21:00", REGULAR),
    ("2006-04-03", "2006-04-03T04:00", "2006-04-03T13:30", "2006-04-03T20:00", REGULAR),
    ("2007-03-12", "2007-03-12T04:00", "2007-03-12T13:30", "2007-03-12T20:00", REGULAR),
    ("2001-09-17", "2001-09-17T04:00", "2001-09-17T13:33", "2001-09-17T20:00", REGULAR),
    ("2012-10-31", "2012-10-31T04:00", "2012-10-31T13:30", "2012-10-31T20:00", REGULAR),
    ("2021-12-31", "2021-12-31T05:00", "2021-12-31T14:30", "2021-12-31T21:00", REGULAR),
    ("2021-06-18", "2021-06-18T04:00", "2021-06-18T13:30", "2021-06-18T20:00", REGULAR),
    ("2013-07-03", "2013-07-03T04:00", "2013-07-03T13:30", "2013-07-03T17:00", HALF),
    ("2013-11-29", "2013-11-29T05:00", "2013-11-29T14:30", "2013-11-29T18:00", HALF),
    ("2013-12-24", "2013-12-24T05:00", "2013-12-24T14:30", "2013-12-24T18:00", HALF),
    ("2024-07-03", "2024-07-03T04:00", "2024-07-03T13:30", "2024-07-03T17:00", HALF),
    ("2024-11-29", "2024-11-29T05:00", "2024-11-29T14:30", "2024-11-29T18:00", HALF),
    ("2025-11-28", "2025-11-28T05:00", "2025-11-28T14:30", "2025-11-28T18:00", HALF),
]
CME_EQUITY = [
    ("2013-10-07", "2013-10-06T22:00", "2013-10-06T22:00", "2013-10-07T21:00", REGULAR),
    ("2013-10-08", "2013-10-07T22:00", "2013-10-07T22:00", "2013-10-08T21:00", REGULAR),
    ("2013-11-01", "2013-10-31T22:00", "2013-10-31T22:00", "2013-11-01T21:00", REGULAR),
    ("2013-11-04", "2013-11-03T23:00", "2013-11-03T23:00", "2013-11-04T22:00", REGULAR),
    ("2013-12-18", "2013-12-17T23:00", "2013-12-17T23:00", "2013-12-18T22:00", REGULAR),
    ("2014-03-07", "2014-03-06T23:00", "2014-03-06T23:00", "2014-03-07T22:00", REGULAR),
    ("2014-03-10", "2014-03-09T22:00", "2014-03-09T22:00", "2014-03-10T21:00", REGULAR),
    ("2013-12-26", "2013-12-25T23:00", "2013-12-25T23:00", "2013-12-26T22:00", REGULAR),
    ("2014-01-02", "2014-01-01T23:00", "2014-01-01T23:00", "2014-01-02T22:00", REGULAR),
    ("2012-11-16", "2012-11-15T23:00", "2012-11-15T23:00", "2012-11-16T21:15", REGULAR),
    ("2012-11-19", "2012-11-18T23:00", "2012-11-18T23:00", "2012-11-19T22:00", REGULAR),
    ("2013-07-04", "2013-07-03T22:00", "2013-07-03T22:00", "2013-07-04T17:00", HALF),
    ("2013-11-28", "2013-11-27T23:00", "2013-11-27T23:00", "2013-11-28T18:00", HALF),
    ("2013-11-29", "2013-11-28T23:00", "2013-11-28T23:00", "2013-11-29T18:00", HALF),
    ("2013-12-24", "2013-12-23T23:00", "2013-12-23T23:00", "2013-12-24T18:00", HALF),
    ("2025-01-20", "2025-01-19T23:00", "2025-01-19T23:00", "2025-01-20T18:00", HALF),
    ("2018-12-05", "2018-12-04T23:00", "2018-12-04T23:00", "2018-12-05T14:30", HALF),
    ("2025-01-09", "2025-01-08T23:00", "2025-01-08T23:00", "2025-01-09T14:30", HALF),
    ("2015-04-03", "2015-04-02T22:00", "2015-04-02T22:00", "2015-04-03T13:15", HALF),
    ("2023-04-07", "2023-04-06T22:00", "2023-04-06T22:00", "2023-04-07T13:15", HALF),
]
CME_METALS = [
    ("2013-10-07", "2013-10-06T22:00", "2013-10-06T22:00", "2013-10-07T21:00", REGULAR),
    ("2013-10-08", "2013-10-07T22:00", "2013-10-07T22:00", "2013-10-08T21:00", REGULAR),
    ("2013-10-09", "2013-10-08T22:00", "2013-10-08T22:00", "2013-10-09T21:00", REGULAR),
    ("2013-11-01", "2013-10-31T22:00", "2013-10-31T22:00", "2013-11-01T21:00", REGULAR),
    ("2013-11-04", "2013-11-03T23:00", "2013-11-03T23:00", "2013-11-04T22:00", REGULAR),
    ("2014-03-07", "2014-03-06T23:00", "2014-03-06T23:00", "2014-03-07T22:00", REGULAR),
    ("2014-03-10", "2014-03-09T22:00", "2014-03-09T22:00", "2014-03-10T21:00", REGULAR),
    ("2012-10-29", "2012-10-28T22:00", "2012-10-28T22:00", "2012-10-29T21:00", REGULAR),
    ("2012-10-30", "2012-10-29T22:00", "2012-10-29T22:00", "2012-10-30T21:00", REGULAR),
    ("2018-12-05", "2018-12-04T23:00", "2018-12-04T23:00", "2018-12-05T22:00", REGULAR),
    ("2025-01-09", "2025-01-08T23:00", "2025-01-08T23:00", "2025-01-09T22:00", REGULAR),
    ("2013-12-26", "2013-12-25T23:00", "2013-12-25T23:00", "2013-12-26T22:00", REGULAR),
    ("2014-01-02", "2014-01-01T23:00", "2014-01-01T23:00", "2014-01-02T22:00", REGULAR),
    ("2013-07-04", "2013-07-03T22:00", "2013-07-03T22:00", "2013-07-04T17:00", HALF),
    ("2013-11-28", "2013-11-27T23:00", "2013-11-27T23:00", "2013-11-28T18:00", HALF),
    ("2013-11-29", "2013-11-28T23:00", "2013-11-28T23:00", "2013-11-29T18:45", HALF),
    ("2024-07-04", "2024-07-03T22:00", "2024-07-03T22:00", "2024-07-04T18:30", HALF),
    ("2024-11-28", "2024-11-27T23:00", "2024-11-27T23:00", "2024-11-28T19:30", HALF),
    ("2025-01-20", "2025-01-19T23:00", "2025-01-19T23:00", "2025-01-20T19:30", HALF),
]
FX = [
    ("2013-10-06", "2013-10-06T00:00", "2013-10-06T21:00", "2013-10-07T00:00", REGULAR),
    ("2013-10-07", "2013-10-07T00:00", "2013-10-07T00:00", "2013-10-08T00:00", REGULAR),
    ("2013-10-10", "2013-10-10T00:00", "2013-10-10T00:00", "2013-10-11T00:00", REGULAR),
    ("2013-10-11", "2013-10-11T00:00", "2013-10-11T00:00", "2013-10-11T21:00", REGULAR),
    ("2013-11-01", "2013-11-01T00:00", "2013-11-01T00:00", "2013-11-01T21:00", REGULAR),
    ("2013-11-03", "2013-11-03T00:00", "2013-11-03T22:00", "2013-11-04T00:00", REGULAR),
    ("2013-11-08", "2013-11-08T00:00", "2013-11-08T00:00", "2013-11-08T22:00", REGULAR),
    ("2014-03-07", "2014-03-07T00:00", "2014-03-07T00:00", "2014-03-07T22:00", REGULAR),
    ("2014-03-09", "2014-03-09T00:00", "2014-03-09T21:00", "2014-03-10T00:00", REGULAR),
    ("2014-03-14", "2014-03-14T00:00", "2014-03-14T00:00", "2014-03-14T21:00", REGULAR),
    ("2014-05-09", "2014-05-09T00:00", "2014-05-09T00:00", "2014-05-09T21:00", REGULAR),
    ("2013-03-29", "2013-03-29T00:00", "2013-03-29T00:00", "2013-03-29T21:00", REGULAR),
    ("2013-11-28", "2013-11-28T00:00", "2013-11-28T00:00", "2013-11-29T00:00", REGULAR),
    ("2013-12-24", "2013-12-24T00:00", "2013-12-24T00:00", "2013-12-25T00:00", REGULAR),
    ("2013-12-26", "2013-12-26T00:00", "2013-12-26T00:00", "2013-12-27T00:00", REGULAR),
    ("2016-12-26", "2016-12-26T00:00", "2016-12-26T00:00", "2016-12-27T00:00", REGULAR),
    ("2017-12-31", "2017-12-31T00:00", "2017-12-31T22:00", "2018-01-01T00:00", REGULAR),
    ("2012-10-29", "2012-10-29T00:00", "2012-10-29T00:00", "2012-10-30T00:00", REGULAR),
    ("2025-01-09", "2025-01-09T00:00", "2025-01-09T00:00", "2025-01-10T00:00", REGULAR),
]
CRYPTO = [
    (day, f"{day}T00:00", f"{day}T00:00", f"{day_after}T00:00", REGULAR)
    for day, day_after in [
        ("1990-01-01", "1990-01-02"),
        ("2013-10-05", "2013-10-06"),
        ("2013-10-06", "2013-10-07"),
        ("2013-12-25", "2013-12-26"),
        ("2014-01-01", "2014-01-02"),
        ("2014-03-09", "2014-03-10"),
        ("2014-11-02", "2014-11-03"),
        ("2017-09-03", "2017-09-04"),
        ("2017-09-04", "2017-09-05"),
        ("2021-12-31", "2022-01-01"),
        ("2024-02-29", "2024-03-01"),
        ("2025-01-09", "2025-01-10"),
        ("2035-12-31", "2036-01-01"),
    ]
]
GOLDEN = {
    "XNYS": XNYS,
    "CME_EQUITY": CME_EQUITY,
    "CME_METALS": CME_METALS,
    "FX": FX,
    "CRYPTO": CRYPTO,
}

WEEKEND = ["2013-10-05", "2013-10-06"]
CHRISTMAS_AND_NEW_YEAR = ["2013-12-25", "2014-01-01"]
NO_SESSION = {
    "XNYS": [
        *WEEKEND,
        *CHRISTMAS_AND_NEW_YEAR,
        *["2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14"],
        *["1994-04-27", "2004-06-11", "2007-01-02", "2018-12-05", "2025-01-09"],
        *["2012-10-29", "2012-10-30"],
        *["2013-03-29", "2013-11-28", "2013-07-04", "2021-12-24", "2022-06-20", "1998-01-19"],
    ],
    "CME_EQUITY": [
        *WEEKEND,
        *CHRISTMAS_AND_NEW_YEAR,
        *["2013-03-29", "2014-04-18", "2022-04-15", "2024-03-29", "2025-04-18", "2021-12-24"],
    ],
    "CME_METALS": [
        *WEEKEND,
        *CHRISTMAS_AND_NEW_YEAR,
        *["2013-03-29", "2021-04-02", "2024-03-29", "2025-04-18", "2021-12-24"],
    ],
    "FX": ["2013-10-05", "2014-05-03", *CHRISTMAS_AND_NEW_YEAR, "2016-12-25", "2018-01-01"],
}

# What no rule keeps: the break of equity futures and the hours around the regular ones.
BREAKS = {
    "2013-10-07": [("2013-10-07T20:15", "2013-10-07T20:30")],
    "2013-12-18": [("2013-12-18T21:15", "2013-12-18T21:30")],
    "2021-06-25": [("2021-06-25T20:15", "2021-06-25T20:30")],
    "2021-06-28": [],
    "2012-11-16": [],
    "2013-11-28": [],
}
EXTENDED = {
    "2013-10-07": ("2013-10-07T08:00", "2013-10-08T00:00"),
    "2013-11-29": ("2013-11-29T09:00", "2013-11-29T22:00"),
    "2014-03-07": ("2014-03-07T09:00", "2014-03-08T01:00"),
    "2001-09-17": ("2001-09-17T08:00", "2001-09-18T00:00"),
}


def ns(text: str) -> int:
    """Return a UTC instant as ns since the epoch."""
    return int(np.datetime64(text, "ns").astype(np.int64))


def written(instant: object) -> str:
    """Write an instant as the golden tables do."""
    assert isinstance(instant, datetime)
    return instant.strftime("%Y-%m-%dT%H:%M")


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, date], dict[str, object]]:
    """All baked sessions by calendar and date."""
    frame = read_sessions()
    keys = zip(frame["calendar"], frame["session"], strict=True)
    return dict(zip(keys, frame.iter_rows(named=True), strict=True))


@pytest.mark.parametrize(
    ("calendar", "golden"),
    [pytest.param(n, g, id=f"{n}-{g[0]}") for n, golden in GOLDEN.items() for g in golden],
)
def test_a_session_starts_opens_and_closes_as_worked_out(calendar, golden, rows):
    """The instants of a golden session are those that the exchange's rules give."""
    session, *expected = golden
    row = rows[calendar, date.fromisoformat(session)]
    found = [written(row["start"]), written(row["open"]), written(row["close"])]
    assert [*found, row["is_half_day"]] == expected


@pytest.mark.parametrize(
    ("calendar", "day"),
    [pytest.param(n, d, id=f"{n}-{d}") for n, days in NO_SESSION.items() for d in days],
)
def test_a_closed_day_is_no_session(calendar, day):
    """Holidays, weekends and unscheduled closures are no sessions."""
    assert not load_calendars()[calendar].is_session(date.fromisoformat(day))


def test_crypto_knows_no_closed_day():
    """Each date from the first to the last is a crypto session."""
    sessions = load_calendars()["CRYPTO"].sessions
    assert len(sessions) == (date(2036, 1, 1) - date(1990, 1, 1)).days


@pytest.mark.parametrize("session", BREAKS)
def test_equity_futures_pause_only_where_the_break_has_length(session, rows):
    """The afternoon break stood from 2012-11-19 to 2021-06-25, on full days only."""
    row = rows["CME_EQUITY", date.fromisoformat(session)]
    found = [(written(pause["start"]), written(pause["end"])) for pause in row["breaks"]]
    assert found == BREAKS[session]


@pytest.mark.parametrize("session", EXTENDED)
def test_equities_trade_before_and_after_hours(session, rows):
    """Pre-market starts 04:00 New York; after-hours end 20:00, on half days 17:00."""
    row = rows["XNYS", date.fromisoformat(session)]
    assert (written(row["pre_open"]), written(row["post_close"])) == EXTENDED[session]


@pytest.mark.parametrize("calendar", ["CME_EQUITY", "CME_METALS", "FX", "CRYPTO"])
def test_only_equities_have_extended_hours(calendar, rows):
    """Other markets have neither pre-market nor after-hours."""
    row = rows[calendar, date(2013, 10, 7)]
    assert (row["pre_open"], row["post_close"]) == (None, None)


@pytest.mark.parametrize(
    ("calendar", "instant", "session"),
    [
        pytest.param("CME_EQUITY", "2013-10-06T22:00", "2013-10-07", id="sunday_evening"),
        pytest.param("CME_EQUITY", "2013-10-06T21:59:59.999999999", "2013-10-04", id="before_it"),
        pytest.param("CME_METALS", "2013-10-07T21:15", "2013-10-07", id="gold_after_the_close"),
        pytest.param("CME_METALS", "2013-10-05T12:00", "2013-10-04", id="saturday_is_fridays"),
        pytest.param("CME_METALS", "2013-03-29T12:00", "2013-03-28", id="good_friday"),
        pytest.param("XNYS", "2013-10-08T03:59:59.999999999", "2013-10-07", id="to_midnight"),
        pytest.param("XNYS", "2012-10-30T15:00", "2012-10-26", id="hurricane"),
        pytest.param("FX", "2013-12-25T23:00", "2013-12-24", id="christmas"),
        pytest.param("FX", "2013-10-12T10:00", "2013-10-11", id="fx_saturday"),
        pytest.param("CRYPTO", "2017-09-03T23:59:59.999999999", "2017-09-03", id="last_ns"),
    ],
)
def test_an_instant_belongs_to_the_session_worked_out(calendar, instant, session):
    """Nights and closed days belong to the session before them."""
    found = load_calendars()[calendar].assign(np.array([ns(instant)]))
    assert found.tolist() == [date.fromisoformat(session)]


@pytest.mark.parametrize(
    ("calendar", "instant", "is_outside"),
    [
        pytest.param("CME_METALS", "2013-10-07T20:59:59.999", False, id="gold_before_the_close"),
        pytest.param("CME_METALS", "2013-10-07T21:00", True, id="the_close_is_outside"),
        pytest.param("CME_METALS", "2013-10-07T21:15", True, id="gold_after_the_close"),
        pytest.param("CME_METALS", "2013-10-07T22:00", False, id="the_open_is_inside"),
        pytest.param("CME_EQUITY", "2013-10-07T20:14:59", False, id="before_the_break"),
        pytest.param("CME_EQUITY", "2013-10-07T20:15", True, id="in_the_break"),
        pytest.param("CME_EQUITY", "2013-10-07T20:30", False, id="after_the_break"),
        pytest.param("CME_EQUITY", "2012-10-30T20:45", True, id="old_evening_trade"),
        pytest.param("XNYS", "2013-10-07T13:29:59", True, id="pre_market"),
        pytest.param("XNYS", "2013-10-07T13:30", False, id="opening"),
        pytest.param("XNYS", "2013-11-29T18:00", True, id="half_day_is_over"),
        pytest.param("FX", "2013-10-06T20:59", True, id="sunday_before_the_open"),
        pytest.param("FX", "2013-10-11T21:00", True, id="friday_after_the_close"),
        pytest.param("CRYPTO", "2013-10-06T04:00", False, id="always_open"),
    ],
)
def test_hours_are_told_as_worked_out(calendar, instant, is_outside):
    """An instant is outside hours before the open, from the close on, and in a break."""
    found = load_calendars()[calendar].outside_hours(np.array([ns(instant)]))
    assert found.tolist() == [is_outside]


def test_bounds_give_the_baked_instants():
    """Bounds of a session are its start, open, close and the next one's start."""
    calendar: SessionCalendar = load_calendars()["CME_EQUITY"]
    bounds = calendar.bounds(date(2013, 10, 4))
    instants = (bounds.start_ns, bounds.open_ns, bounds.close_ns, bounds.next_start_ns)
    expected = ["2013-10-03T22:00", "2013-10-03T22:00", "2013-10-04T21:00", "2013-10-06T22:00"]
    assert instants == tuple(ns(text) for text in expected)
