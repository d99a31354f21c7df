"""Exports, read back."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import CommitError, InputError
from quant_assets.storage.writers.export import check_export_name, export_frame


@pytest.fixture
def frame():
    """Instants with and without fractions, a null and a float that needs all its digits."""
    stamps = [datetime(2024, 3, 10, 7, 0, tzinfo=UTC), datetime(2024, 3, 10, 7, 0, 0, 250_000, UTC)]
    return pl.DataFrame(
        {
            "session": [date(2024, 3, 10), date(2024, 3, 11)],
            "ts": pl.Series(stamps, dtype=UTC_NS),
            "price": [0.1 + 0.2, None],
        }
    )


def test_csv_has_iso_times_with_offset_and_every_digit(tmp_path, frame):
    """A null is empty, a date a date."""
    export_frame(frame, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == (
        "session,ts,price\n"
        "2024-03-10,2024-03-10T07:00:00+00:00,0.30000000000000004\n"
        "2024-03-11,2024-03-10T07:00:00.250+00:00,\n"
    )


@pytest.mark.parametrize(
    "column",
    [
        pl.col("ts").dt.replace_time_zone(None),
        pl.col("ts").dt.convert_time_zone("Asia/Kolkata"),
        pl.col("ts").dt.cast_time_unit("ms"),
    ],
    ids=["naive", "other_zone", "milliseconds"],
)
def test_an_instant_is_written_the_same_whatever_its_column_type(tmp_path, frame, column):
    """UTC stands in the file; without a zone an instant is UTC, as published columns are."""
    export_frame(frame, tmp_path / "a.csv")
    export_frame(frame.with_columns(column), tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_nanoseconds_are_kept(tmp_path):
    """The last digit of a stamp survives CSV."""
    export_frame(
        pl.DataFrame({"ts": pl.Series([1_710_054_000_000_000_001]).cast(UTC_NS)}),
        tmp_path / "a.csv",
    )
    assert (tmp_path / "a.csv").read_text() == "ts\n2024-03-10T07:00:00.000000001+00:00\n"


def test_parquet_keeps_types_and_values(tmp_path, frame):
    """The same frame comes back, also with lists in it."""
    nested = frame.with_columns(pl.Series("paths", [["a", "b"], []]))
    export_frame(nested, tmp_path / "new" / "A.PARQUET")
    assert pl.read_parquet(tmp_path / "new" / "A.PARQUET").equals(nested, null_equal=True)


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.csv.gz", ".parquet"])
def test_another_ending_is_refused_with_what_to_do(tmp_path, frame, name):
    """Before the work, and before anything is written."""
    with pytest.raises(InputError, match=r"\.parquet or \.csv"):
        export_frame(frame, tmp_path / name)
    with pytest.raises(InputError):
        check_export_name(Path(name))
    assert list(tmp_path.iterdir()) == []


def test_lists_do_not_go_to_csv(tmp_path, frame):
    """The message names the column; no file is left."""
    with pytest.raises(InputError, match="paths"):
        export_frame(frame.with_columns(pl.Series("paths", [["a"], []])), tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_target_that_cannot_be_written_is_a_commit_error(tmp_path, frame, name):
    """A folder stands in its place."""
    (tmp_path / name).mkdir()
    with pytest.raises(CommitError, match=name):
        export_frame(frame, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path, small_disk, name):
    """Half an export is never seen."""
    (tmp_path / name).write_text("old")
    big = pl.DataFrame({"n": range(100_000)}).with_columns(h=pl.col("n").hash())
    with small_disk(), pytest.raises(CommitError, match="File too large"):
        export_frame(big, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"
