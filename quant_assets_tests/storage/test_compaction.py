"""Compact files are a cache: with them or without, whole or torn, the same rows are read."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import InputError, TableMissingError
from quant_assets.storage import compaction
from quant_assets.storage.compaction import (
    compact,
    compacted_or_days,
    forget,
    is_due,
    symbol_years,
)
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Lake
from quant_assets.storage.training_rows import load_rows_duckdb, load_rows_polars
from quant_assets_tests.storage.dying_compactor import STEPS
from quant_assets_tests.storage.prices import (
    WHOLE,
    YEARLY,
    indexed,
    lineage,
    open_lake,
    prices,
    put,
    visible,
)
from quant_assets_tests.storage.training_days import (
    FEATURES,
    plain_rows,
    put_day,
    put_days,
    sessions,
)

SYMBOLS = ("ES", "NQ")
DAYS = sessions(7)
YEAR = DAYS[4:]
"""The days of the second year."""

LOADERS = (load_rows_polars, load_rows_duckdb)


def compact_all(lake: Lake, entries: Iterable[Entry]) -> list[Path]:
    """Compact every symbol-year; return the files."""
    made = [compact(lake, days) for days in symbol_years(entries).values()]
    return [path for path in made if path]


def parts(lake: Lake, entries: Iterable[Entry]) -> list[tuple[str, bool, int]]:
    """Return symbol, kind and number of sessions of each file that would be scanned."""
    found = compacted_or_days(lake, entries)
    return [(one.symbol, one.is_compact, len(one.entries)) for one in found]


def current(lake: Lake) -> list[Entry]:
    """Return what the index names by now."""
    return lake.index.entries("training_set")


def assert_rows(lake: Lake, symbols: Iterable[str], days: Iterable[object]) -> None:
    """Compare what both loaders give of the index with what was stored."""
    wanted = plain_rows(symbols, list(days))
    for load in LOADERS:
        assert load(lake, current(lake)).equals(wanted)


def test_compacted_days_are_the_same_rows_from_fewer_files(tmp_path: Path) -> None:
    """Seven days of two symbols in two years are four files instead of fourteen."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, SYMBOLS, DAYS)
    assert parts(lake, entries) == [(symbol, False, 1) for symbol in SYMBOLS for _ in DAYS]
    files = compact_all(lake, entries)
    assert len(files) == 4
    assert parts(lake, entries) == [(s, True, n) for s in SYMBOLS for n in (4, 3)]
    assert_rows(lake, SYMBOLS, DAYS)
    first, last = DAYS[2], DAYS[5]
    inner = plain_rows(SYMBOLS, DAYS[2:6])
    assert all(load(lake, entries, first=first, last=last).equals(inner) for load in LOADERS)


def test_a_restated_day_takes_its_symbol_year_out_of_use(tmp_path: Path) -> None:
    """The others stay; the new rows are read, and the old ones under no name."""
    lake = open_lake(tmp_path)
    compact_all(lake, put_days(lake, SYMBOLS, YEAR))
    old = current(lake)
    new = put_day(lake, "ES", YEAR[1], seed=2)
    assert parts(lake, current(lake)) == [("ES", False, 1)] * 3 + [("NQ", True, 3)]
    for load in LOADERS:
        loaded = load(lake, current(lake))
        assert loaded.filter(session=YEAR[1], symbol="ES").drop("symbol").equals(lake.read(new))
        assert not loaded.equals(plain_rows(SYMBOLS, YEAR))
    compact_all(lake, current(lake))
    assert parts(lake, current(lake)) == [("ES", True, 3), ("NQ", True, 3)]
    assert parts(lake, old)[:3] == [("ES", False, 1)] * 3


def test_days_that_came_later_are_read_beside_the_compact_file(tmp_path: Path) -> None:
    """A new day costs one more file, not all of them."""
    lake = open_lake(tmp_path)
    compact_all(lake, put_days(lake, ["ES"], YEAR[:2]))
    put_day(lake, "ES", YEAR[2])
    assert parts(lake, current(lake)) == [("ES", True, 2), ("ES", False, 1)]
    assert_rows(lake, ["ES"], YEAR)


