"""The state database: rows replace by key, and what it refuses is said as a StateError."""

import sqlite3
from pathlib import Path

import pytest

from quant_assets.market.errors import StateError
from quant_assets.storage.state import State, _set_journal
from quant_assets.storage.state_tables import FAILURES, METADATA


def _row(partition: str, message: str = "") -> dict[str, str]:
    return {
        "asset": "bars",
        "partition": partition,
        "kind": "failed",
        "message": message,
        "version": "",
    }


def test_rows_are_replaced_by_key_and_come_in_its_order(tmp_path: Path) -> None:
    """One row a key, the last one; values are bound, whatever they hold."""
    state = State.at(tmp_path / "state.db")
    hostile = "'; DROP TABLE failures; --\0\"%"
    state.upsert(FAILURES, [])
    state.upsert(FAILURES, [_row("b"), _row(hostile), _row("a")])
    state.upsert(FAILURES, [_row("b", "again")])
    assert [row["partition"] for row in state.select(FAILURES)] == [hostile, "a", "b"]
    assert state.select(FAILURES, partition="b") == [_row("b", "again")]
    assert state.distinct(FAILURES.c.asset) == ["bars"]
    state.delete(FAILURES, partition=hostile)
    assert len(state.select(FAILURES)) == 2
    state.close()


def test_one_bad_row_stores_none_of_them(tmp_path: Path) -> None:
    """An upsert is one transaction, and what the database refuses is a StateError."""
    state = State.at(tmp_path / "state.db")
    with pytest.raises(StateError, match=r"write to the state database .*NOT NULL"):
        state.upsert(FAILURES, [_row("a"), _row("b") | {"kind": None}])
    assert state.select(FAILURES) == []
    state.close()


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    """The message names the file, and the file is left as it is."""
    (tmp_path / "state.db").write_text("no database " * 500)
    with pytest.raises(StateError, match=r"open the state database .*state\.db.*not a database"):
        State.at(tmp_path / "state.db")
    assert (tmp_path / "state.db").read_text().startswith("no database")


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "data").write_text("")
    with pytest.raises(StateError, match="make the folder of the state database"):
        State.at(tmp_path / "data" / "state.db")


def test_any_folder_name_can_hold_it(tmp_path: Path) -> None:
    """No character of a path passes for a part of a URL."""
    folder = tmp_path / "what? a#b %20 @:x"
    State.at(folder / "state.db").close()
    assert (folder / "state.db").is_file()


def test_a_database_of_an_earlier_version_gets_the_new_tables(tmp_path: Path) -> None:
    """What it held stays; a table that it lacks is made."""
    state = State.at(tmp_path / "state.db")
    state.upsert(FAILURES, [_row("a")])
    with state.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE trials")
    state.close()
    again = State.at(tmp_path / "state.db")
    assert again.select(METADATA.tables["trials"]) == []
    assert len(again.select(FAILURES)) == 1
    again.close()


class _Busy:
    """A cursor of a database that another process is making for the first few calls."""

    def __init__(self, calls: int, message: str) -> None:
        self.left, self.message = calls, message

    def execute(self, statement: str) -> None:
        assert statement == "PRAGMA journal_mode=WAL"
        self.left -= 1
        if self.left >= 0:
            raise sqlite3.OperationalError(self.message)


def test_a_first_user_waits_for_another_to_turn_the_log_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SQLite gives up at once there; patience ends, and any other error is not waited for."""
    busy = _Busy(3, "database is locked")
    _set_journal(busy)
    assert busy.left == -1
    with pytest.raises(sqlite3.OperationalError, match="disk"):
        _set_journal(_Busy(1, "disk I/O error"))
    monkeypatch.setattr("quant_assets.storage.state.PATIENCE_S", 0.05)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        _set_journal(_Busy(10_000, "database is locked"))


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("sqlite://user:hidden@host/x.db", id="no_host_in_sqlite"),
        pytest.param("nothing+at://user:hidden@host/x", id="no_such_database"),
        pytest.param("user:hidden@host", id="no_address"),
        pytest.param("sqlite:////nowhere/at/all/state.db", id="no_such_folder"),
    ],
)
def test_a_bad_address_is_said_without_its_password(url: str) -> None:
    """A StateError whatever is wrong with the address."""
    with pytest.raises(StateError, match="open the state database") as caught:
        State(url)
    assert "hidden@" not in str(caught.value)
