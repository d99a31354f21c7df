"""Rows from the pages of a file are the rows that SQLite gives, or SQLite gives them."""

import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.storage.readers import sqlite_rows
from quant_assets.storage.readers.sqlite_page_kernels import FAULTS
from quant_assets.storage.readers.sqlite_pages import page_batches
from quant_assets.storage.readers.sqlite_tables import describe
from quant_assets_tests.storage.readers.sqlite_files import TEN, make, run, tick
from quant_assets_tests.storage.readers.sqlite_ways import compare, compare_all, opened

NAME = "GCZ13_TICK"
NEEDED = ("timestamp", "price", "volume")
QUOTES = ("bid", "ask", "bid_size", "ask_size")
TYPES = ("", "REAL", "INTEGER", "NUMERIC")

EDGES = [sign * (1 << power) + near for power in range(64) for sign in (1, -1) for near in (-1, 0)]
INTEGERS = st.one_of(
    st.sampled_from([number for number in EDGES if -(1 << 63) <= number < 1 << 63]),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(-3, 3),
)
NUMBERS = st.one_of(st.none(), INTEGERS, st.floats(), st.floats(0, 3000).map(lambda x: round(x, 1)))
TEXTS = st.one_of(st.just(TEN), st.text(max_size=25).filter(lambda text: text.isprintable()))
EXTRAS = st.one_of(st.none(), INTEGERS, st.floats(), st.text(max_size=15), st.binary(max_size=60))


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[str], list[tuple[object, ...]]]:
    """Draw the names and types of columns, and rows that begin with a rowid."""
    present = [name for name in QUOTES if draw(st.booleans())]
    extras = [f"note{number}" for number in range(draw(st.integers(0, 2)))]
    names = list(draw(st.permutations([*NEEDED, *present, *extras])))
    types = ["TEXT" if name == "timestamp" else draw(st.sampled_from(TYPES)) for name in names]
    values = [
        TEXTS if name == "timestamp" else EXTRAS if name in extras else NUMBERS for name in names
    ]
    rowids = draw(st.one_of(st.none(), st.just(1)))
    row = st.tuples(st.none() if rowids else INTEGERS, *values)
    by = None if rowids else (lambda each: each[0])
    rows = draw(st.lists(row, max_size=40, unique_by=by))
    return names, types, rows