def test_a_dropped_day_or_a_part_of_the_days_is_never_read_from_the_whole(tmp_path: Path) -> None:
    """A compact file that holds more than is asked for is not used."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, ["ES"], YEAR)
    compact_all(lake, entries)
    assert parts(lake, entries[:2]) == [("ES", False, 1)] * 2
    lake.drop(entries[0])
    assert parts(lake, current(lake)) == [("ES", False, 1)] * 2
    assert_rows(lake, ["ES"], YEAR[1:])


def test_a_lost_day_is_an_error_with_the_cache_as_without(tmp_path: Path) -> None:
    """The cache does not hide that the record has a hole."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, ["ES"], YEAR)
    compact_all(lake, entries)
    (lake.root / entries[1].path).unlink()
    for load in LOADERS:
        with pytest.raises(TableMissingError):
            load(lake, entries)


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Path]:
    """Return a lake of one symbol-year and its compact file."""
    lake = open_lake(tmp_path_factory.mktemp("cached"))
    (file,) = compact_all(lake, put_days(lake, ["ES"], YEAR))
    return lake, file


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_cache_changes_no_row(cached: tuple[Lake, Path], data: st.DataObject) -> None:
    """A byte changed anywhere, a cut at any place, or anything at all in either of its files."""
    lake, compacted = cached
    file = compacted.with_suffix(data.draw(st.sampled_from([".parquet", ".crc32"])))
    whole = file.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[place] ^ data.draw(st.integers(1, 255))])
    damaged = data.draw(
        st.sampled_from([whole[:place], whole[:place] + flipped + whole[place + 1 :]])
        | st.binary(max_size=64)
    )
    try:
        file.write_bytes(damaged)
        assert parts(lake, current(lake)) == [("ES", False, 1)] * 3
        assert_rows(lake, ["ES"], YEAR)
    finally:
        file.write_bytes(whole)
    assert parts(lake, current(lake)) == [("ES", True, 3)]


@pytest.mark.parametrize("lost", [".parquet", ".crc32", "both"])
def test_deleting_it_loses_nothing(tmp_path: Path, lost: str) -> None:
    """The file, its checksum or the whole folder."""
    lake = open_lake(tmp_path)
    (file,) = compact_all(lake, put_days(lake, ["ES"], YEAR))
    if lost == "both":
        shutil.rmtree(lake.root / ".compact")
    else:
        file.with_suffix(lost).unlink()
    assert_rows(lake, ["ES"], YEAR)
    assert len(parts(lake, current(lake))) == 3


def test_a_file_in_anothers_place_is_not_used(tmp_path: Path) -> None:
    """Of another symbol or year with the same rows, or of another form."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, ["ES"], DAYS)
    put_day(lake, "SE", DAYS[0])
    files = compact_all(lake, current(lake))
    early, late, other = files
    for suffix in (".parquet", ".crc32"):
        shutil.copy(late.with_suffix(suffix), early.with_suffix(suffix))
        shutil.copy(early.with_suffix(suffix), other.with_suffix(suffix))
    assert parts(lake, current(lake)) == [("ES", False, 1)] * 4 + [("ES", True, 3)] + [
        ("SE", False, 1)
    ]
    assert load_rows_polars(lake, entries).equals(plain_rows(["ES"], DAYS))


def test_equal_rows_under_another_symbol_are_not_taken_for_it(tmp_path: Path) -> None:
    """ES and SE hold the same rows, of the same versions: the file says whose it is."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, ["ES", "SE"], YEAR)
    assert entries[0].data_version == entries[3].data_version
    (one, other) = compact_all(lake, entries)
    for suffix in (".parquet", ".crc32"):
        shutil.copy(one.with_suffix(suffix), other.with_suffix(suffix))
    assert parts(lake, entries) == [("ES", True, 3)] + [("SE", False, 1)] * 3


