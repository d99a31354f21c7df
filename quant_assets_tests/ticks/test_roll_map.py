"""The roll map: who leads, who is read, and when that can be known."""

import csv
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.contracts import expiry_date, parse_contract
from quant_assets.market.errors import InputError, SymbolError
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_HOUR
from quant_assets.storage.package_data import load_calendars
from quant_assets.ticks.roll_dates import (
    DateBasis,
    date_bounds,
    dates_of,
    parse_date_basis,
    session_volumes,
)
from quant_assets.ticks.roll_map import build_roll_map
from quant_assets.ticks.schema import ROLL_MAP

FIRST = date(2013, 10, 7)
EPOCH = date(1970, 1, 1)


def bounds(d: date) -> SessionBounds:
    """Give a session from two hours before its date to 21:00, the next one an hour later."""
    midnight = (d - EPOCH).days * NS_PER_DAY
    start, close = midnight - 2 * NS_PER_HOUR, midnight + 21 * NS_PER_HOUR
    return SessionBounds(d, start, start, close, close + NS_PER_HOUR)


def volumes(*days: dict[str, float], first: date = FIRST) -> pl.DataFrame:
    """Return volumes of consecutive dates."""
    rows = [
        (contract, first + timedelta(days=n), float(volume))
        for n, day in enumerate(days)
        for contract, volume in day.items()
    ]
    schema = {"contract": pl.String, "date": pl.Date, "volume": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def contracts(*days: dict[str, float], mode: str = "same_day", **options) -> list[str]:
    """Return the active contract of each date."""
    return build_roll_map(volumes(*days), mode=mode, bounds=bounds, **options)["contract"].to_list()


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param([{"ESZ13": 5, "ESH14": 3}], ["ESZ13"], id="the_highest_volume_leads"),
        pytest.param([{"ESH14": 5, "ESZ13": 5}], ["ESZ13"], id="a_tie_goes_to_the_nearer_expiry"),
        pytest.param([{"ESZ13": 0, "ESH14": 1}], ["ESH14"], id="zero_volume_never_leads"),
        pytest.param(
            [{"ESZ13": 5, "ESH14": 6}, {"ESZ13": 9, "ESH14": 6}],
            ["ESH14", "ESH14"],
            id="a_roll_never_goes_back",
        ),
        pytest.param(
            [{"ESZ13": 5}, {"ESZ13": 0}, {"ESH14": 1}],
            ["ESZ13", "ESH14"],
            id="a_date_without_trade",
        ),
        pytest.param([{"ESH00": 5, "ESZ99": 5}], ["ESZ99"], id="1999_expires_before_2000"),
    ],
)
def test_same_day_reads_the_leader(days, expected):
    """The contract of the highest volume of that very day."""
    assert contracts(*days) == expected


def test_raw_leader_goes_back():
    """Where asked, the map is the raw leader of each day."""
    days = [{"ESZ13": 5, "ESH14": 6}, {"ESZ13": 9, "ESH14": 6}]
    assert contracts(*days, raw_leader=True) == ["ESH14", "ESZ13"]


def test_a_row_says_what_it_rests_on():
    """Each column of a day on which the active contract is not the leader."""
    days = volumes(
        {"ESZ13": 5, "ESH14": 6, "ESM14": 1}, {"ESZ13": 9, "ESH14": 7, "ESM14": 2}, {"ESH14": 3}
    )
    found = build_roll_map(days, mode="same_day", bounds=bounds)
    second = FIRST + timedelta(days=1)
    assert found.row(1, named=True) == {
        "date": second,
        "contract": "ESH14",
        "leader": "ESZ13",
        "volume": 7.0,
        "leader_volume": 9.0,
        "runner_up_volume": 7.0,
        "runner_up": "ESH14",
        "rolled": False,
        "bootstrap": False,
        "known_at": datetime(2013, 10, 8, 22, tzinfo=UTC),
    }
    assert found.row(2, named=True)["runner_up"] is None
    assert found.row(2, named=True)["runner_up_volume"] == 0.0
    assert found.columns == ROLL_MAP.schema.column_names()


