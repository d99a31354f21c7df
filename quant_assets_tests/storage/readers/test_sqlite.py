"""What tick databases become, and what of them is set aside."""

import random
import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers import sqlite_rows, sqlite_tables
from quant_assets.storage.readers.base import Landed
from quant_assets.storage.readers.sqlite_sql import quote_identifier
from quant_assets.ticks.schema import RAW_BARS, RAW_TICKS
from quant_assets_tests.storage.readers.dbn_files import Read
from quant_assets_tests.storage.readers.sqlite_files import (
    BAR_COLUMNS,
    TEN,
    TICK_COLUMNS,
    make,
    read_sqlite,
    run,
    tick,
)

ADDED_BY_INGEST = {"session", "seq", "outside_hours"}
UNTYPED = "timestamp, price, volume, bid, ask, bid_size, ask_size"
INDIA = timedelta(hours=5, minutes=30)


def rule_of(path: Path) -> str:
    """Return the rule under which a file is refused."""
    with pytest.raises(FileRejectedError) as caught:
        read_sqlite(path)
    return caught.value.rule


def test_ticks_come_in_utc_with_whole_prices(tmp_path: Path):
    """Naive stamps are India's; prices are counts of 1e-9; sizes and quote are kept."""
    path = make(tmp_path / "x", {"GCZ13_TICK": [tick(price=1313.7), tick(bid=None)]})
    read = read_sqlite(path)
    (batch,) = read.batches
    assert (batch.symbol, batch.contract, batch.kind) == ("GC", "GCZ13", Landed.TICKS)
    first, second = batch.frame.to_dicts()
    assert first["ts"] == datetime(2013, 10, 7, 4, 30, tzinfo=UTC)
    assert first["price"] == 1_313_700_000_000
    assert (first["bid"], first["ask"]) == (1_310_000_000_000, 1_310_200_000_000)
    assert (first["qty"], first["bid_qty"], first["ask_qty"]) == (2.0, 3.0, 4.0)
    assert (first["side"], first["ts_recv"], first["place"]) == ("unknown", None, 1)
    assert second["bid"] is None
    assert batch.place_prefix == "GCZ13_TICK:"
    assert read.rows_in == 2


def test_minute_tables_are_bars_that_close_at_the_price(tmp_path: Path):
    """`price` is the close; open, high and low have their own columns."""
    row = (TEN, 1675.25, 7, None, 1675.5, 1674.0, 1676.0, 1673.5)
    (batch,) = read_sqlite(make(tmp_path / "x", {"ESZ13_MIN": [row]}, columns=BAR_COLUMNS)).batches
    assert (batch.kind, batch.bar_schema, batch.contract) == (Landed.BARS, "ohlcv-1m", "ESZ13")
    bar = batch.frame.row(0, named=True)
    assert [bar[name] for name in ("open", "high", "low", "close")] == [1674, 1676, 1673.5, 1675.25]
    assert (bar["volume"], bar["bid"], bar["ask"]) == (7.0, None, 1675.5)


def test_frames_hold_the_columns_of_their_tables(tmp_path: Path):
    """With what ingest adds, a frame has the columns and types of its landed table."""
    row = (TEN, 1.0, 1, None, None, 1.0, 1.0, 1.0)
    bars = read_sqlite(make(tmp_path / "b", {"ESZ13_MIN": [row]}, columns=BAR_COLUMNS)).frame()
    ticks = read_sqlite(make(tmp_path / "t", {"ESZ13_TICK": [tick()]})).frame()
    for frame, table in ((bars, RAW_BARS), (ticks, RAW_TICKS)):
        wanted = table.empty().schema
        expected = {name: wanted[name] for name in wanted if name not in ADDED_BY_INGEST}
        assert dict(frame.drop("place").schema) == expected


def test_zones_of_stamps_count_before_the_files(tmp_path: Path):
    """`Z` and offsets are their own; a blank or a `T` may stand between date and time."""
    stamps = ["2013-10-07T10:00:00", "2013-10-07 04:30:00Z", "2013-10-07T10:00:00.0+05:30"]
    stamps += ["2013-10-07 00:30:00-0400", "2013-10-07 10:00:00.000000000"]
    path = make(tmp_path / "x", {"GCZ13_TICK": [tick(stamp) for stamp in stamps]})
    assert read_sqlite(path).frame()["ts"].unique().to_list() == [
        datetime(2013, 10, 7, 4, 30, tzinfo=UTC)
    ]