def test_files_of_another_form_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version of the package makes its own."""
    lake = open_lake(tmp_path)
    compact_all(lake, put_days(lake, ["ES"], YEAR))
    monkeypatch.setattr(compaction, "FORMAT", 2)
    assert parts(lake, current(lake)) == [("ES", False, 1)] * 3


def test_days_of_other_columns_are_not_put_together(tmp_path: Path) -> None:
    """Nothing is written, and no complaint is made: a cache need not be."""
    lake = open_lake(tmp_path)
    put_day(lake, "ES", YEAR[0])
    put_day(lake, "ES", YEAR[1], features=FEATURES[::-1])
    assert compact_all(lake, current(lake)) == []
    assert not (lake.root / ".compact").exists()


def test_only_days_are_compacted(tmp_path: Path) -> None:
    """A table in one file has nothing to put together."""
    lake = open_lake(tmp_path)
    entry = lake.commit(WHOLE, {"symbol": "ES"}, prices(1), lineage(1)).entry
    for several in (entry, put(lake, YEARLY, 1)):
        with pytest.raises(InputError, match="not cut by day"):
            symbol_years([several])


def test_the_lake_knows_nothing_of_it(tmp_path: Path) -> None:
    """A rebuilt index names the days alone, and no file is reported as foreign."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, SYMBOLS, DAYS)
    compact_all(lake, entries)
    seen: list[Path] = []
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    again = open_lake(tmp_path)
    assert again.reindex(passed_over=lambda file, _: seen.append(file)) == (14, 0)
    assert seen == []
    assert [e.name for e in indexed(again)] == sorted(e.name for e in entries)
    assert again.recover() == 0
    assert parts(again, current(again)) == [(s, True, n) for s in SYMBOLS for n in (4, 3)]


def test_the_same_days_make_the_same_bytes(tmp_path: Path) -> None:
    """In another lake, from entries in another order, and made once more over itself."""
    made = []
    for name in ("one", "other"):
        lake = open_lake(tmp_path / name)
        entries = put_days(lake, ["ES"], YEAR)
        compact(lake, entries if name == "one" else entries[::-1])
        compact(lake, entries)
        made.append(visible(tmp_path / name))
    assert made[0] == made[1]
    assert len(made[0]) == 5


def test_it_is_due_where_many_days_stand_alone(tmp_path: Path) -> None:
    """As many as allowed are not; one more is, until it is made."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, ["ES"], YEAR)
    assert not is_due(lake, entries, most_parts=3)
    assert is_due(lake, entries, most_parts=2)
    compact(lake, entries)
    assert not is_due(lake, entries, most_parts=0)


def test_files_of_no_day_are_deleted_with_their_checksums(tmp_path: Path) -> None:
    """Those named stay."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, SYMBOLS, YEAR)
    kept, _ = compact_all(lake, entries)
    assert forget(lake, "training_set", but=[kept.relative_to(lake.root)]) == 1
    assert parts(lake, entries) == [("ES", True, 3)] + [("NQ", False, 1)] * 3
    left = [path for path in (lake.root / ".compact").rglob("*") if path.is_file()]
    assert sorted(left) == sorted([kept, kept.with_suffix(".crc32")])


def test_a_compactor_killed_anywhere_changes_no_row(tmp_path: Path) -> None:
    """Killed inside each commit step: the days are read, and the next one makes it whole."""
    roots = [tmp_path / step.value for step in STEPS]
    for root in roots:
        put_days(open_lake(root), ["ES"], YEAR)
    command = [sys.executable, "-m", "quant_assets_tests.storage.dying_compactor", *roots]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:-1] == [f"{step.value} {-signal.SIGKILL}" for step in STEPS]
    for root in roots:
        lake = open_lake(root)
        assert parts(lake, current(lake)) == [("ES", False, 1)] * 3
        assert_rows(lake, ["ES"], YEAR)
        compact_all(lake, current(lake))
        assert parts(lake, current(lake)) == [("ES", True, 3)]
        assert_rows(lake, ["ES"], YEAR)
        lake.sweep(now_s=time.time() + 7200)
        assert not [p for p in (lake.root / ".tmp").iterdir() if not p.name.startswith("lake-")]


def test_a_file_whose_checksum_is_not_yet_its_own_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two, over an older pair: the new file under the old checksum."""
    lake = open_lake(tmp_path)
    compact_all(lake, put_days(lake, ["ES"], YEAR[:2]))
    put_day(lake, "ES", YEAR[2])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(compaction, "_write_checksum", stop)
    with pytest.raises(KeyboardInterrupt):
        compact_all(lake, current(lake))
    assert parts(lake, current(lake)) == [("ES", False, 1)] * 3
    assert_rows(lake, ["ES"], YEAR)


def test_a_checksum_that_a_dead_compactor_left_is_swept(tmp_path: Path) -> None:
    """It is staged where rows are, and goes as they do."""
    lake = open_lake(tmp_path)
    compact_all(lake, put_days(lake, ["ES"], YEAR))
    (lake.root / ".tmp" / "dead.crc32").touch()
    assert lake.sweep() == 0
    assert lake.sweep(now_s=time.time() + 7200) == 1
    assert parts(lake, current(lake)) == [("ES", True, 3)]
