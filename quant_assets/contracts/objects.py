"""Between the flat table and the typed objects: both hold the same values."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from quant_assets.bars.footprint_schema import FOOTPRINT
from quant_assets.contracts.model import (
    UNKNOWN_LEVEL,
    Bar,
    Day,
    FootprintRow,
    Level,
    OrderFlow,
    Prices,
    Running,
    check_behind,
)
from quant_assets.contracts.schema import (
    CONTRACT_TABLE,
    FOOTPRINT_COLUMNS,
    ORDER_FLOW_COLUMNS,
    PRICE_COLUMNS,
    STRETCHES,
    level_columns,
    running_columns,
)
from quant_assets.levels.schema import LEVEL_NAMES

FOOTPRINT_TYPE = pl.List(
    pl.Struct({name: FOOTPRINT.empty().schema[name] for name in FOOTPRINT_COLUMNS})
)
"""Type of the column `footprint`: the rows of a bar's footprint, by price."""

FLAT_TYPES: dict[str, pl.DataType] = {
    **CONTRACT_TABLE.empty().schema,
    "footprint": FOOTPRINT_TYPE,
}
"""Columns of `contract.parquet`: those of the flat table, and each bar's footprint."""

Columns = dict[str, list[Any]]


class DayRows(NamedTuple):
    """One session in columns: parameters of `day_of`."""

    rows: pl.DataFrame
    footprint: pl.DataFrame | None = None


def day_of(rows: pl.DataFrame, footprint: pl.DataFrame | None = None) -> Day:
    """Return one session as an object.

    Parameters
    ----------
    rows
        Rows of one session in the columns of `CONTRACT_TABLE`; at least one, in order.
    footprint
        Its footprint in the columns of `FOOTPRINT`, by bar and price; None where it has none.
    """
    columns: Columns = rows.drop("bar_start", "known_at").to_dict(as_series=False)
    starts = rows["bar_start"].to_physical().to_list()
    by_bar = _rows_by_bar(footprint)
    bars = zip(
        starts,
        rows["known_at"].to_physical().to_list(),
        _records(Prices, columns, PRICE_COLUMNS),
        _order_flows(columns),
        columns["atr"],
        _levels(columns),
        *(_records(Running, columns, running_columns(stretch)) for stretch in STRETCHES),
        (by_bar.get(start, ()) for start in starts),
        strict=True,
    )
    return Day(
        session=columns["session"][0],
        contract_session=columns["contract_session"][0],
        bars=tuple(Bar(*values) for values in bars),
    )


def day_of_flat(flat: pl.DataFrame) -> Day:
    """Return one session of `contract.parquet` as an object; its rows hold their footprint."""
    return day_of(*split_flat(flat))


def split_flat(flat: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of one session of `contract.parquet`, and their footprint beside them."""
    told = flat["footprint"]
    footprint = told.explode(empty_as_null=False, keep_nulls=False).struct.unnest()
    of_bar = np.arange(len(told)).repeat(told.list.len().fill_null(0).to_numpy())
    footprint.insert_column(0, flat["bar_start"].gather(of_bar))
    return flat.drop("footprint"), footprint


def rows_in_order(days: Iterable[DayRows]) -> Iterator[DayRows]:
    """Pass days on, one at a time; raises as `in_order`."""
    last: date | None = None
    for day in days:
        session: date = day.rows["session"][0]
        check_behind(session, day.rows["bar_start"].to_physical().to_list(), last=last)
        last = session
        yield day


def flat_of(day: Day, *, contract: str | None) -> pl.DataFrame:
    """Return a session's rows of `contract.parquet`: the inverse of `day_of_flat`."""
    bars = day.bars
    columns: Columns = {
        "session": [day.session] * len(bars),
        "bar_start": [bar.start_ns for bar in bars],
        "known_at": [bar.known_at_ns for bar in bars],
        "contract": [contract] * len(bars),
        "atr": [bar.atr for bar in bars],
        "contract_session": [day.contract_session] * len(bars),
        "footprint": [[_values(row) for row in bar.footprint] for bar in bars],
        **_spread([bar.prices for bar in bars], PRICE_COLUMNS),
        **_spread([bar.order_flow for bar in bars], ORDER_FLOW_COLUMNS),
    }
    for name in LEVEL_NAMES:
        columns |= _spread([bar.levels[name] for bar in bars], level_columns(name))
    for stretch in STRETCHES:
        columns |= _spread([getattr(bar, stretch) for bar in bars], running_columns(stretch))
    return pl.DataFrame(
        [pl.Series(name, columns[name], dtype) for name, dtype in FLAT_TYPES.items()]
    )


def _records(kind: type, columns: Columns, names: Sequence[str]) -> Iterator[Any]:
    """Return a record a bar from columns in the order of its fields."""
    return (kind(*values) for values in zip(*(columns[name] for name in names), strict=True))


def _order_flows(columns: Columns) -> Iterator[OrderFlow | None]:
    """Return the order flow of each bar; it is null as a whole."""
    for values in zip(*(columns[name] for name in ORDER_FLOW_COLUMNS), strict=True):
        yield None if values[0] is None else OrderFlow(*values)


def _levels(columns: Columns) -> Iterator[dict[str, Level]]:
    """Return the levels of each bar by name."""
    by_name = [zip(*(columns[c] for c in level_columns(name)), strict=True) for name in LEVEL_NAMES]
    nothing = (None, None, None)
    for told in zip(*by_name, strict=True):
        yield {
            name: UNKNOWN_LEVEL if values == nothing else Level(*values)
            for name, values in zip(LEVEL_NAMES, told, strict=True)
        }


def _rows_by_bar(footprint: pl.DataFrame | None) -> dict[int, tuple[FootprintRow, ...]]:
    """Return the footprint's rows by the start of their bar, ns."""
    if footprint is None:
        return {}
    found: dict[int, list[FootprintRow]] = {}
    columns = footprint.select(FOOTPRINT_COLUMNS).to_dict(as_series=False)
    rows = _records(FootprintRow, columns, FOOTPRINT_COLUMNS)
    for start, row in zip(footprint["bar_start"].to_physical().to_list(), rows, strict=True):
        found.setdefault(start, []).append(row)
    return {start: tuple(rows) for start, rows in found.items()}


def _spread(records: Sequence[object | None], names: Sequence[str]) -> Columns:
    """Return columns from records, in the order of their fields; a missing record is all null."""
    kind = next((type(one) for one in records if one is not None), None)
    told = [field.name for field in fields(kind)] if kind else [""] * len(names)  # type: ignore[arg-type]
    return {
        name: [None if one is None else getattr(one, field) for one in records]
        for name, field in zip(names, told, strict=True)
    }


def _values(row: FootprintRow) -> dict[str, float]:
    """Return a row of the footprint by column."""
    return {name: getattr(row, name) for name in FOOTPRINT_COLUMNS}