def test_the_users_zone_replaces_indias_and_its_clock_changes_are_faults(tmp_path: Path):
    """What New York's clocks skip or repeat is set aside with a rule of its own."""
    stamps = ["2014-03-09 01:59:59", "2014-03-09 02:30:00", "2014-03-09 03:00:00"]
    stamps += ["2014-11-02 01:30:00", "2014-11-02 02:00:00", "2014-11-02 00:59:59"]
    path = make(tmp_path / "x", {"GCZ13_TICK": [tick(stamp) for stamp in stamps]})
    read = read_sqlite(path, zone="America/New_York")
    assert read.rules() == {"nonexistent_local_time": 1, "ambiguous_local_time": 1}
    assert read.frame()["ts"].dt.hour().to_list() == [6, 7, 7, 4]
    assert read.conserved


def test_an_unknown_zone_is_refused(tmp_path: Path):
    """A zone that no clock knows is named."""
    path = make(tmp_path / "x", {"GCZ13_TICK": [tick()]})
    with pytest.raises(FileRejectedError, match="Mars/Olympus"):
        read_sqlite(path, zone="Mars/Olympus")


def test_quotes_that_begin_late_and_whole_prices_read_like_others(tmp_path: Path):
    """Null or whole numbers in the first rows do not decide a column's type."""
    rows = [(TEN, 1310, 1, None, None, None, None)] * 150_000
    rows += [(TEN, 1310.5, 1.5, 1310.25, 1311, 1, 2)]
    path = make(tmp_path / "x", {"GCZ13_TICK": rows}, columns=UNTYPED)
    last = read_sqlite(path).frame().row(-1, named=True)
    assert (last["price"], last["bid"]) == (1_310_500_000_000, 1_310_250_000_000)
    assert (last["qty"], last["place"]) == (1.5, 150_001)


def test_text_among_numbers_is_set_aside_and_the_floats_stay_exact(tmp_path: Path):
    """A driver that turns such a column into short text loses digits; these rows do not."""
    rows = [tick(price=12345.678901), tick(price="n/a"), tick(price=""), tick(price=" 1310.5 ")]
    rows += [tick(bid=b"\xff\x00"), tick(price=7)]
    path = make(tmp_path / "x", {"GCZ13_TICK": rows}, columns=UNTYPED)
    read = read_sqlite(path)
    assert read.rules() == {"unreadable_number": 3}
    assert [aside.place for aside in read.asides] == [f"GCZ13_TICK:{row}" for row in (2, 3, 5)]
    expected = [12_345_678_901_000, 1_310_500_000_000, 7_000_000_000]
    assert read.frame()["price"].to_list() == expected
    assert read.conserved


@pytest.mark.parametrize("first", [tick(), tick(price="x")], ids=["typed", "row_by_row"])
def test_numbers_and_words_are_no_stamps(tmp_path: Path, first: tuple[object, ...]):
    """Epochs, null and words are set aside one by one, on either way of reading."""
    stamps: list[object] = [1381105933419, None, "N/A", "2013-02-29 10:00:00", b"\xff\xfe", 1.5, ""]
    rows = [first, *(tick(stamp) for stamp in stamps), tick()]
    read = read_sqlite(make(tmp_path / "x", {"GCZ13_TICK": rows}, columns=UNTYPED))
    bad = [aside for aside in read.asides if aside.rule == "bad_stamp"]
    assert [aside.place for aside in bad] == [f"GCZ13_TICK:{row}" for row in range(2, 9)]
    assert bad[0].raw.startswith("1381105933419,1310.1")
    assert read.frame()["place"].to_list()[-1] == 9
    assert read.conserved


def test_a_missing_volume_and_a_price_too_large_are_set_aside(tmp_path: Path):
    """A missing price is left to the row rules; what cannot be stored is not."""
    rows = [tick(volume=None), tick(price=1e10), tick(price=None), tick(price=9e999)]
    read = read_sqlite(make(tmp_path / "x", {"GCZ13_TICK": rows}))
    assert read.rules() == {"missing_value": 1, "price_out_of_range": 1}
    assert read.frame()["price"].to_list() == [None, None]


def test_places_are_rowids_also_with_gaps_and_without_rowids(tmp_path: Path):
    """Deleted rows leave gaps; a table without rowids counts its rows."""
    path = make(tmp_path / "x", {"GCZ13_TICK": [tick() for _ in range(5)]})
    run(path, ['DELETE FROM "GCZ13_TICK" WHERE rowid IN (1, 3)'])
    columns = "timestamp TEXT PRIMARY KEY, price REAL, volume INTEGER"
    run(path, [f"CREATE TABLE ESZ13_TICK ({columns}) WITHOUT ROWID"])
    run(path, [f"INSERT INTO ESZ13_TICK VALUES ('{TEN}', 1.0, 1)"])
    read = read_sqlite(path)
    assert read.frame("GC")["place"].to_list() == [2, 4, 5]
    assert read.frame("ES")["place"].to_list() == [1]


