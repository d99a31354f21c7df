"""A table's check against the schema's own verdict, row by row and rule by rule."""

import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import dataframely as dy
import polars as pl
import pytest

import quant_assets
from quant_assets.market.errors import SchemaError
from quant_assets.market.tables import Table

ROWS = 12
"""Rows of a sample."""
DRAWN = 4096
"""Rows drawn at once, of which the schema keeps some: one in a hundred of the widest table."""
WIDE = 40
"""In a table of more columns, which are alike, each column has one fault in turn and not all."""


def _all_tables() -> list[Table]:
    """Return every table that a package's `schema` module declares."""
    found: dict[str, Table] = {}
    package = Path(quant_assets.__file__).parent
    for file in package.rglob("schema.py"):
        module = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        values = vars(importlib.import_module(module)).values()
        found |= {one.name: one for one in values if isinstance(one, Table)}
    return [found[name] for name in sorted(found)]


TABLES = _all_tables()
SCHEMAS_OWN = (dy.exc.ValidationError, dy.exc.SchemaError)


@cache
def _sample(table: Table) -> pl.DataFrame:
    """Return rows that keep the rules of a table, of which none may be null."""
    generator = dy.random.Generator(seed=5)
    columns = table.schema.columns().items()
    drawn = pl.DataFrame({name: column.sample(generator, DRAWN) for name, column in columns})
    sound, _ = table.schema.filter(drawn)
    assert sound.height >= ROWS
    return sound.head(ROWS)


def _breaches(table: Table) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the sample with one rule broken in one row, rule by rule."""
    rows = _sample(table)
    for place, (name, column) in enumerate(table.schema.columns().items()):
        faults = list(_faults(rows, name, column))
        yield from [faults[place % len(faults)]] if rows.width > WIDE else faults
    yield "every row twice", pl.concat([rows, rows])


def _faults(rows: pl.DataFrame, name: str, column: dy.Column) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the sample with each fault that a column's last row, or its type, can have."""
    for label, value in (("null", None), ("nan", float("nan")), ("inf", float("inf"))):
        if value is None or isinstance(column, dy.Float64 | dy.Float32):
            last = pl.int_range(pl.len()) == pl.len() - 1
            changed = pl.when(last).then(pl.lit(value, rows[name].dtype)).otherwise(name)
            yield f"{name} {label}", rows.with_columns(changed.alias(name))
    yield f"{name} type", rows.with_columns(pl.col(name).is_null().alias(name))


def test_tables_of_all_stages_are_found() -> None:
    """The walk over the packages finds tables of early and late stages."""
    assert {"raw_ticks", "raw_bars", "bars", "features", "predictions"} <= {t.name for t in TABLES}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_sound_rows_pass_in_order(table: Table) -> None:
    """Sound rows come out sorted, as the schema itself would give them."""
    rows = _sample(table)
    expected = rows.sort(table.order, maintain_order=True) if table.order else rows
    assert table.check(rows).equals(table.schema.validate(expected))
    assert table.check(rows.select(reversed(rows.columns))).equals(expected)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_verdict_is_the_schemas(table: Table) -> None:
    """What the schema refuses is refused, and nothing else."""
    refusals = []
    for label, rows in _breaches(table):
        refusal = _refusal(table, rows)
        if refusal is None:
            assert table.schema.is_valid(rows, cast=False), label
        else:
            # Not our own verdict: the schema's, which says so by an error of its own.
            assert isinstance(refusal.__cause__, SCHEMAS_OWN), label
        refusals.append(refusal)
    assert any(refusals)


def _refusal(table: Table, rows: pl.DataFrame) -> SchemaError | None:
    """Return why a table's check refuses rows; None where all of them pass."""
    try:
        assert table.check(rows).height == rows.height
    except SchemaError as error:
        return error
    return None


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_empty_rows_pass(table: Table) -> None:
    """No rows break no rule."""
    assert table.check(table.empty()).equals(table.empty())
