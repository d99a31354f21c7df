"""The published columns as Parquet describes them: pyarrow's own schema, and what is stored how.

pyarrow is asked what it writes for an empty table, so that readers find the types of its files.
"""

from collections.abc import Mapping
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from quant_assets.bronze.parquet_thrift import Value, binary, flag, i32, struct
from quant_assets.bronze.schema import BRONZE_TRADES

# Enumerations of parquet.thrift: Type, FieldRepetitionType, ConvertedType.
_INT64, _FLOAT, _BYTE_ARRAY = 2, 4, 6
_REQUIRED, _OPTIONAL = 0, 1
_UTF8 = 0


@cache
def published_schema() -> pa.Schema:
    """Return the published columns as Arrow types."""
    return BRONZE_TRADES.empty().to_arrow().schema


@cache
def arrow_schema_pair() -> Mapping[str, bytes]:
    """Return the pair by which pyarrow and polars find categories again, as pyarrow writes it."""
    sink = pa.BufferOutputStream()
    pq.write_table(published_schema().empty_table(), sink)
    pairs = pq.read_metadata(pa.BufferReader(sink.getvalue())).metadata
    return {"ARROW:schema": pairs[b"ARROW:schema"]}


def schema_elements() -> list[Value]:
    """Return the root of the schema and its columns, all of which may be null."""
    root = struct(
        "SchemaElement",
        repetition_type=i32(_REQUIRED),
        name=binary("schema"),
        num_children=i32(len(published_schema())),
    )
    return [root, *(_schema_element(field) for field in published_schema())]


def _schema_element(field: pa.Field) -> Value:
    """Return one column of the schema, as pyarrow describes it."""
    physical = physical_type(field.type)
    logical = {_INT64: _naive_nanoseconds(), _BYTE_ARRAY: _text()}
    return struct(
        "SchemaElement",
        type=i32(physical),
        repetition_type=i32(_OPTIONAL),
        name=binary(field.name),
        converted_type=i32(_UTF8) if physical == _BYTE_ARRAY else None,
        logicalType=logical.get(physical),
    )


def physical_type(kind: pa.DataType) -> int:
    """Return how values of an Arrow type are stored."""
    if pa.types.is_dictionary(kind):
        return _BYTE_ARRAY
    return _INT64 if pa.types.is_timestamp(kind) else _FLOAT


def _naive_nanoseconds() -> Value:
    unit = struct("TimeUnit", NANOS=struct("NanoSeconds"))
    stamp = struct("TimestampType", isAdjustedToUTC=flag(value=False), unit=unit)
    return struct("LogicalType", TIMESTAMP=stamp)


def _text() -> Value:
    return struct("LogicalType", STRING=struct("StringType"))