def test_an_index_does_not_change_the_order_of_rows(tmp_path: Path):
    """Rows come by rowid although an index holds every column in another order."""
    rows = [(*tick(price=9 - row), "wide" * 500) for row in range(9)]
    path = make(tmp_path / "x", {"GCZ13_TICK": rows}, columns=f"{TICK_COLUMNS}, note TEXT")
    names = UNTYPED.replace("timestamp, price", "price, timestamp")
    run(path, [f"CREATE INDEX covering ON GCZ13_TICK ({names})"])
    frame = read_sqlite(path).frame()
    assert frame["place"].to_list() == list(range(1, 10))
    assert frame["price"].to_list() == [(9 - row) * 10**9 for row in range(9)]


def test_columns_are_found_in_any_case_and_order(tmp_path: Path):
    """Names of columns ignore case; quotes may be missing."""
    path = tmp_path / "x"
    run(path, ["CREATE TABLE GCZ13_TICK (VOLUME, Price, TimeStamp)"])
    run(path, [f"INSERT INTO GCZ13_TICK VALUES (3, 1.5, '{TEN}')"])
    row = read_sqlite(path).frame().row(0, named=True)
    assert (row["price"], row["qty"], row["bid"]) == (1_500_000_000, 3.0, None)


def test_a_table_without_a_needed_column_is_dropped_whole(tmp_path: Path):
    """It is counted, the missing column named, and the others go on."""
    path = make(tmp_path / "x", {"GCZ13_TICK": [tick()]})
    run(path, ["CREATE TABLE GCG14_TICK (timestamp, volume)"])
    run(path, ["INSERT INTO GCG14_TICK VALUES ('a', 1), ('b', 2)"])
    read = read_sqlite(path)
    assert read.rules() == {"missing_column": 2}
    assert "price" in read.asides[0].raw
    assert read.frame().height == 1
    assert read.conserved


def test_the_spool_gives_what_memory_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Rows that waited in a file are the rows that waited in memory."""
    rows = [tick(price=1000 + row / 10) for row in range(5_000)]
    path = make(tmp_path / "x", {"GCZ13_TICK": rows, "GCG14_TICK": rows[:10]})
    whole = read_sqlite(path).frame()
    monkeypatch.setattr(sqlite_rows, "_BYTES_IN_MEMORY", 60_000)
    monkeypatch.setattr(sqlite_rows, "_BATCH_ROWS", 500)
    spooled = read_sqlite(path)
    assert len(spooled.batches) > 5
    assert spooled.frame().equals(whole)


def test_a_table_that_was_not_read_whole_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Fewer rows than the table counts are no table."""
    path = make(tmp_path / "x", {"GCZ13_TICK": [tick(), tick()]})
    query = 'SELECT 3, 1, 2 FROM "GCZ13_TICK"'
    monkeypatch.setattr(sqlite_rows, "row_ids", lambda _table: query)
    read = read_sqlite(path)
    assert read.rules() == {"damaged_table": 1}
    assert not read.batches