def fill(
    path: Path, names: list[str], types: list[str], rows: Iterable[tuple[object, ...]], setup: str
) -> None:
    """Write a table of such columns and rows."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(setup)
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, types, strict=True))
        connection.execute(f"CREATE TABLE {NAME} ({columns})")
        marks = ", ".join("?" * len(names))
        insert = f"INSERT INTO {NAME} (rowid, {', '.join(names)}) VALUES (?, {marks})"
        connection.executemany(insert, rows)
        connection.commit()


@given(
    table=tables(),
    page_bytes=st.sampled_from([512, 1024, 4096, 65_536]),
    vacuum=st.sampled_from(["NONE", "FULL"]),
    deleted=st.integers(2, 9),
)
@settings(max_examples=80)
def test_pages_give_what_sqlite_gives(
    table: tuple[list[str], list[str], list[tuple[object, ...]]],
    page_bytes: int,
    vacuum: str,
    deleted: int,
):
    """Whatever the columns, values, rowids and pages, also after rows were deleted and changed."""
    names, types, rows = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.sqlite"
        setup = f"PRAGMA page_size = {page_bytes}; PRAGMA auto_vacuum = {vacuum}"
        fill(path, names, types, rows, setup)
        assert compare(path).unfit == ""
        run(path, [f"DELETE FROM {NAME} WHERE rowid % {deleted} = 0"])
        run(path, [f"UPDATE {NAME} SET price = 1.5 WHERE rowid % {deleted} = 1"])
        outcome = compare(path)
        assert outcome.unfit == ""
        with closing(sqlite3.connect(path)) as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM {NAME}").fetchone()
        assert len(outcome.rowids) == outcome.count == count


@pytest.mark.parametrize("page_bytes", [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536])
def test_many_pages_on_several_levels_are_read_in_order(tmp_path: Path, page_bytes: int):
    """Rows come by rowid however they were inserted; every batch follows the one before."""
    path = tmp_path / "x.sqlite"
    rowids = np.random.default_rng(page_bytes).permutation(20_000) - 5000
    rows = [(int(rowid) * 3, TEN, rowid / 8, int(rowid)) for rowid in rowids]
    setup = f"PRAGMA page_size = {page_bytes}"
    fill(path, list(NEEDED), ["TEXT", "REAL", "INTEGER"], rows, setup)
    outcome = compare(path)
    assert outcome.unfit == ""
    assert outcome.rowids == tuple(range(-15_000, 45_000, 3))


def test_batches_have_the_rows_that_are_asked_for(tmp_path: Path):
    """Batches of pages hold roughly as many rows as those of the driver."""
    path = make(tmp_path / "x", {NAME: [tick() for _ in range(9000)]})
    with opened(path) as (database, _), database.arrow.cursor() as cursor:
        table = describe(database.rows, NAME)
        ask = partial(sqlite_rows._ask, cursor)
        batches = page_batches(database.whole_file(), ask, table, count=9000, batch_rows=1000)
        sizes = [batch.num_rows for batch in batches]
        database.arrow.rollback()
    assert sum(sizes) == 9000
    assert 9 <= len(sizes) <= 12
    assert max(sizes) < 1200


def reserving(path: Path, n_bytes: int) -> Path:
    """Write an empty database whose pages of 512 bytes end in bytes of an extension."""
    run(path, ["PRAGMA page_size = 512", "PRAGMA user_version = 1"])
    content = bytearray(path.read_bytes())
    content[20] = n_bytes
    content[105:107] = (512 - n_bytes).to_bytes(2, "big")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("n_bytes", [0, 1, 32])
def test_rows_end_where_their_page_does(tmp_path: Path, n_bytes: int):
    """The longest row that a page holds is read; a byte more goes on in another page."""
    path = reserving(tmp_path / "x", n_bytes)
    run(path, [PLAIN])
    room = 512 - n_bytes - 35
    reasons = {}
    for padding in range(420, 480):
        row = ("9" * padding, 1.5, 7)
        rows = [(TEN, 1.5, 7)] * 9
        run(path, [f"DELETE FROM {NAME}"])
        with closing(sqlite3.connect(path)) as connection:
            connection.executemany(f"INSERT INTO {NAME} VALUES (?, ?, ?)", [*rows, row])
            connection.commit()
        # The head takes five bytes, the numbers eight and one.
        reasons[padding + 14] = compare(path).unfit
    assert path.read_bytes()[20] == n_bytes
    fit = {payload for payload, reason in reasons.items() if not reason}
    assert fit == set(range(434, room + 1))
    assert {reason for reason in reasons.values() if reason} == {FAULTS[3]}


STAMPED = f"timestamp, price, volume, note) VALUES ('{TEN}'"
FIT = {
    "key is the volume": [
        f"CREATE TABLE {NAME} (timestamp, price, volume INTEGER PRIMARY KEY, note)",
        f"INSERT INTO {NAME} ({STAMPED}, 1, -7, 0), ('{TEN}', 2.5, 1 << 60, 0)",
    ],
    "key is a note": [
        f"CREATE TABLE {NAME} (note INTEGER PRIMARY KEY AUTOINCREMENT, timestamp, price, volume)",
        f"INSERT INTO {NAME} ({STAMPED}, 1, 2, 300), ('{TEN}', 2.5, 1, 70000)",
    ],
    "key in another order": [
        f"CREATE TABLE {NAME} (timestamp, price, volume INTEGER PRIMARY KEY DESC, note)",
        f"INSERT INTO {NAME} ({STAMPED}, 1, 2, 0), ('{TEN}', 2.5, 1, 0)",
    ],
    "key of several columns": [
        f"CREATE TABLE {NAME} (timestamp, price, volume, note, PRIMARY KEY (volume, price))",
        f"INSERT INTO {NAME} ({STAMPED}, 1, 2, 0), ('{TEN}', 2.5, 1, 0)",
    ],
    "renamed table": [
        "CREATE TABLE old (timestamp, price, volume, note)",
        f"INSERT INTO old ({STAMPED}, 1, 2, 0), ('{TEN}', 2.5, 1, 0)",
        f"ALTER TABLE old RENAME TO {NAME}",
    ],
    "dropped column": [
        f"CREATE TABLE {NAME} (gone, timestamp, price, volume, note)",
        f"INSERT INTO {NAME} ({STAMPED}, 1, 2, 0), ('{TEN}', 2.5, 1, 0)",
        f"ALTER TABLE {NAME} DROP COLUMN gone",
    ],
    "strange texts": [
        "CREATE TABLE 'GCZ13_TICK' (timestamp, price, volume, note)",
        f"INSERT INTO {NAME} ({STAMPED} || char(0) || 'x', 1, 2, 0)",
        f"INSERT INTO {NAME} ({STAMPED} || CAST(x'fffe80' AS TEXT), 1, 2, 0), ('', 2.5, 1, 0)",
    ],
    "wide rows": [
        f"CREATE TABLE {NAME} (timestamp, price, volume, note)",
        f"INSERT INTO {NAME} ({STAMPED}, 1, 2, zeroblob(4000)), ('{'9' * 3000}', 2.5, 1, 0)",
    ],
}


@pytest.mark.parametrize("statements", FIT.values(), ids=FIT)
def test_usual_tables_are_read_by_their_pages(tmp_path: Path, statements: list[str]):
    """Keys, odd texts and changed schemas are no reason to ask SQLite."""
    run(tmp_path / "x", statements)
    assert compare(tmp_path / "x").unfit == ""


def test_a_table_of_many_columns_has_long_heads(tmp_path: Path):
    """Where a row's head takes two bytes to say its length."""
    columns = ", ".join(["timestamp", *(f"c{number}" for number in range(300)), "price, volume"])
    path = make(tmp_path / "x", {NAME: [(TEN, *range(300), 1.5, 2)] * 20}, columns=columns)
    outcome = compare(path)
    assert outcome.unfit == ""
    assert outcome.numbers is not None
    assert outcome.numbers[:2, -1].tolist() == [1.5, 2.0]


