"""Rows as features of a model: every figure of theirs, and nothing that names a row."""

import polars as pl
from polars import selectors

_KEYS = ("session", "bar_start")


def learning_frame(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of features, or of the flat table, as a model learns from them.

    Returns
    -------
    DataFrame
        Columns session and bar_start, then each number and flag of the table as Float64, in its
        order; a flag is 1 or 0, what is not known stays null. Text and other instants are left
        out.
    """
    figures = (selectors.numeric() | selectors.boolean()) - selectors.by_name(*_KEYS)
    return rows.select(*_KEYS, figures.cast(pl.Float64))
