"""Several processes at once: nothing is lost, and the index says what the files hold."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from quant_assets.lineage.fingerprint import content_version
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import FAILURES
from quant_assets_tests.storage.prices import DAY, TABLES, indexed, open_lake, prices, visible

WRITERS = 3
EACH = 8

WRITE = """
import sys
from datetime import timedelta
from pathlib import Path
from quant_assets_tests.storage.prices import DAY, TABLES, open_lake, put

root, who, writers, each, mode = Path(sys.argv[1]), *map(int, sys.argv[2:5]), sys.argv[5]
lake = open_lake(root)
print("ready", flush=True)
sys.stdin.readline()
for turn in range(each):
    for table in TABLES.values():
        place = turn if mode == "same" else turn * writers + who
        put(lake, table, 100 * who + turn, session=DAY + timedelta(days=place), count=20)
"""


def _write_at_once(root: Path, mode: str) -> None:
    """Let several processes commit, all starting at the same moment."""
    words = [[str(who), str(WRITERS), str(EACH), mode] for who in range(WRITERS)]
    _at_once([[sys.executable, "-c", WRITE, str(root), *more] for more in words])


def _at_once(commands: list[list[str]]) -> None:
    """Start processes, wait until each is ready, let them go together and end well."""
    running = [_started(command) for command in commands]
    for process in running:
        _let_go(process)
    for process in running:
        process.communicate(timeout=120)
        assert process.returncode == 0


def _started(command: list[str]) -> subprocess.Popen[str]:
    """Start a process and wait until it is ready."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _let_go(process: subprocess.Popen[str]) -> None:
    """Let a process that is ready begin."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.parametrize("mode", ["same", "other"])
def test_no_session_is_lost_and_the_index_tells_the_truth(tmp_path: Path, mode: str) -> None:
    """Other sessions of one file are all there; of the same one, index and file name one winner."""
    _write_at_once(tmp_path, mode)
    lake = open_lake(tmp_path)
    assert lake.recover() == 0
    count = EACH if mode == "same" else EACH * WRITERS
    for table in TABLES.values():
        entries = lake.index.entries(table.name)
        days = [(DAY + timedelta(days=n)).isoformat() for n in range(count)]
        assert [entry.session for entry in entries] == days
        for entry in entries:
            rows = lake.read(entry)
            seed = lake.lineage(entry).origin.seed
            assert seed is not None
            assert rows.equals(prices(seed, session=entry.day, count=20))
            assert content_version(rows) == entry.data_version
    before = indexed(lake)
    assert lake.reindex() == (3 * count, 0)
    assert indexed(lake) == before
    assert len([name for name in visible(tmp_path) if "by_day" in name]) == count
    assert not list(lake.root.glob(".tmp/*.parquet"))


def test_a_reindex_beside_writers_forgets_nothing(tmp_path: Path) -> None:
    """What is committed while the index is rebuilt stays in it."""
    command = [sys.executable, "-c", WRITE, str(tmp_path), "0", "1", str(3 * EACH), "other"]
    with _started(command) as writer:
        _let_go(writer)
        lake = open_lake(tmp_path)
        gone = 0
        while writer.poll() is None:
            gone += lake.reindex()[1]
    assert gone == 0
    assert len(indexed(lake)) == 3 * 3 * EACH
    for entry in indexed(lake):
        assert lake.read(entry).height == 20


FIRST_USE = """
import sys
from pathlib import Path
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import FAILURES

print("ready", flush=True)
sys.stdin.readline()
for n in range(15):
    state = State.at(Path(sys.argv[1]) / f"{n}.db")
    row = {"asset": "a", "partition": sys.argv[2], "kind": "failed", "message": "", "version": ""}
    state.upsert(FAILURES, [row])
    state.close()
"""


def test_two_first_users_make_the_state_database_together(tmp_path: Path) -> None:
    """Fifteen new databases, two first users each: neither fails, and both rows are there."""
    _at_once([[sys.executable, "-c", FIRST_USE, str(tmp_path), who] for who in "ab"])
    for n in range(15):
        state = State.at(tmp_path / f"{n}.db")
        assert [row["partition"] for row in state.select(FAILURES)] == ["a", "b"]
        state.close()
