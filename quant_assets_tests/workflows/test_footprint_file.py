"""Footprints of files: real trades against their expected results, and what a user is told."""

from datetime import date

import polars as pl
import pytest
from typer.testing import CliRunner

from quant_assets.cli.main import app
from quant_assets.market.errors import InputError
from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite
from quant_assets.workflows.footprint_file import (
    ROW_COLUMNS,
    FootprintOptions,
    footprint_of_file,
)
from quant_assets_tests.bars.footprint_oracle import footprint as oracle

CASES = {
    "BTCUSDT-perp-20240808": (".trades.parquet", "1m", "5"),
    "BTCUSD_PERP-coinm-20240808": (".trades.csv", "30s", "1"),
    "ETHUSDT-ccxt-20230202": (".trades.csv", "1m", "0.05"),
    "XRPETH-201910": (".trades.parquet", "15m", "0.000005"),
}
"""File, bars and bucket of each expected result; PROVENANCE.md names them."""

_STAMP = "%Y-%m-%dT%H:%M:%S%.3fZ"


@pytest.fixture(autouse=True)
def own_data_root(tmp_path, monkeypatch):
    """Settings of no other data root reach a test."""
    monkeypatch.setenv("QUANT_DATA", str(tmp_path / "data"))


def expected(folder, name, kind):
    """Return an expected result with instants and plain numbers."""
    frame = pl.read_csv(folder / "orderflow" / f"{name}.expected_{kind}.csv")
    return frame.with_columns(pl.col("bar_start_utc").str.to_datetime(_STAMP, time_unit="ns"))


def assert_equal(found, wanted, names):
    """Compare columns under both names: counts exactly, numbers to 1e-9."""
    assert found.height == wanted.height
    starts = found["bar_start"].dt.replace_time_zone(None)
    assert starts.to_list() == wanted["bar_start_utc"].to_list()
    for ours, theirs in names.items():
        assert found[ours].to_list() == pytest.approx(wanted[theirs].to_list(), rel=0, abs=1e-9)


@pytest.mark.shared
@pytest.mark.parametrize("name", CASES)
def test_expected_footprints_are_met(shared_data, name):
    """Each bar and price row of every instrument has the exact volumes, delta and trades."""
    ending, bars, bucket = CASES[name]
    path = shared_data / "orderflow" / f"{name}{ending}"
    made = footprint_of_file(path, FootprintOptions(bars, bucket=bucket))
    same = {n: n for n in ("bid_volume", "ask_volume", "delta", "trades")}
    assert_equal(
        made.rows, expected(shared_data, name, "footprint"), {"price": "price_bucket"} | same
    )
    of_bar = {n: n for n in ("open", "high", "low", "close", "volume", "min_delta", "max_delta")}
    assert_equal(
        made.footprints.bars,
        expected(shared_data, name, "bars"),
        of_bar | same | {"poc": "poc_bucket"},
    )
    assert made.rows["unknown_volume"].sum() == 0


@pytest.mark.shared
def test_a_file_gives_what_its_other_form_gives(shared_data):
    """CSV and Parquet of the same trades have the same footprint."""
    folder = shared_data / "orderflow"
    options = FootprintOptions("tick100", bucket="5")
    by_form = [
        footprint_of_file(folder / f"BTCUSDT-perp-20240808.trades.{form}", options).footprints
        for form in ("csv", "parquet")
    ]
    assert by_form[0].rows.equals(by_form[1].rows)
    assert by_form[0].bars.equals(by_form[1].bars)


@pytest.mark.shared
@pytest.mark.parametrize("bars", ["1h", "vol500", "tick777", "range12"])
def test_a_contract_keeps_its_landed_volume(shared_data, bars):
    """GCZ13 of both days: what was landed above zero stands in rows and bars of any kind."""
    path = shared_data / "futures" / "futures_ticks.sqlite"
    made = footprint_of_file(path, FootprintOptions(bars, contract="GCZ13"))
    days = made.footprints.bars.group_by("session").agg(pl.col("volume").sum()).sort("session")
    assert dict(days.iter_rows()) == {
        date(2013, 10, 7): 51_415.0,
        date(2013, 10, 8): 70_785.0,
        date(2013, 10, 9): 2_099.0,
    }
    rows = made.rows.select(pl.col("bid_volume", "ask_volume", "unknown_volume").sum())
    assert sum(rows.row(0)) == 51_415 + 70_785 + 2_099


def ticks(start_ns, prices, *, qty=1.0):
    """Return trades a second apart at their ask, in the columns of the SQLite writer."""
    n = len(prices)
    stamps = pl.Series([start_ns + k * 1_000_000_000 for k in range(n)])
    price = pl.Series([round(p * 1e9) for p in prices])
    return pl.DataFrame(
        {
            "ts": stamps.cast(pl.Datetime("ns", "UTC")),
            "price": price,
            "bid": price - 100_000_000,
            "ask": price,
            "qty": [qty] * n,
            "bid_qty": [5.0] * n,
            "ask_qty": [5.0] * n,
        }
    )


