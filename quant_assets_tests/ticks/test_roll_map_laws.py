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


def interest_frame(days: list[Day]) -> pl.DataFrame:
    """Return the days' open interest as rows."""
    return frame_of(days).rename({"volume": "open_interest"})


def weekdays_after(d: date, count: int) -> list[date]:
    """Give the next weekdays: the sessions of these tests."""
    found: list[date] = []
    while len(found) < count:
        d += timedelta(days=1)
        if d.weekday() < 5:
            found.append(d)
    return found


def not_soon(codes: list[str], day: date, count: int) -> str:
    """Return the nearest that expires after the count-th session, else the last one."""
    limit = [day, *weekdays_after(day, count)][-1]
    near = sorted(codes, key=CODES.index)
    return ([code for code in near if EXPIRIES[code] > limit] or near[-1:])[0]


def highest(figures: dict[str, float], day: date) -> str | None:
    """Return the contract of the highest figure among those not expired, the nearer of equals."""
    alive = [c for c in CODES if figures.get(c, 0) > 0 and EXPIRIES[c] >= day]
    return max(alive, key=lambda c: (figures[c], -CODES.index(c)), default=None)


def earlier_choice(
    mode: str, past: list[Day], day: date, interest: dict[str, float], count: int
) -> tuple[str, str] | None:
    """Return what a mode reads off the earlier dates, and the instant's name; None for nothing."""
    if mode in {"calendar", "days_before_expiry"}:
        met = {code for _, of_day in past for code in of_day if of_day[code] > 0}
        alive = [code for code in met if EXPIRIES[code] >= day]
        return (not_soon(alive, day, count), "close") if alive else None
    met = {code for _, of_day in past for code in of_day if of_day[code] > 0}
    held = highest({c: i for c, i in interest.items() if c in met}, day)
    if mode == "open_interest" and held:
        return held, "start"
    chosen = highest(past[-1][1], day) if past else None
    return (chosen, "close") if chosen else None


def oracle(
    days: list[Day], mode: str, *, raw_leader: bool, interest: list[Day], count: int
) -> list[tuple]:
    """Return the map's rows from its definition, `known_at` as ns."""
    traded = [(day, of_day) for day, of_day in days if any(v > 0 for v in of_day.values())]
    rows, active = [], None
    for place, (day, of_day) in enumerate(traded):
        past = traded[:place]
        held = dict(interest).get(past[-1][0], {}) if past else {}
        order = sorted((c for c in CODES if of_day.get(c, 0) > 0), key=lambda c: -of_day[c])
        chosen, bootstrap, known_at = order[0], False, midnight(day) + 22 * NS_PER_HOUR
        if mode != "same_day":
            earlier = earlier_choice(mode, past, day, held, count)
            bootstrap = earlier is None
            chosen, when = earlier or (not_soon(order, day, count), "after")
            if when == "close":
                known_at = midnight(past[-1][0]) + 21 * NS_PER_HOUR
            if when == "start":
                known_at = midnight(day) - 2 * NS_PER_HOUR
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


@st.composite
def markets(draw) -> tuple[list[Day], list[Day]]:
    """Draw days, and open interest on most of them, also of contracts that never trade."""
    days = draw(traded_days())
    figures = st.dictionaries(st.sampled_from(CODES), st.sampled_from([0.0, 1.0, 2.0]), max_size=4)
    return days, [(day, draw(figures)) for day, _ in days]


MODES = st.sampled_from(
    ["same_day", "previous_day", "open_interest", "calendar", "days_before_expiry"]
)
COUNTS = st.sampled_from([0, 1, 5, 30])


def build(market: tuple[list[Day], list[Day]], mode: str, count: int, *, raw_leader: bool):
    """Return the map of a market with its instants as ns."""
    days, interest = market
    return build_roll_map(
        frame_of(days),
        mode=mode,
        bounds=bounds,
        raw_leader=raw_leader,
        sessions_after=weekdays_after,
        days=count if mode == "days_before_expiry" else None,
        open_interest=interest_frame(interest),
    ).with_columns(pl.col("known_at").dt.epoch("ns"))


@settings(max_examples=250, deadline=None)
@given(markets(), MODES, COUNTS, st.booleans())
def test_a_map_is_its_definition(market, mode, count, raw_leader):
    """Every column of every row, over expiries, ties, gaps and days without trade."""
    found = build(market, mode, count, raw_leader=raw_leader)
    days, interest = market
    count = count if mode == "days_before_expiry" else 5
    assert found.rows() == oracle(days, mode, raw_leader=raw_leader, interest=interest, count=count)


@settings(max_examples=150, deadline=None)
@given(markets(), MODES, COUNTS, st.booleans(), st.data())
def test_no_choice_is_known_before_what_it_rests_on(market, mode, count, raw_leader, data):
    """Other figures on dates that close after `known_at` leave the choice as it is.

    Dates without trade stay so: the map goes by the last date with data, whichever that is.
    """

    def scrambled(days: list[Day], known_at: int) -> list[Day]:
        late = [bounds(d).close_ns > known_at and any(v.values()) for d, v in days]
        return [
            (d, {data.draw(st.sampled_from([c for c in CODES if EXPIRIES[c] >= d])): 9.0})
            if is_late
            else (d, figures)
            for is_late, (d, figures) in zip(late, days, strict=True)
        ]

    whole = build(market, mode, count, raw_leader=raw_leader)
    for day, contract, known_at in whole.select("date", "contract", "known_at").iter_rows():
        other = scrambled(market[0], known_at), scrambled(market[1], known_at)
        again = build(other, mode, count, raw_leader=raw_leader)
        assert again.filter(pl.col("date") == day)["contract"].to_list() == [contract]


@settings(max_examples=150, deadline=None)
@given(markets(), MODES, COUNTS, st.integers(0, 9))
def test_a_row_of_any_mode_depends_on_nothing_later_and_never_goes_back(market, mode, count, cut):
    """The map of the first days is the first rows of the map, and expiries do not fall."""
    whole = build(market, mode, count, raw_leader=False)
    early = build((market[0][:cut], market[1][:cut]), mode, count, raw_leader=False)
    assert early.equals(whole.head(early.height))
    places = [CODES.index(code) for code in whole["contract"]]
    assert places == sorted(places)
    # What goes by earlier dates is known before the session, but where it starts anew.
    if mode != "same_day":
        starts = [bounds(day).start_ns for day in whole["date"]]
        late = [at > start for at, start in zip(whole["known_at"], starts, strict=True)]
        assert late == whole["bootstrap"].to_list()


@settings(max_examples=60, deadline=None)
@given(markets(), st.booleans())
def test_five_days_before_expiry_are_the_calendar(market, raw_leader):
    """`calendar` is the fixed rule of five."""
    maps = [
        build(market, mode, 5, raw_leader=raw_leader) for mode in ("calendar", "days_before_expiry")
    ]
    assert maps[0].equals(maps[1])


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
