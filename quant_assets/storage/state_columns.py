"""Columns of a state database that another version of the package has made.

What can be added without a choice is added: a column that may be null or has a default. Any other
difference is said and nothing is changed, so that no version reads or overwrites rows that it does
not understand.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from quant_assets.market.errors import StateError


class AddColumn(sa.schema.ExecutableDDLElement):
    """`ALTER TABLE ... ADD COLUMN`, in the words of the database at hand."""

    def __init__(self, column: sa.Column[Any]) -> None:
        self.column = column


@compiles(AddColumn)
def _in_sql(element: AddColumn, compiler: Any, **_options: object) -> str:
    """Write the statement; name, type and default come from the schema, quoted by the dialect."""
    table = compiler.preparer.format_table(element.column.table)
    return f"ALTER TABLE {table} ADD COLUMN {compiler.get_column_specification(element.column)}"


def lacking_columns(engine: sa.Engine, metadata: sa.MetaData) -> list[sa.Column[Any]]:
    """Return the columns that the tables of an earlier version lack, and that can be added.

    Raises
    ------
    StateError
        If one cannot be added, or a table has a column that the schema does not know.
    """
    lacking: list[sa.Column[Any]] = []
    unknown: list[str] = []
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            rows: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(table).limit(0)
            there = list(connection.execute(rows).keys())
            lacking += [column for column in table.columns if column.name not in there]
            unknown += [f"{table.name}.{name}" for name in there if name not in table.columns]
    if unknown:
        raise _newer(engine, unknown)
    if needed := [str(column) for column in lacking if not _can_be_added(column)]:
        raise _too_old(engine, needed)
    return lacking


def _can_be_added(column: sa.Column[Any]) -> bool:
    """Whether the rows that are there already can do with a null or the default."""
    has_value = column.nullable or column.server_default is not None
    return has_value and not column.primary_key


def _newer(engine: sa.Engine, unknown: list[str]) -> StateError:
    """Say that a later version has made the database."""
    return StateError(
        asked=f"open the state database {engine.url.render_as_string()}",
        found=f"a newer version of quant_assets made it, with {_columns(unknown)}",
        remedy="Install that version, or name another database with QUANT_STATE_URL;"
        " this one is left as it is.",
    )


def _too_old(engine: sa.Engine, needed: list[str]) -> StateError:
    """Say that an earlier version has made the database, without what has no default."""
    return StateError(
        asked=f"open the state database {engine.url.render_as_string()}",
        found=f"an earlier version of quant_assets made it, without {_columns(needed)}",
        remedy="Go on with that version; or name a new database with QUANT_STATE_URL and run"
        " `quant lake reindex`, which reads the index from the lake. This one is left as it is.",
    )


def _columns(names: list[str]) -> str:
    """Name columns, each as `table.column`."""
    return f"column{'s' if len(names) > 1 else ''} {', '.join(names)}"
