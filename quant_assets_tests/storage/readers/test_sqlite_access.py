"""Reading beside a writer: nothing is missed, changed or left behind."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from quant_assets_tests.storage.readers.sqlite_files import make, read_sqlite, run, tick

WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=30)
connection.execute("PRAGMA journal_mode = " + sys.argv[2])
row = ("2013-10-07 10:00:00", 1.5, 1, 1.0, 2.0, 3, 4)
insert = "INSERT INTO GCZ13_TICK VALUES (?, ?, ?, ?, ?, ?, ?)"
print("ready", flush=True)
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    with connection:
        connection.executemany(insert, [row] * 50)
    time.sleep(0.01)
"""


def listing(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder with their content."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_file_is_read_while_another_process_writes_it(tmp_path: Path, mode: str):
    """Each reading is one state of the table, counted and read alike, and it grows."""
    path = make(tmp_path / "x.sqlite", {"GCZ13_TICK": [tick() for _ in range(1000)]})
    arguments = [sys.executable, "-c", WRITER, str(path), mode]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            counts = []
            for _ in range(8):
                read = read_sqlite(path)
                assert read.conserved
                assert not read.asides
                counts.append(read.rows_in)
                time.sleep(0.05)
            assert writer.poll() is None
        finally:
            writer.kill()
            writer.communicate()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0] >= 1000
    assert all((count - 1000) % 50 == 0 for count in counts)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_nothing_is_left_beside_a_file_at_rest(tmp_path: Path, mode: str):
    """Neither log nor journal appears, and the bytes stay."""
    path = make(tmp_path / "x.sqlite", {"GCZ13_TICK": [tick()]})
    run(path, [f"PRAGMA journal_mode = {mode}"])
    before = listing(tmp_path)
    assert list(before) == ["x.sqlite"]
    assert read_sqlite(path).rows_in == 1
    assert listing(tmp_path) == before


def test_a_log_without_its_writer_is_read_with_the_file(tmp_path: Path):
    """Rows that a crashed writer left in the log count; the input stays as it was."""
    path = make(tmp_path / "live.sqlite", {"GCZ13_TICK": [tick()]})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("INSERT INTO GCZ13_TICK SELECT * FROM GCZ13_TICK")
        connection.commit()
        (tmp_path / "crash").mkdir()
        copy = tmp_path / "crash" / "x.sqlite"
        for end in ("", "-wal"):
            copy.with_name(copy.name + end).write_bytes(
                path.with_name(path.name + end).read_bytes()
            )
    before = listing(copy.parent)
    assert read_sqlite(copy).rows_in == 2
    assert listing(copy.parent) == before


def test_a_crashed_transaction_is_rolled_back_in_a_copy(tmp_path: Path):
    """A hot journal is undone before reading, but not in the input."""
    path = make(tmp_path / "live.sqlite", {"GCZ13_TICK": [tick() for _ in range(2000)]})
    copy = tmp_path / "crash" / "x.sqlite"
    copy.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE GCZ13_TICK SET price = 1.0, bid = 9.0")
        for end in ("", "-journal"):
            copy.with_name(copy.name + end).write_bytes(
                path.with_name(path.name + end).read_bytes()
            )
        connection.execute("ROLLBACK")
    before = listing(copy.parent)
    assert set(before) == {"x.sqlite", "x.sqlite-journal"}
    read = read_sqlite(copy)
    assert read.frame()["price"].unique().to_list() == [1_310_100_000_000]
    assert listing(copy.parent) == before


def test_a_path_with_signs_of_a_uri_is_one_path(tmp_path: Path):
    """Question marks, hashes, blanks and percent signs belong to the name."""
    folder = tmp_path / "a b?mode=rwc#%20"
    folder.mkdir()
    path = make(folder / "x?y.sqlite", {"GCZ13_TICK": [tick()]})
    assert read_sqlite(path).rows_in == 1
    assert [each.name for each in folder.iterdir()] == ["x?y.sqlite"]
