"""A look at any Parquet file: its end, its columns, and where it came from."""

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from quant_assets.cli.main import app
from quant_assets.market.errors import InputError
from quant_assets.storage.peek import describe_file, last_rows
from quant_assets_tests.storage.prices import DAILY, open_lake, put

ANY = pa.table(
    {
        "when": pa.array([datetime(2024, 1, 2, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
        "bytes": pa.array([b"a", None, b"c"]),
        "amount": pa.array([Decimal("1.10"), None, None], pa.decimal128(10, 2)),
        "levels": pa.array([[{"price": 1.0}], [], None]),
        "word": pa.array(["x", "y", "x"]).dictionary_encode(),
    }
)


@pytest.fixture
def file(tmp_path):
    """A file that this project did not write, of one row a row group."""
    path = tmp_path / "any.parquet"
    pq.write_table(ANY, path, row_group_size=1)
    return path


def test_the_last_rows_of_any_file_are_shown(file):
    """Whatever the types, in the file's order."""
    assert last_rows(file, 2).height == 2
    assert last_rows(file, 2)["word"].to_list() == ["y", "x"]
    assert last_rows(file, 0).height == 0
    assert last_rows(file, 99).height == 3


def test_columns_row_groups_and_sizes_are_told(file):
    """Each column with type, nulls and bytes; each row group with its rows."""
    text = describe_file(file)
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert text.startswith("3 rows, 5 columns, 3 row groups, ")
    assert f"{file.stat().st_size:,} bytes" in text
    assert "Binary" in lines["bytes"]
    assert lines["bytes"].split()[-4] == "1"
    assert "Decimal" in lines["amount"]
    assert "List" in lines["levels"]
    assert lines["bytes"].split()[-1] == "snappy"
    meta = pq.read_metadata(file)
    stored = sum(meta.row_group(g).column(1).total_compressed_size for g in range(3))
    assert f"{stored:,}" in lines["bytes"]
    assert "row group  rows" in text
    assert "lineage" not in text


def test_a_file_of_the_lake_tells_its_lineage(tmp_path):
    """Inputs, code version and parameters stand in its footer."""
    entry = put(open_lake(tmp_path), DAILY, 7)
    text = describe_file(tmp_path / "lake" / entry.path)
    assert '"raw/0": "v70"' in text
    assert '"code_version": "c0de"' in text


def test_an_empty_file_is_described(tmp_path):
    """No rows, and still its columns."""
    path = tmp_path / "empty.parquet"
    pl.DataFrame(schema={"a": pl.Int64}).write_parquet(path)
    assert describe_file(path).startswith("0 rows, 1 columns")
    assert last_rows(path, 5).height == 0


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and no more"])
def test_what_is_no_parquet_file_is_said(tmp_path, content):
    """Absent, empty or cut: the message names the file."""
    path = tmp_path / "no.parquet"
    if content is not None:
        path.write_bytes(content)
    for look in (describe_file, lambda p: last_rows(p, 3)):
        with pytest.raises(InputError, match=r"look into no\.parquet"):
            look(path)


def test_a_folder_is_no_parquet_file(tmp_path, file):
    """Also where it holds some: one file is looked into."""
    assert file.parent == tmp_path
    with pytest.raises(InputError, match="is a folder"):
        last_rows(tmp_path, 3)


def test_a_wide_file_is_shown_column_by_column(tmp_path):
    """Two hundred columns side by side could not be read."""
    path = tmp_path / "wide.parquet"
    pl.DataFrame({f"column_{n}": [n, n + 1] for n in range(200)}).write_parquet(path)
    shown = CliRunner().invoke(app, ["peek", str(path), "-n", "1"])
    assert shown.exit_code == 0
    lines = [line for line in shown.stdout.splitlines() if "column_199" in line]
    assert len(lines) == 1
    assert "200" in lines[0]
    asked = CliRunner().invoke(app, ["peek", str(path), "--schema"])
    assert "200 columns" in asked.stdout
