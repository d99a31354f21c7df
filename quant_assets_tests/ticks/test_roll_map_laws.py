"""Laws of the roll map: equal to its definition, and never known before what it rests on."""

from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.sessions import SessionBounds
from quant_assets.storage.package_data import load_calendars
from quant_assets.ticks.roll_dates import DateBasis, date_bounds
from quant_assets.ticks.roll_map import build_roll_map

NS_PER_HOUR = 3_600_000_000_000
NS_PER_DAY = 24 * NS_PER_HOUR
EPOCH = date(1970, 1, 1)

# Third Fridays, in order of expiry.
EXPIRIES = {
    "ESU13": date(2013, 9, 20),
    "ESZ13": date(2013, 12, 20),
    "ESH14": date(2014, 3, 21),
    "ESM14": date(2014, 6, 20),
}
CODES = list(EXPIRIES)
Day = tuple[date, dict[str, float]]


@st.composite
def traded_days(draw) -> list[Day]:
    """Draw dates with gaps, so that expiries pass, and volumes of contracts still alive."""
    day, days = date(2013, 9, 2), []
    for gap in draw(st.lists(st.sampled_from([1, 1, 1, 3, 10, 40]), min_size=1, max_size=9)):
        day += timedelta(days=gap)
        alive = [code for code in CODES if EXPIRIES[code] >= day]
        if not alive:
            break
        amounts = st.sampled_from([0.0, 1.0, 2.0, 2.5])
        days.append((day, draw(st.dictionaries(st.sampled_from(alive), amounts, max_size=4))))
    return days


def midnight(d: date) -> int:
    """Return the UTC midnight of a date as ns."""
    return (d - EPOCH).days * NS_PER_DAY


def bounds(d: date) -> SessionBounds:
    """Give a session that closes at 21:00, the next one an hour later."""
    close = midnight(d) + 21 * NS_PER_HOUR
    start = close - 23 * NS_PER_HOUR
    return SessionBounds(d, start, start, close, close + NS_PER_HOUR)