def test_an_empty_table_has_no_batch(tmp_path: Path):
    """Its one page is a leaf without rows, also after all were deleted."""
    path = make(tmp_path / "x", {NAME: [tick()] * 900})
    run(path, [f"DELETE FROM {NAME}"])
    outcome = compare(path)
    assert (outcome.unfit, outcome.count) == ("", 0)


PLAIN = f"CREATE TABLE {NAME} (timestamp, price, volume)"
ROW = f"INSERT INTO {NAME} (timestamp, price, volume) VALUES ('{TEN}', 1, 2)"
UNFIT = {
    "without rowids": (
        [f"CREATE TABLE {NAME} (timestamp PRIMARY KEY, price, volume) WITHOUT ROWID", ROW],
        "without rowids",
    ),
    "a column named rowid": (
        [f"CREATE TABLE {NAME} (timestamp, price, volume, rowid TEXT)", ROW],
        "without rowids",
    ),
    "an added column": (
        [PLAIN, ROW, f"ALTER TABLE {NAME} ADD COLUMN bid REAL DEFAULT 5.5", ROW],
        "does not fit the columns",
    ),
    "overflow": (
        [PLAIN, ROW, ROW, f"UPDATE {NAME} SET timestamp = printf('%5000d', 7) WHERE rowid = 2"],
        "goes on in other pages",
    ),
    "UTF-16": (["PRAGMA encoding = 'UTF-16le'", PLAIN, ROW], "encoding"),
    "a text among numbers": (
        [PLAIN, ROW, ROW, f"UPDATE {NAME} SET price = '12.5' WHERE rowid = 2"],
        "a number that is text",
    ),
    "a blob among numbers": ([PLAIN, ROW, f"UPDATE {NAME} SET price = x'00'"], "text or a blob"),
    "a null stamp": ([PLAIN, ROW, f"INSERT INTO {NAME} DEFAULT VALUES"], "stamp that is no text"),
    "a stamp as a blob": ([PLAIN, ROW, f"UPDATE {NAME} SET timestamp = x'3132'"], "no text"),
    "a stamp as an empty blob": ([PLAIN, ROW, f"UPDATE {NAME} SET timestamp = x''"], "no text"),
    "a stamp as a number": ([PLAIN, ROW, f"UPDATE {NAME} SET timestamp = 1381105933"], "no text"),
    "a stamp as a key": (
        [
            f"CREATE TABLE {NAME} (timestamp INTEGER PRIMARY KEY, price, volume)",
            f"INSERT INTO {NAME} VALUES (3, 1, 2)",
        ],
        "stamp that is no text",
    ),
    "no stamps": (
        [f"CREATE TABLE {NAME} (price, volume)", f"INSERT INTO {NAME} VALUES (1, 2)"],
        "columns that are not there",
    ),
    "a computed column": (
        [f"CREATE TABLE {NAME} (timestamp, price, volume, bid AS (price - 1))", ROW],
        "computed",
    ),
    "a stored computed column": (
        [f"CREATE TABLE {NAME} (a AS (price) STORED, timestamp, price, volume)", ROW],
        "computed",
    ),
}


@pytest.mark.parametrize(("statements", "reason"), UNFIT.values(), ids=UNFIT)
def test_unusual_tables_are_left_to_sqlite(tmp_path: Path, statements: list[str], reason: str):
    """What pages alone do not tell, or the driver refuses, is read as before."""
    run(tmp_path / "x", statements)
    assert reason in compare(tmp_path / "x").unfit


@pytest.mark.parametrize("added", [4096, 100])
def test_a_file_of_another_size_is_left_to_sqlite(tmp_path: Path, added: int):
    """The header must count the pages that there are."""
    path = make(tmp_path / "x", {NAME: [tick()] * 500})
    path.write_bytes(path.read_bytes() + bytes(added))
    assert "another number of pages" in compare(path).unfit


@pytest.mark.shared
@pytest.mark.parametrize("name", ["futures_ticks", "futures_minutes"])
def test_real_databases_are_read_by_their_pages(shared_data: Path, name: str):
    """Every table of the shared databases gives the same either way."""
    outcomes = compare_all(shared_data / "futures" / f"{name}.sqlite")
    assert outcomes
    assert {outcome.unfit for outcome in outcomes} == {""}