START_NS = 1_381_190_400_000_000_000
"""2013-10-08 00:00 UTC, inside a session of metals."""


def test_a_database_of_contracts_follows_its_roll_map(tmp_path):
    """Without a contract the map says which is read; a named one is taken whole."""
    path = tmp_path / "ticks.sqlite"
    near = ticks(START_NS, [1310.1, 1310.2, 1310.3])
    far = ticks(START_NS, [1320.1, 1320.2], qty=9.0)
    write_tick_sqlite(path, {"GCZ13": near, "GCG14": far})
    by_map = footprint_of_file(path, FootprintOptions("1m"))
    named = footprint_of_file(path, FootprintOptions("1m", contract="GCG14"))
    assert by_map.rows["price"].to_list() == [1310.1, 1310.2, 1310.3]
    assert named.rows["ask_volume"].to_list() == [9.0, 9.0]


def test_the_asked_step_is_checked_and_the_inferred_one_said(tmp_path):
    """A tick size that does not fit is refused with the one that does."""
    path = tmp_path / "ticks.sqlite"
    write_tick_sqlite(path, {"GCZ13": ticks(START_NS, [1310 + k / 10 for k in range(60)])})
    told = []
    made = footprint_of_file(path, FootprintOptions("1m", bucket="0.25"), tell=told.append)
    assert made.tick == 100_000_000
    assert told == [
        "tick size 0.1 inferred from 60 prices",
        "rows of 0.25 are no multiple of the tick size 0.1",
        "aggressors told by: feed 0.0 %, quote 100.0 %, tick 0.0 %, none 0.0 %",
    ]
    with pytest.raises(InputError, match=r"tick size of 0\.25.*own step is 0\.1"):
        footprint_of_file(path, FootprintOptions("1m", tick_size="0.25"))


def test_few_prices_tell_no_finer_step_than_the_list(tmp_path):
    """Two prices a quarter apart are multiples of 0.25, and the list knows that of ES."""
    path, told = tmp_path / "ticks.sqlite", []
    write_tick_sqlite(path, {"ESZ13": ticks(START_NS, [1650.25, 1650.5, 1650.25])})
    made = footprint_of_file(path, FootprintOptions("1m"), tell=told.append)
    assert made.tick == 250_000_000
    assert told[0] == "tick size 0.25 of ES by the list of instruments"


def test_a_first_session_says_that_nothing_told_its_leader(tmp_path):
    """The nearest contract may hardly trade: the reader is told by how much."""
    path, told = tmp_path / "ticks.sqlite", []
    contracts = {
        "GCV13": ticks(START_NS, [1310.1] * 3),
        "GCZ13": ticks(START_NS, [1312.1] * 50),
    }
    write_tick_sqlite(path, contracts)
    footprint_of_file(path, FootprintOptions("1m"), tell=told.append)
    assert told[0] == (
        "2013-10-08: no session before it tells a leader, so GCV13 was read, volume 3; GCZ13 had 50"
    )


@pytest.mark.parametrize("link", [False, True])
def test_the_file_that_is_read_is_never_written_over(tmp_path, link):
    """Not by its own name, and not by another of the same file."""
    path = tmp_path / "BTCUSDT.trades.csv"
    path.write_text("timestamp,price,amount,side\n1723161256322,61800.3,0.5,buy\n")
    before = path.read_bytes()
    out = path
    if link:
        out = tmp_path / "other.csv"
        out.symlink_to(path)
    asked = ["footprint", str(path), "--bar", "1m", "--out", str(out)]
    run = CliRunner().invoke(app, asked)
    assert isinstance(run.exception, InputError)
    assert "the very file that is read" in str(run.exception)
    assert path.read_bytes() == before


def test_trades_of_a_future_without_a_contract_say_why_nothing_is_made(tmp_path):
    """A root alone is no contract that could be read."""
    path, told = tmp_path / "ES.trades.csv", []
    path.write_text("timestamp,price,amount,side\n1723161256322,5300.25,2,buy\n")
    with pytest.raises(InputError, match="no session of it could be cleaned"):
        footprint_of_file(path, FootprintOptions("1m", symbol="ES"), tell=told.append)
    assert any("roll map" in line or "contract" in line for line in told)


