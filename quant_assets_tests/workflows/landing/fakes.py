"""Readers that give what a test says, and small files of bars."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.market.columns import SIDES, UTC_NS
from quant_assets.storage.readers.base import Landed, RawBatch, Remark, SetAside, SourceFile, Tally
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.report import FileReport
from quant_assets.workflows.workspace import Workspace

Event = RawBatch | SetAside | Remark


class FakeReader:
    """Gives listed events and claims to have counted `rows_in` rows."""

    format = "fake"

    def __init__(self, events: Sequence[Event], rows_in: int | None = None) -> None:
        self.tally = Tally()
        self._events = events
        self._rows_in = counted(events) if rows_in is None else rows_in

    def events(self) -> Iterator[Event]:
        """Give the events, then the count."""
        yield from self._events
        self.tally.rows_in = self._rows_in


def counted(events: Sequence[Event]) -> int:
    """How many rows the events stand for."""
    total = 0
    for event in events:
        if isinstance(event, RawBatch):
            total += event.frame.height
        elif isinstance(event, SetAside):
            total += event.count
    return total


def give(
    workspace: Workspace, file: Path, events: Sequence[Event], rows_in: int | None = None
) -> FileReport:
    """Land events as if they stood in a file; its bytes differ with its content alone."""
    file.write_text(repr([_told(event) for event in events]))
    (report,) = ingest_files(
        workspace, [file], opener=lambda _source, _scratch: FakeReader(events, rows_in)
    )
    return report


def _told(event: Event) -> Any:
    return (event.symbol, event.frame.to_dicts()) if isinstance(event, RawBatch) else event


def at(text: str) -> datetime:
    """Read `2014-05-01 05:00` as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bar_batch(
    rows: Sequence[tuple[datetime, float]],
    *,
    symbol: str = "EURUSD",
    schema: str = "ohlcv-15m",
    volume: float = 10.0,
) -> RawBatch:
    """Return bars whose four prices are equal."""
    price = [value for _, value in rows]
    frame = pl.DataFrame(
        {
            "place": pl.Series(range(1, len(rows) + 1), dtype=pl.UInt64),
            "bar_start": pl.Series([stamp for stamp, _ in rows], dtype=UTC_NS),
            **{
                name: pl.Series(price, dtype=pl.Float64)
                for name in ("open", "high", "low", "close")
            },
            "volume": pl.Series([volume] * len(rows), dtype=pl.Float64),
        }
    )
    return RawBatch(
        kind=Landed.BARS, symbol=symbol, frame=frame, bar_schema=schema, place_prefix="line "
    )


def bar_run(
    first: str, n: int, *, minutes: int = 15, price: float = 1.5
) -> list[tuple[datetime, float]]:
    """Return `n` bars in a row, from a first stamp on."""
    begin = at(first)
    return [(begin + timedelta(minutes=minutes * i), price + i / 1000) for i in range(n)]


def tick_batch(
    rows: Sequence[tuple[datetime, float, float]],
    *,
    symbol: str = "GC",
    contract: str | None = "GCZ13",
) -> RawBatch:
    """Return trades of (time, price, quantity)."""
    frame = pl.DataFrame(
        {
            "place": pl.Series(range(1, len(rows) + 1), dtype=pl.UInt64),
            "ts": pl.Series([row[0] for row in rows], dtype=UTC_NS),
            "price": pl.Series([round(row[1] * 10**9) for row in rows], dtype=pl.Int64),
            "qty": pl.Series([row[2] for row in rows], dtype=pl.Float64),
            "side": pl.Series(["unknown"] * len(rows), dtype=pl.Enum(SIDES)),
        }
    )
    return RawBatch(
        kind=Landed.TICKS,
        symbol=symbol,
        contract=contract,
        frame=frame,
        place_prefix=f"{contract}_TICK:",
    )


def versions(workspace: Workspace) -> dict[str, str]:
    """Return the data version of everything in the lake by name."""
    index = workspace.lake.index
    return {e.name: e.data_version for table in index.tables() for e in index.entries(table)}


def landed(workspace: Workspace, table: str) -> pl.DataFrame:
    """Return all rows of a landed table, partitions in sorted order."""
    entries = workspace.lake.index.entries(table)
    return pl.concat([workspace.lake.read(entry) for entry in entries])


def mt4(rows: Sequence[tuple[datetime, float]]) -> str:
    """Write bars as MetaTrader 4 does."""
    return "".join(
        f"{stamp:%Y.%m.%d,%H:%M},{price:.5f},{price:.5f},{price:.5f},{price:.5f},10\n"
        for stamp, price in rows
    )


def source(path: Path) -> SourceFile:
    """Return a file as readers want it."""
    return SourceFile(path=path, name=path.name, sha256="0" * 64, size=path.stat().st_size)
