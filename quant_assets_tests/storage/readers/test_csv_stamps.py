"""Stamps in all their forms, against Python's own reading."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.csv_stamps import (
    check_zone,
    decides_day_first,
    families_of,
    parse_stamps,
    place_in_zone,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis takes bounds without zone
    datetime(2200, 12, 31),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)
FORMS = {
    "%Y.%m.%d %H:%M": timedelta(minutes=1),
    "%Y.%m.%d %H:%M:%S": timedelta(seconds=1),
    "%Y-%m-%d": timedelta(days=1),
    "%Y-%m-%dT%H:%M:%S.%f": timedelta(microseconds=1),
    "%Y/%m/%d %H:%M": timedelta(minutes=1),
    "%Y%m%d": timedelta(days=1),
    "%Y%m%d %H%M": timedelta(minutes=1),
    "%Y%m%d %H%M%S": timedelta(seconds=1),
    "%Y%m%d%H%M%S": timedelta(seconds=1),
    "%Y%m%d %H:%M:%S": timedelta(seconds=1),
}


def _ns(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def _floor(moment: datetime, unit: timedelta) -> datetime:
    return moment - (moment - EPOCH) % unit


@settings(deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=8), st.sampled_from(sorted(FORMS)))
def test_a_written_moment_is_read_back(moments: list[datetime], form: str) -> None:
    """Every form gives the nanoseconds that Python's calendar gives."""
    texts = pl.Series([f"{m:{form}}" if m.year >= 1000 else "" for m in moments])
    stamps = parse_stamps(texts)
    assert stamps.is_valid.all()
    assert not stamps.is_zoned.any()
    assert stamps.ns.tolist() == [_ns(_floor(m, FORMS[form])) for m in moments]


@settings(deadline=None)
@given(MOMENTS, st.integers(-14 * 60, 14 * 60), st.sampled_from(["", " "]), st.booleans())
def test_an_offset_counts_for_itself(
    moment: datetime, minutes: int, blank: str, has_colon: bool
) -> None:
    """A stamp with an offset is UTC whatever zone the user names."""
    local = moment.astimezone(timezone(timedelta(minutes=minutes)))
    offset = f"{local:%z}"
    offset = f"{offset[:3]}:{offset[3:5]}" if has_colon else offset[:5]
    year = f"{local.year:04d}"
    texts = pl.Series([f"{year}-{local:%m-%d %H:%M:%S.%f}{blank}{offset}"])
    if not 1900 <= local.year <= 2200:
        return
    stamps = parse_stamps(texts)
    assert stamps.is_valid.all()
    assert stamps.is_zoned.all()
    assert stamps.ns[0] == _ns(moment)
    assert place_in_zone(stamps, "Asia/Kolkata").ts.dt.epoch("ns")[0] == _ns(moment)


@settings(deadline=None)
@given(st.integers(0, 9999), st.integers(0, 20), st.integers(0, 40))
def test_only_dates_of_the_calendar_are_stamps(year: int, month: int, day: int) -> None:
    """The thirtieth of February and the year 1 are none."""
    stamps = parse_stamps(pl.Series([f"{year:04d}-{month}-{day}"]))
    try:
        is_date = 1900 <= date(year, month, day).year <= 2200
    except ValueError:
        is_date = False
    assert stamps.is_valid[0] == is_date


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1398920400", 1398920400_000_000_000),
        ("1398920400.25", 1398920400_250_000_000),
        ("1723161256322", 1723161256_322_000_000),
        ("1723161256322.5", 1723161256_322_500_000),
        ("1723161255088176", 1723161255_088_176_000),
        ("1723161255088176367", 1723161255_088_176_367),
        ("1398920400.1234567899", 1398920400_123_456_789),
        ("2014-05-01 05:00Z", 1398920400_000_000_000),
        ("2014-05-01T05:00:00.123456789Z", 1398920400_123_456_789),
        ("2014.5.1 5:00", 1398920400_000_000_000),
    ],
)
def test_epoch_and_fine_stamps_keep_each_digit(text: str, ns: int) -> None:
    """The unit is told by the number of digits."""
    stamps = parse_stamps(pl.Series([text]))
    assert stamps.is_valid.all()
    assert stamps.ns[0] == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "n/a",
        "-1398920400",
        "1.3989204e9",
        "201405010500",
        "12345",
        "99999999999999999999",
        "9999999999999999999",
        "2014-05-01 24:00",
        "2014-05-01 23:60",
        "2014-05-01 23:59:60",
        "2014-05.01",
        "14-05-01",
        "2014-05-01 05:00 pm",
        "2014-05-01 05:00+19:00",
        "2014-05-01-05",
        "\u0662\u0660\u0661\u0664-05-01",
        "2014-05-01" + " " * 40,
    ],
)
def test_other_texts_are_no_stamp(text: str) -> None:
    """Nothing is completed or guessed."""
    assert not parse_stamps(pl.Series([text, None])).is_valid.any()


