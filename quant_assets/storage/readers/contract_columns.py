"""The JSON of a day as columns, without objects between: parsed by Arrow into what is wanted."""

from datetime import date
from functools import cache
from typing import Any

import polars as pl

from quant_assets.contracts.model import Level, OrderFlow, Prices, Running
from quant_assets.contracts.objects import FLAT_TYPES
from quant_assets.contracts.schema import (
    CONTRACT_TABLE,
    ORDER_FLOW_COLUMNS,
    PRICE_COLUMNS,
    STRETCHES,
    level_columns,
    running_columns,
)
from quant_assets.levels.schema import LEVEL_NAMES

_DEPTH = 3
"""How deep a figure stands in a bar: `levels.session_vwap.price`."""


def _inside(place: str, columns: tuple[str, ...], kind: type) -> dict[str, str]:
    """Return where the columns of a record stand."""
    fields: tuple[str, ...] = kind.__slots__  # type: ignore[attr-defined]
    return {column: f"{place}.{field}" for column, field in zip(columns, fields, strict=True)}


PLACES: dict[str, str] = {
    **{name: name for name in ("bar_start", "known_at", "atr", "footprint")},
    **_inside("prices", PRICE_COLUMNS, Prices),
    **_inside("order_flow", ORDER_FLOW_COLUMNS, OrderFlow),
    **{
        column: place
        for name in LEVEL_NAMES
        for column, place in _inside(f"levels.{name}", level_columns(name), Level).items()
    },
    **{
        column: place
        for name in STRETCHES
        for column, place in _inside(name, running_columns(name), Running).items()
    },
}
"""Where each column of `contract.parquet` stands in the JSON of a bar."""

_REQUIRED = tuple(
    name for name, column in CONTRACT_TABLE.schema.columns().items() if not column.nullable
)


def flat_of_json(text: str) -> pl.DataFrame:
    """Return the rows of a day in the columns of `contract.parquet`; `contract` is null.

    It takes more than a contract's file may hold, and not its whole meaning: order and number of
    keys and the form of numbers are not looked at. Write it again to know.

    Raises
    ------
    pyarrow.ArrowException, ValueError
        If it is no JSON, has other keys, or a value does not fit its column.
    """
    import pyarrow as pa
    from pyarrow import json

    raw = text.encode()
    day = json.read_json(
        pa.BufferReader(raw),
        # One block: it takes no second thread, and a day may be of any size.
        read_options=json.ReadOptions(use_threads=False, block_size=len(raw) + 1),
        parse_options=json.ParseOptions(
            explicit_schema=_schema(), unexpected_field_behavior="error"
        ),
    )
    bars = pa.Table.from_struct_array(day["bars"].combine_chunks().flatten())
    for _ in range(_DEPTH - 1):
        bars = bars.flatten()
    told = pl.DataFrame(bars.select(list(PLACES.values())).rename_columns(list(PLACES)))
    same = {
        "session": date.fromisoformat(day["session"][0].as_py()),
        "contract_session": day["contract_session"][0].as_py(),
        "contract": None,
    }
    columns = told.to_dict() | {
        name: pl.Series(name, [value], FLAT_TYPES[name]).new_from_index(0, told.height)
        for name, value in same.items()
    }
    return pl.DataFrame([columns[name] for name in FLAT_TYPES])


def is_whole(rows: pl.DataFrame, footprint: pl.DataFrame) -> bool:
    """Return whether no figure is null that may not be, alone or where others stand beside it."""
    flow = rows.select(ORDER_FLOW_COLUMNS)
    unknown = flow.to_series().is_null()
    return (
        not any(rows[name].null_count() for name in _REQUIRED)
        and not any(column.null_count() for column in footprint)
        and all(column.is_null().equals(unknown) for column in flow)
    )


@cache
def _schema() -> Any:
    """Return the types of a day in JSON."""
    import pyarrow as pa

    flat = pl.DataFrame(schema=FLAT_TYPES).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    bar: dict[str, Any] = {}
    for column, place in PLACES.items():
        *outer, name = place.split(".")
        record = bar
        for key in outer:
            record = record.setdefault(key, {})
        record[name] = flat.field(column).type
    bar["footprint"] = pa.list_(flat.field("footprint").type.value_type)
    day = {"session": pa.string(), "contract_session": pa.uint32()}
    return pa.schema([*day.items(), ("bars", pa.list_(_struct(bar)))])


def _struct(record: dict[str, Any]) -> Any:
    """Return a record of types as one type."""
    import pyarrow as pa

    return pa.struct(
        [(name, _struct(kind) if isinstance(kind, dict) else kind) for name, kind in record.items()]
    )
