"""The demo's files, read back with other programs' readers and with our own."""

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import databento_dbn  # noqa: TID253 - a test starts no command line
import polars as pl
import pytest
import zstandard

from quant_assets.market.errors import InputError, SessionError
from quant_assets.storage.package_data import load_instruments
from quant_assets.storage.readers.base import RawBatch, SourceFile
from quant_assets.storage.readers.sniff import open_reader
from quant_assets.storage.writers.files import file_sha256
from quant_assets.synthetic.equities import simulate_equity
from quant_assets.synthetic.forex import simulate_pair
from quant_assets.synthetic.futures import simulate_future
from quant_assets.synthetic.market import DEMO_MARKET
from quant_assets.workflows.demo_market import write_demo_market
from quant_assets_tests.synthetic.sessions import SESSIONS

FEW = {name: sessions[4:6] for name, sessions in SESSIONS.items()}
"""A Friday and what follows it: the clocks change in between."""

IST = timedelta(hours=5, minutes=30)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Folder of the whole demo market."""
    folder = tmp_path_factory.mktemp("demo")
    paths = write_demo_market(folder, seed=7, sessions_by_calendar=SESSIONS)
    return folder, paths


def _digests(folder):
    return {path.name: file_sha256(path) for path in folder.iterdir()}


def _decode(path):
    decoder = databento_dbn.DBNDecoder()
    decoder.write(zstandard.ZstdDecompressor().decompress(path.read_bytes()))
    return decoder.decode()


def _read(path, tmp_path):
    """Read a file with the project's own reader: its batches, and what else it said."""
    source = SourceFile(path, path.name, file_sha256(path), path.stat().st_size)
    reader = open_reader(source, instruments=load_instruments(), scratch=tmp_path)
    events = list(reader.events())
    batches = [event for event in events if isinstance(event, RawBatch)]
    others = [event for event in events if not isinstance(event, RawBatch)]
    return reader, batches, others


def test_the_demo_has_one_file_for_each_natural_unit(demo):
    """A database a root, a CSV a pair, bars and status of all stocks a session."""
    _, paths = demo
    names = [path.name for path in paths]
    assert names[:4] == [
        "synthetic-ES-ticks.sqlite",
        "synthetic-GC-ticks.sqlite",
        "EURUSD15.csv",
        "GBPUSD15.csv",
    ]
    days = [f"{bounds.session:%Y%m%d}" for bounds in SESSIONS["XNYS"]]
    assert len(days) == 10
    assert names[4:14] == [f"synthetic-{day}.ohlcv-1s.dbn.zst" for day in days]
    assert names[14:] == [f"synthetic-{day}.status.dbn.zst" for day in days]


