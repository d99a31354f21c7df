"""Tick databases, read back with sqlite3 alone."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import polars as pl
import pytest

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import SymbolError
from quant_assets.storage.writers.tick_sqlite import write_tick_sqlite


def _trades(*prices, ts=datetime(2024, 3, 3, 23, 0, 0, 276000, tzinfo=UTC)):
    """Make one trade a price, in 1e-9."""
    n = len(prices)
    return pl.DataFrame(
        {
            "ts": pl.Series([ts] * n, dtype=UTC_NS),
            "price": pl.Series(prices, dtype=pl.Int64),
            "bid": pl.Series(prices, dtype=pl.Int64),
            "ask": pl.Series([price + 100_000_000 for price in prices], dtype=pl.Int64),
            "qty": [2.0] * n,
            "bid_qty": [7.0] * n,
            "ask_qty": [9.0] * n,
        }
    )


def _query(path, sql):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def test_a_trade_is_stored_with_its_book_and_an_indian_stamp(tmp_path):
    """23:00 UTC is 04:30 of the next day in India."""
    path = tmp_path / "t.sqlite"
    write_tick_sqlite(path, {"GCJ24": _trades(2_090_400_000_000)})
    assert _query(path, "SELECT * FROM GCJ24_TICK") == [
        ("2024-03-04 04:30:00.276000", 2090.4, 2, 2090.4, 2090.5, 7, 9)
    ]


def test_every_price_is_the_number_nearest_to_its_decimal(tmp_path):
    """No price is a bit off, as a product with 1e-9 would be."""
    path = tmp_path / "t.sqlite"
    write_tick_sqlite(
        path, {"GCJ24": _trades(*range(2_000_000_000_000, 2_200_000_000_000, 100_000_000))}
    )
    prices = [row[0] for row in _query(path, "SELECT price FROM GCJ24_TICK")]
    assert prices == [float(f"{tenths // 10}.{tenths % 10}") for tenths in range(20_000, 22_000)]


def test_rows_keep_their_order_and_an_absent_book_is_null(tmp_path):
    """Order is what a tick file means; it has no key."""
    path = tmp_path / "t.sqlite"
    trades = _trades(3_000_000_000, 1_000_000_000, 2_000_000_000).with_columns(
        pl.lit(None, dtype=pl.Int64).alias("bid"), pl.lit(None, dtype=pl.Float64).alias("bid_qty")
    )
    write_tick_sqlite(path, {"ESH24": trades})
    rows = _query(path, "SELECT price, bid, bid_size, ask FROM ESH24_TICK ORDER BY rowid")
    assert rows == [(3.0, None, None, 3.1), (1.0, None, None, 1.1), (2.0, None, None, 2.1)]


def test_there_is_one_table_a_contract_even_for_one_without_trades(tmp_path):
    """And each is named as the vendor names it."""
    path = tmp_path / "t.sqlite"
    write_tick_sqlite(path, {"ESH24": _trades(1_000_000_000), "ESM24": _trades()})
    tables = _query(path, "SELECT name FROM sqlite_master ORDER BY rowid")
    assert tables == [("ESH24_TICK",), ("ESM24_TICK",)]
    assert _query(path, "SELECT count(*) FROM ESM24_TICK") == [(0,)]
    assert _query(path, "PRAGMA integrity_check") == [("ok",)]


def test_the_same_trades_give_the_same_bytes(tmp_path):
    """No clock and no path is in the file."""
    for name in ("a.sqlite", "b.sqlite"):
        write_tick_sqlite(tmp_path / name, {"ESH24": _trades(1_000_000_000)})
    assert (tmp_path / "a.sqlite").read_bytes() == (tmp_path / "b.sqlite").read_bytes()


def test_a_name_that_is_no_contract_makes_no_table(tmp_path):
    """An identifier comes from a contract code and from nothing else."""
    with pytest.raises(SymbolError):
        write_tick_sqlite(tmp_path / "t.sqlite", {'ES"; DROP': _trades(1_000_000_000)})


def test_a_full_disk_is_an_error_of_the_system(tmp_path, small_disk):
    """SQLite's own error becomes the one that file writers expect."""
    trades = _trades(*range(1_000_000_000, 6_000_000_000, 1_000_000))
    with small_disk(), pytest.raises(OSError, match="disk"):
        write_tick_sqlite(tmp_path / "t.sqlite", {"ESH24": trades})


@pytest.mark.shared
def test_tables_are_declared_as_in_the_vendors_database(tmp_path, shared_data):
    """The same statement but for the contract."""
    path = tmp_path / "t.sqlite"
    write_tick_sqlite(path, {"GCZ13": _trades(1_000_000_000)})
    sql = "SELECT sql FROM sqlite_master WHERE name = 'GCZ13_TICK'"
    vendor = f"file:{shared_data / 'futures' / 'futures_ticks.sqlite'}?mode=ro"
    with closing(sqlite3.connect(vendor, uri=True)) as database:
        assert _query(path, sql) == database.execute(sql).fetchall()
