"""Rows of many sessions and symbols in one frame: through DuckDB or Polars, equal to the bit.

Both read exactly the files that the index names, or the compact ones that stand for them, and no
others. A frame holds rows of the data versions that were asked for; where a writer replaces a file
meanwhile it is read again, or refused.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from quant_assets.market.errors import (
    InputError,
    LakeError,
    PartitionReplacedError,
    TableMissingError,
)
from quant_assets.storage.commit import FOOTER_KEY
from quant_assets.storage.compaction import Source, compacted_or_days, versions_in
from quant_assets.storage.footers import label_of
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Lake

SYMBOL, BAR_START = "symbol", "bar_start"
ORDER = (BAR_START, SYMBOL)
"""Order of the rows; no two share both."""

_TRIES = 3
_NO_END = "9999-12-31"
_FILE = "file_of_row"
_FILES = "FROM read_parquet($files, filename = 'file_of_row', hive_partitioning = false)"
_ARROW_SCHEMA = "ARROW:schema"
_SHOWN = 8

_Scan = Callable[[Sequence[Source], Sequence[str], pl.Schema], pl.DataFrame]


def load_rows_polars(
    lake: Lake,
    entries: Iterable[Entry],
    *,
    columns: Sequence[str] | None = None,
    first: date | None = None,
    last: date | None = None,
) -> pl.DataFrame:
    """Return the rows of some entries, read by Polars.

    Parameters
    ----------
    entries
        Entries of one table and of the same levels but for the symbol, for example all of one
        dataset and timeframe; an entry named twice counts once.
    columns
        Columns wanted, in this order; default all, in the table's order.
    first, last
        Sessions from and to which, both included; default all.

    Returns
    -------
    DataFrame
        The columns, and `symbol` behind them; ordered by (bar_start, symbol).

    Raises
    ------
    InputError
        If the entries are of several tables or levels, or their files differ in columns; a wanted
        column is unknown.
    TableMissingError
        If there is no entry, or the file of one is gone.
    PartitionReplacedError
        If a file holds another version by now.
    LakeError
        If a file is damaged.
    """
    return _load(lake, entries, _scan_polars, columns=columns, first=first, last=last)


def load_rows_duckdb(
    lake: Lake,
    entries: Iterable[Entry],
    *,
    columns: Sequence[str] | None = None,
    first: date | None = None,
    last: date | None = None,
) -> pl.DataFrame:
    """Return the rows of some entries, read by DuckDB; all else is as of `load_rows_polars`."""
    return _load(lake, entries, _scan_duckdb, columns=columns, first=first, last=last)


def _load(
    lake: Lake,
    entries: Iterable[Entry],
    scan: _Scan,
    *,
    columns: Sequence[str] | None,
    first: date | None,
    last: date | None,
) -> pl.DataFrame:
    """Read the files of the entries, again where one was replaced while it was read."""
    wanted = _wanted(entries, first, last)
    for _ in range(_TRIES):
        sources = compacted_or_days(lake, wanted)
        before = _marks(sources)
        schema = _one_schema(lake, sources)
        if schema is None:
            continue
        chosen = _chosen(schema, columns, table=wanted[0].table)
        try:
            rows = scan(sources, sorted({*chosen, BAR_START}), schema)
        # A torn file makes Polars panic, and DuckDB raise errors that share no base with others.
        except (Exception, pl.exceptions.PanicException) as error:
            if before == _marks(sources):
                raise _unreadable(lake, wanted, error) from error
            continue
        if before == _marks(sources):
            return rows.select(*chosen, SYMBOL)
    raise PartitionReplacedError(
        asked=f"read {len(wanted)} partitions of table {wanted[0].table!r}",
        found=f"their files were replaced during each of {_TRIES} readings",
        remedy="Run it again when no writer is at work on them.",
    )


def _wanted(entries: Iterable[Entry], first: date | None, last: date | None) -> list[Entry]:
    """Return the entries of the asked sessions, each once; refuse what is no one table."""
    low, high = label_of(first), label_of(last) or _NO_END
    by_version = {(e.name, e.data_version): e for e in entries if low <= e.session <= high}
    chosen = list(by_version.values())
    if not chosen:
        raise TableMissingError(
            asked=f"read rows of sessions {label_of(first) or '...'} to {label_of(last) or '...'}",
            found="the index names no partition of them",
            remedy="Make them first with `quant materialize`.",
        )
    kinds = sorted({_kind(entry) for entry in chosen})
    if len(kinds) > 1 or len({entry.name for entry in chosen}) < len(chosen):
        raise InputError(
            asked=f"read {len(chosen)} partitions into one frame",
            found=f"they are of {', '.join(kinds[:_SHOWN])}, or of one at two versions",
            remedy="Name one table, and one value of each of its levels but the symbol.",
        )
    return chosen


def _kind(entry: Entry) -> str:
    """Return table and levels of an entry without its symbol."""
    levels = (f"{name}={value}" for name, value in entry.levels.items() if name != SYMBOL)
    return "/".join((entry.table, *levels))


def _chosen(schema: pl.Schema, columns: Sequence[str] | None, *, table: str) -> list[str]:
    """Return the columns to give back, without `symbol`, which stands behind them anyway."""
    chosen = [name for name in columns or schema.names() if name != SYMBOL]
    unknown = sorted({*chosen, BAR_START}.difference(schema.names()))
    if unknown:
        raise InputError(
            asked=f"read columns of table {table!r}",
            found=f"{', '.join(unknown)} is none of them",
            remedy=f"Its columns are {', '.join(schema.names())}.",
        )
    return chosen


def _marks(sources: Iterable[Source]) -> list[tuple[int, int, int] | None]:
    """Return what changes when a file is replaced, None where it is gone."""
    return [_mark(source.path) for source in sources]


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _one_schema(lake: Lake, sources: Sequence[Source]) -> pl.Schema | None:
    """Return the columns that all files share, or None where one was replaced meanwhile.

    Raises where their columns differ, and as `Lake.footer` does for a day of another version.
    """
    by_text: dict[str, Path] = {}
    for source in sources:
        text = _schema_text(source)
        if text is None:
            for entry in source.entries:
                lake.footer(entry)
            return None
        by_text.setdefault(text, source.path)
    try:
        schemas = {path: _schema(path) for path in by_text.values()}
    except FileNotFoundError:
        return None
    (first, wanted), *others = schemas.items()
    for path, schema in others:
        if schema != wanted:
            raise _columns_differ((first, wanted), (path, schema))
    return wanted


def _schema_text(source: Source) -> str | None:
    """Return the schema of a file as its text there; None if it lacks versions of its entries."""
    try:
        told = pl.read_parquet_metadata(source.path)
    except (OSError, pl.exceptions.ComputeError):
        return None
    versions = versions_in(json.loads(told.get(FOOTER_KEY, "{}")))
    if versions != {one.session: one.data_version for one in source.entries}:
        return None
    return told.get(_ARROW_SCHEMA, str(source.path))


def _schema(path: Path) -> pl.Schema:
    """Return the columns of a file; by its path, Polars would expand glob characters in it."""
    with path.open("rb") as handle:
        return pl.Schema(pl.read_parquet_schema(handle))


def _columns_differ(one: tuple[Path, pl.Schema], other: tuple[Path, pl.Schema]) -> InputError:
    """Say in which columns two files differ: in name, type or order."""
    lacking = [name for name in one[1] if name not in other[1]]
    added = [name for name in other[1] if name not in one[1]]
    changed = [name for name in one[1] if name in other[1] and one[1][name] != other[1][name]]
    parts = {"lacks": lacking, "adds": added, "has another type of": changed}
    found = ", ".join(f"{how} {', '.join(names[:_SHOWN])}" for how, names in parts.items() if names)
    return InputError(
        asked=f"read {one[0]} and {other[0]} into one frame",
        found=f"the second {found or 'has its columns in another order'}",
        remedy="Their list of features changed in between: make the older ones again.",
    )


def _unreadable(lake: Lake, entries: Iterable[Entry], error: BaseException) -> LakeError:
    """Return an error that names the file which could not be read, if it can be told."""
    for entry in entries:
        try:
            lake.read(entry)
        except LakeError as own:
            return own
        except pl.exceptions.PanicException as panic:
            return _damaged(str(lake.root / entry.path), panic)
    return _damaged(f"table {next(iter(entries)).table!r}", error)


def _damaged(what: str, error: BaseException) -> LakeError:
    """Say that a file cannot be read."""
    return LakeError(
        asked=f"read {what}",
        found=f"it cannot be decoded: {' '.join(str(error).split())[:300]}",
        remedy="Delete it, run `quant lake reindex`, and make it again.",
    )


def _scan_polars(sources: Sequence[Source], columns: Sequence[str], _: pl.Schema) -> pl.DataFrame:
    """Read the files by Polars: one lazy frame a symbol, sorted together."""
    by_symbol: dict[str, list[Path]] = defaultdict(list)
    for source in sources:
        by_symbol[source.symbol].append(source.path)
    frames = [
        pl.scan_parquet(paths, hive_partitioning=False, glob=False)
        .select(columns)
        .with_columns(pl.lit(symbol).alias(SYMBOL))
        for symbol, paths in by_symbol.items()
    ]
    return pl.concat(frames).sort(ORDER).collect()


def _scan_duckdb(
    sources: Sequence[Source], columns: Sequence[str], schema: pl.Schema
) -> pl.DataFrame:
    """Read the files by DuckDB in one scan; values leave it through Arrow, which keeps them."""
    import duckdb
    from duckdb import ColumnExpression

    symbols = {_FILE: [str(one.path) for one in sources], SYMBOL: [one.symbol for one in sources]}
    with duckdb.connect() as connection:
        files = connection.sql(_FILES, params={"files": symbols[_FILE]})
        named = files.join(connection.from_arrow(pl.DataFrame(symbols).to_arrow()), _FILE)
        ordered = named.project(*(ColumnExpression(name) for name in (*columns, SYMBOL))).sort(
            *(ColumnExpression(name) for name in ORDER)
        )
        rows = pl.DataFrame(pl.from_arrow(ordered.to_arrow_table()))
    # DuckDB knows words for enumerations, and has a time zone of its own.
    return rows.cast({name: schema[name] for name in columns})