class TestNames:
    """Which tables are read is told by their names alone."""

    def test_look_alikes_are_counted_and_not_read(self, tmp_path: Path):
        """Case, blanks, quotes and paths do not pass; other tables are only noted."""
        names = ["gcz13_tick", "GCZ13_TICK ", "GCA13_TICK", "GCZ2013_TICK", "../GCZ13_TICK"]
        names += ["GCZ13_TICK\n", "GC'Z13_TICK", '"; DROP TABLE notes; --_TICK']
        tables = {name: [tick(), tick()] for name in names[1:]}
        path = make(tmp_path / "x", {**tables, "ESZ13_TICK": [tick()], "notes": []})
        read = read_sqlite(path)
        assert read.rules() == {"table_name": 2 * len(tables)}
        assert {aside.place for aside in read.asides} == set(tables)
        assert read.notes["tables_not_read"] == "notes"
        assert read.rows_in == 1 + 2 * len(tables)
        with closing(sqlite3.connect(path)) as connection:
            query = "SELECT count(*) FROM sqlite_master"
            assert connection.execute(query).fetchone()[0] == len(tables) + 2

    def test_views_are_never_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """A view counts its rows, or as one where it fails or would never end."""
        monkeypatch.setattr(sqlite_tables, "_CALLS", 5)
        path = make(tmp_path / "x", {"ESZ13_TICK": [tick(), tick()]})
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        run(path, ["CREATE VIEW GCZ13_TICK AS SELECT * FROM ESZ13_TICK"])
        run(path, [f"CREATE VIEW GCG14_TICK AS {endless}"])
        run(path, ["CREATE VIEW GCJ14_TICK AS SELECT * FROM nowhere"])
        read = read_sqlite(path)
        counts = {aside.place: aside.count for aside in read.asides}
        assert counts == {"GCZ13_TICK": 2, "GCG14_TICK": 1, "GCJ14_TICK": 1}
        assert read.rows_in == 6

    def test_a_database_without_such_tables_is_refused(self, tmp_path: Path):
        """What it holds instead is named."""
        assert rule_of(make(tmp_path / "x", {"prices": [tick()]})) == "no_tick_tables"

    @given(st.text(max_size=20).filter(lambda text: "\x00" not in text))
    def test_any_name_is_quoted_whole(self, name: str):
        """An identifier that is quoted names one table and runs nothing."""
        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                name.encode()
            except UnicodeEncodeError:
                return
            if name.lower().startswith("sqlite_"):
                return
            quoted = quote_identifier(name)
            connection.execute(f"CREATE TABLE {quoted} (a)")
            names = connection.execute("SELECT name FROM sqlite_master").fetchall()
            assert names == [(name,)]


class TestTies:
    """Two contracts of one root that lead a day together are remarked."""

    def test_the_nearer_expiry_is_named_first_in_any_table_order(self, tmp_path: Path):
        """The remark is the same however the tables are ordered; zero volume never ties."""
        tables = {"GCG14_TICK": [tick()], "GCZ13_TICK": [tick()], "GCJ14_TICK": [tick(volume=0)]}
        remarks = []
        for order in (list(tables), list(reversed(tables))):
            path = make(tmp_path / order[0], {name: tables[name] for name in order})
            remarks.append(read_sqlite(path).remarks)
        assert remarks[0] == remarks[1]
        (remark,) = remarks[0]
        assert remark.rule == "volume_tie"
        assert "2013-10-07 UTC: GCZ13, GCG14 of GC" in remark.where
        assert "nearer expiry" in remark.where

    def test_ties_below_the_leader_and_of_other_days_are_none(self, tmp_path: Path):
        """Only a shared first place of one UTC day counts."""
        late = "2013-10-08 10:00:00"
        tables = {"GCZ13_TICK": [tick(volume=5)], "GCG14_TICK": [tick(), tick(late)]}
        tables |= {"GCJ14_TICK": [tick()], "ESZ13_TICK": [tick(volume=5)]}
        assert not read_sqlite(make(tmp_path / "x", tables)).remarks


class TestDamage:
    """Damaged tables are dropped whole; what is no database is refused."""

    @pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.999])
    def test_a_cut_database_is_refused(self, tmp_path: Path, share: float):
        """A file that is shorter than its header says is no whole database."""
        rows = [tick(price=1000 + row) for row in range(3_000)]
        path = make(tmp_path / "x", {"GCG14_TICK": rows[:50], "GCZ13_TICK": rows})
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        assert rule_of(path) == "truncated_file"

    def test_damage_in_the_last_page_gives_no_row_before_it(self, tmp_path: Path):
        """Batches are given only once their table was read to its end."""
        rows = [tick(price=1000 + row / 10) for row in range(300_000)]
        path = make(tmp_path / "x", {"GCZ13_TICK": rows})
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(size - 4096)
            file.write(b"\xa5" * 4096)
        read = read_sqlite(path)
        assert not read.batches
        assert read.rules() == {"damaged_table": 1}

    def test_what_is_no_database_is_refused(self, tmp_path: Path):
        """Empty files, text and a bare magic have rules of their own."""
        path = tmp_path / "x"
        for content, rule in (
            (b"", "empty_file"),
            (b"time,price\n" * 20, "not_sqlite"),
            (b"SQLite format 3\x00", "not_sqlite"),
            (b"SQLite format 3\x00" + b"\xa5" * 5000, "truncated_file"),
            (b"SQLite format 3\x00" + bytes(5000), "damaged_database"),
        ):
            path.write_bytes(content)
            assert rule_of(path) == rule

    def test_flipped_bytes_never_end_in_another_error(self, tmp_path: Path):
        """Whatever byte is wrong, the file is read with its count kept, or refused."""
        rows = [tick(price=1000 + row) for row in range(60)]
        path = make(tmp_path / "x", {"GCG14_TICK": rows, "GCZ13_TICK": rows})
        content = path.read_bytes()
        rng = random.Random(3)  # noqa: S311 -- a seeded choice of places, no secret
        for _ in range(150):
            damaged = bytearray(content)
            for _ in range(20):
                damaged[rng.randrange(len(content))] = rng.randrange(256)
            path.write_bytes(damaged)
            try:
                assert read_sqlite(path).conserved
            except FileRejectedError:
                continue


