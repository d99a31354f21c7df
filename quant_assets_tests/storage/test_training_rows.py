"""Rows of many days: both loaders give what was committed, in one order, or say what is wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.lineage.fingerprint import content_version
from quant_assets.market.errors import (
    InputError,
    LakeError,
    PartitionReplacedError,
    TableMissingError,
)
from quant_assets.storage import training_rows
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Lake
from quant_assets.storage.training_rows import load_rows_duckdb, load_rows_polars
from quant_assets_tests.storage.prices import DAILY, YEARLY, open_lake, put
from quant_assets_tests.storage.training_days import (
    FEATURES,
    plain_rows,
    put_day,
    put_days,
    sessions,
)

SYMBOLS = ("ES", "BRK.B", "AAPL")
DAYS = sessions(9)
LOADERS = {"polars": load_rows_polars, "duckdb": load_rows_duckdb}
Load = Callable[..., pl.DataFrame]

both = pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[Entry]]:
    """Return a lake of three symbols and nine sessions of two years."""
    lake = open_lake(tmp_path_factory.mktemp("filled") / "data[1] *?'")
    return lake, put_days(lake, SYMBOLS, DAYS)


@both
def test_rows_come_as_committed_by_time_and_symbol(
    filled: tuple[Lake, list[Entry]], load: Load
) -> None:
    """Bits, types and nulls; whatever the order of the entries, and though one is named twice."""
    lake, entries = filled
    loaded = load(lake, [*reversed(entries), entries[3]])
    assert content_version(loaded) == content_version(plain_rows(SYMBOLS, DAYS))


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True),
    st.integers(0, 8),
    st.integers(0, 8),
    st.lists(st.sampled_from([*FEATURES, "label", "session", "label_end"]), unique=True),
)
def test_both_loaders_agree_on_any_part(
    filled: tuple[Lake, list[Entry]], symbols: list[str], one: int, other: int, columns: list[str]
) -> None:
    """Some symbols, from one session to another, some columns in any order."""
    lake, entries = filled
    first, last = sorted((DAYS[one], DAYS[other]))
    asked = [entry for entry in entries if entry.symbol in symbols]
    wanted = plain_rows(symbols, [day for day in DAYS if first <= day <= last])
    for load in LOADERS.values():
        loaded = load(lake, asked, columns=columns or None, first=first, last=last)
        shown = wanted.select(*columns, "symbol") if columns else wanted
        assert content_version(loaded) == content_version(shown)


@both
def test_only_the_files_of_the_index_are_read(tmp_path: Path, load: Load) -> None:
    """A stray copy beside a day's file, and a day that was not asked for, add no row."""
    lake = open_lake(tmp_path)
    asked, _ = put_days(lake, ["ES"], DAYS[:2])
    file = lake.root / asked.path
    shutil.copy(file, file.with_name("copy.parquet"))
    assert load(lake, [asked]).equals(plain_rows(["ES"], DAYS[:1]))


@both
def test_files_of_other_columns_are_refused_by_name(tmp_path: Path, load: Load) -> None:
    """A feature list that changed in between is never filled up or cut down."""
    lake = open_lake(tmp_path)
    old = put_day(lake, "ES", DAYS[0])
    new = put_day(lake, "ES", DAYS[1], features=("fast", "wide"))
    with pytest.raises(InputError, match="the second lacks slow, adds wide") as caught:
        load(lake, [old, new])
    assert old.path in caught.value.asked
    assert new.path in caught.value.asked


@both
def test_columns_in_another_order_are_refused_too(tmp_path: Path, load: Load) -> None:
    """Their files are of one set of names, and still not of one table."""
    lake = open_lake(tmp_path)
    days = [
        put_day(lake, "ES", day, features=names)
        for day, names in zip(DAYS, (FEATURES, FEATURES[::-1]), strict=False)
    ]
    with pytest.raises(InputError, match="in another order"):
        load(lake, days)


@both
def test_what_is_no_one_table_is_refused(tmp_path: Path, load: Load) -> None:
    """Two datasets, two versions of one day, no entry, a table by the year, an unknown column."""
    lake = open_lake(tmp_path)
    up, down = put_day(lake, "ES", DAYS[0]), put_day(lake, "ES", DAYS[0], dataset="down")
    restated = put_day(lake, "ES", DAYS[0], seed=2)
    with pytest.raises(InputError, match=r"dataset=down.*dataset=up"):
        load(lake, [up, down])
    with pytest.raises(InputError, match="at two versions"):
        load(lake, [up, restated])
    for nothing in ({"entries": []}, {"entries": [down], "first": DAYS[1]}):
        with pytest.raises(TableMissingError, match="no partition"):
            load(lake, **nothing)
    with pytest.raises(InputError, match="not cut by day"):
        load(lake, [put(lake, YEARLY, 1)])
    with pytest.raises(InputError, match="bar_start is none of them"):
        load(lake, [put(lake, DAILY, 1)])
    with pytest.raises(InputError, match=r"wide is none of them.*fast, slow"):
        load(lake, [down], columns=["fast", "wide"])


@both
def test_a_file_that_is_gone_is_said(tmp_path: Path, load: Load) -> None:
    """Nothing is returned of the others."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, ["ES"], DAYS[:3])
    (lake.root / entries[1].path).unlink()
    with pytest.raises(TableMissingError, match="quant lake reindex"):
        load(lake, entries)


@both
def test_a_file_of_another_version_is_said_and_the_index_mended(tmp_path: Path, load: Load) -> None:
    """The rows of a restated day are never handed out for the old ones."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, ["ES"], DAYS[:3])
    new = put_day(lake, "ES", DAYS[1], seed=2)
    with pytest.raises(PartitionReplacedError, match="replaced it since"):
        load(lake, entries)
    assert load(lake, [entries[0], new, entries[2]]).height == 12


@both
def test_a_damaged_file_is_said_with_its_path(tmp_path: Path, load: Load) -> None:
    """Cut anywhere, or with a sound end and pages that cannot be decoded."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, ["ES"], DAYS[:3])
    file = lake.root / entries[1].path
    whole = file.read_bytes()
    holed = b"PAR1" + b"\xff" * 600 + whole[604:]
    for torn in (b"", whole[:8], whole[: len(whole) // 2], whole[:-1], holed):
        file.write_bytes(torn)
        with pytest.raises(LakeError, match=str(file)):
            load(lake, entries)


@both
@pytest.mark.parametrize("times", [1, 9])
def test_a_file_replaced_while_it_is_read_gives_one_version_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Load, times: int
) -> None:
    """A writer comes between check and reading, once or each time: no row of other versions."""
    lake = open_lake(tmp_path)
    entries = put_days(lake, ["ES"], DAYS[:3])
    name = "_scan_polars" if load is load_rows_polars else "_scan_duckdb"
    scan, left = vars(training_rows)[name], [times]

    def disturbed(*arguments: object) -> pl.DataFrame:
        if left[0]:
            left[0] -= 1
            put_day(open_lake(tmp_path), "ES", DAYS[1], seed=2)
            rows: pl.DataFrame = scan(*arguments)
            put_day(open_lake(tmp_path), "ES", DAYS[1])
            return rows
        return pl.DataFrame(scan(*arguments))

    monkeypatch.setattr(training_rows, name, disturbed)
    if times == 1:
        assert load(lake, entries).equals(plain_rows(["ES"], DAYS[:3]))
    else:
        with pytest.raises(PartitionReplacedError, match="during each of 3 readings"):
            load(lake, entries)
