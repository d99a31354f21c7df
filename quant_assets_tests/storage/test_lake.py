"""The lake: what is committed reads back, what is dropped is gone, and the index can be rebuilt."""

import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from quant_assets.lineage.fingerprint import content_version
from quant_assets.lineage.records import Lineage, Origin
from quant_assets.market.errors import (
    CommitError,
    LakeError,
    PartitionReplacedError,
    SchemaError,
    TableMissingError,
)
from quant_assets.storage import commit
from quant_assets.storage.commit import CommitStep
from quant_assets.storage.locks import Locks, shard_of
from quant_assets_tests.storage.prices import (
    DAILY,
    DAY,
    LEVELS,
    NEW,
    OLD,
    TABLES,
    WHOLE,
    YEARLY,
    indexed,
    lineage,
    open_lake,
    prices,
    put,
    visible,
)

DAYS = [DAY + timedelta(days=n) for n in range(3)]


@pytest.mark.parametrize("grain", TABLES)
def test_each_session_reads_back_as_it_was_committed(tmp_path: Path, grain: str) -> None:
    """Rows, version and lineage of a session are its own, whatever else its file holds."""
    lake = open_lake(tmp_path)
    entries = [put(lake, TABLES[grain], n, session=day) for n, day in enumerate(DAYS)]
    for n, (entry, day) in enumerate(zip(entries, DAYS, strict=True)):
        assert lake.read(entry).equals(prices(n, session=day))
        assert lake.read(entry, columns=["price"]).columns == ["price"]
        assert entry.data_version == content_version(prices(n, session=day))
        assert lake.lineage(entry).to_json() == lineage(n).to_json()
    assert lake.scan(entries).collect().height == 6_000
    assert len(visible(tmp_path)) == (3 if grain == "day" else 1)


def test_a_session_replaced_in_a_shared_file_leaves_the_others_alone(tmp_path: Path) -> None:
    """The other sessions keep rows, versions and lineage."""
    lake = open_lake(tmp_path)
    first, _, last = (put(lake, YEARLY, n, session=day) for n, day in enumerate(DAYS))
    put(lake, YEARLY, 9, session=DAYS[1])
    assert lake.read(first).equals(prices(0, session=DAYS[0]))
    assert lake.read(last).equals(prices(2, session=DAYS[2]))
    assert lake.lineage(last).origin.seed == 2
    assert [entry.session for entry in lake.index.entries(YEARLY.name)] == [
        day.isoformat() for day in DAYS
    ]


def test_rows_of_another_session_do_not_slip_into_a_shared_file(tmp_path: Path) -> None:
    """They would stand twice there; nothing is written."""
    with pytest.raises(SchemaError, match="2000 rows are of other sessions"):
        open_lake(tmp_path).commit(YEARLY, LEVELS, prices(1), lineage(1), session=DAYS[1])
    assert visible(tmp_path) == {}


def test_a_folder_with_glob_characters_is_a_folder_like_any_other(tmp_path: Path) -> None:
    """No path of the lake is expanded."""
    lake = open_lake(tmp_path / "data[1] *?")
    entry = put(lake, DAILY, OLD)
    assert lake.read(entry).equals(prices(OLD))
    assert lake.scan([entry]).collect().equals(prices(OLD))


@pytest.mark.parametrize("grain", TABLES)
def test_what_is_dropped_is_gone_for_good(tmp_path: Path, grain: str) -> None:
    """The other sessions stand, no read finds it, and a rebuilt index does not bring it back."""
    lake = open_lake(tmp_path)
    entries = [put(lake, TABLES[grain], n, session=day) for n, day in enumerate(DAYS[:2])]
    lake.drop(entries[0])
    with pytest.raises((TableMissingError, PartitionReplacedError)):
        lake.read(entries[0])
    assert lake.read(entries[1]).equals(prices(1, session=DAYS[1]))
    lake.reindex()
    assert indexed(lake) == [entries[1]]
    lake.drop(entries[1])
    assert visible(tmp_path) == {}
    assert lake.reindex() == (0, 0)


def test_a_table_without_sessions_is_replaced_whole(tmp_path: Path) -> None:
    """Its entry has no session; dropping it takes the file."""
    lake = open_lake(tmp_path)
    lake.commit(WHOLE, LEVELS, prices(OLD), lineage(OLD))
    entry = lake.commit(WHOLE, LEVELS, prices(NEW), lineage(NEW)).entry
    assert (entry.session, indexed(lake)) == ("", [entry])
    assert lake.read(entry).equals(prices(NEW))
    lake.drop(entry)
    assert visible(tmp_path) == {}


