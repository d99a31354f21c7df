"""Column chunks, row groups and footer of the published table, as Parquet lays them out.

A column chunk is a dictionary page and one data page of indices into the dictionary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quant_assets.bronze import parquet_thrift as thrift
from quant_assets.bronze.parquet_schema import (
    arrow_schema_pair,
    physical_type,
    published_schema,
    schema_elements,
)
from quant_assets.bronze.parquet_thrift import Value, binary, i32, i64, struct

Codec = Literal["zstd", "lz4_raw"]
Dictionary = npt.NDArray[np.generic] | tuple[str, ...]

MAGIC = b"PAR1"
CREATED_BY = "quant_assets"

# Enumerations of parquet.thrift: Encoding, PageType, CompressionCodec.
_PLAIN, _RLE, _RLE_DICTIONARY = 0, 3, 8
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_CODECS: Mapping[Codec, int] = {"zstd": 6, "lz4_raw": 7}
_FORMAT_VERSION = 2

_ZSTD_LEVEL = 1


@dataclass(frozen=True)
class Column:
    """A column chunk before it is compressed.

    Parameters
    ----------
    dictionary
        Values, numbers or words, that the indices point to.
    occurring
        Those of them that occur, or at least the least and the greatest of these.
    page : uint8 array
        Definition levels, width of an index in bits, indices.
    """

    dictionary: Dictionary
    occurring: Dictionary
    page: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Chunk:
    """A column chunk as it stands in a file.

    Parameters
    ----------
    parts
        Header and content of the dictionary page, then of the data page.
    plain_size
        Bytes that the chunk would take uncompressed.
    statistics
        Structure `Statistics`.
    """

    parts: tuple[bytes | pa.Buffer, ...]
    plain_size: int
    statistics: Value

    @classmethod
    def of(cls, column: Column, rows: int, codec: Codec) -> Self:
        """Compress both pages and put their headers before them."""
        values = _plain(column.dictionary)
        compressor = pa.Codec(codec, compression_level=_ZSTD_LEVEL if codec == "zstd" else None)
        pages = (compressor.compress(values), compressor.compress(column.page))
        heads = (
            _dictionary_head(len(column.dictionary), len(values), len(pages[0])),
            _data_head(rows, column.page.size, len(pages[1])),
        )
        return cls(
            parts=(heads[0], pages[0], heads[1], pages[1]),
            plain_size=sum(map(len, heads)) + len(values) + column.page.size,
            statistics=_statistics(column.occurring),
        )

    @property
    def dictionary_size(self) -> int:
        """Bytes of the dictionary page in the file, behind which the data page begins."""
        return len(self.parts[0]) + len(self.parts[1])

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return sum(map(len, self.parts))


@dataclass(frozen=True)
class EncodedGroup:
    """A row group, ready to be written at any place of a file.

    Parameters
    ----------
    chunks
        Column chunks in the order of the published columns.
    """

    rows: int
    codec: Codec
    chunks: tuple[Chunk, ...]

    @property
    def parts(self) -> Iterator[bytes | pa.Buffer]:
        """What a file holds of it, in order."""
        return chain.from_iterable(chunk.parts for chunk in self.chunks)

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return sum(chunk.size for chunk in self.chunks)

    def described(self, offset: int) -> Value:
        """Return what the footer says of it, where it begins at a byte of the file."""
        columns, at = [], offset
        for field, chunk in zip(published_schema(), self.chunks, strict=True):
            columns.append(self._column(field, chunk, at))
            at += chunk.size
        return struct(
            "RowGroup",
            columns=thrift.list_of(columns),
            total_byte_size=i64(sum(chunk.plain_size for chunk in self.chunks)),
            num_rows=i64(self.rows),
            file_offset=i64(offset),
            total_compressed_size=i64(self.size),
        )

    def _column(self, field: pa.Field, chunk: Chunk, offset: int) -> Value:
        """Return what the footer says of one column chunk."""
        data = struct(
            "ColumnMetaData",
            type=i32(physical_type(field.type)),
            encodings=thrift.list_of([i32(_PLAIN), i32(_RLE), i32(_RLE_DICTIONARY)]),
            path_in_schema=thrift.list_of([binary(field.name)]),
            codec=i32(_CODECS[self.codec]),
            num_values=i64(self.rows),
            total_uncompressed_size=i64(chunk.plain_size),
            total_compressed_size=i64(chunk.size),
            data_page_offset=i64(offset + chunk.dictionary_size),
            dictionary_page_offset=i64(offset),
            statistics=chunk.statistics,
            encoding_stats=thrift.list_of(
                [_pages_of(_DICTIONARY_PAGE, _PLAIN), _pages_of(_DATA_PAGE, _RLE_DICTIONARY)]
            ),
        )
        return struct("ColumnChunk", file_offset=i64(0), meta_data=data)


def file_tail(groups: Sequence[Value], rows: int, metadata: Mapping[str, str]) -> bytes:
    """Return what ends a file: the footer, its length and the magic.

    Parameters
    ----------
    groups
        What `EncodedGroup.described` says of each, in order.
    rows
        Rows of the file.
    metadata
        Pairs that the footer is to hold besides the Arrow schema.
    """
    pairs: dict[str, str | bytes] = {**metadata, **arrow_schema_pair()}
    order = struct("ColumnOrder", TYPE_ORDER=struct("TypeDefinedOrder"))
    _, footer = struct(
        "FileMetaData",
        version=i32(_FORMAT_VERSION),
        schema=thrift.list_of(schema_elements()),
        num_rows=i64(rows),
        row_groups=thrift.list_of(groups),
        key_value_metadata=thrift.list_of(
            [struct("KeyValue", key=binary(k), value=binary(v)) for k, v in pairs.items()]
        ),
        created_by=binary(CREATED_BY),
        column_orders=thrift.list_of([order] * len(published_schema())),
    )
    return footer + len(footer).to_bytes(4, "little") + MAGIC


def _pages_of(kind: int, encoding: int) -> Value:
    """Return that a column chunk has one page of a kind."""
    return struct("PageEncodingStats", page_type=i32(kind), encoding=i32(encoding), count=i32(1))


def _dictionary_head(values: int, plain_size: int, size: int) -> bytes:
    """Return the header of a dictionary page."""
    head = struct("DictionaryPageHeader", num_values=i32(values), encoding=i32(_PLAIN))
    return _head(_DICTIONARY_PAGE, plain_size, size, dictionary_page_header=head)


def _data_head(rows: int, plain_size: int, size: int) -> bytes:
    """Return the header of a data page."""
    head = struct(
        "DataPageHeader",
        num_values=i32(rows),
        encoding=i32(_RLE_DICTIONARY),
        definition_level_encoding=i32(_RLE),
        repetition_level_encoding=i32(_RLE),
    )
    return _head(_DATA_PAGE, plain_size, size, data_page_header=head)


def _head(kind: int, plain_size: int, size: int, **head: Value) -> bytes:
    """Return a page header."""
    sizes = {"uncompressed_page_size": i32(plain_size), "compressed_page_size": i32(size)}
    return struct("PageHeader", type=i32(kind), **sizes, **head)[1]


def _plain(dictionary: Dictionary) -> bytes:
    """Return values in PLAIN encoding."""
    if isinstance(dictionary, tuple):
        return b"".join(len(word).to_bytes(4, "little") + word.encode() for word in dictionary)
    return dictionary.astype(dictionary.dtype.newbyteorder("<"), copy=False).tobytes()


def _statistics(dictionary: Dictionary) -> Value:
    """Return bounds of the values, by which readers leave row groups out; none is null or NaN."""
    if isinstance(dictionary, tuple):
        least, greatest = min(dictionary).encode(), max(dictionary).encode()
    else:
        least, greatest = (_plain(bound) for bound in _bounds(dictionary))
    return struct(
        "Statistics",
        null_count=i64(0),
        max_value=binary(greatest),
        min_value=binary(least),
    )


def _bounds(values: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.generic], ...]:
    """Return the least and the greatest, with such zeros as bound zeros of either sign."""
    least, greatest = values.min(keepdims=True), values.max(keepdims=True)
    if values.dtype == np.float32:
        least[least == 0.0] = -0.0
        greatest[greatest == 0.0] = 0.0
    return least, greatest
