"""The rows from pages are those of one state of the file, whoever writes it meanwhile."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from quant_assets.storage.readers import sqlite_rows
from quant_assets.storage.readers.sqlite_access import Database
from quant_assets.storage.readers.sqlite_pages import UnfitError, page_batches
from quant_assets.storage.readers.sqlite_tables import describe
from quant_assets_tests.storage.readers.sqlite_files import make, run, tick
from quant_assets_tests.storage.readers.sqlite_ways import compare, opened

NAME = "GCZ13_TICK"


def begun(database: Database, cursor: object) -> Iterator[pa.RecordBatch]:
    """Begin to read pages in a transaction."""
    table = describe(database.rows, NAME)
    ask = partial(sqlite_rows._ask, cursor)
    ((count,),) = ask(f"SELECT count(*) FROM {NAME}")
    return page_batches(database.whole_file(), ask, table, count=count, batch_rows=500)


def attempt(path: Path) -> str:
    """Let another process change a table at once, and return what it says."""
    program = f"""
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0)
try:
    with connection:
        connection.execute("UPDATE {NAME} SET price = 3.0")
except sqlite3.OperationalError as error:
    print(error)
else:
    print("changed")
"""
    call = [sys.executable, "-c", program, str(path)]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()


def test_a_log_at_rest_is_none(tmp_path: Path):
    """A file in WAL mode without writer and log is all there is."""
    path = make(tmp_path / "x", {NAME: [tick()] * 500})
    run(path, ["PRAGMA journal_mode = wal", f"INSERT INTO {NAME} SELECT * FROM {NAME}"])
    outcome = compare(path)
    assert (outcome.unfit, outcome.count) == ("", 1000)


@pytest.mark.parametrize("is_live", [True, False])
def test_a_log_with_rows_is_left_to_sqlite(tmp_path: Path, is_live: bool):
    """Rows in the log count, beside a writer and after its crash."""
    path = make(tmp_path / "live.sqlite", {NAME: [tick()] * 500})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"INSERT INTO {NAME} SELECT * FROM {NAME}")
        connection.commit()
        crashed = tmp_path / "crashed.sqlite"
        for end in ("", "-wal"):
            content = path.with_name(path.name + end).read_bytes()
            crashed.with_name(crashed.name + end).write_bytes(content)
        outcome = compare(path if is_live else crashed)
    assert "log" in outcome.unfit
    assert outcome.count == 1000


def test_a_writer_that_changes_the_mode_is_seen(tmp_path: Path):
    """A file may turn to WAL mode after it was opened."""
    path = make(tmp_path / "x", {NAME: [tick()] * 500})
    with opened(path) as (database, _):
        assert database.whole_file() is database.file
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = wal")
            assert database.whole_file() is None


def test_a_writer_waits_until_the_last_page(tmp_path: Path):
    """The transaction that counted the rows keeps others from changing them."""
    path = make(tmp_path / "x", {NAME: [tick()] * 5000})
    with opened(path) as (database, _), database.arrow.cursor() as cursor:
        batches = begun(database, cursor)
        seen = next(batches).num_rows
        assert attempt(path) == "database is locked"
        seen += sum(batch.num_rows for batch in batches)
        assert attempt(path) == "database is locked"
        database.arrow.rollback()
        assert attempt(path) == "changed"
    assert seen == 5000


def test_another_count_is_seen(tmp_path: Path):
    """Pages that hold more or fewer rows than SQLite counts are left to it."""
    path = make(tmp_path / "x", {NAME: [tick()] * 500})
    with opened(path) as (database, _), database.arrow.cursor() as cursor:
        table = describe(database.rows, NAME)
        ask = partial(sqlite_rows._ask, cursor)
        file = database.whole_file()
        for count in (0, 499, 501):
            batches = page_batches(file, ask, table, count=count, batch_rows=99)
            with pytest.raises(UnfitError, match=f"500 rows in its pages, it counts {count}"):
                list(batches)
        database.arrow.rollback()


@pytest.mark.parametrize(
    ("change", "reason"),
    [(b"\xff", "a file that changed"), (None, "a file that ends before its last page")],
)
def test_a_change_that_ignores_locks_is_seen(tmp_path: Path, change: bytes | None, reason: str):
    """Every change is counted in the header; a cut file lacks pages."""
    path = make(tmp_path / "x", {NAME: [tick()] * 5000})
    with opened(path) as (database, _), database.arrow.cursor() as cursor:
        batches = begun(database, cursor)
        next(batches)
        with path.open("r+b") as file:
            file.seek(27)
            file.write(change) if change else file.truncate(4096 * 9)
        with pytest.raises(UnfitError, match=reason):
            list(batches)
        database.arrow.rollback()
