"""What DBN files become: symbols by day, exact prices, trades with their quote, counts."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import databento_dbn  # noqa: TID253 -- the vendor's decoder is the oracle
import numpy as np
import polars as pl
import pytest

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers import dbn as dbn_module
from quant_assets.storage.readers.base import Landed
from quant_assets.storage.readers.dbn_layouts import LAYOUTS
from quant_assets.ticks.schema import RAW_BARS, RAW_DEFINITIONS, RAW_STATUS, RAW_TICKS
from quant_assets_tests.storage.readers.dbn_files import (
    DAY,
    MBP1,
    NOON,
    SPY,
    STATUS,
    TRADE,
    bars,
    header,
    read_dbn,
    source_of,
    trades,
    write,
)

ADDED_BY_INGEST = {"session", "seq", "outside_hours"}
UNDEF_PRICE = 2**63 - 1
UNDEF_STAMP = 2**64 - 1


def test_record_lengths_are_the_vendors():
    """The lengths that records are checked against are those of the vendor's classes."""
    versions = (databento_dbn.v1, databento_dbn.v2, databento_dbn.v3)
    names = {"status": "StatusMsg", "definition": "InstrumentDefMsg", "statistics": "StatMsg"}
    names |= {"trades": "TradeMsg", "tbbo": "MBP1Msg", "mbp-1": "MBP1Msg"}
    for schema, layout in LAYOUTS.items():
        sizes = [getattr(each, names.get(schema, "OHLCVMsg")).size_hint for each in versions]
        assert list(layout.widths) == sizes, schema


def test_bars_come_as_the_floats_nearest_to_their_decimals(tmp_path: Path):
    """A price of 1.01 is the float that 1.01 reads as, and each bar keeps its record number."""
    source = write(tmp_path / "x", header("ohlcv-1s", SPY) + bars(300).tobytes())
    read = read_dbn(source)
    (batch,) = read.batches
    expected = [float(f"{100 + row}e-2") for row in range(300)]
    assert batch.frame["open"].to_list() == expected
    assert batch.frame["place"].to_list() == list(range(1, 301))
    assert batch.frame["volume"].to_list() == [float(row + 1) for row in range(300)]
    assert batch.frame["bar_start"][0] == datetime(2013, 10, 7, 12, tzinfo=UTC)
    assert (batch.kind, batch.symbol, batch.bar_schema) == (Landed.BARS, "SPY", "ohlcv-1s")
    assert read.rows_in == 300


def test_trades_keep_their_ticks_side_and_received_time(tmp_path: Path):
    """Prices stay whole 1e-9; A is a seller, B a buyer; a missing quote is null."""
    source = write(tmp_path / "x", header("trades", SPY) + trades(4).tobytes(), packed=False)
    frame = read_dbn(source).frame()
    assert frame["price"].to_list() == [(10_000 + row) * 10_000_000 for row in range(4)]
    assert frame["side"].to_list() == ["sell", "buy", "unknown", "sell"]
    assert frame["ts_recv"].cast(pl.Int64).to_list()[0] == NOON + 500
    assert frame["qty"].to_list() == [1.0, 2.0, 3.0, 4.0]
    assert frame["bid"].null_count() == frame["ask_qty"].null_count() == 4


def test_quotes_stand_beside_the_trades_of_tbbo(tmp_path: Path):
    """Bid, ask and their sizes come from the record of the trade."""
    frame = read_dbn(write(tmp_path / "x", header("tbbo", SPY) + trades(3, dtype=MBP1).tobytes()))
    row = frame.frame().row(1, named=True)
    assert (row["bid"], row["ask"]) == (row["price"] - 10_000_000, row["price"] + 10_000_000)
    assert (row["bid_qty"], row["ask_qty"]) == (3.0, 4.0)


def test_only_trades_of_mbp_1_are_rows(tmp_path: Path):
    """Changes of the book are no rows: they are counted in the notes."""
    records = trades(6, dtype=MBP1)
    records["action"] = [b"A", b"T", b"C", b"M", b"T", b"A"]
    read = read_dbn(write(tmp_path / "x", header("mbp-1", SPY) + records.tobytes()))
    assert read.frame()["place"].to_list() == [2, 5]
    assert read.rows_in == 2
    assert read.notes["book_updates_not_landed"] == "4"


