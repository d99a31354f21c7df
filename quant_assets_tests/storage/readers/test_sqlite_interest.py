"""A column of open interest in a tick database: records beside the trades, which lose nothing."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from quant_assets.storage.readers import sqlite_rows
from quant_assets.storage.readers.base import Landed
from quant_assets_tests.storage.readers.sqlite_files import (
    BAR_COLUMNS,
    TICK_COLUMNS,
    make,
    read_sqlite,
    tick,
)


def _rows(*figures: tuple[str, object]) -> list[tuple]:
    """Return trades of one hour in India by minute and second, each with a figure."""
    return [(*tick(stamp=f"2013-10-07 10:{at}.000000"), figure) for at, figure in figures]


def _records(path: Path) -> list[tuple[str, float]]:
    """Return the records of a file by UTC time; its rows are all accounted for."""
    read = read_sqlite(path)
    assert read.conserved
    frames = [batch.frame for batch in read.batches if batch.kind is Landed.DEFINITIONS]
    rows = pl.concat(frames).rows(named=True) if frames else []
    assert {row["raw_symbol"] for row in rows} <= {"GCZ13"}
    return [
        (f"{row['ts']:%H:%M:%S}", float(json.loads(row["payload"])["quantity"])) for row in rows
    ]


@pytest.mark.parametrize("column", ["open_interest INTEGER", "OI REAL", "oi"])
def test_the_last_figure_of_each_half_hour_by_its_stamp_is_a_record(tmp_path, column):
    """Whatever the order of the rows; of equal stamps the later row counts."""
    rows = _rows(("00:00", 1), ("20:00", 3), ("10:00", 2), ("40:00", 4), ("40:00", 5), ("59:59", 0))
    path = make(tmp_path / "a.sqlite", {"GCZ13_TICK": rows}, columns=f"{TICK_COLUMNS}, {column}")
    assert _records(path) == [("04:50:00", 3.0), ("05:29:59", 0.0)]


def test_batches_make_the_same_records(tmp_path, monkeypatch):
    """A half hour may be cut anywhere."""
    rows = _rows(*((f"{n // 60:02d}:{n % 60:02d}", n) for n in range(3_000)))
    path = make(tmp_path / "a.sqlite", {"GCZ13_TICK": rows}, columns=f"{TICK_COLUMNS}, oi")
    whole = _records(path)
    monkeypatch.setattr(sqlite_rows, "_BATCH_ROWS", 300)
    assert _records(path) == whole == [("04:59:59", 1_799.0), ("05:19:59", 2_999.0)]


@pytest.mark.parametrize("bad", [None, "", "n/a", -1, float("inf"), b"\xff"])
def test_what_is_no_figure_makes_no_record_and_costs_no_trade(tmp_path, bad):
    """The trade stands; only text or numbers from 0 on are figures."""
    rows = _rows(("00:00", 7), ("10:00", bad))
    path = make(tmp_path / "a.sqlite", {"GCZ13_TICK": rows}, columns=f"{TICK_COLUMNS}, oi")
    assert _records(path) == [("04:30:00", 7.0)]
    ticks = read_sqlite(path).batches[0].frame
    assert ticks.height == 2
    assert read_sqlite(path).rules() == {}


def test_trades_are_the_same_with_the_column_and_without_it(tmp_path):
    """Also of minute bars; a table without the column has no records."""
    for kind, columns in (("TICK", TICK_COLUMNS), ("MIN", BAR_COLUMNS)):
        width = columns.count(",") + 1
        plain = [(f"2013-10-07 10:0{n}:00.000000", *[1310.0] * (width - 1)) for n in range(5)]
        path = make(tmp_path / f"{kind}.sqlite", {f"GCZ13_{kind}": plain}, columns=columns)
        (without,) = read_sqlite(path).batches
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"ALTER TABLE GCZ13_{kind} ADD COLUMN open_interest")
            connection.execute(f"UPDATE GCZ13_{kind} SET open_interest = rowid")
        read = read_sqlite(path)
        rows, records = read.batches
        assert rows.frame.equals(without.frame)
        assert (records.kind, records.symbol, records.frame.height) == (
            Landed.DEFINITIONS,
            "GC",
            1,
        )