def test_stamps_of_many_forms_do_not_disturb_each_other() -> None:
    """Each text is read by its own shape, at its own row."""
    texts = ["2014.05.01 05:00", "x", "1398920400", None, "2014-05-01T05:00:00Z"]
    stamps = parse_stamps(pl.Series(texts))
    assert stamps.is_valid.tolist() == [True, False, True, False, True]
    assert stamps.is_zoned.tolist() == [False, False, True, False, True]
    assert set(stamps.ns[stamps.is_valid].tolist()) == {1398920400_000_000_000}
    assert families_of(pl.Series(texts)) == [("Y.m.d", 0), ("epoch s", 2), ("Y-m-d", 4)]


def test_day_and_month_are_ordered_only_as_told() -> None:
    """Without an order a year-last date is unreadable; a proof needs a day above twelve."""
    texts = pl.Series(["02/03/2012", "13/03/2012"])
    assert not parse_stamps(texts).is_valid.any()
    assert parse_stamps(texts, day_first=True).is_valid.all()
    assert parse_stamps(texts, day_first=False).is_valid.tolist() == [True, False]
    assert decides_day_first(texts) == {True}
    assert decides_day_first(texts[:1]) == set()
    assert decides_day_first(pl.Series(["13.03.2012", "03.13.2012"])) == {True, False}
    first = parse_stamps(texts[:1], day_first=True).ns[0]
    assert np.datetime64(int(first), "ns") == np.datetime64("2012-03-02")


@settings(deadline=None)
@given(
    st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)), min_size=1, max_size=8),  # noqa: DTZ001
    st.sampled_from(["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.booleans(),
)
def test_local_clocks_are_placed_as_python_places_them(
    clocks: list[datetime], zone: str, in_autumn: bool
) -> None:
    """A clock that is skipped or comes twice is told apart; all others become their instant."""
    if in_autumn:
        clocks = [clock.replace(month=11, day=1 + clock.day % 7, hour=1) for clock in clocks]
    clocks = [clock.replace(microsecond=0) for clock in clocks]
    placed = place_in_zone(
        parse_stamps(pl.Series([f"{c:%Y-%m-%d %H:%M:%S}" for c in clocks])), zone
    )
    for row, clock in enumerate(clocks):
        folds = [clock.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]
        lives = [f.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == clock for f in folds]
        assert placed.is_nonexistent[row] == (not any(lives))
        assert placed.is_ambiguous[row] == (all(lives) and folds[0] != folds[1])
        if all(lives) and folds[0] == folds[1]:
            assert placed.ts[row] == folds[0]
        else:
            assert placed.ts[row] is None


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "", "America"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    """The message names what a zone looks like."""
    with pytest.raises(FileRejectedError) as refused:
        check_zone(zone, file_name="EURUSD15.csv")
    assert refused.value.rule == "unknown_zone"
    check_zone("Asia/Kolkata", file_name="EURUSD15.csv")