def _full_lake(root: Path) -> list[str]:
    """Fill a lake with every grain and several symbols; return all rows of its index."""
    lake = open_lake(root)
    for number, table in enumerate(TABLES.values()):
        for offset, day in enumerate(DAYS):
            for symbol in ("ES", "BRK.B"):
                rows = prices(number, session=day, count=offset * 5)
                made = lineage(number + offset)
                lake.commit(table, {"symbol": symbol}, rows, made, session=day)
    open_end = Lineage(
        "c", final=False, origin=Origin(synthetic=True, seed=3), stats={"first": "x", "n": 0.1}
    )
    lake.commit(DAILY, {"symbol": "GC"}, prices(1), open_end, session=date(1999, 12, 31))
    return _rows(root)


def _rows(root: Path) -> list[str]:
    """Return every row of the index, all columns."""
    with sqlite3.connect(root / "state.db") as connection:
        rows = connection.execute("SELECT * FROM partitions ORDER BY 1, 2, 3").fetchall()
    connection.close()
    return [str(row) for row in rows]


def test_the_index_is_rebuilt_exactly(tmp_path: Path) -> None:
    """The state database deleted, all rows come back from the footers, in every column."""
    before = _full_lake(tmp_path)
    assert len(before) == 19
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    lake = open_lake(tmp_path)
    assert _rows(tmp_path) == []
    assert lake.reindex() == (19, 0)
    assert _rows(tmp_path) == before
    assert lake.reindex() == (19, 0)
    assert _rows(tmp_path) == before


def test_entries_of_deleted_files_are_forgotten(tmp_path: Path) -> None:
    """One daily file and a whole table are deleted by hand: exactly their entries go."""
    before = _full_lake(tmp_path)
    (tmp_path / "lake/prices_by_day/symbol=GC/year=1999/month=12/day=31/data.parquet").unlink()
    shutil.rmtree(tmp_path / "lake" / YEARLY.name)
    assert open_lake(tmp_path).reindex() == (12, 7)
    assert _rows(tmp_path) == [
        row for row in before if "symbol=GC" not in row and "prices_by_year" not in row
    ]


def test_foreign_and_damaged_files_are_reported_and_change_nothing_else(tmp_path: Path) -> None:
    """The index holds what is sound; each odd file is named with its reason."""
    before = _full_lake(tmp_path)
    lake = tmp_path / "lake"
    victim = lake / "prices_by_day/symbol=GC/year=1999/month=12/day=31/data.parquet"
    victim.write_bytes(victim.read_bytes()[:-50])
    odd = {
        "prices_by_day/symbol=XX/year=2024/month=01/day=03/data.parquet": None,
        "prices_by_day/symbol=..%2F/year=2024/month=01/day=03/data.parquet": None,
        "prices_by_day/symbol=ES/year=2024/month=13/day=03/data.parquet": None,
        "prices_by_day/symbol=ES/year=2024/month=1/day=3/data.parquet": None,
        "prices_by_day/nothing/data.parquet": None,
        "prices_by_day/symbol=ES/year=2024/month=01/day=03/copy.parquet": None,
        "data.parquet": None,
        "foreign/data.parquet": pl.DataFrame({"a": [1]}),
    }
    sound = lake / "prices_by_year/symbol=ES/year=2024/data.parquet"
    for name, frame in odd.items():
        (lake / name).parent.mkdir(parents=True, exist_ok=True)
        if frame is None:
            shutil.copy(sound, lake / name)
        else:
            frame.write_parquet(lake / name)
    (lake / "prices_by_day/symbol=ES/empty.parquet").touch()
    seen: dict[str, str] = {}
    counts = open_lake(tmp_path).reindex(
        passed_over=lambda file, why: seen.update({str(file.relative_to(lake)): why})
    )
    assert counts == (18, 1)
    assert _rows(tmp_path) == [row for row in before if "symbol=GC" not in row]
    own = str(victim.relative_to(lake))
    assert seen.keys() == {*odd, own, "prices_by_day/symbol=ES/empty.parquet"}
    assert "damaged" in seen[own]
    assert (
        "no table's file" in seen["prices_by_day/symbol=ES/year=2024/month=13/day=03/data.parquet"]
    )
    assert "another table" in seen["foreign/data.parquet"]


