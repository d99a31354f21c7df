"""Bake trading sessions into package data: `python -m quant_assets.storage.bake_sessions`.

The exchanges' rules come from pandas_market_calendars; it and pandas are imported here, inside
functions, and nowhere at run time. FX and crypto follow rules of our own. The result depends on
nothing but the installed rules: a new version of them shows as a difference, which is printed.
"""

import sys
from datetime import date, time
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from quant_assets.market.columns import UTC_NS
from quant_assets.market.sessions import CALENDARS, SESSIONS
from quant_assets.storage.package_data import SESSIONS_FILE, read_sessions

FIRST = date(1990, 1, 1)
LAST = date(2035, 12, 31)

# Sessions beyond LAST are made and cut off again: the last one needs its `next_start`.
_BEYOND = date(2036, 1, 31)

_NEW_YORK = "America/New_York"
_CHICAGO = "America/Chicago"
_NO_BREAKS = pl.List(pl.Struct({"start": UTC_NS, "end": UTC_NS}))

# CME holds a session of its own on these days, which the vendor's rules call closed.
# Sources: CME Group press releases of 2018-12-02 and 2024-12-30 (national days of mourning).
_MOURNING_CLOSE = time(8, 30)
_MOURNING_DAYS = (date(2018, 12, 5), date(2025, 1, 9))


def bake() -> pl.DataFrame:
    """Return the sessions of all calendars, FIRST to LAST, sorted by calendar and session."""
    makers = {
        "XNYS": _xnys,
        "CME_EQUITY": _cme_equity,
        "CME_METALS": _cme_metals,
        "FX": _fx,
        "CRYPTO": _crypto,
    }
    return pl.concat(
        finish(makers[name]()).select(pl.lit(name).alias("calendar"), pl.all())
        for name in sorted(CALENDARS)
    )


def finish(sessions: pl.DataFrame) -> pl.DataFrame:
    """Join each session to the next one, fill what it lacks, cut to FIRST..LAST and check it."""
    optional = {"pre_open": UTC_NS, "post_close": UTC_NS, "breaks": _NO_BREAKS}
    absent = {name: dtype for name, dtype in optional.items() if name not in sessions.columns}
    whole = (
        sessions.sort("session")
        .with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in absent.items())
        .with_columns(
            pl.col("start").shift(-1).alias("next_start"),
            pl.col("breaks").fill_null(pl.lit([], dtype=_NO_BREAKS)),
        )
        .filter(pl.col("session").is_between(FIRST, LAST))
    )
    return SESSIONS.check(whole)


def _xnys() -> pl.DataFrame:
    """US equities: New York days, pre-market from 04:00, after-hours to 20:00 (17:00)."""
    is_half = _closes_early(_NEW_YORK)
    return (
        _vendor_schedule("NYSE")
        .with_columns(is_half.alias("is_half_day"))
        .select(
            "session",
            "open",
            "close",
            "is_half_day",
            start=_at(time(0), _NEW_YORK),
            pre_open=_at(time(4), _NEW_YORK),
            post_close=pl.when("is_half_day")
            .then(_at(time(17), _NEW_YORK))
            .otherwise(_at(time(20), _NEW_YORK)),
        )
    )


def _cme_equity() -> pl.DataFrame:
    """CME equity index futures, with the break at 15:15 Chicago where there was one."""
    sessions = _without_idle_good_fridays(_vendor_schedule("CME_Equity"))
    mourning = pl.DataFrame({"session": _MOURNING_DAYS}).with_columns(
        open=_at(time(17), _CHICAGO, day_offset=-1),
        close=_at(_MOURNING_CLOSE, _CHICAGO),
        break_start=pl.lit(None, dtype=UTC_NS),
        break_end=pl.lit(None, dtype=UTC_NS),
    )
    added = mourning.join(sessions, on="session", how="anti").select(sessions.columns)
    return _from_the_evening_before(pl.concat([sessions, added]))


def _cme_metals() -> pl.DataFrame:
    """COMEX gold and its like on CME Globex."""
    return _from_the_evening_before(_vendor_schedule("CMEGlobex_GC"))


def _fx() -> pl.DataFrame:
    """Spot FX: UTC dates Sunday to Friday, from Sunday to Friday 17:00 New York."""
    weekday = pl.col("session").dt.weekday()
    is_fixed_holiday = pl.col("session").dt.to_string("%m-%d").is_in(["12-25", "01-01"])
    midnight = _at(time(0), "UTC")
    five = _at(time(17), _NEW_YORK)
    return (
        _all_days()
        .filter((weekday != 6) & ~is_fixed_holiday)
        .select(
            "session",
            start=midnight,
            open=pl.when(weekday == 7).then(five).otherwise(midnight),
            close=pl.when(weekday == 5).then(five).otherwise(_at(time(0), "UTC", day_offset=1)),
            is_half_day=False,
        )
    )


def _crypto() -> pl.DataFrame:
    """Crypto: every UTC date, all day."""
    return _all_days().select(
        "session",
        start=_at(time(0), "UTC"),
        open=_at(time(0), "UTC"),
        close=_at(time(0), "UTC", day_offset=1),
        is_half_day=False,
    )


