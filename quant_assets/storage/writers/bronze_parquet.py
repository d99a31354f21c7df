"""Files of winning trades, a row group at a time: by pyarrow from rows, or as pages from runs."""

import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Literal, Protocol, Self, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from quant_assets.bronze.engine import Runs, Search
from quant_assets.bronze.pages import Cut, encode_row_group
from quant_assets.bronze.parquet_layout import MAGIC, Codec, EncodedGroup, file_tail
from quant_assets.bronze.parquet_schema import published_schema
from quant_assets.bronze.parquet_thrift import Value

Writer = Literal["pyarrow", "pages"]
Encoded: TypeAlias = EncodedGroup | pa.Table
"""A row group that is made and not written yet: pages, or rows."""

_NO_METADATA: Mapping[str, str] = MappingProxyType({})
_IN_DICTIONARIES = ["entry_time", "trade_type", "entry_price", "sl_ratio", "tp_ratio", "outcome"]
_WITH_STATISTICS = ["entry_time", "exit_time"]
_ZSTD_LEVEL = 1


class BronzeFileWriter:
    """Writes winning trades to a Parquet file: the same rows and schema by either writer.

    Left by an exception, or closed after a write that failed, it writes no footer: what stands
    there then is no Parquet file. To put a whole file into its place is the caller's.

    Parameters
    ----------
    target
        Where the file goes: a path, or a binary file that is open at its start and stays open.
    search
        What found the runs.
    writer
        `pages` encodes runs without making their rows, `pyarrow` makes rows and encodes them.
    metadata
        Pairs that the footer is to hold; they are read when the file is closed.
    codec
        Compression of the pages.
    """

    def __init__(
        self,
        target: Path | str | IO[bytes],
        search: Search,
        *,
        writer: Writer,
        metadata: Mapping[str, str] = _NO_METADATA,
        codec: Codec = "zstd",
    ) -> None:
        kind: type[_Format] = _Pages if writer == "pages" else _Pyarrow
        self._sink = _Sink(target)
        self._format = kind(self._sink, search, codec)
        self._metadata = metadata
        self._is_open = True

    def write_group(self, runs: Runs, count: int, skipped: int = 0) -> None:
        """Append one row group: the rows that `Search.rows` gives for the same runs.

        Raises
        ------
        InputError
            If that is no row, more than a row group may hold, or more than the runs hold.
        OSError
            If the disk is full or refuses.
        """
        self.append(self.encode(runs, count, skipped))

    def encode(self, runs: Runs, count: int, skipped: int = 0) -> Encoded:
        """Make a row group without writing it, in any thread; `append` takes it."""
        return self._format.encode(runs, count, skipped)

    def append(self, group: Encoded) -> None:
        """Append a row group that `encode` made."""
        try:
            self._format.append(group)
        except BaseException:
            self._sink.abandon()
            raise

    def close(self) -> None:
        """Write the footer; a second time does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            self._format.finish(self._metadata)
        except BaseException:
            self._sink.abandon()
            raise
        finally:
            self._sink.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._sink.abandon()
        self.close()


class _Sink(io.RawIOBase):
    """A file that takes all bytes of a write, or none any more once it is given up.

    pyarrow's writer ends its file when it goes, whatever happened to it. So that half a file has
    no footer, what comes after a failure goes nowhere.
    """

    def __init__(self, target: Path | str | IO[bytes]) -> None:
        super().__init__()
        self._is_ours = isinstance(target, Path | str)
        # Open for as long as the writer is.
        self._file: Any = Path(target).open("wb", 0) if isinstance(target, Path | str) else target  # noqa: SIM115
        self._is_abandoned = False

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        """Write all of it."""
        rest = memoryview(content).cast("B")
        size = len(rest)
        while rest and not self._is_abandoned:
            rest = rest[self._file.write(rest) :]
        return size

    def abandon(self) -> None:
        """Let nothing more reach the file."""
        self._is_abandoned = True

    def release(self) -> None:
        """Close the file if it was opened here; what was handed over is flushed."""
        if self._is_ours:
            self._file.close()
        elif not self._is_abandoned:
            self._file.flush()


class _Format(Protocol):
    """How row groups are made, and a file of them is written."""

    def __init__(self, sink: _Sink, search: Search, codec: Codec) -> None: ...

    def encode(self, runs: Runs, count: int, skipped: int) -> Any:
        """Make a row group."""

    def append(self, group: Any) -> None:
        """Write it."""

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Write the footer."""


class _Pages:
    """Row groups made straight from runs."""

    def __init__(self, sink: _Sink, search: Search, codec: Codec) -> None:
        self._sink, self._search, self._codec = sink, search, codec
        self._groups: list[Value] = []
        self._rows = 0
        self._size = self._sink.write(MAGIC)

    def encode(self, runs: Runs, count: int, skipped: int) -> EncodedGroup:
        return encode_row_group(self._search, runs, count, skipped=skipped, codec=self._codec)

    def append(self, group: EncodedGroup) -> None:
        self._sink.write(b"".join(group.parts))
        self._groups.append(group.described(self._size))
        self._rows += group.rows
        self._size += group.size

    def finish(self, metadata: Mapping[str, str]) -> None:
        self._sink.write(file_tail(self._groups, self._rows, metadata))


class _Pyarrow:
    """Row groups of rows, which pyarrow encodes as is cheapest for each column."""

    def __init__(self, sink: _Sink, search: Search, codec: Codec) -> None:
        self._search = search
        self._file = pq.ParquetWriter(
            sink,
            published_schema(),
            compression={"zstd": "zstd", "lz4_raw": "lz4"}[codec],
            compression_level=_ZSTD_LEVEL if codec == "zstd" else None,
            use_dictionary=_IN_DICTIONARIES,
            write_statistics=_WITH_STATISTICS,
        )

    def encode(self, runs: Runs, count: int, skipped: int) -> pa.Table:
        cut = Cut.of(self._search, runs, count, skipped=skipped)
        return self._search.rows(cut.runs, count, skipped=skipped).to_arrow()

    def append(self, group: pa.Table) -> None:
        self._file.write_table(group, row_group_size=group.num_rows)

    def finish(self, metadata: Mapping[str, str]) -> None:
        self._file.add_key_value_metadata(dict(metadata))
        self._file.close()
