"""Trades from CSV and Parquet: columns, sides, prices, rows set aside, damage."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.columns import PRICE_SCALE
from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.base import Landed
from quant_assets.storage.readers.trades import TICK_COLUMNS, fixed_price
from quant_assets.storage.readers.trades_parquet import TradesParquetReader
from quant_assets_tests.storage.readers.reading import Reading, read_all, read_source, source_of
from quant_assets_tests.storage.readers.reading import read_text as read_text_as

NAME = "BTCUSDT-perp.trades.csv"
FIRST = datetime(2024, 8, 8, 23, 54, 16, 322000, tzinfo=UTC)
SECOND = datetime(2024, 8, 8, 23, 54, 16, 344000, tzinfo=UTC)
PRICES = [61800_300_000_000, 61800_250_000_000]


def _read(folder: Path, text: str | bytes, **given: str) -> Reading:
    return read_text_as(folder, text, **{"name": NAME} | given)


def _refused(folder: Path, text: str | bytes, **given: str) -> FileRejectedError:
    with pytest.raises(FileRejectedError) as refused:
        _read(folder, text, **given)
    return refused.value


def _parquet(folder: Path, table: pa.Table | dict[str, Any], **options: Any) -> bytes:
    path = folder / "made"
    made = table if isinstance(table, pa.Table) else pa.table(table)
    pq.write_table(made, path, **options)
    return path.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "timestamp,id,price,amount,side,kind\n"
            "1723161256322,5,61800.30,0.006,buy,MARKET\n1723161256344,6,61800.25,2,sell,MARKET\n",
            id="epoch_ms",
        ),
        pytest.param(
            "time,price,qty,is_buyer_maker\n"
            "1723161256322000,61800.30,0.006,false\n1723161256344000,61800.25,2,TRUE\n",
            id="epoch_us_and_maker",
        ),
        pytest.param(
            "side;size;px;ts\nBUY;0.006;61800.3;2024-08-08T23:54:16.322Z\n"
            "Sell;2;61800.25;2024-08-08T23:54:16.344Z\n",
            id="iso_and_semicolons",
        ),
        pytest.param(
            "timestamp,type,side,price,amount,cost,date\n"
            "1723161256322,,b,61800.3,0.006,1,x\n1723161256344,,S,61800.25,2,2,y\n",
            id="ccxt",
        ),
    ],
)
def test_every_layout_gives_the_same_trades(tmp_path: Path, text: str) -> None:
    """Whatever the columns are called, and whichever way the side is told."""
    reading = _read(tmp_path, text)
    frame = reading.frame
    assert frame["ts"].to_list() == [FIRST, SECOND]
    assert frame["price"].to_list() == PRICES
    assert frame["qty"].to_list() == [0.006, 2.0]
    assert frame["side"].to_list() == ["buy", "sell"]
    assert (reading.tally.rows_in, reading.set_aside, reading.remarks) == (2, [], [])


def test_a_batch_has_the_landed_columns_and_the_unit_is_said(tmp_path: Path) -> None:
    """Quotes and receipt times, which trades lack, are null; the notes name the epoch unit."""
    reading = _read(tmp_path, "ts,price,qty,side\n1723161256322,5,1,buy\n")
    (batch,) = reading.batches
    assert (batch.kind, batch.symbol, batch.bar_schema) == (Landed.TICKS, "BTCUSDT", None)
    assert dict(batch.frame.schema) == {"place": pl.UInt64, "raw": pl.String, **TICK_COLUMNS}
    assert (
        batch.frame.select("ts_recv", "bid", "ask", "bid_qty", "ask_qty").null_count().row(0)
        == (1,) * 5
    )
    assert reading.tally.notes["dates"] == "epoch ms"


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("1723161256322,5,1,buy,INSURANCE_FUND", "not_a_trade"),
        ("1723161256322,5,1,maybe,MARKET", "bad_side"),
        ("x,5,1,buy,MARKET", "bad_stamp"),
        ("1723161256322,five,1,buy,MARKET", "unreadable_number"),
        ("1723161256322,5,one,buy,MARKET", "unreadable_number"),
        ("1723161256322,5,1,buy", "ragged_row"),
    ],
)
def test_a_row_that_is_no_trade_is_set_aside(tmp_path: Path, row: str, rule: str) -> None:
    """Alone, with its line; the row behind it is given."""
    text = f"ts,price,qty,side,kind\n{row}\n1723161256322,5,1,,spot\n"
    reading = _read(tmp_path, text)
    (aside,) = reading.set_aside
    assert (aside.rule, aside.place, aside.raw) == (rule, "line 2", row)
    assert (aside.symbol, aside.kind) == ("BTCUSDT", Landed.TICKS)
    assert reading.frame["side"].to_list() == ["unknown"]
    assert reading.tally.rows_in == 2


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("ts,price,qty\n1723161256322,5,1\n", "missing_column"),
        ("ts,price,side\n1723161256322,5,buy\n", "missing_column"),
        ("price,qty,side\n5,1,buy\n", "missing_column"),
        ("ts,price,qty,side\n", "no_rows"),
        ("ts,price,qty,side\n1723161256322,5,1,a\n", "no_readable_row"),
        ("ts,price,qty,side\n1723161256322,5,1,buy\n1723161256,5,1,buy\n", "mixed_dates"),
        ("ts;price;qty;side\n1723161256322;5,1;1;buy\n", "decimal_comma"),
        ("ts,price,qty,side,update_type\n1723161256322,5,1,buy,set\n", "not_trades"),
    ],
)
def test_a_file_that_is_no_table_of_trades_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    """By rule, with its name."""
    error = _refused(tmp_path, text)
    assert error.rule == rule
    assert NAME in str(error)


def test_prices_that_are_not_finite_are_null_and_quantities_stay(tmp_path: Path) -> None:
    """The row rules judge them."""
    cells = [("nan", "nan"), ("inf", "-1"), ("null", "null"), ("1e300", "0"), ("-5", "1")]
    rows = "".join(f"1723161256322,{price},{qty},buy\n" for price, qty in cells)
    reading = _read(tmp_path, f"ts,price,qty,side\n{rows}")
    assert reading.set_aside == []
    assert reading.frame["price"].to_list() == [None, None, None, None, -5 * PRICE_SCALE]
    assert reading.frame["qty"].fill_nan(9.0).to_list() == [9.0, -1.0, None, 0.0, 1.0]


@settings(deadline=None)
@given(
    st.lists(
        st.decimals(-(4 * 10**9), 4 * 10**9, places=9, allow_nan=False).map(
            lambda d: d.quantize(Decimal(1).scaleb(-max(0, 15 - len(str(int(abs(d)))) - 1) or -0))
        ),
        min_size=1,
        max_size=20,
    )
)
def test_prices_of_fifteen_digits_are_exact(prices: list[Decimal]) -> None:
    """A Float64 carries 15 digits; none of them is lost on the way to whole 1e-9."""
    fixed = fixed_price(pl.Series([float(price) for price in prices]))
    scaled = [(p * PRICE_SCALE).quantize(Decimal(1), ROUND_HALF_UP) for p in prices]
    assert fixed.to_list() == [int(value) for value in scaled]


def test_trades_out_of_order_are_remarked(tmp_path: Path) -> None:
    """Equal stamps are in order."""
    rows = "".join(f"{stamp},5,1,buy\n" for stamp in (1723161256322, 1723161256322, 1723161256000))
    reading = _read(tmp_path, f"ts,price,qty,side\n{rows}")
    assert reading.remarked == {"out_of_order": 1}
    assert reading.remarks[0].where == "line 4"


MS = [1723161256322, 1723161256344]
STAMPS = {
    "epoch_ms": pa.array(MS),
    "epoch_s_float": pa.array([1723161256.0, 1723161256.0]),
    "timestamp_ms": pa.array(MS, pa.timestamp("ms")),
    "timestamp_us_utc": pa.array([ms * 1000 for ms in MS], pa.timestamp("us", "UTC")),
    "timestamp_ns_kolkata": pa.array([ms * 10**6 for ms in MS], pa.timestamp("ns", "Asia/Kolkata")),
    "text": pa.array(["2024-08-08 23:54:16.322Z", "2024-08-08 23:54:16.344Z"]),
}


@pytest.mark.parametrize("kind", sorted(STAMPS))
def test_parquet_stamps_of_each_type_are_read(tmp_path: Path, kind: str) -> None:
    """Numbers, text and timestamps, with and without zone, in small row groups."""
    table = {
        "id": pa.array([1, 2]),
        "timestamp": STAMPS[kind],
        "price": pa.array([61800.3, 61800.25]),
        "amount": pa.array([Decimal("0.006"), Decimal("2.000")]),
        "side": pa.array(["buy", "SELL"]).dictionary_encode(),
    }
    reading = _read(tmp_path, _parquet(tmp_path, table, row_group_size=1))
    assert reading.format == "trades-parquet"
    is_whole_second = kind == "epoch_s_float"
    expected = [m.replace(microsecond=0) if is_whole_second else m for m in (FIRST, SECOND)]
    assert reading.frame["ts"].to_list() == expected
    assert reading.frame["price"].to_list() == PRICES
    assert reading.frame["qty"].to_list() == [0.006, 2.0]
    assert reading.frame["side"].to_list() == ["buy", "sell"]
    assert reading.frame["place"].to_list() == [1, 2]
    assert dict(reading.batches[0].frame.schema) == {"place": pl.UInt64, **TICK_COLUMNS}
    assert (reading.tally.rows_in, reading.set_aside) == (2, [])


def test_naive_parquet_stamps_are_in_the_users_zone(tmp_path: Path) -> None:
    """Stamps with a zone are not moved."""
    naive = {"ts": STAMPS["timestamp_ms"], "price": [5.0, 5.0], "qty": [1, 1], "side": ["b", "s"]}
    aware = naive | {"ts": STAMPS["timestamp_us_utc"]}
    for table, hour in ((naive, 18), (aware, 23)):
        reading = _read(tmp_path, _parquet(tmp_path, table), zone="Asia/Kolkata")
        assert reading.frame["ts"].dt.hour().unique().to_list() == [hour]


def test_bad_parquet_rows_are_set_aside_by_record(tmp_path: Path) -> None:
    """Conservation holds over batches, and each row names its record."""
    table = {
        "ts": pa.array([*MS, None, *MS]),
        "price": pa.array(["5", "x", "5", "5", None]),
        "qty": pa.array([1.0, 1.0, 1.0, float("nan"), 1.0]),
        "side": pa.array(["buy", "buy", "buy", "hold", None]),
    }
    path = tmp_path / "trades"
    path.write_bytes(_parquet(tmp_path, table))
    reading = read_all(TradesParquetReader(source_of(path, name=NAME), batch_rows=2))
    told = [(aside.rule, aside.place) for aside in reading.set_aside]
    assert told == [
        ("unreadable_number", "record 2"),
        ("bad_stamp", "record 3"),
        ("bad_side", "record 4"),
    ]
    assert "price=x" in reading.set_aside[0].raw
    assert reading.frame["place"].to_list() == [1, 5]
    assert reading.frame["side"].to_list() == ["buy", "unknown"]
    assert reading.tally.rows_in == reading.n_given + len(reading.set_aside) == 5
    assert len(reading.batches) == 2


TRADES: dict[str, Any] = {"ts": MS, "price": [5.0, 5.0], "qty": [1.0, 1.0], "side": ["b", "s"]}


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ({key: TRADES[key] for key in ("ts", "price", "qty")}, "missing_column"),
        ({key: TRADES[key] for key in ("price", "qty", "side")}, "missing_column"),
        ({"a": [1]}, "missing_column"),
        ({key: pa.array([], pa.float64()) for key in TRADES}, "no_rows"),
        (TRADES | {"side": [None, "x"], "price": ["x", "5"]}, "no_readable_row"),
        (TRADES | {"price": [[5.0], [5.0]]}, "unsupported_parquet"),
        (
            {"time": MS, "open": MS, "high": MS, "low": MS, "close": MS},
            "unsupported_parquet",
        ),
        (TRADES | {"ts": [1723161256, 1723161256322]}, "mixed_dates"),
    ],
)
def test_parquet_that_holds_no_trades_is_refused(
    tmp_path: Path, table: dict[str, Any], rule: str
) -> None:
    """By rule, with its name."""
    error = _refused(tmp_path, _parquet(tmp_path, table))
    assert error.rule == rule
    assert NAME in str(error)


def test_damaged_parquet_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    """A cut footer or a cut column never passes for the whole file."""
    n_rows = 3000
    table = {"ts": [MS[0] + i for i in range(n_rows)], "price": [5.0 + i for i in range(n_rows)]}
    table |= {"qty": [1.0 + i for i in range(n_rows)], "side": ["buy"] * n_rows}
    whole = _parquet(tmp_path, table, write_page_checksum=True)
    assert _read(tmp_path, whole).n_given == n_rows
    for size in (5, 8, 12, 400, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        assert _refused(tmp_path, whole[:size]).rule == "damaged_parquet", size
    footer_lies = whole[:-8] + (10**8).to_bytes(4, "little") + b"PAR1"
    assert _refused(tmp_path, footer_lies).rule == "damaged_parquet"


def test_a_changed_byte_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    """Pages with a checksum are checked against it; only unused bytes may change."""
    n_rows = 3000
    table = {"ts": [MS[0] + i for i in range(n_rows)], "price": [5.0 + i for i in range(n_rows)]}
    table |= {"qty": [1.0 + i for i in range(n_rows)], "side": ["buy"] * n_rows}
    whole = _parquet(tmp_path, table, write_page_checksum=True)
    truth = _read(tmp_path, whole).frame
    rules = []
    for position in range(100, len(whole) - 2000, 499):
        flipped = bytearray(whole)
        flipped[position] ^= 0xFF
        try:
            assert _read(tmp_path, bytes(flipped)).frame.equals(truth), position
        except FileRejectedError as error:
            rules.append(error.rule)
    assert set(rules) == {"damaged_parquet"}
    assert len(rules) > 80


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "symbol", "rows"),
    [
        ("BTCUSDT-perp-20240808.trades.csv", "BTCUSDT", 21313),
        ("BTCUSDT-perp-20240808.trades.parquet", "BTCUSDT", 21313),
        ("BTCUSD_PERP-coinm-20240808.trades.csv", "BTCUSD_PERP", 2286),
        ("BTCUSD_PERP-coinm-20240808.trades.parquet", "BTCUSD_PERP", 2286),
        ("ETHUSDT-ccxt-20230202.trades.csv", "ETHUSDT", 1000),
        ("XRPETH-201910.trades.parquet", "XRPETH", 12477),
    ],
)
def test_real_trades_are_read_whole(shared_data: Path, name: str, symbol: str, rows: int) -> None:
    """Also under another name with the same symbol."""
    path = shared_data / "orderflow" / name
    for told in (name, f"{symbol}.dbn"):
        reading = read_source(source_of(path, name=told))
        assert {batch.symbol for batch in reading.batches} == {symbol}
        assert reading.n_given == reading.tally.rows_in == rows
        assert (reading.set_aside, reading.remarks) == ([], [])
        assert set(reading.frame["side"].unique()) == {"buy", "sell"}


@pytest.mark.shared
@pytest.mark.parametrize("stem", ["BTCUSDT-perp-20240808", "BTCUSD_PERP-coinm-20240808"])
def test_csv_and_parquet_of_the_same_trades_give_equal_frames(shared_data: Path, stem: str) -> None:
    """Stamps, prices, quantities and sides, bit for bit."""
    frames = [
        read_source(source_of(shared_data / "orderflow" / f"{stem}.trades.{kind}")).frame
        for kind in ("csv", "parquet")
    ]
    assert frames[0].select(*TICK_COLUMNS).equals(frames[1].select(*TICK_COLUMNS))


@pytest.mark.shared
@pytest.mark.parametrize("stem", ["BTCUSDT-perp-20240808", "BTCUSD_PERP-coinm-20240808"])
def test_sides_and_quantities_add_up_to_the_shipped_bars(shared_data: Path, stem: str) -> None:
    """Buy and sell volume equal those of the answer file."""
    folder = shared_data / "orderflow"
    frame = read_source(source_of(folder / f"{stem}.trades.csv")).frame
    bars = pl.read_csv(folder / f"{stem}.expected_bars.csv")
    for side, column in (("buy", "ask_volume"), ("sell", "bid_volume")):
        assert frame.filter(pl.col("side") == side)["qty"].sum() == pytest.approx(
            bars[column].sum()
        )
    assert frame["price"].max() == round(bars["high"].max() * PRICE_SCALE)  # type: ignore[operator]