def test_a_folder_is_no_file_of_trades(tmp_path):
    """It is said as it is."""
    with pytest.raises(InputError, match="it is a folder"):
        footprint_of_file(tmp_path, FootprintOptions("1m"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"bars": "banana"}, "bars 'banana'", id="no_bars"),
        pytest.param({"bars": "7m"}, "does not divide a day", id="no_divisor_of_a_day"),
        pytest.param({"bars": "tick0"}, "not above 0", id="bars_of_nothing"),
        pytest.param({"bars": "1m", "bucket": "-1"}, "price step of '-1'", id="negative_bucket"),
        pytest.param({"bars": "1m", "bucket": "x"}, "price step of 'x'", id="no_bucket"),
        pytest.param({"bars": "1m", "tick_size": "1e-12"}, "nine decimals", id="too_fine"),
        pytest.param({"bars": "1m", "contract": "GCX99"}, "contracts of GC", id="no_contract"),
        pytest.param({"bars": "1m", "symbol": "ES"}, "its symbols are GC", id="no_symbol"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, options, words):
    """The message says what was asked and what is there."""
    path = tmp_path / "ticks.sqlite"
    write_tick_sqlite(path, {"GCZ13": ticks(START_NS, [1310.1])})
    with pytest.raises(InputError, match=words):
        footprint_of_file(path, FootprintOptions(**options))


@pytest.mark.parametrize("content", [b"", b"no market data at all\n"])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    """Empty or foreign files end in the reader's own reason."""
    path = tmp_path / "trades.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"the footprint of trades\.csv"):
        footprint_of_file(path, FootprintOptions("1m", symbol="BTCUSDT"))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "file"),
    [
        ("14_sqlite_corrupt_page", "futures_ticks.sqlite"),
        ("15_sqlite_injection", "futures_ticks.sqlite"),
        ("25_sqlite_mixed_stamps", "futures_ticks.sqlite"),
    ],
)
def test_damaged_databases_give_what_is_sound_and_say_the_rest(shared_data, case, file):
    """A corrupt page, hostile names and mixed stamps take nothing else with them."""
    told = []
    path = shared_data / "bad" / case / file
    made = footprint_of_file(path, FootprintOptions("1m"), tell=told.append)
    assert made.rows.height > 0
    assert any(rule in line for line in told for rule in ("damaged_table", "table_name", "stamp"))


def test_the_command_writes_rows_bars_and_a_chart(tmp_path):
    """Rows in the named columns, a row a bar with --bars, and a page beside it with --chart."""
    path, out = tmp_path / "ticks.sqlite", tmp_path / "out.parquet"
    write_tick_sqlite(path, {"GCZ13": ticks(START_NS, [1310.1, 1310.2, 1310.2, 1310.0])})
    run = CliRunner().invoke(
        app, ["footprint", str(path), "--bar", "1m", "--out", str(out), "--chart"]
    )
    assert run.exit_code == 0, run.output
    rows = pl.read_parquet(out)
    assert tuple(rows.columns) == ROW_COLUMNS
    assert "tick size 0.1 inferred" in run.stderr
    page = out.with_suffix(".html").read_text(encoding="utf-8")
    assert "Footprint: GC, 1m" in page
    bars = tmp_path / "bars.csv"
    asked = ["footprint", str(path), "--bar", "tick2", "--bars", "--out", str(bars)]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert pl.read_csv(bars)["trades"].to_list() == [2, 2]


def test_a_name_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    """The ending decides the format; another is said at once."""
    path = tmp_path / "ticks.sqlite"
    write_tick_sqlite(path, {"GCZ13": ticks(START_NS, [1310.1])})
    asked = ["footprint", str(path), "--bar", "1m", "--out", str(tmp_path / "out.json")]
    run = CliRunner().invoke(app, asked)
    assert isinstance(run.exception, InputError)


@pytest.mark.shared
def test_real_gold_equals_the_oracle(shared_data):
    """Every five minutes of GCZ13 equals the slow way, sides and all."""
    path = shared_data / "futures" / "futures_ticks.sqlite"
    made = footprint_of_file(path, FootprintOptions("tick1", contract="GCZ13"))
    single = made.footprints.bars
    trades = [
        (ts, session, round(price * 1e9), volume, side)
        for ts, session, price, volume, side in single.select(
            pl.col("bar_end").dt.epoch("ns"),
            pl.col("session").cast(pl.Int32),
            "close",
            "volume",
            pl.when(pl.col("ask_volume") > 0)
            .then(pl.lit("buy"))
            .when(pl.col("bid_volume") > 0)
            .then(pl.lit("sell"))
            .otherwise(pl.lit("unknown")),
        ).iter_rows()
    ]
    slow = oracle(trades, kind="time", size=300_000_000_000, bucket=100_000_000)
    fast = footprint_of_file(path, FootprintOptions("5m", contract="GCZ13")).footprints.bars
    for name in ("volume", "delta", "cum_delta", "min_delta", "max_delta", "trades"):
        assert fast[name].to_list() == [one[name] for one in slow]
    for name in ("imbalance_buy", "imbalance_sell", "stacked_buy", "stacked_sell", "absorption"):
        assert fast[name].to_list() == [one[name] for one in slow]
    for name in ("poc", "vah", "val"):
        assert (fast[name] * 10).round().to_list() == [one[name] for one in slow]
