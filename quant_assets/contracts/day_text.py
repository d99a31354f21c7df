"""A session's JSON straight from columns: the bytes that `json.dumps` gives of its objects."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial

import numpy as np
import polars as pl

from quant_assets.contracts.model import Level, OrderFlow, Prices, Running
from quant_assets.contracts.schema import (
    FOOTPRINT_COLUMNS,
    ORDER_FLOW_COLUMNS,
    PRICE_COLUMNS,
    STRETCHES,
    level_columns,
    running_columns,
)
from quant_assets.levels.schema import LEVEL_NAMES

_STAMP = "%Y-%m-%dT%H:%M:%S%.9fZ"
"""An instant as ISO 8601 in UTC with nine decimals, in the letters of chrono."""

_PLAIN_FROM, _PLAIN_BELOW = 1e-4, 1e16
"""Magnitudes that Python and Polars both write without an exponent."""

_BAR = (
    '{"bar_start":"%s","known_at":"%s","prices":%s,"order_flow":%s,"atr":%s,"levels":{'
    + ",".join(f'"{name}":%s' for name in LEVEL_NAMES)
    + "}"
    + "".join(f',"{stretch}":%s' for stretch in STRETCHES)
    + ',"footprint":[%s]}'
)

_LEVELS = [level_columns(name) for name in LEVEL_NAMES]
_RUNNING = [running_columns(stretch) for stretch in STRETCHES]

Texts = Mapping[str, pl.Series]
"""JSON values by column, a row each."""


def day_text(rows: pl.DataFrame, footprint: pl.DataFrame | None = None) -> str:
    """Return the JSON of one session, without blanks; parameters are those of `day_of`.

    It is what `json.dumps` gives of `day_to_json(day_of(rows, footprint))`, to the byte.

    Raises
    ------
    ValueError
        If a number is infinite or none at all, which JSON cannot hold.
    """
    texts = _value_texts(rows)
    bars = zip(
        rows["bar_start"].dt.to_string(_STAMP).to_list(),
        rows["known_at"].dt.to_string(_STAMP).to_list(),
        *_records(texts, [PRICE_COLUMNS], Prices.__slots__),
        *_records(texts, [ORDER_FLOW_COLUMNS], OrderFlow.__slots__),
        texts["atr"].to_list(),
        *_records(texts, _LEVELS, Level.__slots__),
        *_records(texts, _RUNNING, Running.__slots__),
        _footprint_texts(rows["bar_start"], footprint),
        strict=True,
    )
    session, number = rows["session"][0].isoformat(), rows["contract_session"][0]
    told = ",".join([_BAR % values for values in bars])
    return f'{{"session":"{session}","contract_session":{number},"bars":[{told}]}}'


def _records(
    texts: Texts, records: Sequence[Sequence[str]], fields: tuple[str, ...]
) -> Iterator[list[str]]:
    """Return objects of one kind, a list for each record; one without any value is null.

    All are put together in one pass, one below the other: most are short.

    Parameters
    ----------
    records
        Columns of each, in the order of `fields`.
    """
    values = pl.DataFrame(
        [
            pl.concat([texts[column].alias(field) for column in columns])
            for field, columns in zip(fields, zip(*records, strict=True), strict=True)
        ]
    )
    told = values.select(_object(fields)).to_series().to_list()
    height = len(told) // len(records)
    return (told[at * height : (at + 1) * height] for at in range(len(records)))


@cache
def _object(fields: tuple[str, ...]) -> pl.Expr:
    """Return an object a row of its values' texts."""
    keys = [f'{"," if at else "{"}"{field}":' for at, field in enumerate(fields)]
    pairs = zip(map(pl.lit, keys), map(pl.col, fields), strict=True)
    text = pl.concat_str([*(piece for pair in pairs for piece in pair), pl.lit("}")])
    is_nothing = pl.all_horizontal(pl.col(field) == "null" for field in fields)
    return pl.when(is_nothing).then(pl.lit("null")).otherwise(text)


def _footprint_texts(starts: pl.Series, footprint: pl.DataFrame | None) -> list[str]:
    """Return the rows of each bar's footprint, by commas."""
    if footprint is None or footprint.is_empty():
        return [""] * len(starts)
    found: dict[int, list[str]] = {}
    (rows,) = _records(_value_texts(footprint), [FOOTPRINT_COLUMNS], FOOTPRINT_COLUMNS)
    for start, row in zip(footprint["bar_start"].to_physical().to_list(), rows, strict=True):
        found.setdefault(start, []).append(row)
    return [",".join(found.get(start, ())) for start in starts.to_physical().to_list()]


def _value_texts(rows: pl.DataFrame) -> Texts:
    """Return the columns of numbers and flags as JSON values.

    All are written in one pass: a pass over a short column costs more than what it does.
    """
    columns = rows.get_columns()
    reals = [column for column in columns if column.dtype == pl.Float64]
    others = [c for c in columns if c.dtype.is_integer() or c.dtype == pl.Boolean]
    stacked = [_real_texts(reals), *(column.cast(pl.String) for column in others)]
    told = pl.concat([text.alias("") for text in stacked]).fill_null("null")
    return {
        column.name: told.slice(at * rows.height, rows.height)
        for at, column in enumerate([*reals, *others])
    }


def _real_texts(columns: Sequence[pl.Series]) -> pl.Series:
    """Return numbers, one column below the other, as `json.dumps` writes them."""
    values = pl.concat([column.alias("") for column in columns])
    texts = values.cast(pl.String)
    size = np.abs(values.to_numpy())
    is_plain = (size == 0.0) | ((size >= _PLAIN_FROM) & (size < _PLAIN_BELOW))
    others = np.flatnonzero(~is_plain & values.is_not_null().to_numpy())
    if others.size:
        # Python writes 1e-07 where Polars writes 1e-7, and refuses what is no number.
        told = map(partial(json.dumps, allow_nan=False), values.gather(others))
        texts = texts.scatter(others, list(told))
    return texts
