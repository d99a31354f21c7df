"""A text file as blocks of whole lines: UTF-8 or refused, in bounded memory.

Lines end at a line feed; a carriage return before it belongs to the line end. Quotes mean
nothing here, so an unclosed one cannot swallow the rest of a file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa

from quant_assets.market.errors import FileRejectedError

BLOCK_BYTES = 4 << 20
"""Bytes of a block, but for the line that it ends in."""

MAX_LINE_BYTES = 1 << 20
"""A longer line is no row of a market file; it refuses the whole file."""

RAW_BYTES = 1024
"""Bytes of a row that are kept where it is set aside."""

BLANKS = " \t\n\r\x0b\x0c"
"""Characters that a blank line consists of."""

_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_BLANK_BYTES = BLANKS.replace("\n", "").encode()


@dataclass(frozen=True)
class TextBlock:
    """Some whole lines of a file.

    Parameters
    ----------
    lines : DataFrame[place UInt64, line Utf8]
        Lines that are not blank, without line end, and their number in the file from 1.
    n_filled
        Lines that are not blank, counted on the bytes and not on `lines`.
    n_bytes
        Bytes of the block.
    """

    lines: pl.DataFrame
    n_filled: int
    n_bytes: int


def refuse(name: str, *, rule: str, found: str, remedy: str, where: str = "") -> FileRejectedError:
    """Return the error that refuses a file; the caller raises it."""
    return FileRejectedError(
        rule=rule, where=where, asked=f"read {name!r}", found=found, remedy=remedy
    )


def cut_raw(text: str) -> str:
    """Return the first `RAW_BYTES` bytes of a row, cut between characters."""
    return text.encode()[:RAW_BYTES].decode(errors="ignore")


def read_blocks(
    path: Path, *, name: str | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[TextBlock]:
    """Give a file's lines in blocks; a byte order mark at its start is skipped.

    Raises
    ------
    FileRejectedError
        Rules `bad_encoding` and `nul_byte` with the byte's position from 0, `line_too_long` with
        the line's number.
    """
    told = path.name if name is None else name
    first_line, first_byte = 1, 0
    with path.open("rb") as file:
        for block in _whole_lines(file, told, block_bytes):
            body = block.removeprefix(_BOM) if first_byte == 0 else block
            _check_bytes(body, told, first_byte=first_byte + len(block) - len(body))
            lines = _line_frame(body, first_line)
            _check_lengths(lines, told)
            yield TextBlock(lines.filter(_is_filled()), _count_filled(body), len(block))
            first_line += block.count(b"\n")
            first_byte += len(block)


def _whole_lines(file: BinaryIO, name: str, block_bytes: int) -> Iterator[bytes]:
    """Cut the file at line ends; only the last block may lack one."""
    carried, n_lines = b"", 0
    while chunk := file.read(block_bytes):
        end = chunk.rfind(b"\n") + 1
        if end:
            block = carried + chunk[:end]
            n_lines += block.count(b"\n")
            carried = chunk[end:]
            yield block
        else:
            carried += chunk
        if len(carried) > MAX_LINE_BYTES:
            raise _too_long(name, n_lines + 1)
    if carried:
        yield carried


def _check_bytes(body: bytes, name: str, *, first_byte: int) -> None:
    if first_byte == 0 and body.startswith(_UTF16_BOMS):
        raise _not_utf8(name, 0, "it starts with the byte order mark of UTF-16")
    if (position := body.find(b"\0")) >= 0:
        raise refuse(
            name,
            rule="nul_byte",
            where=f"byte {first_byte + position}",
            found=f"byte {first_byte + position} is NUL, which no text holds",
            remedy="Export or download the file again.",
        )
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        position = first_byte + error.start
        raise _not_utf8(name, position, f"byte {position} is not UTF-8") from error


def _not_utf8(name: str, position: int, found: str) -> FileRejectedError:
    return refuse(
        name,
        rule="bad_encoding",
        where=f"byte {position}",
        found=found,
        remedy="Save the file as UTF-8.",
    )


def _too_long(name: str, line: int) -> FileRejectedError:
    return refuse(
        name,
        rule="line_too_long",
        where=f"line {line}",
        found=f"line {line} has more than {MAX_LINE_BYTES:,} bytes",
        remedy="This is no table of market data, or its line ends are lost.",
    )


def _line_frame(body: bytes, first_line: int) -> pl.DataFrame:
    """Cut valid UTF-8 at its line feeds without a Python string a line."""
    ends = np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n")).astype(np.int32) + 1
    if len(ends) == 0 or ends[-1] != len(body):
        ends = np.append(ends, np.int32(len(body)))
    offsets = np.concatenate([np.zeros(1, np.int32), ends])
    texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(body))
    line = pl.Series("line", texts).str.strip_suffix("\n").str.strip_suffix("\r")
    return pl.DataFrame(
        [pl.Series("place", np.arange(first_line, first_line + len(ends)), pl.UInt64), line]
    )


def _check_lengths(lines: pl.DataFrame, name: str) -> None:
    long = lines.filter(pl.col("line").str.len_bytes() > MAX_LINE_BYTES)
    if long.height:
        raise _too_long(name, long["place"][0])


def _count_filled(body: bytes) -> int:
    """Count lines that are not blank: bytes that follow a line end once blanks are gone."""
    kept = np.frombuffer(b"\n" + body.translate(None, _BLANK_BYTES), np.uint8)
    is_end = kept == ord("\n")
    return int(np.count_nonzero(is_end[:-1] & ~is_end[1:]))


def _is_filled() -> pl.Expr:
    return pl.col("line").str.strip_chars(BLANKS) != ""
