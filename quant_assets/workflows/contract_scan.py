"""The flat table of a range of sessions, lazily: only the range's files are opened."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.market.errors import TableMissingError, TimeframeError
from quant_assets.storage.index import Entry
from quant_assets.workflows.workspace import Workspace


def scan_contract_table(
    workspace: Workspace,
    symbol: str,
    first: date | None = None,
    last: date | None = None,
    *,
    timeframe: str | None = None,
) -> pl.LazyFrame:
    """Return the flat rows of a symbol's sessions, ascending, as a lazy frame.

    Parameters
    ----------
    first, last
        Sessions, both included; None is the first or the last that there is.
    timeframe
        None where the range has but one.

    Raises
    ------
    TableMissingError
        If the range holds no session; it says which there are.
    TimeframeError
        If the range has several timeframes and none was named.
    """
    return workspace.lake.scan(contract_entries(workspace, symbol, first, last, timeframe))


def contract_relation(
    connection: Any,
    workspace: Workspace,
    symbol: str,
    first: date | None = None,
    last: date | None = None,
    *,
    timeframe: str | None = None,
) -> Any:
    """Return the flat rows of a symbol's sessions as a relation of a DuckDB connection.

    Rows have no order of their own there; parameters and errors are those of
    `scan_contract_table`.
    """
    files = contract_files(workspace, symbol, first, last, timeframe)
    return connection.read_parquet([str(file) for file in files], hive_partitioning=False)


def contract_files(
    workspace: Workspace,
    symbol: str,
    first: date | None = None,
    last: date | None = None,
    timeframe: str | None = None,
) -> list[Path]:
    """Return the files of a range, in the order of their sessions; raises as the scan does."""
    entries = contract_entries(workspace, symbol, first, last, timeframe)
    return [workspace.lake.root / entry.path for entry in entries]


def contract_entries(
    workspace: Workspace,
    symbol: str,
    first: date | None = None,
    last: date | None = None,
    timeframe: str | None = None,
) -> list[Entry]:
    """Return the index entries of a range, in the order of their sessions."""
    calendar = workspace.calendar(symbol)
    found = [
        entry
        for entry in workspace.lake.index.entries(CONTRACT_TABLE.name, symbol=symbol)
        if calendar.is_session(entry.day) and timeframe in {None, entry.levels["timeframe"]}
    ]
    chosen = [
        entry
        for entry in sorted(found, key=lambda one: one.session)
        if (first is None or entry.day >= first) and (last is None or entry.day <= last)
    ]
    if not chosen:
        raise _missing(symbol, first, last, timeframe, [entry.day for entry in found])
    lengths = Counter(entry.levels["timeframe"] for entry in chosen)
    if len(lengths) > 1:
        told = ", ".join(f"{name} ({count} sessions)" for name, count in sorted(lengths.items()))
        raise TimeframeError(
            asked=f"the flat table of {symbol}",
            found=f"sessions of several timeframes: {told}",
            remedy="Name one of them.",
        )
    return chosen


def _missing(
    symbol: str, first: date | None, last: date | None, timeframe: str | None, there: list[date]
) -> TableMissingError:
    """Say which sessions there are, and how to make others."""
    span = f"{first or 'the first'} to {last or 'the last'}"
    length = f" at {timeframe}" if timeframe else ""
    dates = f" --from {first}" * bool(first) + f" --to {last}" * bool(last)
    return TableMissingError(
        asked=f"{CONTRACT_TABLE.name} of {symbol}{length}, {span}",
        found=f"it holds {min(there)} to {max(there)}" if there else "it holds no session",
        remedy=f"Make it first: quant materialize {CONTRACT_TABLE.name} --symbol {symbol}{dates}",
    )
