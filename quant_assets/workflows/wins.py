"""Wins as a lazy table: found anew from bars when they are read, or pruned from stored rows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.io.plugins import register_io_source

from quant_assets.bronze.chunks import row_groups, search_blocks
from quant_assets.bronze.engine import Search
from quant_assets.bronze.presets import Grid
from quant_assets.bronze.schema import BRONZE_TRADES
from quant_assets.market.errors import InputError
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipes.bronze_window import bronze_window, search_of, with_levels
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

BATCH_ROWS = 1_000_000

Range = tuple[float, float]
_ANY: Range = (0.0, math.inf)


@dataclass(frozen=True)
class Slice:
    """Which wins are wanted.

    Parameters
    ----------
    symbol
        Symbol of the bars.
    first, last
        Sessions of the entries, both included.
    grid
        In place of the one that the settings give the symbol: any levels, no matter what is stored.
    direction
        `buy` or `sell`; default both.
    sl, tp
        Least and largest ratio, both included: only these levels are searched.
    """

    symbol: str
    first: date
    last: date
    grid: Grid | None = None
    direction: Literal["buy", "sell"] | None = None
    sl: Range = _ANY
    tp: Range = _ANY


def scan_wins(workspace: Workspace, wanted: Slice) -> pl.LazyFrame:
    """Return the wins of some sessions as a lazy frame; they are found when it is collected.

    The rows are those of `bronze_trades` to the bit, in its order, whether it is stored or not.
    Columns, filters and `head` of the query are applied batch by batch, so memory does not grow
    with the wins; only bars are read.

    Raises
    ------
    InputError
        When it is collected, if the symbol has no bars on these sessions.
    """

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = math.inf if n_rows is None else n_rows
        for batch in _batches(workspace, wanted, min(size or BATCH_ROWS, BATCH_ROWS)):
            rows = batch if predicate is None else batch.filter(predicate)
            rows = rows if columns is None else rows.select(columns)
            rows = rows if rows.height <= left else rows.head(int(left))
            left -= rows.height
            yield rows
            if left <= 0:
                return

    return register_io_source(source, schema=BRONZE_TRADES.empty().schema, is_pure=True)


def read_wins(
    workspace: Workspace, wanted: Slice, *, batch_rows: int = BATCH_ROWS
) -> pa.RecordBatchReader:
    """Return the wins of some sessions as Arrow batches, for DuckDB and others.

    In DuckDB: `duckdb.sql("SELECT tp_ratio, count(*) FROM wins GROUP BY 1")` where `wins` is the
    reader, which can be read once.

    Raises
    ------
    InputError
        If the symbol has no bars on these sessions.
    """
    empty = BRONZE_TRADES.empty().to_arrow()
    batches = _batches(workspace, wanted, batch_rows)
    arrow = (piece for batch in batches for piece in batch.to_arrow().to_batches())
    return pa.RecordBatchReader.from_batches(empty.schema, arrow)


def _batches(workspace: Workspace, wanted: Slice, batch_rows: int) -> Iterator[pl.DataFrame]:
    """Give the wins session by session, in batches of at most so many rows."""
    view = LakeView(workspace)
    has_bars = False
    for session in view.sessions("bars", wanted.symbol):
        if not wanted.first <= session <= wanted.last:
            continue
        window = bronze_window(view, wanted.symbol, session, grid=wanted.grid)
        if window is None:
            continue
        has_bars = True
        grid = with_levels(window.grid, sl=wanted.sl, tp=wanted.tp)
        if grid is not None:
            search = search_of(view, window, grid=grid)
            yield from _rows(workspace, search, window.here, wanted, batch_rows)
    if not has_bars:
        raise InputError(
            asked=f"wins of {wanted.symbol} from {wanted.first} to {wanted.last}",
            found="no bars of these sessions",
            remedy=f"Run `quant materialize bars --symbol {wanted.symbol}` first.",
        )


def _rows(
    workspace: Workspace, search: Search, here: Entry, wanted: Slice, batch_rows: int
) -> Iterator[pl.DataFrame]:
    """Give the wins of one session."""
    chunk = workspace.settings.input_chunk_size
    blocks = search_blocks(search, here.rows, chunk_size=chunk, workers=workspace.threads)
    for group in row_groups(search, blocks, group_size=batch_rows):
        rows = search.rows(group.runs, group.count, skipped=group.skipped)
        if wanted.direction is not None:
            rows = rows.filter(pl.col("trade_type") == wanted.direction)
        yield rows


@dataclass(frozen=True)
class StoredWins:
    """Rows that were read of stored wins, and how much of the files that took."""

    rows: pl.DataFrame
    row_groups_read: int
    row_groups: int


def read_stored_wins(
    workspace: Workspace,
    entries: Sequence[Entry],
    *,
    columns: Sequence[str] | None = None,
    entered_from: datetime | None = None,
    entered_before: datetime | None = None,
) -> StoredWins:
    """Return stored rows of `bronze_trades`; only columns and row groups that hold them are read.

    Parameters
    ----------
    entries
        Of the lake's index.
    columns
        Default all.
    entered_from, entered_before
        Bounds of entry_time, UTC without zone; the second is not included.
    """
    chosen = list(columns or BRONZE_TRADES.schema.column_names())
    bounds = _bounds(entered_from, entered_before)
    frames, n_read, n_all = [BRONZE_TRADES.empty().select(chosen)], 0, 0
    for entry in entries:
        # The version is checked before the file is taken apart.
        workspace.lake.footer(entry)
        with pq.ParquetFile(workspace.lake.root / entry.path) as file:
            wanted = [n for n in range(file.num_row_groups) if _overlaps(file, n, bounds)]
            n_read, n_all = n_read + len(wanted), n_all + file.num_row_groups
            needed = list(dict.fromkeys([*chosen, "entry_time"]))
            read: Any = pl.from_arrow(file.read_row_groups(wanted, columns=needed))
        frames.append(_within(read, bounds).select(chosen))
    return StoredWins(pl.concat(frames), n_read, n_all)


_Bounds = tuple[datetime, datetime]


def _bounds(first: datetime | None, end: datetime | None) -> _Bounds:
    return first or datetime.min, end or datetime.max  # noqa: DTZ901 -- published times are naive


def _overlaps(file: pq.ParquetFile, group: int, bounds: _Bounds) -> bool:
    """Whether a row group may hold entries within bounds, by its statistics."""
    place = file.schema_arrow.get_field_index("entry_time")
    statistics = file.metadata.row_group(group).column(place).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min < bounds[1] and statistics.max >= bounds[0])


def _within(rows: pl.DataFrame, bounds: _Bounds) -> pl.DataFrame:
    """Return the rows whose entry lies within bounds, in the published types."""
    typed = rows.cast({name: BRONZE_TRADES.empty().schema[name] for name in rows.columns})
    first, end = bounds
    if first > datetime.min:  # noqa: DTZ901
        typed = typed.filter(pl.col("entry_time") >= first)
    return typed if end == datetime.max else typed.filter(pl.col("entry_time") < end)  # noqa: DTZ901