def test_a_roll_is_told_on_the_day_that_reads_another_contract():
    """The first row of a map is no roll."""
    found = build_roll_map(
        volumes({"ESZ13": 2}, {"ESH14": 2}, {"ESH14": 2}), mode="same_day", bounds=bounds
    )
    assert found["rolled"].to_list() == [False, True, False]


def test_the_previous_day_decides_and_its_close_is_when():
    """The leader of the last date with data; its own volume may be zero today."""
    days = volumes({"ESZ13": 2}, {"ESH14": 5}, {}, {"ESM14": 4})
    found = build_roll_map(days, mode="previous_day", bounds=bounds)
    assert found["contract"].to_list() == ["ESZ13", "ESZ13", "ESH14"]
    assert found["volume"].to_list() == [2.0, 0.0, 0.0]
    assert found["bootstrap"].to_list() == [True, False, False]
    assert found["known_at"].to_list()[1:] == [
        datetime(2013, 10, 7, 21, tzinfo=UTC),
        datetime(2013, 10, 8, 21, tzinfo=UTC),
    ]


def test_the_first_row_takes_the_nearest_expiry_beyond_five_sessions():
    """Whatever its volume; it rests on its own day, and is known when that is over."""
    # ESU13 expires on Friday 2013-09-20: within five sessions of Friday 13, not of Thursday 12.
    day = {"ESU13": 9, "ESZ13": 1, "ESH14": 5}
    for first, expected in ((date(2013, 9, 12), "ESU13"), (date(2013, 9, 13), "ESZ13")):
        found = build_roll_map(volumes(day, first=first), mode="previous_day", bounds=bounds)
        assert found["contract"].to_list() == [expected]
        assert found["bootstrap"].to_list() == [True]
        assert found["known_at"].dt.date().to_list() == [first]


@pytest.mark.parametrize(("is_given", "expected"), [(True, "GCG14"), (False, "GCZ13")])
def test_five_sessions_are_the_calendars_where_it_is_given(is_given, expected):
    """Christmas makes five sessions longer than a week; else they are seven days."""
    calendar = load_calendars()["XNYS"]
    first = date(2013, 12, 19)
    assert calendar.next(first, 5)[-1] == expiry_date(parse_contract("GCZ13")) == date(2013, 12, 27)
    found = build_roll_map(
        volumes({"GCZ13": 1, "GCG14": 2, "GCJ14": 3}, first=first),
        mode="previous_day",
        bounds=bounds,
        sessions_after=calendar.next if is_given else None,
    )
    assert found["contract"].to_list() == [expected]


def test_the_last_contract_starts_a_map_where_all_expire_soon():
    """There is nothing later to take."""
    days = volumes({"ESU13": 9}, first=date(2013, 9, 19))
    found = build_roll_map(days, mode="previous_day", bounds=bounds)
    assert found["contract"].to_list() == ["ESU13"]


def test_an_expired_contract_is_passed_over():
    """It led on its last day and cannot be read on the next."""
    days = volumes({"ESU13": 9, "ESZ13": 5, "ESH14": 1}, {"ESZ13": 5}, first=date(2013, 9, 20))
    for raw_leader in (False, True):
        found = build_roll_map(days, mode="previous_day", bounds=bounds, raw_leader=raw_leader)
        assert found["contract"].to_list()[1] == "ESZ13"


@pytest.mark.parametrize("mode", ["", "SAME_DAY", "interest", "tomorrow"])
def test_an_unknown_mode_is_refused_with_those_there_are(mode):
    """Nothing is chosen in the user's place."""
    with pytest.raises(InputError, match="same_day, previous_day"):
        build_roll_map(volumes({"ESZ13": 1}), mode=mode, bounds=bounds)


