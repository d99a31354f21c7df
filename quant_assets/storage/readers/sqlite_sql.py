"""SQL text for tick databases: identifiers are quoted here and nowhere else."""

from collections.abc import Sequence

TABLES = "SELECT name, type, coalesce(sql, '') FROM sqlite_master WHERE type IN ('table', 'view')"
"""Name, type and SQL of each table and view."""

COLUMNS = "SELECT name FROM pragma_table_info(?)"
"""Columns of the table bound to it."""


def quote_identifier(name: str) -> str:
    """Return a name as an SQL identifier, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return a text as an SQL literal, whatever characters it holds but NUL."""
    return "'" + text.replace("'", "''") + "'"


def root_of(table: str) -> str:
    """Return the query of the first page of a table."""
    parts = ["SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name ="]
    return " ".join([*parts, quote_text(table)])


def fields_of(table: str) -> str:
    """Return the query of a table's fields in order of their records.

    Name, place in the primary key or 0, indexes of that key, and whether it is computed or hidden.
    """
    name = quote_text(table)
    parts = ["SELECT name, pk, (SELECT count(*) FROM pragma_index_list(", name]
    parts += [") WHERE origin = 'pk'), hidden FROM pragma_table_xinfo(", name, ") ORDER BY cid"]
    return " ".join(parts)


def count_rows(table: str) -> str:
    """Return the query that counts the rows of a table or view."""
    return " ".join(["SELECT count(*) FROM", quote_identifier(table)])


def row_ids(table: str) -> str:
    """Return the query of the row count, the least and the largest rowid."""
    name = quote_identifier(table)
    parts = ["SELECT (SELECT count(*) FROM", name, "), (SELECT min(rowid) FROM", name]
    return " ".join([*parts, "), (SELECT max(rowid) FROM", name, ")"])


def select_typed(table: str, columns: Sequence[str | None], *, with_rowid: bool) -> str:
    """Return the query of a stamp column and number columns, in rowid order.

    A first row, which the reader drops, holds a text and fractions: the driver takes the columns'
    types from the first rows, and from then on it turns whole numbers into fractions but refuses a
    text among them. `NOT INDEXED` keeps the order of rowids. None stands for a missing column.
    """
    seed = ["''", *(["0.5"] * (len(columns) - 1))]
    fields = _fields(columns)
    if with_rowid:
        seed.append("0")
        fields.append("rowid")
    parts = ["SELECT", ", ".join(seed), "UNION ALL SELECT", ", ".join(fields), "FROM"]
    return " ".join([*parts, quote_identifier(table), "NOT INDEXED"])


def select_plain(table: str, columns: Sequence[str | None], *, with_rowid: bool) -> str:
    """Return the query of the columns as they are, in rowid order."""
    fields = _fields(columns) + (["rowid"] if with_rowid else [])
    parts = ["SELECT", ", ".join(fields), "FROM", quote_identifier(table), "NOT INDEXED"]
    return " ".join(parts)


def _fields(columns: Sequence[str | None]) -> list[str]:
    return ["NULL" if column is None else quote_identifier(column) for column in columns]
