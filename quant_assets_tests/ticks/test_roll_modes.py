"""The modes of the roll map by hand: open interest, expiry, and what each refuses."""

import csv
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from quant_assets.market.errors import InputError
from quant_assets.market.sessions import SessionBounds
from quant_assets.ticks.roll_map import build_roll_map, decide_rolls
from quant_assets.ticks.roll_modes import RollMode
from quant_assets.workflows.roll_map_file import roll_map_of_file

FIRST = date(2013, 12, 10)
EPOCH = date(1970, 1, 1)
NS_PER_HOUR = 3_600_000_000_000
BASES = ("session", "utc", "ist")


def bounds(d: date) -> SessionBounds:
    """Give a session from two hours before its date to 21:00, the next one an hour later."""
    midnight = (d - EPOCH).days * 24 * NS_PER_HOUR
    start, close = midnight - 2 * NS_PER_HOUR, midnight + 21 * NS_PER_HOUR
    return SessionBounds(d, start, start, close, close + NS_PER_HOUR)


def figures(*days: dict[str, float], name: str = "volume", first: date = FIRST) -> pl.DataFrame:
    """Return figures of consecutive dates."""
    rows = [
        (contract, first + timedelta(days=n), float(figure))
        for n, day in enumerate(days)
        for contract, figure in day.items()
    ]
    schema = {"contract": pl.String, "date": pl.Date, name: pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def decided(volumes: list[dict], interest: list[dict], **options) -> pl.DataFrame:
    """Return the map by open interest with what its rows rest on."""
    return decide_rolls(
        figures(*volumes),
        mode="open_interest",
        bounds=bounds,
        open_interest=figures(*interest, name="open_interest"),
        **options,
    )


def test_the_highest_open_interest_of_the_last_date_is_read_from_the_next_start():
    """The day's own figure decides nothing; that of the date before does, whatever traded."""
    found = decided(
        [{"ESZ13": 9, "ESH14": 1}] * 3,
        [{"ESZ13": 9, "ESH14": 5}, {"ESZ13": 4, "ESH14": 5}, {"ESZ13": 1}],
    )
    assert found["contract"].to_list() == ["ESZ13", "ESZ13", "ESH14"]
    assert found["rests_on"].to_list() == ["expiry", "open_interest", "open_interest"]
    assert found["known_at"].to_list()[1:] == [
        datetime(2013, 12, 10, 22, tzinfo=UTC),
        datetime(2013, 12, 11, 22, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("interest", "expected", "rests_on"),
    [
        pytest.param({}, "ESH14", "volume", id="none_landed_is_volume"),
        pytest.param({"ESZ13": 0}, "ESH14", "volume", id="zero_is_none"),
        pytest.param({"ESU13": 7}, "ESH14", "volume", id="an_expired_contract_is_passed_over"),
        pytest.param({"ESM14": 7}, "ESH14", "volume", id="one_that_never_traded_is_not_read"),
        pytest.param({"ESZ13": 3}, "ESZ13", "open_interest", id="one_figure_is_enough"),
        pytest.param(
            {"ESH14": 3, "ESZ13": 3}, "ESZ13", "open_interest", id="a_tie_is_the_nearer_expiry"
        ),
    ],
)
def test_open_interest_decides_where_it_can(interest, expected, rests_on):
    """Else the volume of the last date with data does, and the row says so."""
    found = decided([{"ESZ13": 1, "ESH14": 5}] * 2, [interest])
    assert found.row(1, named=True)["contract"] == expected
    assert found.row(1, named=True)["rests_on"] == rests_on


def test_open_interest_of_a_date_without_trade_is_not_gone_by():
    """The last session with data is one that traded; a figure of a day between is of no session."""
    found = decided(
        [{"ESZ13": 5, "ESH14": 1}, {}, {"ESZ13": 5, "ESH14": 1}], [{}, {"ESH14": 9}, {}]
    )
    assert found["contract"].to_list() == ["ESZ13", "ESZ13"]
    assert found["rests_on"].to_list() == ["expiry", "volume"]


# ESZ13 expires on Friday 2013-12-20, so that Friday 13 is five weekdays, a week, before it.
@pytest.mark.parametrize(
    ("mode", "days", "expected"),
    [
        pytest.param("calendar", None, date(2013, 12, 13), id="calendar_is_five"),
        pytest.param("days_before_expiry", None, date(2013, 12, 13), id="the_default_is_five"),
        pytest.param("days_before_expiry", 10, date(2013, 12, 6), id="ten_is_two_weeks"),
        pytest.param("days_before_expiry", 1, date(2013, 12, 18), id="a_day_is_two_of_seven"),
        pytest.param("days_before_expiry", 0, date(2013, 12, 20), id="none_is_the_last_day"),
    ],
)
def test_a_contract_is_left_some_sessions_before_it_expires(mode, days, expected):
    """From that date on the next one is read."""
    volumes = figures(*[{"ESZ13": 9, "ESH14": 1}] * 24, first=date(2013, 12, 1))
    found = build_roll_map(volumes, mode=mode, bounds=bounds, days=days)
    assert found.filter("rolled")["date"].to_list() == [expected]
    assert found["contract"].unique(maintain_order=True).to_list() == ["ESZ13", "ESH14"]


def test_only_contracts_that_traded_earlier_are_candidates():
    """ESH14 first trades on the 16th: it is read on the 17th, and until then the furthest known."""
    days = [{"ESZ13": 9}, {"ESZ13": 9}, {"ESZ13": 9, "ESH14": 1}, {"ESZ13": 9}]
    volumes = figures(*days, first=date(2013, 12, 14))
    found = build_roll_map(volumes, mode="calendar", bounds=bounds)
    assert found["contract"].to_list() == ["ESZ13", "ESZ13", "ESZ13", "ESH14"]
    assert found["volume"].to_list() == [9.0, 9.0, 9.0, 0.0]
    assert found["bootstrap"].to_list() == [True, False, False, False]


@pytest.mark.parametrize("mode", [mode for mode in RollMode if mode is not RollMode.SAME_DAY])
def test_a_map_whose_contracts_have_all_expired_starts_anew(mode):
    """It takes what trades that day, and that is known when the day is over."""
    volumes = pl.concat(
        [figures({"ESU13": 9}, first=date(2013, 9, 20)), figures({"ESH14": 5, "ESZ13": 1})]
    )
    found = build_roll_map(volumes, mode=mode, bounds=bounds)
    assert found["contract"].to_list() == ["ESU13", "ESZ13"]
    assert found["bootstrap"].to_list() == [True, True]
    assert found["known_at"].to_list()[1] == datetime(2013, 12, 10, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mode", "days", "said"),
    [("calendar", 5, "takes no number"), ("days_before_expiry", -1, "below 0")],
)
def test_a_number_that_does_not_fit_is_refused(mode, days, said):
    """It is never ignored."""
    with pytest.raises(InputError, match=said):
        build_roll_map(figures({"ESZ13": 1}), mode=mode, bounds=bounds, days=days)


def expected_rows(shared_data: Path, name: str, basis: str) -> list[dict[str, str]]:
    """Return the leaders that were computed apart."""
    with (shared_data / "futures" / f"{name}.expected_roll.csv").open(newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["day_basis"] == basis]


@pytest.mark.shared
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("mode", list(RollMode))
def test_real_minutes_of_es_roll_once_in_every_mode(shared_data, mode, basis):
    """ESZ13 to ESH14 in December 2013, and each day's volumes are those computed apart."""
    made = roll_map_of_file(
        shared_data / "futures" / "futures_minutes.sqlite", mode=mode, date_basis=basis
    )
    rows = made.rows.to_dicts()
    expected = expected_rows(shared_data, "futures_minutes", basis)
    assert [(str(r["date"]), r["leader"], r["leader_volume"]) for r in rows] == [
        (e["day"], e["contract"], float(e["volume"])) for e in expected
    ]
    assert [r["runner_up_volume"] for r in rows] == [float(e["runner_up_volume"]) for e in expected]
    by_itself = mode in {"same_day", "calendar", "days_before_expiry"}
    rolled_on = [str(r["date"]) for r in rows if r["rolled"]]
    # By volume of the day before, December 18 is read from December 19: by UTC there is no such.
    later = {"session": ["2013-12-19"], "ist": ["2013-12-19"], "utc": []}[basis]
    assert rolled_on == (["2013-12-18"] if by_itself else later)
    contracts = [r["contract"] for r in rows]
    assert contracts == sorted(contracts, key=["ESZ13", "ESH14"].index)
    for row, e in zip(rows, expected, strict=True):
        own = {e["contract"]: float(e["volume"]), e["runner_up"]: float(e["runner_up_volume"])}
        assert row["volume"] == own[row["contract"]]
    assert made.without_open_interest == (len(rows) - 1 if mode == "open_interest" else 0)


@pytest.mark.shared
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("mode", list(RollMode))
def test_real_ticks_of_gold_start_with_the_nearest_and_never_go_back(shared_data, mode, basis):
    """GCV13 is nearest and hardly trades: volume leaves it on the second day, expiry does not."""
    file = shared_data / "futures" / "futures_ticks.sqlite"
    rows = roll_map_of_file(file, mode=mode, date_basis=basis).rows
    expected = expected_rows(shared_data, "futures_ticks", basis)
    assert rows["leader_volume"].to_list() == [float(e["volume"]) for e in expected]
    others = len(expected) - 1
    by_mode = {
        "same_day": ["GCZ13"] * (1 + others),
        "previous_day": ["GCV13"] + ["GCZ13"] * others,
        "open_interest": ["GCV13"] + ["GCZ13"] * others,
        "calendar": ["GCV13"] * (1 + others),
        "days_before_expiry": ["GCV13"] * (1 + others),
    }
    assert rows["contract"].to_list() == by_mode[mode]
    assert rows["rolled"].sum() == len(set(by_mode[mode])) - 1


@pytest.mark.shared
def test_gold_leaves_a_contract_as_many_sessions_early_as_asked(shared_data):
    """GCV13 expires on October 29, the sixteenth session after October 7."""
    file = shared_data / "futures" / "futures_ticks.sqlite"
    for days, first in ((15, "GCV13"), (16, "GCX13")):
        rows = roll_map_of_file(file, mode="days_before_expiry", days=days).rows
        assert rows["contract"][0] == first


def with_open_interest(source: Path, target: Path, name: str, figure: str) -> None:
    """Copy a tick database and give each table a column computed from its rows."""
    target.write_bytes(source.read_bytes())
    with closing(sqlite3.connect(target)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            connection.execute(f'ALTER TABLE "{table}" ADD COLUMN {name}')
            connection.execute(f'UPDATE "{table}" SET {name} = {figure}', {"table": table})


@pytest.mark.shared
@pytest.mark.parametrize("column", ["open_interest", "OI"])
def test_a_column_of_open_interest_decides_real_minutes(tmp_path, shared_data, column):
    """Figures that leave ESZ13 at noon of December 2 by UTC: the 3rd reads it no longer.

    The last figure of a session counts; a text in the column loses no row.
    """
    file = tmp_path / "futures.sqlite"
    with_open_interest(
        shared_data / "futures" / "futures_minutes.sqlite",
        file,
        column,
        "CASE WHEN volume % 7 = 3 THEN 'n/a' WHEN :table = 'ESH14_MIN' THEN 100 "
        "WHEN :table = 'ESZ13_MIN' AND timestamp < '2013-12-02 17:30:00' THEN 500 ELSE 50 END",
    )
    plain = roll_map_of_file(shared_data / "futures" / "futures_minutes.sqlite").rows
    made = roll_map_of_file(file, mode="open_interest")
    assert made.without_open_interest == 0
    assert made.rows.filter("rolled")["date"].to_list() == [date(2013, 12, 3)]
    same = ["date", "leader", "leader_volume", "runner_up", "runner_up_volume"]
    assert made.rows.select(same).equals(plain.select(same))
