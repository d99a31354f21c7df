"""Which format a file has, told by its content and never by its name."""

from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import zstandard

from quant_assets.market.errors import FileRejectedError
from quant_assets.market.instruments import InstrumentBook
from quant_assets.storage.readers.base import Reader, SourceFile
from quant_assets.storage.readers.names import check_name
from quant_assets.storage.readers.text import refuse


class FormatGuess(StrEnum):
    """What the first bytes of a file say it is."""

    SQLITE = "sqlite"
    DBN = "dbn"
    """DBN, plain or in a Zstandard frame."""
    PARQUET = "parquet"
    TEXT = "text"


HEAD_BYTES = 8192
"""Bytes that are looked at."""

CONTROL_SHARE = 0.02
"""A text may hold this share of control bytes; a damaged one is refused by its reader."""

_SQLITE = b"SQLite format 3\0"
_DBN = b"DBN"
_PARQUET = b"PAR1"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
_ARCHIVES = {b"PK\x03\x04": "a ZIP archive or Excel workbook", b"\x1f\x8b": "gzip", b"BZh": "bzip2"}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_MAX_WINDOW = 1 << 27
_TEXT_CONTROLS = frozenset(b"\t\n\r\x0b\x0c\x1b")


def detect(path: Path) -> FormatGuess:
    """Return the format of a file.

    Raises
    ------
    FileRejectedError
        Rule `empty_file`; `not_dbn` where a Zstandard frame holds something else or cannot be
        opened; `unknown_format` for other binary content; `unreadable_file` where there is no
        regular file, or none that may be read.
    """
    try:
        if not path.is_file():
            raise _refuse_unreadable(path, "it is no regular file")
        with path.open("rb") as file:
            return _detect_content(file, path.name)
    except OSError as error:
        raise _refuse_unreadable(path, error.strerror or str(error)) from error


def open_reader(
    source: SourceFile,
    *,
    instruments: InstrumentBook,
    scratch: Path,
    budget_bytes: int | None = None,
    budget_ratio: float | None = None,
) -> Reader:
    """Return the reader of a file's format.

    Parameters
    ----------
    source
        The file; its name must pass `check_name`.
    instruments
        Gives quantity scales of symbols.
    scratch
        Folder for temporary files, outside the input's folder.
    budget_bytes, budget_ratio
        A compressed file may grow to the larger of this size and this multiple of its size; None
        for the reader's own.

    Raises
    ------
    FileRejectedError
        The rules of `check_name` and `detect`, and of the reader that is opened.
    """
    check_name(source.name)
    guess = detect(source.path)
    if guess is FormatGuess.SQLITE:
        from quant_assets.storage.readers.sqlite import TickSqliteReader

        return TickSqliteReader(source, scratch=scratch)
    if guess is FormatGuess.DBN:
        from quant_assets.storage.readers.dbn import BUDGET_BYTES, BUDGET_RATIO, DbnReader

        return DbnReader(
            source,
            instruments.instrument,
            budget_bytes=BUDGET_BYTES if budget_bytes is None else budget_bytes,
            budget_ratio=BUDGET_RATIO if budget_ratio is None else budget_ratio,
        )
    if guess is FormatGuess.PARQUET:
        from quant_assets.storage.readers.trades_parquet import TradesParquetReader

        return TradesParquetReader(source)
    return _open_text(source)


def _open_text(source: SourceFile) -> Reader:
    from quant_assets.storage.readers.csv_table import CsvTable

    table = CsvTable(source)
    if table.dialect.is_trades:
        from quant_assets.storage.readers.trades_csv import TradesCsvReader

        return TradesCsvReader(source, table=table)
    from quant_assets.storage.readers.csv_bars import CsvBarsReader

    return CsvBarsReader(source, table=table)


def _detect_content(file: BinaryIO, name: str) -> FormatGuess:
    head = file.read(HEAD_BYTES)
    if not head:
        raise refuse(
            name,
            rule="empty_file",
            found="it is an empty file",
            remedy="Download or export it again.",
        )
    for magic, guess in (
        (_SQLITE, FormatGuess.SQLITE),
        (_DBN, FormatGuess.DBN),
        (_PARQUET, FormatGuess.PARQUET),
    ):
        if head.startswith(magic):
            return guess
    if head.startswith(_ZSTD) or head[1:4] == _ZSTD_SKIPPABLE:
        return _detect_zstd(file, name)
    _check_text(head, name)
    return FormatGuess.TEXT


def _detect_zstd(file: BinaryIO, name: str) -> FormatGuess:
    """Look at the first bytes inside the frame; nothing else is unpacked."""
    file.seek(0)
    unpacker = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    try:
        with unpacker.stream_reader(file, read_across_frames=True, closefd=False) as stream:
            inside = stream.read(len(_DBN))
    except zstandard.ZstdError as error:
        raise _not_dbn(name, f"its Zstandard frame cannot be opened: {error}") from error
    if inside != _DBN:
        raise _not_dbn(name, "it is compressed with Zstandard and holds no DBN")
    return FormatGuess.DBN


def _not_dbn(name: str, found: str) -> FileRejectedError:
    return refuse(
        name,
        rule="not_dbn",
        found=found,
        remedy="Unpack it first if it is a CSV; else download it again.",
    )


def _check_text(head: bytes, name: str) -> None:
    for magic, told in _ARCHIVES.items():
        if head.startswith(magic):
            raise _unknown(name, f"it is {told}", "Unpack it, or export it as CSV.")
    n_controls = sum(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in head)
    if n_controls > CONTROL_SHARE * len(head) and not head.startswith(_UTF16):
        raise _unknown(
            name,
            "it is binary, and neither SQLite, DBN nor Parquet",
            "Give tick SQLite, DBN, CSV or Parquet.",
        )


def _unknown(name: str, found: str, remedy: str) -> FileRejectedError:
    return refuse(name, rule="unknown_format", found=found, remedy=remedy)


def _refuse_unreadable(path: Path, found: str) -> FileRejectedError:
    return refuse(
        path.name,
        rule="unreadable_file",
        found=found,
        remedy="Check the path and who may read it.",
    )
