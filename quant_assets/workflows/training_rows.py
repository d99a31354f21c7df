"""The rows that models learn from, as one frame."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from quant_assets.storage.index import Entry
from quant_assets.storage.training_rows import load_rows_duckdb, load_rows_polars
from quant_assets.workflows.compaction import compact_where_due
from quant_assets.workflows.workspace import Workspace


def training_rows(
    workspace: Workspace,
    entries: Sequence[Entry],
    *,
    reader: Literal["polars", "duckdb"] = "polars",
) -> pl.DataFrame:
    """Return the rows of some training sets, with their `symbol`, by bar_start and symbol.

    Both readers give the same rows; Polars in less time. A symbol-year of which many days would be
    read one by one is compacted first.

    Raises
    ------
    InputError, LakeError
        As `load_rows_polars`; each row is of the data version of its entry.
    """
    workspace.lake.recover()
    compact_where_due(workspace, entries)
    load = load_rows_duckdb if reader == "duckdb" else load_rows_polars
    return load(workspace.lake, entries)
