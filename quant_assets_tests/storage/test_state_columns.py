"""A state database of another version: its columns are completed, or it is left and said so."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from quant_assets.market.errors import StateError
from quant_assets.storage.state import State
from quant_assets.storage.state_columns import AddColumn, lacking_columns
from quant_assets.storage.state_tables import PARTITIONS, RECEIPTS
from quant_assets_tests.storage.prices import DAILY, OLD, indexed, open_lake, put

OLD_TRIALS = """
CREATE TABLE trials (
    trial_id VARCHAR NOT NULL, strategy VARCHAR NOT NULL, config JSON NOT NULL,
    data_hash VARCHAR NOT NULL, code_version VARCHAR NOT NULL, metrics JSON NOT NULL,
    state VARCHAR NOT NULL, PRIMARY KEY (trial_id)
)
"""


def _run(file: Path, *statements: str) -> None:
    """Change a database beneath the package, as another version would have made it."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def _dump(file: Path) -> list[str]:
    """Return all that a database holds."""
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """Return the state database of a lake that holds one partition."""
    put(open_lake(tmp_path), DAILY, OLD)
    return tmp_path / "state.db"


def test_a_column_that_may_be_null_is_added_and_no_row_is_lost(file: Path) -> None:
    """The rows get null there; new ones are stored whole; opening it again changes nothing."""
    before = indexed(open_lake(file.parent))
    drop = [f"ALTER TABLE partitions DROP COLUMN {name}" for name in ("seed", "final_through")]
    _run(file, *drop)
    assert '"seed"' not in "".join(_dump(file))
    lake = open_lake(file.parent)
    assert [e.data_version for e in indexed(lake)] == [e.data_version for e in before]
    assert [(e.seed, e.final_through) for e in indexed(lake)] == [(None, None)]
    lake.reindex()
    assert indexed(lake) == before
    dumped = _dump(file)
    State.at(file).close()
    assert _dump(file) == dumped


def test_a_column_with_a_default_is_added_with_it(file: Path) -> None:
    """Also one that may not be null, whatever its name."""
    metadata = sa.MetaData()
    added = sa.Column('odd "name"; --', sa.String, nullable=False, server_default="it's")
    RECEIPTS.to_metadata(metadata).append_column(added)
    state = State.at(file)
    state.upsert(RECEIPTS, [dict.fromkeys(RECEIPTS.columns.keys(), "x")])
    assert lacking_columns(state.engine, metadata) == [added]
    with state.engine.begin() as connection:
        connection.execute(AddColumn(added))
        assert connection.execute(sa.select(added)).scalars().all() == ["it's"]
    assert lacking_columns(state.engine, metadata) == []
    state.close()


def test_a_column_without_a_default_is_named_and_nothing_is_changed(file: Path) -> None:
    """Not even what could have been added; the way on is said."""
    _run(file, "DROP TABLE trials", OLD_TRIALS, "ALTER TABLE partitions DROP COLUMN seed")
    before = _dump(file)
    with pytest.raises(StateError) as caught:
        State.at(file)
    assert "without columns trials.realism, trials.details" in str(caught.value)
    assert "earlier version" in caught.value.found
    assert "quant lake reindex" in caught.value.remedy
    assert "room" not in str(caught.value)
    assert _dump(file) == before


def test_a_key_column_cannot_be_added(file: Path) -> None:
    """Its rows could not be told apart."""
    _run(file, "DROP TABLE timings", "CREATE TABLE timings (partitions INTEGER, seconds FLOAT)")
    with pytest.raises(StateError, match=r"without column timings\.asset"):
        State.at(file)


def test_a_column_of_a_newer_version_is_named_and_nothing_is_changed(file: Path) -> None:
    """Rows that it would not fill are not written."""
    _run(file, "ALTER TABLE trials ADD COLUMN hue VARCHAR")
    before = _dump(file)
    with pytest.raises(StateError) as caught:
        State.at(file)
    assert "a newer version of quant_assets made it, with column trials.hue" in str(caught.value)
    assert "Install that version" in caught.value.remedy
    assert _dump(file) == before


def test_a_column_that_another_process_added_first_is_found(file: Path) -> None:
    """The loser of a race changes nothing and does not fail."""
    state = State.at(file)
    before = _dump(file)
    state._add(PARTITIONS.c.seed)
    assert _dump(file) == before
    state.close()


def test_what_the_database_refuses_is_said_with_the_column(file: Path) -> None:
    """Here a view that somebody has put in the table's place."""
    names = ", ".join(f'"{c.name}"' for c in PARTITIONS.columns if c.name != "seed")
    view = f"CREATE VIEW partitions AS SELECT {names} FROM kept"
    _run(file, "ALTER TABLE partitions RENAME TO kept", view)
    with pytest.raises(
        StateError, match=r"add column partitions\.seed to .*add a column to a view"
    ):
        State.at(file)


UPGRADE = """
import sys
from pathlib import Path
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import PARTITIONS

print("ready", flush=True)
sys.stdin.readline()
for n in range(20):
    state = State.at(Path(sys.argv[1]) / f"{n}.db")
    assert state.select(PARTITIONS) == []
    state.close()
"""


def test_two_processes_complete_old_databases_together(tmp_path: Path) -> None:
    """Twenty old databases, two users each: neither fails."""
    for n in range(20):
        State.at(tmp_path / f"{n}.db").close()
        drop = [f"ALTER TABLE partitions DROP COLUMN {c}" for c in ("seed", "final_through")]
        _run(tmp_path / f"{n}.db", *drop)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, tmp_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        assert process.communicate(timeout=120)[1] == ""
        assert process.returncode == 0
