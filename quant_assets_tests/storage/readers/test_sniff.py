"""Formats told by content."""

import os
import sqlite3
from pathlib import Path

import polars as pl
import pytest
import zstandard

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.sniff import FormatGuess, detect
from quant_assets_tests.storage.readers.reading import read_text

ROW = "2014.05.01,05:00,1.38727,1.38729,1.38706,1.38709,183\n"


def _refused(path: Path) -> FileRejectedError:
    with pytest.raises(FileRejectedError) as refused:
        detect(path)
    return refused.value


def _write(folder: Path, content: bytes) -> Path:
    path = folder / "misleading.dbn.zst.sqlite.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "guess"),
    [
        (b"DBN\x01rest", FormatGuess.DBN),
        (zstandard.compress(b"DBN\x01rest"), FormatGuess.DBN),
        (b"\x50\x2a\x4d\x18\x02\0\0\0xx" + zstandard.compress(b"DBN\x03"), FormatGuess.DBN),
        (b"PAR1....", FormatGuess.PARQUET),
        (ROW.encode(), FormatGuess.TEXT),
        ("# Währung\n".encode("latin-1"), FormatGuess.TEXT),
        (ROW.encode() + b"\0", FormatGuess.TEXT),
        ("\ufeffsep=;\n".encode("utf-16"), FormatGuess.TEXT),
    ],
    ids=["dbn", "zst", "zst_skippable", "parquet", "text", "latin1", "text_with_nul", "utf16"],
)
def test_content_tells_the_format(tmp_path: Path, content: bytes, guess: FormatGuess) -> None:
    """The misleading name changes nothing."""
    assert detect(_write(tmp_path, content)) is guess


def test_a_database_is_told_by_its_header(tmp_path: Path) -> None:
    """Any SQLite file is one, whatever its tables."""
    path = tmp_path / "EURUSD15.csv"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert detect(path) is FormatGuess.SQLITE


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (zstandard.compress(ROW.encode()), "not_dbn"),
        (zstandard.compress(b""), "not_dbn"),
        (b"\x28\xb5\x2f\xfd", "not_dbn"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "not_dbn"),
        (b"PK\x03\x04" + b"x" * 30, "unknown_format"),
        (b"\x1f\x8b\x08" + b"x" * 30, "unknown_format"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 9, "unknown_format"),
    ],
    ids=["empty", "zst_csv", "zst_empty", "zst_cut", "zst_noise", "zip", "gzip", "png"],
)
def test_other_content_is_refused_by_rule(tmp_path: Path, content: bytes, rule: str) -> None:
    """Each refusal names the file and what to do."""
    error = _refused(_write(tmp_path, content))
    assert error.rule == rule
    assert "misleading" in str(error)
    assert error.remedy


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """A folder, a missing path and a pipe nobody writes to do not hang or crash."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("", "pipe", "missing.csv"):
        assert _refused(tmp_path / name).rule == "unreadable_file"


def test_the_name_is_checked_before_the_content(tmp_path: Path) -> None:
    """A name with an encoded path is refused for any format."""
    with pytest.raises(FileRejectedError) as refused:
        read_text(tmp_path, ROW, name="..%2Fescape15.csv")
    assert refused.value.rule == "bad_name"


def test_trades_and_bars_are_told_apart_by_columns(tmp_path: Path) -> None:
    """The same name opens either reader."""
    trades = "timestamp,price,amount,side\n1723161256322,5.5,2,buy\n"
    bars = "time,open,high,low,close\n" + "2014-05-01 05:00,1,1,1,1\n"
    assert read_text(tmp_path, trades).format == "trades-csv"
    assert read_text(tmp_path, bars).format == "csv-header"
    frame = pl.DataFrame({"ts": [1723161256322], "price": [5.5], "qty": [1.0], "side": ["buy"]})
    frame.write_parquet(tmp_path / "trades.csv")
    assert read_text(tmp_path, (tmp_path / "trades.csv").read_bytes()).format == "trades-parquet"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("02_dbn_empty", "empty_file"),
        ("16_parquet_zero_byte", "empty_file"),
        ("24_dbn_is_text", "not_dbn"),
    ],
)
def test_bad_cases_are_refused_by_content(shared_data: Path, case: str, rule: str) -> None:
    """The real bad files end by rule, whatever they are called."""
    (path,) = (shared_data / "bad" / case).iterdir()
    assert _refused(path).rule == rule


@pytest.mark.shared
def test_good_files_are_told(shared_data: Path) -> None:
    """Every good file of the shared set is known by its first bytes."""
    assert detect(shared_data / "futures" / "futures_ticks.sqlite") is FormatGuess.SQLITE
    dbn = sorted((shared_data / "dbn").rglob("*.dbn*"))
    assert len(dbn) > 20
    fragments = {path for path in dbn if ".frag" in path.name}
    assert {detect(path) for path in dbn if path not in fragments} == {FormatGuess.DBN}
