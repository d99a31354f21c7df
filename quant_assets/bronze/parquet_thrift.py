"""The structures of a Parquet file's headers and footer, in Thrift's compact protocol.

Structures and fields carry the names of the format's `parquet.thrift`; a field's id is its place
in the list of names. Only what the writer of pages needs is here; it needs no
number below zero, so the protocol's zigzag is a shift.
"""

from collections.abc import Sequence

Value = tuple[int, bytes]
"""A type of the compact protocol, and the bytes of a value without its field header."""

_TRUE, _FALSE, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 5, 6, 8, 9, 12

_FIELDS: dict[str, tuple[str, ...]] = {
    "Statistics": ("max", "min", "null_count", "distinct_count", "max_value", "min_value"),
    "StringType": (),
    "NanoSeconds": (),
    "TimeUnit": ("MILLIS", "MICROS", "NANOS"),
    "TimestampType": ("isAdjustedToUTC", "unit"),
    "LogicalType": (
        *("STRING", "MAP", "LIST", "ENUM", "DECIMAL", "DATE"),
        *("TIME", "TIMESTAMP"),
    ),
    "SchemaElement": (
        *("type", "type_length", "repetition_type", "name", "num_children", "converted_type"),
        *("scale", "precision", "field_id", "logicalType"),
    ),
    "DataPageHeader": (
        *("num_values", "encoding", "definition_level_encoding", "repetition_level_encoding"),
    ),
    "DictionaryPageHeader": ("num_values", "encoding"),
    "PageHeader": (
        *("type", "uncompressed_page_size", "compressed_page_size", "crc", "data_page_header"),
        *("index_page_header", "dictionary_page_header"),
    ),
    "PageEncodingStats": ("page_type", "encoding", "count"),
    "ColumnMetaData": (
        *("type", "encodings", "path_in_schema", "codec", "num_values"),
        *("total_uncompressed_size", "total_compressed_size", "key_value_metadata"),
        *("data_page_offset", "index_page_offset", "dictionary_page_offset", "statistics"),
        *("encoding_stats",),
    ),
    "ColumnChunk": ("file_path", "file_offset", "meta_data"),
    "RowGroup": (
        *("columns", "total_byte_size", "num_rows", "sorting_columns", "file_offset"),
        *("total_compressed_size",),
    ),
    "KeyValue": ("key", "value"),
    "TypeDefinedOrder": (),
    "ColumnOrder": ("TYPE_ORDER",),
    "FileMetaData": (
        *("version", "schema", "num_rows", "row_groups", "key_value_metadata", "created_by"),
        *("column_orders",),
    ),
}

_IDS = {name: {f: idx for idx, f in enumerate(names, start=1)} for name, names in _FIELDS.items()}


def i32(number: int) -> Value:
    """Return an integer of zero or more, below 2^31; enumerations are written so too."""
    return _I32, varint(number << 1)


def i64(number: int) -> Value:
    """Return an integer of zero or more, below 2^63."""
    return _I64, varint(number << 1)


def flag(*, value: bool) -> Value:
    """Return a boolean: its type is its value."""
    return _TRUE if value else _FALSE, b""


def binary(value: bytes | str) -> Value:
    """Return bytes, or text as UTF-8."""
    content = value.encode() if isinstance(value, str) else value
    return _BINARY, varint(len(content)) + content


def list_of(values: Sequence[Value]) -> Value:
    """Return a list of values of one type; an empty one is of structures."""
    kind, size = values[0][0] if values else _STRUCT, len(values)
    head = bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + varint(size)
    return _LIST, head + b"".join(content for _, content in values)


def struct(name: str, /, **fields: Value | None) -> Value:
    """Return a structure by its name in `parquet.thrift`; fields that are None are left out."""
    ids = _IDS[name]
    content, before = bytearray(), 0
    for field_id, value in sorted((ids[f], v) for f, v in fields.items() if v is not None):
        content.append((field_id - before) << 4 | value[0])
        content += value[1]
        before = field_id
    return _STRUCT, bytes(content) + b"\0"


def varint(number: int) -> bytes:
    """Return a number of zero or more, seven bits a byte, the least first."""
    content = bytearray()
    while number >= 0x80:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    content.append(number)
    return bytes(content)
