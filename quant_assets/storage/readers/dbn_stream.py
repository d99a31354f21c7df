"""The bytes of a DBN file: decompressed in bounded pieces, with an end that is checked."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quant_assets.market.errors import FileRejectedError

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ASKED = "read a DBN file"
_AGAIN = "Download it again."

Bytes = npt.NDArray[np.uint8]


class DbnStream:
    """A DBN file from its first byte to its end, whether compressed with zstd or not.

    Parameters
    ----------
    source
        Binary stream of decompressed bytes.
    raw
        The file beneath it.
    byte_limit
        Decompressed bytes above which the file counts as a decompression bomb.
    """

    def __init__(self, source: pa.NativeFile, raw: pa.NativeFile, *, byte_limit: int) -> None:
        self._source = source
        self._raw = raw
        self._byte_limit = byte_limit
        self.bytes_read = 0
        """Decompressed bytes so far."""
        self.file_bytes_read = 0
        """Bytes of the file itself so far, for who shows progress."""

    def read(self, count: int) -> bytes:
        """Return `count` bytes, or fewer at the end; memory follows what is there."""
        pieces: list[bytes] = []
        while count > 0:
            piece = np.empty(min(count, 1 << 20), dtype=np.uint8)
            got = self._fill(piece)
            pieces.append(piece[:got].tobytes())
            count -= got
            if got < piece.size:
                break
        return b"".join(pieces)

    def blocks(self, *, record_bytes: int, records: int) -> Iterator[Bytes]:
        """Give the rest of the file in blocks of whole records.

        One block is read ahead while the caller works on the one before. A block's memory is used
        again two blocks later: copy what is to stay.

        Raises
        ------
        FileRejectedError
            Rule `truncated_record`, if the file ends inside a record; or a rule of `_fill`.
        """
        buffers = [np.empty(record_bytes * records, dtype=np.uint8) for _ in range(2)]
        with ThreadPoolExecutor(1, thread_name_prefix="dbn") as ahead:
            turn = 0
            pending: Future[int] = ahead.submit(self._fill, buffers[turn])
            while got := pending.result():
                block = buffers[turn][:got]
                self._check_whole(got, record_bytes)
                turn = 1 - turn
                pending = ahead.submit(self._fill, buffers[turn])
                yield block

    def _check_whole(self, got: int, record_bytes: int) -> None:
        if got % record_bytes:
            raise FileRejectedError(
                rule="truncated_record",
                where=f"byte {self.bytes_read}",
                asked=_ASKED,
                found=f"its end stands {got % record_bytes} bytes into a record of {record_bytes}",
                remedy=_AGAIN,
            )

    def _fill(self, buffer: Bytes) -> int:
        """Fill the buffer as far as the file reaches, and return the bytes read.

        Raises
        ------
        FileRejectedError
            Rule `truncated_file` where a zstd frame has no end, `damaged_file` where it fails its
            checksum or cannot be decoded, `decompression_budget` where the bytes exceed the limit.
        """
        view = buffer.data
        filled = 0
        while filled < len(view):
            try:
                got = self._source.readinto(view[filled:])
            except OSError as error:
                raise self._damaged(error, at=self.bytes_read + filled) from error
            if not got:
                break
            filled += got
        self.bytes_read += filled
        self.file_bytes_read = int(self._raw.tell())
        self._check_budget()
        return filled

    def _check_budget(self) -> None:
        if self.bytes_read > self._byte_limit:
            raise FileRejectedError(
                rule="decompression_budget",
                where="",
                asked=_ASKED,
                found=f"it grows beyond {self._byte_limit} bytes, far more than market data do",
                remedy="If the file is trusted, raise the settings ingest.max_expanded_bytes or"
                " ingest.max_expansion_ratio.",
            )

    def _damaged(self, error: OSError, *, at: int) -> FileRejectedError:
        """Say what is wrong with a zstd frame."""
        text = " ".join(str(error).split())
        return FileRejectedError(
            rule="truncated_file" if "Truncated" in text else "damaged_file",
            where=f"decompressed byte {at}",
            asked=_ASKED,
            found=text,
            remedy=_AGAIN,
        )


@contextmanager
def open_dbn(path: Path, *, budget_bytes: int, budget_ratio: float) -> Iterator[DbnStream]:
    """Open a DBN file by its content.

    A compressed file may grow to the larger of `budget_bytes` and `budget_ratio` times its size.

    Raises
    ------
    FileRejectedError
        Rule `empty_file`.
    """
    size = path.stat().st_size
    if size == 0:
        raise FileRejectedError(
            rule="empty_file", where="", asked=_ASKED, found="the file is empty", remedy=_AGAIN
        )
    with pa.OSFile(str(path), "rb") as raw:
        is_packed = raw.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC
        raw.seek(0)
        limit = max(budget_bytes, int(budget_ratio * size))
        source = pa.CompressedInputStream(raw, "zstd") if is_packed else raw
        yield DbnStream(source, raw, byte_limit=limit)
