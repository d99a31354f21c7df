"""A tick database is hashed while it is read; nothing that hangs on its hash comes too early."""

import hashlib
import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import IO

import pytest

from quant_assets.storage.readers.base import Reader, SourceFile
from quant_assets.storage.readers.sqlite import TickSqliteReader
from quant_assets.storage.state_tables import RECEIPTS
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing import files
from quant_assets.workflows.landing.files import hashing, look_at
from quant_assets.workflows.landing.report import FileReport
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.storage.readers.sqlite_files import make, run, tick
from quant_assets_tests.workflows.landing.fakes import landed

WRITE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=0) as database:
    database.execute("DELETE FROM GCZ13_TICK")
"""


def database(folder: Path, *prices: float) -> Path:
    """Write a tick database of a contract."""
    rows = [tick(f"2013-10-07 10:00:{n:02d}", price) for n, price in enumerate(prices)]
    return make(folder / "ticks.sqlite", {"GCZ13_TICK": rows})


class Opener:
    """Opens tick databases, and notes with which hash."""

    def __init__(self) -> None:
        self.hashes: list[str] = []
        self.begun = Event()

    def __call__(self, source: SourceFile, scratch: Path) -> Reader:
        """Open a reader."""
        self.hashes.append(source.sha256)
        self.begun.set()
        return TickSqliteReader(source, scratch)


def ingest(workspace: Workspace, file: Path, opener: Opener) -> FileReport:
    """Land one database."""
    return next(ingest_files(workspace, [file], opener=opener))


def delay_hash(monkeypatch: pytest.MonkeyPatch, until: Event) -> None:
    """Let no file be hashed before an event."""
    digest = files._digest

    def late(parts: list[IO[bytes]], is_left: Event) -> str:
        assert until.wait(60)
        return digest(parts, is_left)

    monkeypatch.setattr(files, "_digest", late)


def sha256(file: Path) -> str:
    """Return the digest of a file by itself."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_reading_does_not_wait_for_the_hash(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash waits here for the reader; footer, quarantine and receipt have it all the same."""
    file, opener = database(tmp_path, 1310.0, 1310.1, 1e300), Opener()
    delay_hash(monkeypatch, opener.begun)
    report = ingest(workspace, file, opener)
    assert (report.committed, report.quarantined, opener.hashes) == (2, 1, [""])
    (entry,) = workspace.lake.index.entries("raw_ticks")
    (receipt,) = workspace.state.select(RECEIPTS)
    assert {
        *(one.sha256 for one in workspace.lake.lineage(entry).sources),
        *landed(workspace, "quarantine")["file_sha256"],
        receipt["sha256"],
    } == {sha256(file)}


def test_the_same_database_again_is_not_read(workspace: Workspace, tmp_path: Path) -> None:
    """Its size is known, so its hash is asked for first, and tells that nothing is to do."""
    file, opener = database(tmp_path, 1310.0), Opener()
    assert ingest(workspace, file, opener).committed == 1
    again = ingest(workspace, file, opener)
    assert [reason.rule for reason in again.reasons] == ["unchanged"]
    assert opener.hashes == [""]


def test_another_database_of_the_same_size_is_read(workspace: Workspace, tmp_path: Path) -> None:
    """Its hash is asked for first, and tells that it is another one."""
    file, opener = database(tmp_path, 1310.0), Opener()
    ingest(workspace, file, opener)
    before = file.stat().st_size
    run(file, ["UPDATE GCZ13_TICK SET price = 1311.0"])
    assert file.stat().st_size == before
    report = ingest(workspace, file, opener)
    assert (report.committed, report.reasons[0].rule) == (1, "restated")
    assert opener.hashes == ["", sha256(file)]


def test_a_rejected_database_is_known_by_its_hash(workspace: Workspace, tmp_path: Path) -> None:
    """The receipt of a rejection has the hash too, and does not make the next one wait."""
    file, opener = make(tmp_path / "ticks.sqlite", {"other": [tick()]}), Opener()
    assert ingest(workspace, file, opener).reasons[0].rule == "no_tick_tables"
    assert [row["sha256"] for row in workspace.state.select(RECEIPTS)] == [sha256(file)]
    assert ingest(workspace, file, opener).reasons[0].rule == "no_tick_tables"
    assert opener.hashes == ["", ""]


def test_a_database_that_changes_while_it_is_read_leaves_no_receipt(
    workspace: Workspace, tmp_path: Path
) -> None:
    """What was read is landed, and the file is read anew the next time."""
    file = database(tmp_path, 1310.0)

    class Changing(Opener):
        def __call__(self, source: SourceFile, scratch: Path) -> Reader:
            run(file, ["INSERT INTO GCZ13_TICK SELECT * FROM GCZ13_TICK"])
            return super().__call__(source, scratch)

    assert ingest(workspace, file, Changing()).committed == 2
    assert workspace.state.select(RECEIPTS) == []
    assert ingest(workspace, file, Opener()).duplicates == 2


def test_a_mark_beside_a_database_is_asked_with_its_hash(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Whether it is synthetic decides before it is read whether it may share the lake."""
    file, opener = database(tmp_path, 1310.0), Opener()
    (tmp_path / "synthetic.json").write_text(
        json.dumps({"seed": 3, "files": {file.name: sha256(file)}})
    )
    assert ingest(workspace, file, opener).committed == 1
    assert opener.hashes == [sha256(file)]
    assert [entry.seed for entry in workspace.lake.index.entries("raw_ticks")] == [3]


def test_the_end_of_the_hash_drops_no_lock_of_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads the database while it is hashed goes on undisturbed by writers."""
    file, is_locked = database(tmp_path, 1310.0), Event()
    delay_hash(monkeypatch, is_locked)
    write, wanted = [sys.executable, "-c", WRITE, str(file)], sha256(file)
    with hashing(look_at(file)) as digest, closing(sqlite3.connect(file)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM GCZ13_TICK").fetchall()
        is_locked.set()
        assert digest() == wanted
        done = subprocess.run(write, check=False, capture_output=True, text=True)
        assert "database is locked" in done.stderr
        assert reading.execute("SELECT count(*) FROM GCZ13_TICK").fetchone() == (1,)


def test_who_leaves_early_does_not_wait_for_the_hash(tmp_path: Path) -> None:
    """A large file of which nothing is wanted any more; it would take a minute."""
    file = tmp_path / "large"
    file.touch()
    with file.open("r+b") as handle:
        handle.truncate(100 << 30)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), hashing(look_at(file)):
        raise KeyboardInterrupt
    assert time.monotonic() - began < 10