@pytest.mark.shared
class TestRealFiles:
    """The shared databases and the bad cases, also under other names."""

    @pytest.mark.parametrize(
        ("name", "rows", "volume"),
        [("futures_ticks", 92_514, 126_401), ("futures_minutes", 14_739, 10_515_951)],
    )
    def test_every_row_equals_a_plain_reading(
        self, shared_data: Path, name: str, rows: int, volume: int
    ):
        """Row by row, stamps, prices and quotes equal what Python's driver gives."""
        path = shared_data / "futures" / f"{name}.sqlite"
        read = read_elsewhere(path)
        assert read.rows_in == rows
        assert not read.asides
        assert not read.remarks
        is_tick = name.endswith("ticks")
        scale = 10**9 if is_tick else 1
        total = 0.0
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            for place_prefix in dict.fromkeys(batch.place_prefix for batch in read.batches):
                table = place_prefix.rstrip(":")
                parts = [each.frame for each in read.batches if each.place_prefix == place_prefix]
                query = f'SELECT timestamp, price, volume, bid, ask, rowid FROM "{table}"'
                plain = connection.execute(query).fetchall()
                names = ("ts", "price", "qty") if is_tick else ("bar_start", "close", "volume")
                frame = pl.concat(parts).select(*names, "bid", "ask", "place")
                for (stamp, price, size, bid, ask, place), row in zip(
                    plain, frame.rows(), strict=True
                ):
                    local = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
                    assert row[0] == local - INDIA
                    wanted = [None if x is None else round(x * scale, 2) for x in (price, bid, ask)]
                    assert [row[1], row[3], row[4]] == wanted
                    assert (row[2], row[5]) == (size, place)
                    total += size
        assert total == volume

    def test_a_malformed_table_is_dropped_and_the_sound_one_landed(self, shared_data: Path):
        """Case 14: 200 rows land, the message of the database is kept."""
        read = read_elsewhere(shared_data / "bad/14_sqlite_corrupt_page/futures_ticks.sqlite")
        assert {batch.contract for batch in read.batches} == {"GCG14"}
        assert read.frame().height == 200
        assert read.rules() == {"damaged_table": 1}
        assert "database disk image is malformed" in read.asides[0].raw

    def test_hostile_table_names_are_only_counted(self, shared_data: Path):
        """Case 15: 300 rows of GCZ13, three strange tables of a row each."""
        read = read_elsewhere(shared_data / "bad/15_sqlite_injection/futures_ticks.sqlite")
        assert (read.rows_in, read.frame().height) == (303, 300)
        assert read.rules() == {"table_name": 3}

    def test_mixed_stamps_are_read_by_their_own_zone(self, shared_data: Path):
        """Case 25: 260 stamps are read, 20 epochs, 5 nulls and 5 words set aside."""
        read = read_elsewhere(shared_data / "bad/25_sqlite_mixed_stamps/futures_ticks.sqlite")
        assert (read.rows_in, read.frame().height) == (290, 260)
        assert read.rules() == {"bad_stamp": 30}
        assert read.frame()["ts"].is_sorted()

    def test_a_shared_lead_is_remarked(self, shared_data: Path):
        """Case 26: all rows are landed, the tie and the empty table are said."""
        read = read_elsewhere(shared_data / "bad/26_sqlite_volume_tie/futures_ticks.sqlite")
        assert (read.rows_in, read.frame().height) == (150, 150)
        assert [remark.rule for remark in read.remarks] == ["empty_table", "volume_tie"]
        assert not read.asides


def read_elsewhere(path: Path) -> Read:
    """Read a copy under another name in another folder."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "other name.bin"
        shutil.copyfile(path, copy)
        return read_sqlite(copy)


def test_frames_are_polars_frames_of_known_size(tmp_path: Path):
    """An empty table gives a remark and no batch."""
    read = read_sqlite(make(tmp_path / "x", {"GCZ13_TICK": []}))
    assert [remark.rule for remark in read.remarks] == ["empty_table"]
    assert read.frame().equals(pl.DataFrame())
    assert read.rows_in == 0