def test_an_unknown_basis_is_refused_with_those_there_are():
    """As for modes."""
    with pytest.raises(InputError, match="session, utc, ist"):
        parse_date_basis("tokyo")
    assert parse_date_basis("ist") is DateBasis.IST


def test_a_name_that_is_no_contract_is_refused():
    """Its expiry would be a guess."""
    with pytest.raises(SymbolError):
        build_roll_map(volumes({"GOLD": 1, "GCZ13": 1}), mode="same_day", bounds=bounds)


def test_no_volumes_make_an_empty_map():
    """Typed as the table."""
    assert build_roll_map(volumes(), mode="previous_day", bounds=bounds).equals(ROLL_MAP.empty())


CODES = ["ESU13", "ESZ13", "ESH14", "ESM14"]
DAYS = st.lists(
    st.dictionaries(st.sampled_from(CODES), st.integers(0, 3), max_size=4), min_size=1, max_size=12
)
MODES = st.sampled_from(["same_day", "previous_day"])


@settings(max_examples=100, deadline=None)
@given(DAYS, MODES, st.booleans(), st.randoms(use_true_random=False), st.integers(0, 12))
def test_a_row_depends_on_nothing_later_and_not_on_row_order(days, mode, raw, random, cut):
    """The map of the first days is the first rows of the map, however the rows are mixed."""
    whole = build_roll_map(volumes(*days), mode=mode, bounds=bounds, raw_leader=raw)
    rows = volumes(*days[:cut]).rows()
    random.shuffle(rows)
    mixed = pl.DataFrame(rows, schema=volumes().schema, orient="row")
    early = build_roll_map(mixed, mode=mode, bounds=bounds, raw_leader=raw)
    assert early.equals(whole.filter(pl.col("date") < FIRST + timedelta(days=cut)))


@settings(max_examples=100, deadline=None)
@given(DAYS, MODES)
def test_a_map_never_goes_back(days, mode):
    """Expiries do not fall, and each leader has the day's highest volume."""
    found = build_roll_map(volumes(*days), mode=mode, bounds=bounds)
    expiries = [parse_contract(code) for code in found["contract"]]
    assert expiries == sorted(expiries)
    for row in found.iter_rows(named=True):
        day = days[(row["date"] - FIRST).days]
        assert row["leader_volume"] == max(day.values()) == day[row["leader"]] > 0
        assert row["volume"] == day.get(row["contract"], 0)


@settings(max_examples=100, deadline=None)
@given(DAYS)
def test_the_raw_leader_of_the_day_before_is_read(days):
    """`previous_day` is `same_day` one row later; none of these contracts has expired."""
    alive = [{code: v for code, v in day.items() if code != "ESU13"} for day in days]
    options = {"bounds": bounds, "raw_leader": True}
    today = build_roll_map(volumes(*alive), mode="same_day", **options)
    later = build_roll_map(volumes(*alive), mode="previous_day", **options)
    assert (
        later["contract"].to_list()[1:] == today["contract"].to_list()[: max(today.height - 1, 0)]
    )


def instants(*texts: str) -> pl.Series:
    """Return instants."""
    return pl.Series("ts", texts).str.to_datetime(time_unit="ns", time_zone="UTC")


def never(_stamps):
    """Fail: a zone's date needs no session."""
    raise AssertionError


def test_a_date_is_the_zones_or_the_sessions():
    """18:30 UTC is midnight in India; a CME session starts the evening before."""
    ts = instants("2013-10-07T18:29:59.999999999", "2013-10-07T18:30:00", "2013-10-07T23:00:00")
    assert dates_of(ts, DateBasis.UTC, assign=never).to_list() == [FIRST] * 3
    next_day = FIRST + timedelta(days=1)
    ist = dates_of(ts, DateBasis.IST, assign=never).to_list()
    assert ist == [FIRST, next_day, next_day]
    assign = load_calendars()["CME_METALS"].assign
    assert dates_of(ts, DateBasis.SESSION, assign=assign).to_list() == [FIRST, FIRST, next_day]


