"""Blocks of lines: nothing lost, nothing joined, bounded memory."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.market.errors import FileRejectedError
from quant_assets.storage.readers.text import MAX_LINE_BYTES, RAW_BYTES, cut_raw, read_blocks

BLANK = " \t\r\x0b\x0c"
PIECES = st.sampled_from(["a", "1.5", ",", '"', "é", "€", " ", "\t", "\r", "\n", "\r\n", "\x0b"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("text")


def _refused(path: Path) -> FileRejectedError:
    with pytest.raises(FileRejectedError) as refused:
        list(read_blocks(path))
    return refused.value


@settings(deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.integers(1, 20), st.booleans())
def test_every_line_that_is_not_blank_comes_once_with_its_number(
    folder: Path, text: str, block_bytes: int, has_bom: bool
) -> None:
    """Whatever the block size, lines and numbers are those of a plain split."""
    path = folder / "input"
    path.write_bytes((b"\xef\xbb\xbf" if has_bom else b"") + text.encode())
    expected = [
        (number, line.removesuffix("\r"))
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip(BLANK)
    ]
    block_bytes += 3 if has_bom else 0
    blocks = list(read_blocks(path, block_bytes=block_bytes))
    assert [row for block in blocks for row in block.lines.iter_rows()] == expected
    assert sum(block.n_filled for block in blocks) == len(expected)
    assert sum(block.n_bytes for block in blocks) == path.stat().st_size


@pytest.mark.parametrize("block_bytes", [1, 7, 1 << 20])
def test_a_byte_that_is_not_utf8_is_named_by_position(folder: Path, block_bytes: int) -> None:
    """The position counts from the file's start, also behind a byte order mark."""
    path = folder / "latin1"
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + b"a,b\nc,\xe4\n")
        with pytest.raises(FileRejectedError) as refused:
            list(read_blocks(path, block_bytes=block_bytes + len(mark)))
        assert (refused.value.rule, refused.value.where) == (
            "bad_encoding",
            f"byte {len(mark) + 6}",
        )


def test_nul_and_utf16_are_refused(folder: Path) -> None:
    """Neither is taken for text."""
    path = folder / "nul"
    path.write_bytes(b"a,b\nc,\0\n")
    assert (_refused(path).rule, _refused(path).where) == ("nul_byte", "byte 6")
    path.write_bytes("time,open\n".encode("utf-16"))
    assert _refused(path).rule == "bad_encoding"


@pytest.mark.parametrize("is_ended", [True, False])
def test_a_giant_line_is_refused_with_its_number(folder: Path, is_ended: bool) -> None:
    """It is refused whether or not it ends."""
    path = folder / "giant"
    path.write_bytes(b"a\nb\n" + b"x" * (MAX_LINE_BYTES + 1) + (b"\nc\n" if is_ended else b""))
    assert (_refused(path).rule, _refused(path).where) == ("line_too_long", "line 3")


def test_a_line_of_gigabytes_takes_little_memory(folder: Path) -> None:
    """Reading stops soon after the bound; a sparse file stands for two gigabytes."""
    path = folder / "sparse"
    with path.open("wb") as file:
        file.write(b"a\n" + b"x" * (16 << 20))
        file.truncate(2 << 30)
    tracemalloc.start()
    try:
        assert _refused(path).rule == "line_too_long"
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
        path.unlink()


def test_a_line_at_the_bound_is_read(folder: Path) -> None:
    """The bound itself is allowed."""
    path = folder / "bound"
    path.write_bytes(b"x" * MAX_LINE_BYTES + b"\n")
    assert [block.n_filled for block in read_blocks(path)] == [1]


@settings(deadline=None)
@given(st.text(max_size=3000))
def test_a_kept_row_is_a_prefix_of_at_most_a_kilobyte(text: str) -> None:
    """The cut falls between characters."""
    cut = cut_raw(text)
    assert text.startswith(cut)
    assert len(cut.encode()) <= RAW_BYTES
    assert len(text.encode()) <= RAW_BYTES or len(cut.encode()) > RAW_BYTES - 4