def test_the_mark_lists_every_file_of_the_demo(demo):
    """Each with its bytes, and the seed; nothing else is left in the folder."""
    folder, paths = demo
    mark = json.loads((folder / "synthetic.json").read_text())
    assert mark["seed"] == 7
    assert mark["files"] == {path.name: file_sha256(path) for path in paths}
    assert {path.name for path in folder.iterdir()} == {*mark["files"], "synthetic.json"}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    """In every file, and in the mark."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_demo_market(tmp_path / name, seed=seed, sessions_by_calendar=FEW)
    first, again, other = (_digests(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    differing = {name for name in first if first[name] != other[name]}
    # The schedule of an ordinary day has no chance in it.
    assert {name for name in first if ".status." not in name} <= differing


def test_another_symbol_changes_no_other_file(tmp_path):
    """A market with one more pair and one root less has the same files for the rest."""
    cable = DEMO_MARKET.pairs[1]
    other = replace(
        DEMO_MARKET,
        futures=DEMO_MARKET.futures[1:],
        pairs=(replace(cable, symbol="AUDUSD"), *DEMO_MARKET.pairs),
    )
    write_demo_market(tmp_path / "a", seed=3, sessions_by_calendar=FEW)
    write_demo_market(tmp_path / "b", seed=3, sessions_by_calendar=FEW, market=other)
    first, second = _digests(tmp_path / "a"), _digests(tmp_path / "b")
    shared = (first.keys() & second.keys()) - {"synthetic.json"}
    assert {"synthetic-GC-ticks.sqlite", "EURUSD15.csv", "GBPUSD15.csv"} <= shared
    assert {name: first[name] for name in shared} == {name: second[name] for name in shared}
    assert second.keys() - first.keys() == {"AUDUSD15.csv"}


@pytest.mark.parametrize("spec", DEMO_MARKET.futures, ids=lambda spec: spec.root)
def test_tick_databases_hold_the_simulated_trades_in_indian_time(demo, spec):
    """Read with sqlite3 alone: stamps, prices, sizes and book of every contract."""
    folder, _ = demo
    trades = simulate_future(spec, SESSIONS[spec.calendar], seed=7)
    with closing(sqlite3.connect(folder / f"synthetic-{spec.root}-ticks.sqlite")) as database:
        for code, expected in trades.items():
            rows = database.execute(f'SELECT * FROM "{code}_TICK" ORDER BY rowid').fetchall()
            stamps, prices, volumes, bids, asks, _, _ = zip(*rows, strict=True)
            utc = [datetime.fromisoformat(text).replace(tzinfo=UTC) - IST for text in stamps]
            assert utc == expected["ts"].to_list()
            assert [round(price * 1e9) for price in prices] == expected["price"].to_list()
            assert list(volumes) == expected["qty"].to_list()
            assert all(bid < ask for bid, ask in zip(bids, asks, strict=True))


@pytest.mark.parametrize("spec", DEMO_MARKET.pairs, ids=lambda spec: spec.symbol)
def test_csv_files_hold_the_simulated_bars(demo, spec):
    """Read with the csv module alone."""
    folder, _ = demo
    bars = simulate_pair(spec, SESSIONS["FX"], seed=7)
    with (folder / f"{spec.symbol}15.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    stamps = [datetime.strptime(f"{r[0]} {r[1]}+0000", "%Y.%m.%d %H:%M%z") for r in rows]
    assert stamps == bars["bar_start"].to_list()
    numbers = [tuple(float(text) for text in row[2:]) for row in rows]
    assert numbers == bars.select("open", "high", "low", "close", "volume").rows()


def test_dbn_files_hold_the_simulated_bars_by_the_symbology_of_the_day(demo):
    """Read with the vendor's decoder: ids change at midnight UTC, inside winter's sessions."""
    _, paths = demo
    found, ids = [], set()
    for path in (path for path in paths if ".ohlcv-1s." in path.name):
        metadata, *records = _decode(path)
        symbols = {
            (interval["start_date"].toordinal(), interval["symbol"]): symbol
            for symbol, intervals in metadata.mappings.items()
            for interval in intervals
        }
        for r in records:
            day = datetime.fromtimestamp(r.ts_event // 10**9, UTC).toordinal()
            symbol = symbols[day, str(r.instrument_id)]
            ids.add((symbol, day, r.instrument_id))
            prices = (r.open / 1e9, r.high / 1e9, r.low / 1e9, r.close / 1e9)
            found.append((symbol, r.ts_event, *prices, float(r.volume)))
    expected = pl.concat(
        simulate_equity(spec, SESSIONS["XNYS"], seed=7).bars.select(
            pl.lit(spec.symbol).alias("symbol"),
            pl.col("bar_start").cast(pl.Int64),
            *("open", "high", "low", "close", "volume"),
        )
        for spec in DEMO_MARKET.equities
    ).sort("bar_start", "symbol")
    assert found == expected.rows()
    # Winter's five sessions reach over midnight UTC, so they span six days; no id serves two.
    assert len(ids) == len({number for _, _, number in ids}) == 2 * (6 + 5)


def test_every_session_has_status_and_one_has_a_pause(demo):
    """Both stocks open every day; trading stops once, in MOMO."""
    _, paths = demo
    pauses = []
    for path in (path for path in paths if ".status." in path.name):
        metadata, *records = _decode(path)
        assert metadata.symbols == ["MOMO", "QSYN"]
        pauses += [(path.name, r.reason.name) for r in records if r.is_trading is False]
        opened = [r for r in records if r.action.name == "TRADING" and r.reason.name == "SCHEDULED"]
        assert len(opened) == 2
    assert pauses == [("synthetic-20240312.status.dbn.zst", "LULD_PAUSE")]


def test_our_own_readers_take_every_row_without_a_remark(demo, tmp_path):
    """Nothing is set aside, and the readers' own count is the number of rows."""
    _, paths = demo
    formats = set()
    for path in paths:
        reader, batches, others = _read(path, tmp_path)
        assert others == []
        assert sum(batch.frame.height for batch in batches) == reader.tally.rows_in > 0
        formats.add(reader.format)
    assert formats == {"tick-sqlite", "csv-mt4", "dbn"}


def test_our_own_tick_reader_gives_the_simulated_trades(demo, tmp_path):
    """Price and book as whole numbers of 1e-9, stamps in UTC."""
    folder, _ = demo
    spec = DEMO_MARKET.futures[1]
    _, batches, _ = _read(folder / "synthetic-GC-ticks.sqlite", tmp_path)
    columns = ["ts", "price", "bid", "ask", "qty", "bid_qty", "ask_qty"]
    for code, expected in simulate_future(spec, SESSIONS[spec.calendar], seed=7).items():
        frame = pl.concat(batch.frame for batch in batches if batch.contract == code)
        assert frame.select(columns).equals(expected.select(columns))


def test_a_second_run_touches_no_file(demo):
    """Files that are there with their bytes are left alone."""
    folder, paths = demo
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert write_demo_market(folder, seed=7, sessions_by_calendar=SESSIONS) == paths
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_calendar_without_sessions_is_named(tmp_path):
    """Nothing is written."""
    with pytest.raises(SessionError, match="none of CME_METALS, FX"):
        write_demo_market(
            tmp_path / "x", seed=1, sessions_by_calendar=FEW | {"FX": [], "CME_METALS": []}
        )
    assert not (tmp_path / "x").exists()


def test_a_seed_below_zero_is_refused(tmp_path):
    """Nothing is written."""
    with pytest.raises(InputError, match="seed -1"):
        write_demo_market(tmp_path / "x", seed=-1, sessions_by_calendar=FEW)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_short_market_can_be_written(tmp_path, count):
    """Any number of sessions makes a market, if a small one."""
    few = {name: sessions[:count] for name, sessions in SESSIONS.items()}
    paths = write_demo_market(tmp_path, seed=1, sessions_by_calendar=few)
    assert len(paths) == 4 + 2 * count