def test_frames_hold_the_columns_of_their_tables(tmp_path: Path):
    """With what ingest adds, a frame has the columns and types of its landed table."""
    tables = {"ohlcv-1s": RAW_BARS, "trades": RAW_TICKS}
    for schema, records in (("ohlcv-1s", bars(3)), ("trades", trades(3))):
        frame = read_dbn(write(tmp_path / "x", header(schema, SPY) + records.tobytes())).frame()
        expected = set(tables[schema].schema.column_names()) - ADDED_BY_INGEST
        assert set(frame.columns) - {"place"} == expected
        wanted = tables[schema].empty().schema
        assert {name: frame.schema[name] for name in expected} == {
            name: wanted[name] for name in expected
        }


def test_interleaved_symbols_are_told_apart_and_keep_their_order(tmp_path: Path):
    """Each symbol's rows come in the file's order, whatever lies between them."""
    rng = np.random.default_rng(7)
    mappings = {
        name: [(date(2013, 10, 7), date(2013, 10, 8), str(number))]
        for number, name in enumerate(("SPY", "AIG", "BAC"), start=5)
    }
    records = trades(1_000)
    records["instrument_id"] = rng.integers(5, 8, 1_000)
    read = read_dbn(write(tmp_path / "x", header("trades", mappings) + records.tobytes()))
    for number, name in enumerate(("SPY", "AIG", "BAC"), start=5):
        rows = np.flatnonzero(records["instrument_id"] == number)
        assert read.frame(name)["place"].to_list() == (rows + 1).tolist()
        assert read.frame(name)["price"].to_list() == records["price"][rows].tolist()


def test_an_id_means_another_symbol_on_another_day(tmp_path: Path):
    """The day of the record decides, to the nanosecond at midnight UTC."""
    mappings = {
        "SPY": [(date(2013, 10, 7), date(2013, 10, 8), "1")],
        "AIG": [(date(2013, 10, 8), date(2013, 10, 9), "1")],
    }
    records = bars(3)
    midnight = NOON - NOON % DAY + DAY
    records["ts_event"] = [midnight - 1, midnight, midnight + DAY]
    read = read_dbn(write(tmp_path / "x", header("ohlcv-1s", mappings) + records.tobytes()))
    assert read.frame("SPY")["place"].to_list() == [1]
    assert read.frame("AIG")["place"].to_list() == [2]
    assert read.rules() == {"unmapped_instrument": 1}
    assert read.asides[0].place == "3"
    assert read.conserved


def test_the_received_time_names_the_day(tmp_path: Path):
    """A trade before midnight that was received after it is mapped by the later day."""
    records = trades(1)
    records["ts_event"] = NOON - NOON % DAY - 1
    records["ts_recv"] = NOON - NOON % DAY + 1
    read = read_dbn(write(tmp_path / "x", header("trades", SPY) + records.tobytes()))
    assert read.frame("SPY")["ts"].cast(pl.Int64).to_list() == [NOON - NOON % DAY - 1]


@pytest.mark.parametrize(
    ("raw_symbol", "symbol", "contract"),
    [
        pytest.param("ESZ3", "ES", "ESZ13", id="one_digit_of_the_year"),
        pytest.param("GCZ13", "GC", "GCZ13", id="two_digits_of_the_year"),
        pytest.param("ESU3", "ES", "ESU23", id="a_month_that_is_over_returns_in_ten_years"),
        pytest.param("BRK.B", "BRK.B", None, id="equity_with_a_dot"),
    ],
)
def test_raw_symbols_become_symbol_and_contract(
    tmp_path: Path, raw_symbol: str, symbol: str, contract: str | None
):
    """Futures are split into root and contract, resolved by the day they traded on."""
    mappings = {raw_symbol: [(date(2013, 10, 7), date(2013, 10, 8), "1")]}
    (batch,) = read_dbn(
        write(tmp_path / "x", header("ohlcv-1s", mappings) + bars(2).tobytes())
    ).batches
    assert (batch.symbol, batch.contract) == (symbol, contract)


