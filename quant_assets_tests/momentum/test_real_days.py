"""Scanned days of real DBN files against answers made without the package."""

from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from quant_assets.market.columns import UTC_NS
from quant_assets.market.timeframes import NS_PER_SECOND, Timeframe
from quant_assets.momentum.days import scan_day
from quant_assets.momentum.rules import MomentumRules

NEW_YORK = ZoneInfo("America/New_York")
CRYPTO = MomentumRules(move_threshold=0.01)

SECONDS = "XNAS-20131007-A7LEANSEC1/xnas-itch-20131008.ohlcv-1s.dbn.zst"
MINUTES = "XNAS-20131004-A7LEANMIN1/xnas-itch-20131008.ohlcv-1m.dbn.zst"
COINS = "momentum/coin-lean-20170904.ohlcv-1m.dbn.zst"
DAYS = "momentum/xnas-itch-20080801-20081231.ohlcv-1d.AIG.dbn.zst"

pytestmark = pytest.mark.shared


def read_bars(folder: Path, name: str) -> pl.DataFrame:
    """Return a file's bars with symbol and session: New York's date, for coins and days UTC's."""
    import databento

    store = databento.DBNStore.from_bytes((folder / "dbn" / name).read_bytes())
    records = store.to_ndarray()
    symbols = {
        int(interval["symbol"]): symbol
        for symbol, intervals in store.metadata.mappings.items()
        for interval in intervals
    }
    zone = "UTC" if name in {COINS, DAYS} else "America/New_York"
    units = 1e-8 if name == COINS else 1.0
    prices = {one: records[one] / 1e9 for one in ("open", "high", "low", "close")}
    start = pl.Series(records["ts_event"].astype("int64")).cast(UTC_NS)
    return pl.DataFrame(
        {
            "symbol": [symbols[number] for number in records["instrument_id"].tolist()],
            "session": start.dt.convert_time_zone(zone).dt.date(),
            "bar_start": start,
            **prices,
            "volume": records["volume"] * units,
        }
    )


def regular_hours(session: date) -> tuple[int, int]:
    """Return 09:30 and 16:00 of New York."""
    opened, closed = (
        datetime.combine(session, clock, NEW_YORK) for clock in (time(9, 30), time(16))
    )
    return int(opened.timestamp()) * NS_PER_SECOND, int(closed.timestamp()) * NS_PER_SECOND


def scanned(folder: Path, name: str) -> dict[tuple[str, date], dict[str, Any]]:
    """Scan every symbol and session of a file."""
    timeframe = Timeframe.parse(name.split("ohlcv-")[1].split(".", maxsplit=1)[0])
    rows = {}
    for (symbol, session), bars in read_bars(folder, name).group_by("symbol", "session"):
        rows[symbol, session] = scan_day(
            bars,
            timeframe=timeframe,
            previous_volumes=[],
            halts=0,
            landed_paths=[name],
            regular_hours=None if name == COINS else regular_hours(session),
            rules=CRYPTO if name == COINS else MomentumRules(),
        ).row(0, named=True)
    return rows


@pytest.mark.parametrize("name", [SECONDS, MINUTES, COINS, DAYS])
def test_prices_volume_and_range_are_those_of_the_answer_file(shared_data, name):
    """Every symbol and day of the file, none more and none less."""
    answers = pl.read_csv(shared_data / "dbn" / "expected_days.csv", try_parse_dates=True)
    expected = {
        (row["symbol"], row["local_day"]): row
        for row in answers.filter(pl.col("file") == name).iter_rows(named=True)
    }
    found = scanned(shared_data, name)
    assert found.keys() == expected.keys()
    for key, row in found.items():
        for column in ("open", "high", "low", "close"):
            assert row[column] == pytest.approx(expected[key][column], rel=1e-12), key

        # The answers hold nine digits of a volume and six of a range.
        assert row["volume"] == pytest.approx(expected[key]["volume"], rel=1e-8), key
        assert row["range_pct"] / 100.0 == pytest.approx(expected[key]["range"], abs=6e-7), key


def test_real_days_have_the_class_that_their_path_shows(shared_data):
    """Ether's 19 % day is worth studying, Bitcoin's 9 % turned often, equities were quiet."""
    coins = {symbol: row["day_class"] for (symbol, _), row in scanned(shared_data, COINS).items()}
    assert coins == {"ETHUSD": "secondary", "BTCUSD": "risk"}
    equities = {row["day_class"] for row in scanned(shared_data, SECONDS).values()}
    assert equities == {"ordinary"}


def test_seconds_and_minutes_of_a_real_day_score_alike(shared_data):
    """Within 0.05 for each of three equities."""
    seconds, minutes = (scanned(shared_data, name) for name in (SECONDS, MINUTES))
    assert seconds.keys() == minutes.keys()
    for key, row in seconds.items():
        assert row["quality"] == pytest.approx(minutes[key]["quality"], abs=0.05), key