def _from_the_evening_before(schedule: pl.DataFrame) -> pl.DataFrame:
    """Start CME sessions at 17:00 Chicago of the previous calendar day.

    From 2005-09-12 to 2012-11-16 the vendor opens equity sessions at 15:30 the day before, also
    on Sundays. Our sessions start at 17:00 throughout, so what traded from 15:30 belongs to the
    session that ends there and counts as outside its hours.
    """
    start = _at(time(17), _CHICAGO, day_offset=-1)
    has_break = "break_start" in schedule.columns
    breaks = _real_breaks() if has_break else pl.lit(None, dtype=_NO_BREAKS)
    return schedule.select(
        "session",
        "close",
        start=start,
        open=pl.max_horizontal("open", start),
        breaks=breaks,
        is_half_day=_closes_early(_CHICAGO),
    )


def _real_breaks() -> pl.Expr:
    """Return the day's break as a list of one, or null where it has no length."""
    is_real = pl.col("break_start") < pl.col("break_end")
    pair = pl.struct(start="break_start", end="break_end")
    return pl.when(is_real).then(pl.concat_list(pair))


def _without_idle_good_fridays(schedule: pl.DataFrame) -> pl.DataFrame:
    """Drop Good Fridays on which equity futures do not trade.

    CME opens them until 08:15 when the US employment report comes out, on a month's first Friday
    (2015-04-03, 2021-04-02, 2023-04-07). The vendor does so every year from 2023 on, though
    futures were closed on 2024-03-29.
    """
    is_short = pl.col("close") == _at(time(8, 15), _CHICAGO)
    return schedule.filter(~(is_short & (pl.col("session").dt.day() > 7)))


def _closes_early(zone: str) -> pl.Expr:
    """Tell whether a session closes an hour or more before 16:00 local time.

    The hour keeps trading halts shortly before the close, and the years in which CME closed at
    15:15, from looking like half days.
    """
    return pl.col("close") <= _at(time(15), zone)


def _vendor_schedule(name: str) -> pl.DataFrame:
    """Return one vendor calendar: session, open, close and, where it has one, its break."""
    import pandas_market_calendars

    calendar = pandas_market_calendars.get_calendar(name)
    wanted = {"market_open": "open", "market_close": "close"}
    wanted |= {"break_start": "break_start", "break_end": "break_end"}
    schedule = calendar.schedule(FIRST, _BEYOND)
    columns = {
        ours: schedule[theirs].dt.tz_convert(None).to_numpy().astype("datetime64[ns]")
        for theirs, ours in wanted.items()
        if theirs in schedule.columns
    }
    days = schedule.index.to_numpy().astype("datetime64[D]")
    return pl.DataFrame({"session": days} | columns).with_columns(
        pl.col(*columns).dt.replace_time_zone("UTC")
    )


def _all_days() -> pl.DataFrame:
    """Return every date from FIRST on."""
    return pl.DataFrame({"session": pl.date_range(FIRST, _BEYOND, "1d", eager=True)})


def _at(clock: time, zone: str, *, day_offset: int = 0) -> pl.Expr:
    """Return a local clock time of the session's date, or of a day beside it, as an instant."""
    local_day = pl.col("session").dt.offset_by(f"{day_offset}d")
    return local_day.dt.combine(clock, "ns").dt.replace_time_zone(zone).dt.convert_time_zone("UTC")


def differences(old: pl.DataFrame, new: pl.DataFrame) -> list[str]:
    """Return a line a calendar: its sessions, and which were added, dropped or changed."""
    lines = []
    for name in CALENDARS:
        before, after = (f.filter(pl.col("calendar") == name) for f in (old, new))
        touched = pl.concat(
            [
                after.join(before, on=after.columns, how="anti", nulls_equal=True),
                before.join(after, on="session", how="anti"),
            ]
        )
        days = [str(day) for day in touched["session"].unique().sort()]
        shown = ", ".join(days[:10]) + (" ..." if len(days) > 10 else "")
        lines.append(f"{name}: {after.height} sessions, {len(days)} differ {shown}".rstrip())
    return lines


def write(sessions: pl.DataFrame, target: Path) -> None:
    """Store the sessions; the same rows give the same bytes.

    Instants of neighbouring rows differ by nearly the same step, so storing the differences
    makes the file much smaller.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    instants = [name for name, dtype in sessions.schema.items() if dtype == UTC_NS]
    delta = ["session", *instants, "breaks.list.element.start", "breaks.list.element.end"]
    pq.write_table(
        sessions.to_arrow(),
        target,
        compression="zstd",
        compression_level=19,
        use_dictionary=["calendar"],
        column_encoding=dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
        write_statistics=False,
        store_schema=False,
    )


def main() -> None:
    """Bake, say what changed, and write the package's file."""
    sessions = bake()
    old = read_sessions() if SESSIONS_FILE.is_file() else sessions.clear()
    write(sessions, SESSIONS_FILE)
    sys.stdout.write("\n".join(differences(old, sessions)) + "\n")


if __name__ == "__main__":
    main()