@pytest.mark.parametrize(
    "raw_symbol", ["ESZ3-ESH4", "ESM4 P5230", "UD:1V: GN 1", "ES.c.0", "ES.FUT", "../../etc"]
)
def test_spreads_options_and_unsafe_names_are_set_aside(tmp_path: Path, raw_symbol: str):
    """What fits no symbol pattern is counted, and the other symbols go on."""
    mappings = {raw_symbol: [(date(2013, 10, 7), date(2013, 10, 8), "9")], **SPY}
    body = bars(3, instrument_id=9).tobytes() + bars(2).tobytes()
    read = read_dbn(write(tmp_path / "x", header("ohlcv-1s", mappings) + body))
    assert read.rules() == {"unsupported_symbol": 3}
    assert raw_symbol in read.asides[0].raw
    assert read.frame("SPY").height == 2
    assert read.conserved


def test_symbols_are_found_where_the_file_maps_ids_to_symbols(tmp_path: Path):
    """A request by instrument id maps the other way round."""
    mappings = {"1": [(date(2013, 10, 7), date(2013, 10, 8), "SPY")]}
    content = header("ohlcv-1s", mappings, stype_in="instrument_id") + bars(2).tobytes()
    assert read_dbn(write(tmp_path / "x", content)).frame("SPY").height == 2


def test_sizes_are_scaled_by_the_instrument(tmp_path: Path):
    """Crypto volumes count 1e-8 coins."""
    mappings = {"BTCUSD": [(date(2013, 10, 7), date(2013, 10, 8), "1")], "SPY": []}
    records = bars(1)
    records["volume"] = 123_456_789
    frame = read_dbn(write(tmp_path / "x", header("ohlcv-1s", mappings) + records.tobytes()))
    assert frame.frame()["volume"].to_list() == [1.23456789]


def test_scales_of_two_symbols_do_not_mix(tmp_path: Path):
    """In one block each symbol has its own scale."""
    mappings = {"BTCUSD": [(date(2013, 10, 7), date(2013, 10, 8), "2")], **SPY}
    records = bars(4)
    records["instrument_id"] = [1, 2, 1, 2]
    records["volume"] = 100_000_000
    read = read_dbn(write(tmp_path / "x", header("ohlcv-1s", mappings) + records.tobytes()))
    assert read.frame("BTCUSD")["volume"].to_list() == [1.0, 1.0]
    assert read.frame("SPY")["volume"].to_list() == [1e8, 1e8]


def test_an_undefined_price_is_null_and_an_absurd_one_is_set_aside(tmp_path: Path):
    """The vendor's mark for no price is no fault; 9e9 of a currency is."""
    records = trades(4)
    records["price"][1] = UNDEF_PRICE
    records["price"][2] = UNDEF_PRICE - 1
    records["price"][3] = -(2**62)
    read = read_dbn(write(tmp_path / "x", header("trades", SPY) + records.tobytes()))
    assert read.frame()["price"].to_list() == [100_000_000_000, None]
    assert read.rules() == {"price_out_of_range": 2}
    assert read.conserved


def test_an_undefined_time_of_the_event_is_set_aside(tmp_path: Path):
    """A trade without time cannot be landed; one without received time can."""
    records = trades(3)
    records["ts_event"][1] = UNDEF_STAMP
    records["ts_recv"][2] = UNDEF_STAMP
    read = read_dbn(write(tmp_path / "x", header("trades", SPY) + records.tobytes()))
    assert read.frame()["place"].to_list() == [1, 3]
    assert read.frame()["ts_recv"].null_count() == 1
    assert read.rules() == {"bad_stamp": 1}


