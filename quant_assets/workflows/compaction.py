"""Compaction of the lake's tables by symbol and year: on request, and where training reads much."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from quant_assets.market.errors import InputError, LakeError
from quant_assets.storage.compaction import (
    compact,
    compacted_or_days,
    forget,
    is_due,
    symbol_years,
)
from quant_assets.storage.index import Entry
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

TABLES = ("features", "training_set")
"""Tables that are scanned over many sessions."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Compacted:
    """What became of a table's symbol-years.

    Parameters
    ----------
    made, stood
        Symbol-years that were compacted now, and those whose file holds all of their days already.
    mixed
        Those whose days differ in their columns: they stay as they are.
    forgotten
        Compact files that were deleted because the index names none of their days.
    """

    table: str
    made: int
    stood: int
    mixed: int
    forgotten: int


def compact_table(
    workspace: Workspace, table: str, *, progress: Progress = lambda _: None
) -> Compacted:
    """Bring the compact files of a table up to its days.

    Raises
    ------
    InputError
        If the lake holds nothing of the table, or it is not cut by day.
    LakeError
        If a day cannot be read, or a file cannot be stored.
    """
    lake = LakeView(workspace).workspace.lake
    entries = lake.index.entries(table)
    if not entries:
        raise InputError(
            asked=f"compact table {table!r}",
            found=f"the lake holds {', '.join(lake.index.tables()) or 'nothing'}",
            remedy="Name one of its tables that is cut by day.",
        )
    groups = symbol_years(entries)
    counts = {"made": 0, "stood": 0, "mixed": 0}
    for target, days in groups.items():
        is_whole = all(source.is_compact for source in compacted_or_days(lake, days))
        how = "stood" if is_whole else "made" if compact(lake, days) else "mixed"
        counts[how] += 1
        progress(f"{target.parent.as_posix()}: {len(days)} days, {how}")
    return Compacted(table, **counts, forgotten=forget(lake, table, but=groups))


def compact_where_due(workspace: Workspace, entries: Iterable[Entry]) -> int:
    """Compact each symbol-year of which many days would be read one by one; return how many.

    It is a cache alone: what keeps it from being made keeps nobody from reading the days.
    """
    return sum(_made(workspace, days) for days in symbol_years(entries).values())


def _made(workspace: Workspace, days: Sequence[Entry]) -> bool:
    """Whether the days were many, and could be compacted."""
    with suppress(LakeError):
        return is_due(workspace.lake, days) and compact(workspace.lake, days) is not None
    return False