def test_a_damaged_file_is_said_with_its_path(tmp_path: Path) -> None:
    """A reader is not left with what polars says, wherever the file was cut."""
    lake = open_lake(tmp_path)
    entry = put(lake, YEARLY, OLD)
    file = lake.root / entry.path
    whole = file.read_bytes()
    for length in (0, 1, 4, 11, len(whole) // 2, len(whole) - 1_000, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(LakeError, match=f"read {file}: the file is damaged"):
            lake.read(entry)
    with pytest.raises(LakeError, match="the file is damaged"):
        put(lake, YEARLY, NEW, session=DAYS[1])


def test_a_file_that_is_gone_is_said_with_what_to_do(tmp_path: Path) -> None:
    """The index alone cannot be read."""
    lake = open_lake(tmp_path)
    entry = put(lake, DAILY, OLD)
    (lake.root / entry.path).unlink()
    for read in (lake.read, lake.lineage, lambda one: lake.scan([one])):
        with pytest.raises(TableMissingError, match="quant lake reindex"):
            read(entry)


def test_a_reader_is_not_confused_by_a_writer_between_footer_and_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is replaced after its footer was read: the rows are still the footer's."""
    lake = open_lake(tmp_path)
    entry = put(lake, DAILY, OLD)
    read_footer = commit.read_footer

    def read_slowly(source: Path) -> dict[str, object]:
        footer = read_footer(source)
        monkeypatch.undo()
        put(open_lake(tmp_path), DAILY, NEW)
        return footer

    monkeypatch.setattr("quant_assets.storage.lake.read_footer", read_slowly)
    assert lake.read(entry).equals(prices(OLD))
    with pytest.raises(PartitionReplacedError):
        lake.read(entry)


def test_a_short_write_is_found_before_anything_is_visible(tmp_path: Path) -> None:
    """A disk that loses the end of the file, or all of it, is caught by reading it back."""
    entry = put(open_lake(tmp_path), DAILY, OLD)

    def cut(step: CommitStep, path: Path) -> None:
        if step is CommitStep.VERIFY:
            os.truncate(path, path.stat().st_size - 40)

    with pytest.raises(CommitError, match=r"store data.parquet in .*bytes are free"):
        put(open_lake(tmp_path, hook=cut), DAILY, NEW)
    assert open_lake(tmp_path).read(entry).equals(prices(OLD))
    assert not list((tmp_path / "lake/.tmp").glob("*.parquet"))


def test_file_and_folder_are_made_durable_around_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The staged file is synced before it is renamed, its folder after that, then the index."""
    events = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor: int) -> None:
        events.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def seen_replace(self: Path, target: Path) -> Path:
        events.append(("rename", target))
        return replace(self, target)

    def seen_index(step: CommitStep, path: Path) -> None:
        if step is CommitStep.INDEX:
            events.append(("index", path))

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    entry = put(open_lake(tmp_path, hook=seen_index), DAILY, OLD)
    file = tmp_path / "lake" / entry.path
    (staged, *rest) = events
    assert staged[0] == "fsync"
    assert staged[1].parent.name == ".tmp"
    assert rest == [("rename", file), ("fsync", file.parent), ("index", file)]


def test_equal_rows_in_other_chunks_make_the_same_bytes(tmp_path: Path) -> None:
    """How a worker cut its frame into chunks does not reach the file."""
    for name, parts in (("one", 1), ("many", 7)):
        size = -(-2_000 // parts)
        cut = [prices(OLD).slice(n * size, size) for n in range(parts)]
        frame = pl.concat(cut, rechunk=False)
        assert frame.n_chunks() == parts
        open_lake(tmp_path / name).commit(DAILY, LEVELS, frame, lineage(OLD), session=DAY)
    assert visible(tmp_path / "one") == visible(tmp_path / "many")


SAME_BYTES = """
import sys
from pathlib import Path
from quant_assets_tests.storage.prices import TABLES, open_lake, put
for table in TABLES.values():
    put(open_lake(Path(sys.argv[1])), table, 1)
"""


def test_equal_lineage_makes_equal_bytes_in_every_process(tmp_path: Path) -> None:
    """Two processes with other hash seeds, zones and folders write the same files."""
    for seed, zone in (("1", "UTC"), ("2", "Asia/Kolkata")):
        subprocess.run(
            [sys.executable, "-c", SAME_BYTES, tmp_path / seed],
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "POLARS_MAX_THREADS": seed},
            check=True,
        )
    assert len(visible(tmp_path / "1")) == 3
    assert visible(tmp_path / "1") == visible(tmp_path / "2")


def test_only_what_dead_writers_left_is_swept(tmp_path: Path) -> None:
    """Old staged files go; young ones, locks and data stay."""
    lake = open_lake(tmp_path)
    put(lake, DAILY, OLD)
    folder = lake.root / ".tmp"
    for name in ("a.parquet", "b.duckdb", "b.duckdb.wal", "landing.lock", "young.parquet"):
        (folder / name).touch()
        if "young" not in name:
            os.utime(folder / name, (0, 0))
    assert lake.sweep() == 3
    assert {p.name for p in folder.iterdir() if not p.name.startswith("lake-")} == {
        "landing.lock",
        "young.parquet",
    }
    assert len(visible(tmp_path)) == 1


def test_recovery_waits_for_no_living_writer_and_survives_a_torn_note(tmp_path: Path) -> None:
    """A held lock is left alone; a note that names no file of the lake is cleared."""
    lake = open_lake(tmp_path)
    path = Path(put(lake, DAILY, OLD).path)
    with Locks(lake.root, lambda _: None).replacing(path):
        assert lake.recover() == 0
    note = lake.root / ".tmp" / f"lake-{shard_of(path):02x}.lock"
    for torn in ("prices_by_d", "\0\0\0\0", "../../x/data.parquet"):
        note.write_text(torn)
        assert lake.recover() == 1
        assert note.read_text() == ""
    assert lake.recover() == 0
    assert len(indexed(lake)) == 1