def test_disorder_is_counted_also_between_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each record that lies before its predecessor counts once, wherever a block ends."""
    monkeypatch.setattr(dbn_module, "_RECORDS_IN_BLOCK", 4)
    records = bars(8)
    records["ts_event"] = NOON + np.array([0, 1, 3, 2, 1, 2, 3, 4])
    read = read_dbn(write(tmp_path / "x", header("ohlcv-1s", SPY) + records.tobytes()))
    assert [(each.rule, each.count) for each in read.remarks] == [("out_of_order", 2)]
    assert read.frame().height == 8


@pytest.mark.parametrize("records_in_block", [1, 7, 1000])
def test_block_size_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records_in_block: int
):
    """Rows are the same however the file is cut into blocks."""
    source = write(tmp_path / "x", header("trades", SPY) + trades(100).tobytes())
    whole = read_dbn(source).frame()
    monkeypatch.setattr(dbn_module, "_RECORDS_IN_BLOCK", records_in_block)
    assert read_dbn(source).frame().equals(whole)


def test_a_send_time_behind_each_record_is_skipped(tmp_path: Path):
    """Files with `ts_out` have longer records and the same rows."""
    records = trades(5)
    longer = np.zeros(5, dtype=np.dtype([*TRADE.descr, ("ts_out", "u8")]))
    for name in TRADE.names:
        longer[name] = records[name]
    longer["length"] += 2
    plain = read_dbn(write(tmp_path / "x", header("trades", SPY) + records.tobytes()))
    sent = read_dbn(write(tmp_path / "y", header("trades", SPY, ts_out=True) + longer.tobytes()))
    assert sent.frame().equals(plain.frame())


def test_halts_keep_the_vendors_names(tmp_path: Path):
    """Status records say what happened and why, in DBN's words."""
    records = np.zeros(3, dtype=STATUS)
    records["length"], records["rtype"], records["instrument_id"] = 10, 0x12, 1
    records["ts_event"] = records["ts_recv"] = NOON + np.arange(3)
    records["action"], records["reason"] = [8, 7, 99], [50, 0, 0]
    records["is_trading"] = [b"N", b"Y", b"~"]
    read = read_dbn(write(tmp_path / "x", header("status", SPY) + records.tobytes()))
    frame = read.frame("SPY")
    assert frame["action"].to_list() == ["HALT", "TRADING", "UNKNOWN_99"]
    assert frame["reason"].to_list() == ["LULD_PAUSE", "NONE", "NONE"]
    assert frame["is_trading"].to_list() == [False, True, None]
    expected = set(RAW_STATUS.schema.column_names()) - ADDED_BY_INGEST
    assert set(frame.columns) - {"place"} == expected


@pytest.mark.shared
def test_real_trades_equal_the_vendors_decoder(shared_data: Path):
    """Every trade of a real day has the vendor's price, size, stamps and symbol."""
    path = shared_data / "dbn/XNAS-20131007-A7LEANTRD1/xnas-itch-20131007.trades.dbn.zst"
    read = read_dbn(source_of(path))
    decoder = databento_dbn.DBNDecoder(compression=databento_dbn.Compression.ZSTD)
    decoder.write(path.read_bytes())
    metadata, *records = decoder.decode()
    id_of = {name: int(spans[0]["symbol"]) for name, spans in metadata.mappings.items()}
    assert read.rows_in == len(records) == 113_523
    for name, number in id_of.items():
        wanted = [record for record in records if record.instrument_id == number]
        frame = read.frame(name)
        assert frame["price"].to_list() == [record.price for record in wanted]
        assert frame["qty"].to_list() == [float(record.size) for record in wanted]
        assert frame["ts"].cast(pl.Int64).to_list() == [record.ts_event for record in wanted]


@pytest.mark.shared
def test_real_quotes_stand_beside_the_same_trades(shared_data: Path):
    """The trades of mbp-1 are those of tbbo and of trades, quotes included."""
    folder = shared_data / "dbn"
    tbbo = read_dbn(source_of(folder / "XNAS-20131007-A7LEANTBB1/xnas-itch-20131007.tbbo.dbn.zst"))
    name = "XNAS-20131007-A7LEANMBP1/xnas-itch-20131007.mbp-1.BAC.dbn.zst"
    mbp1 = read_dbn(source_of(folder / name))
    plain = read_dbn(
        source_of(folder / "XNAS-20131007-A7LEANTRD1/xnas-itch-20131007.trades.dbn.zst")
    )
    kept = ["ts", "price", "qty"]
    assert mbp1.rows_in == 88_172
    assert mbp1.frame().drop("place").equals(tbbo.frame("BAC").drop("place"))
    assert mbp1.frame().select(kept).equals(plain.frame("BAC").select(kept))
    assert not mbp1.remarks
    assert not mbp1.asides


