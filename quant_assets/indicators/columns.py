"""From arrays to columns of a frame and back, where a hundred of them are turned at once."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from quant_assets.indicators.arrays import FlagArray, FloatArray


def nullable_columns(names: Sequence[str], table: FloatArray) -> list[pl.Series]:
    """Return the rows of a table as Float64 columns, null for NaN.

    One turn for the whole table is much cheaper than one a column.

    Parameters
    ----------
    names
        One a row.
    table
        Shape (n_columns, n_rows).
    """
    n_rows = table.shape[1]
    column = pl.Series(table.ravel(), nan_to_null=True, dtype=pl.Float64)
    return [column.slice(at * n_rows, n_rows).alias(name) for at, name in enumerate(names)]


def changes_of(column: pl.Series) -> FlagArray:
    """Return where a value is another than in the row before, null being a value; shape (n,).

    The first row is none. Mostly nothing changes: a window is of one contract, or of a symbol
    without, and that is seen without a row being moved.
    """
    n_null = column.null_count()
    is_one = n_null == 0 and bool((column == column[0]).all()) if len(column) else True
    if is_one or n_null == len(column):
        return np.zeros(len(column), dtype=np.bool_)
    changes: FlagArray = column.ne_missing(column.shift(1)).to_numpy(writable=True)
    changes[0] = False
    return changes