def frame_of(days: list[Day]) -> pl.DataFrame:
    """Return the days' volumes as rows."""
    rows = [(code, day, volume) for day, of_day in days for code, volume in of_day.items()]
    schema = {"contract": pl.String, "date": pl.Date, "volume": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def oracle(days: list[Day], mode: str, *, raw_leader: bool) -> list[tuple]:
    """Return the map's rows from its definition, `known_at` as ns."""
    ranked = []
    for day, of_day in days:
        traded = [code for code in CODES if of_day.get(code, 0) > 0]
        if traded:
            ranked.append((day, sorted(traded, key=lambda c: -of_day[c]), of_day))
    rows, active = [], None
    for place, (day, order, of_day) in enumerate(ranked):
        bootstrap, known_at = False, midnight(day) + 22 * NS_PER_HOUR
        chosen = order[0]
        if mode == "previous_day":
            alive = [c for c in ranked[place - 1][1] if EXPIRIES[c] >= day] if place else []
            if alive:
                chosen = alive[0]
                known_at = midnight(ranked[place - 1][0]) + 21 * NS_PER_HOUR
            else:
                bootstrap = True
                near = sorted(order, key=CODES.index)
                late = [c for c in near if EXPIRIES[c] > day + timedelta(days=7)]
                chosen = (late or near[-1:])[0]
        if active and not raw_leader and CODES.index(chosen) < CODES.index(active):
            chosen = active
        second = order[1] if len(order) > 1 else None
        rows.append(
            (
                day,
                chosen,
                order[0],
                of_day.get(chosen, 0.0),
                of_day[order[0]],
                of_day[second] if second else 0.0,
                second,
                active is not None and chosen != active,
                bootstrap,
                known_at,
            )
        )
        active = chosen
    return rows


MODES = st.sampled_from(["same_day", "previous_day"])


@settings(max_examples=200, deadline=None)
@given(traded_days(), MODES, st.booleans())
def test_a_map_is_its_definition(days, mode, raw_leader):
    """Every column of every row, over expiries, ties, gaps and days without trade."""
    found = build_roll_map(frame_of(days), mode=mode, bounds=bounds, raw_leader=raw_leader)
    plain = found.with_columns(pl.col("known_at").dt.epoch("ns"))
    assert plain.rows() == oracle(days, mode, raw_leader=raw_leader)


@settings(max_examples=80, deadline=None)
@given(traded_days(), MODES, st.booleans(), st.data())
def test_no_choice_is_known_before_the_volumes_it_rests_on(days, mode, raw_leader, data):
    """Other volumes on dates that close after `known_at` leave the choice as it is.

    Dates without trade stay so: the map goes by the last date with data, whichever that is.
    """
    options = {"mode": mode, "bounds": bounds, "raw_leader": raw_leader}
    whole = build_roll_map(frame_of(days), **options)
    for day, contract, known_at in whole.select(
        "date", "contract", pl.col("known_at").dt.epoch("ns")
    ).iter_rows():
        is_open = [bounds(d).close_ns > known_at and any(v.values()) for d, v in days]
        other = [
            (d, {data.draw(st.sampled_from([c for c in CODES if EXPIRIES[c] >= d])): 9.0})
            if late
            else (d, volumes)
            for late, (d, volumes) in zip(is_open, days, strict=True)
        ]
        again = build_roll_map(frame_of(other), **options)
        assert again.filter(pl.col("date") == day)["contract"].to_list() == [contract]


def test_a_row_whose_contracts_have_all_expired_starts_anew_and_says_so():
    """What trades today is known when today is over, not at the close of the last date."""
    days = [(date(2013, 9, 20), {"ESU13": 9.0}), (date(2013, 9, 23), {"ESH14": 5.0, "ESZ13": 1.0})]
    found = build_roll_map(frame_of(days), mode="previous_day", bounds=bounds)
    assert found["contract"].to_list() == ["ESU13", "ESZ13"]
    assert found["bootstrap"].to_list() == [True, True]
    assert found["known_at"].dt.epoch("ns").to_list()[1] == midnight(days[1][0]) + 22 * NS_PER_HOUR


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7, 1e9]), min_size=2, max_size=8),
    st.randoms(use_true_random=False),
)
def test_part_units_add_up_to_the_same_bits_in_any_order(parts, random):
    """0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 when it is added one by one."""
    maps = []
    for _ in range(2):
        rows = frame_of([(date(2013, 10, 7), {"ESZ13": part}) for part in parts])
        maps.append(build_roll_map(rows, mode="same_day", bounds=bounds))
        random.shuffle(parts)
    assert all(one.equals(other) for one, other in pairwise(maps))


@pytest.mark.parametrize(("by_calendar", "expected"), [(True, "GCQ16"), (False, "GCK16")])
def test_a_holiday_moves_an_expiry_where_a_calendar_is_given(by_calendar, expected):
    """Memorial Day 2016 makes Thursday 26 the third last business day of May, not Friday 27."""
    days = [
        (date(2016, 5, 26), {"GCK16": 9.0, "GCQ16": 1.0}),
        (date(2016, 5, 27), {"GCK16": 9.0, "GCQ16": 1.0}),
    ]
    found = build_roll_map(
        frame_of(days),
        mode="previous_day",
        bounds=bounds,
        business_days=load_calendars()["XNYS"] if by_calendar else None,
        raw_leader=True,
    )
    assert found["contract"].to_list() == ["GCQ16", expected]


def test_a_calendar_that_ends_soon_is_a_week():
    """Two sessions that are left are not five: ESU13 expires on Friday 20, a week later."""
    days = [(date(2013, 9, 13), {"ESU13": 9.0, "ESZ13": 1.0})]
    left = [date(2013, 9, 16), date(2013, 9, 17)]
    found = build_roll_map(
        frame_of(days),
        mode="previous_day",
        bounds=bounds,
        sessions_after=lambda _d, count: left[:count],
    )
    assert found["contract"].to_list() == ["ESZ13"]


def test_a_zones_dates_have_bounds_also_where_no_session_is():
    """Sunday evening in Chicago is Sunday in UTC: a map by UTC has a row, a calendar has none."""
    calendar = load_calendars()["CME_METALS"]
    sunday = date(2013, 10, 6)
    assert not calendar.is_session(sunday)
    found = build_roll_map(
        frame_of([(sunday, {"GCZ13": 1.0})]),
        mode="same_day",
        bounds=date_bounds(DateBasis.UTC, bounds=calendar.bounds),
    )
    assert found["known_at"].dt.epoch("ns").to_list() == [midnight(sunday) + NS_PER_DAY]