def test_a_zones_day_ends_at_its_midnight():
    """What a map of that basis can know, it knows then."""
    for basis, hour in ((DateBasis.UTC, 0), (DateBasis.IST, -5.5)):
        day = date_bounds(basis, bounds=never)(FIRST)
        start = (FIRST - EPOCH).days * NS_PER_DAY + int(hour * NS_PER_HOUR)
        assert (day.start_ns, day.close_ns) == (start, start + NS_PER_DAY)
        assert day.next_start_ns == day.close_ns
    assert date_bounds(DateBasis.SESSION, bounds=bounds) is bounds


def test_volumes_are_added_in_row_order():
    """0.1 + 0.2 + 0.3 in this order, and a contract that traded nothing stands there with 0."""
    rows = pl.DataFrame(
        {
            "contract": ["GCZ13", "GCG14", "GCZ13", "GCZ13"],
            "bar_start": instants(*["2013-10-07T10:00:00"] * 4),
            "volume": [0.1, 0.0, 0.2, 0.3],
        }
    )
    found = session_volumes(
        rows, basis=DateBasis.UTC, assign=never, time="bar_start", volume="volume"
    )
    assert found.rows() == [("GCG14", FIRST, 0.0), ("GCZ13", FIRST, 0.1 + 0.2 + 0.3)]


def read_contracts(path: Path, suffix: str) -> pl.DataFrame:
    """Read stamps and volumes of all contract tables; stamps are India's local time."""
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    try:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        frames = [
            pl.DataFrame(
                connection.execute(f'SELECT timestamp, volume FROM "{name}"').fetchall(),
                schema={"ts": pl.String, "qty": pl.Float64},
                orient="row",
                strict=False,
            ).with_columns(contract=pl.lit(name.removesuffix(suffix)))
            for (name,) in names
        ]
    finally:
        connection.close()
    local = pl.col("ts").str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns")
    utc = (local - pl.duration(hours=5, minutes=30)).dt.replace_time_zone("UTC")
    return pl.concat(frames).with_columns(ts=utc)


@pytest.mark.shared
@pytest.mark.parametrize("basis", list(DateBasis))
@pytest.mark.parametrize(
    ("name", "suffix", "calendar"),
    [("futures_ticks", "_TICK", "CME_METALS"), ("futures_minutes", "_MIN", "CME_EQUITY")],
)
def test_real_contracts_give_the_expected_leaders(shared_data, name, suffix, calendar, basis):
    """GC of October 2013 and ES up to its roll of December 2013, by all three dates."""
    folder = shared_data / "futures"
    with (folder / f"{name}.expected_roll.csv").open(newline="") as lines:
        expected = [row for row in csv.DictReader(lines) if row["day_basis"] == basis]
    sessions = load_calendars()[calendar]
    rows = read_contracts(folder / f"{name}.sqlite", suffix)
    found = session_volumes(rows, basis=basis, assign=sessions.assign)
    whole = build_roll_map(
        found, mode="same_day", bounds=date_bounds(basis, bounds=sessions.bounds)
    )
    assert len(expected) >= 2
    assert [
        (
            row["date"].isoformat(),
            row["contract"],
            row["volume"],
            row["leader"],
            row["leader_volume"],
            row["runner_up"] or "",
            row["runner_up_volume"],
            int(row["rolled"]),
        )
        for row in whole.iter_rows(named=True)
    ] == [
        (
            row["day"],
            row["contract"],
            float(row["volume"]),
            row["contract"],
            float(row["volume"]),
            row["runner_up"],
            float(row["runner_up_volume"]),
            int(row["rolled"]),
        )
        for row in expected
    ]
    per_day = found.group_by("date").len().sort("date")["len"].to_list()
    assert per_day == [int(row["contracts_traded"]) for row in expected]
    assert np.isclose(found["volume"].sum(), rows["qty"].sum(), rtol=0, atol=0)
