"""A full disk: the error says so, the old version stands, nothing is left behind, and it mends."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from quant_assets.market.errors import CommitError, StateError
from quant_assets.storage.lake import Lake
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import FAILURES
from quant_assets_tests.storage.prices import (
    DAILY,
    DAY,
    NEW,
    OLD,
    indexed,
    open_lake,
    prices,
    put,
    visible,
)
from quant_assets_tests.storage.small_disk import MEGABYTE, mounted

ROWS = 200_000
"""About 1.7 MB of Parquet."""

FREE_BYTES = [0, 4_096, 70_000, 400_000, 900_000, 1_300_000]


@pytest.mark.parametrize("free", FREE_BYTES)
def test_a_commit_that_does_not_fit_leaves_everything_as_it_was(tmp_path: Path, free: int) -> None:
    """At each fill level: a CommitError with path and free bytes, and the old rows still read."""
    disk = tmp_path / "disk"
    with mounted(disk, 3 * MEGABYTE) as is_small:
        root = disk if is_small else tmp_path / "bounded"
        lake = Lake(root / "lake", State.at(tmp_path / "state.db"))
        old = put(lake, DAILY, OLD)
        before = visible(root)
        message = _overfilled(lake, root, free) if is_small else _bounded(root, free)
        assert f"store data.parquet in {(lake.root / old.path).parent}" in message
        assert "bytes are free there" in message
        assert visible(root) == before
        assert not list(lake.root.glob(".tmp/*.parquet"))
        lake.recover()
        assert indexed(lake) == [old]
        assert lake.read(old).equals(prices(OLD))
        (root / "ballast").unlink(missing_ok=True)
        new = put(lake, DAILY, NEW, count=ROWS)
        assert lake.read(new).equals(prices(NEW, count=ROWS))


def _overfilled(lake: Lake, root: Path, free: int) -> str:
    """Fill the disk but for some bytes, commit, and return what the error says."""
    with (root / "ballast").open("wb") as handle:
        os.posix_fallocate(handle.fileno(), 0, shutil.disk_usage(root).free - free)
    with pytest.raises(CommitError) as caught:
        put(lake, DAILY, NEW, count=ROWS)
    return str(caught.value)


def _bounded(root: Path, free: int) -> str:
    """Commit in a process whose files may not grow, and return what the error says."""
    done = subprocess.run(
        [sys.executable, "-m", "quant_assets_tests.storage.small_disk", root, str(free)],
        check=True,
        capture_output=True,
        text=True,
    )
    said = json.loads(done.stdout)
    assert said["kind"] == "CommitError", said
    return str(said["message"])


def test_a_bound_on_file_sizes_is_a_full_disk_too(tmp_path: Path) -> None:
    """Where nothing can be mounted, this is what the fill levels are tried with."""
    old = put(open_lake(tmp_path), DAILY, OLD)
    before = visible(tmp_path)
    message = _bounded(tmp_path, 500_000)
    assert "store data.parquet in" in message
    assert "bytes are free there" in message
    assert visible(tmp_path) == before
    assert open_lake(tmp_path).read(old).equals(prices(OLD))


def test_a_folder_that_cannot_be_made_is_a_commit_error(tmp_path: Path) -> None:
    """A file stands where the lake should be."""
    lake = open_lake(tmp_path)
    (tmp_path / "lake").write_text("in the way")
    with pytest.raises(CommitError, match="store data"):
        put(lake, DAILY, OLD)


def _fill_state(state: State) -> None:
    """Write failures until the database refuses."""
    for n in range(10_000):
        row = {"asset": "a", "kind": "failed", "message": "x" * 2_000, "version": ""}
        state.upsert(FAILURES, [row | {"partition": f"{n}-{m}"} for m in range(100)])


def test_a_state_database_on_a_full_disk_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    """A StateError; what was stored before is there, and no half transaction."""
    disk = tmp_path / "disk"
    with mounted(disk, 3 * MEGABYTE) as is_small:
        state = State.at((disk if is_small else tmp_path) / "state.db")
        if not is_small:
            _bound_pages(state)
        with pytest.raises(StateError, match=r"write to the state database .*full"):
            _fill_state(state)
        stored = state.select(FAILURES)
        assert stored
        assert len(stored) % 100 == 0
        state.close()


def _bound_pages(state: State) -> None:
    """Bound the database's size, as a full disk does."""

    @sa.event.listens_for(state.engine, "begin")
    def bound(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count=600")


def _put_until_refused(lake: Lake) -> date:
    """Commit day after day until an index row is refused; return the day of that commit."""
    for day in (DAY + timedelta(days=n) for n in range(1, 1_000)):
        try:
            put(lake, DAILY, NEW, session=day, count=10)
        except StateError:
            return day
    raise AssertionError


def test_a_commit_whose_index_row_does_not_fit_is_mended_later(tmp_path: Path) -> None:
    """Data on a roomy disk, state on a full one: the file is new, and the index learns of it."""
    disk = tmp_path / "disk"
    with mounted(disk, MEGABYTE) as is_small:
        state = State.at((disk if is_small else tmp_path) / "state.db")
        lake = Lake(tmp_path / "lake", state)
        put(lake, DAILY, OLD)
        if not is_small:
            _bound_pages(state)
        with pytest.raises(StateError):
            _fill_state(state)
        last = _put_until_refused(lake)
        state.close()
    fresh = Lake(tmp_path / "lake", State.at(tmp_path / "fresh.db"))
    assert fresh.recover() == 1
    (entry,) = indexed(fresh)
    assert fresh.read(entry).equals(prices(NEW, session=last, count=10))