@pytest.mark.shared
def test_real_bars_add_up_to_the_expected_days(shared_data: Path):
    """Open, high, low, close, volume and count of each file, symbol and local day are given."""
    folder = shared_data / "dbn"
    expected = pl.read_csv(folder / "expected_days.csv", try_parse_dates=True)
    for (name,), days in expected.group_by(["file"], maintain_order=True):
        read = read_dbn(source_of(folder / str(name)))
        assert not read.remarks
        is_local = "coin-lean" not in str(name) and "ohlcv-1d" not in str(name)
        zone = "America/New_York" if is_local else "UTC"
        for row in days.iter_rows(named=True):
            stamp = pl.col("bar_start").dt.convert_time_zone(zone).dt.date()
            bars_of_day = read.frame(row["symbol"]).filter(stamp == row["local_day"])
            assert bars_of_day.height == row["bars"], row
            assert bars_of_day["open"][0] == row["open"], row
            assert bars_of_day["high"].max() == row["high"], row
            assert bars_of_day["low"].min() == row["low"], row
            assert bars_of_day["close"][-1] == row["close"], row
            assert bars_of_day["volume"].sum() == pytest.approx(row["volume"], rel=1e-9), row


@pytest.mark.shared
def test_all_real_files_are_read_whole_or_refused_by_schema(shared_data: Path):
    """No real file ends otherwise than read, refused for its schema, or without rows."""
    rules: dict[str, int] = {}
    for path in sorted((shared_data / "dbn").rglob("*.dbn*")):
        try:
            read = read_dbn(source_of(path))
        except FileRejectedError as error:
            rules[error.rule] = rules.get(error.rule, 0) + 1
        else:
            assert read.conserved, path
            assert not read.remarks, path
    allowed = {"unsupported_schema", "dbn_fragment", "no_rows"}
    assert set(rules) == allowed
    assert rules["dbn_fragment"] == 2


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "symbol", "asset"),
    [
        pytest.param("nautilus/definition-glbx-es-fut.dbn.zst", "ES", "ESM3", id="version_1"),
        pytest.param(
            "dbn-versions/test_data.definition.v3.dbn.zst", "MSFT", "MSFT", id="version_3"
        ),
    ],
)
def test_definitions_name_their_own_symbol(shared_data: Path, name: str, symbol: str, asset: str):
    """Definitions of any DBN version land with their fields as JSON."""
    read = read_dbn(source_of(shared_data / "dbn/real" / name))
    frame = read.frame(symbol)
    assert frame.height == 2
    assert frame["raw_symbol"].unique().to_list() == [asset]
    payload = json.loads(frame["payload"][0])
    assert payload["raw_symbol"] == asset
    assert list(payload) == sorted(payload)
    expected = set(RAW_DEFINITIONS.schema.column_names()) - ADDED_BY_INGEST
    assert set(frame.columns) - {"place"} == expected
    assert frame.schema["ts"] == UTC_NS


@pytest.mark.shared
def test_statistics_and_status_of_a_future_land_under_its_root(shared_data: Path):
    """ES contracts' statistics and status stand under ES, named by the symbology."""
    folder = shared_data / "dbn/real/GLBX.MDP3"
    statistics = read_dbn(source_of(folder / "test_data.statistics.dbn.zst")).frame("ES")
    assert statistics["raw_symbol"].to_list() == ["ESH1"] * 4
    assert statistics["kind"].to_list() == ["statistics"] * 4
    status = read_dbn(source_of(folder / "test_data.status.dbn.zst")).frame("ES")
    assert status["action"].to_list()[0] == "TRADING"
    assert status["is_trading"].to_list() == [True, False, False, True]
