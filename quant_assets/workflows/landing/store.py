"""Stores a file's partitions: merged with what is landed, committed where anything changed."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.lineage.records import Lineage, Origin, SourceReceipt
from quant_assets.storage.commit import read_footer
from quant_assets.storage.index import Entry
from quant_assets.storage.layout import TEMPORARY, file_key, relative_path
from quant_assets.storage.readers.base import Landed
from quant_assets.ticks.schema import QUARANTINE
from quant_assets.workflows.landing.merge import (
    SEQ,
    Merged,
    merge_bars,
    merge_events,
    merge_streams,
    number,
)
from quant_assets.workflows.landing.partition import (
    TABLES,
    Partition,
    columns_of,
    time_column,
)
from quant_assets.workflows.landing.quarantine import merge_quarantine
from quant_assets.workflows.landing.receipts import landing_code_version
from quant_assets.workflows.landing.sessions import is_outside_hours
from quant_assets.workflows.landing.stats import partition_stats
from quant_assets.workflows.workspace import Workspace

_VOLUMES = {Landed.TICKS: "qty", Landed.BARS: "volume"}


@dataclass(frozen=True)
class Stored:
    """How a file's rows of one partition ended; `changed` where other rows stand there now.

    `merged` holds the counts alone, no rows.
    """

    partition: Partition
    entry: Entry
    merged: Merged
    changed: bool
    first_ns: int
    last_ns: int


@dataclass(frozen=True)
class _Held:
    """What a partition held before."""

    frame: pl.DataFrame
    data_version: str
    sources: tuple[SourceReceipt, ...]


@contextmanager
def one_writer(lake_root: Path) -> Iterator[None]:
    """Let one process at a time merge rows into landed partitions."""
    folder = lake_root / TEMPORARY
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "landing.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Store:
    """Stores the rows of one file.

    Parameters
    ----------
    workspace
        Lake, and calendars for the flag `outside_hours`.
    source
        The file, as it stands in the footer of each partition that it adds to.
    origin
        Whether the file is synthetic.
    """

    workspace: Workspace
    source: SourceReceipt
    origin: Origin

    def land(self, partition: Partition, rows: pl.DataFrame) -> Stored:
        """Merge rows into a landed partition and commit it, if anything changes by that.

        Raises
        ------
        CommitError
            If it cannot be stored; the version before still stands.
        """
        new = self._finished(partition, rows)
        held = self._held(partition)
        merged = _merge(partition, held.frame if held else None, new)
        changed = merged.committed > 0 or merged.restated > 0
        entry = None if changed else self._standing(partition, held)
        if entry is None:
            entry = self._commit(partition, merged.frame, self._sources(held))
        stamps = new[time_column(partition.table)].to_physical()
        first, last = int(stamps.min()), int(stamps.max())  # type: ignore[arg-type]
        # All that a file stored is held until its report: its counts, and never its rows.
        counted = replace(merged, frame=merged.frame.clear())
        return Stored(partition, entry, counted, changed, first, last)

    def set_aside(self, partition: Partition, rows: pl.DataFrame) -> Entry:
        """Commit a file's bad rows of one session, among those of other files."""
        new = rows.with_columns(
            pl.lit(partition.session, pl.Date).alias("session"),
            pl.lit(self.source.sha256).alias("file_sha256"),
        ).select(columns_of(QUARANTINE.name).keys())
        held = self._held(partition)
        merged = QUARANTINE.check(merge_quarantine(held.frame if held else new.clear(), new))
        entry = self._standing(partition, held) if held and merged.equals(held.frame) else None
        return entry or self._commit(partition, merged, self._sources(held))

    def _held(self, partition: Partition) -> _Held | None:
        """Return what a partition holds, by its file: in doubt the footer wins over the index.

        A writer that was killed between renaming a file and noting it left rows that the index
        does not know; they are landed all the same.
        """
        table = TABLES[partition.table]
        key = file_key(table, dict(partition.levels), partition.session)
        path = self.workspace.lake.root / relative_path(key, table.grain)
        if not path.exists():
            return None
        part = read_footer(path)["parts"][partition.session_label]
        return _Held(
            frame=pl.read_parquet(path, hive_partitioning=False),
            data_version=part["data_version"],
            sources=Lineage.from_json(part["lineage"]).sources,
        )

    def _standing(self, partition: Partition, held: _Held | None) -> Entry | None:
        """Return the index entry of a partition that needs no commit, None where it needs one.

        It needs one where its footer does not name this file yet, or the index lags behind it.
        """
        if held is None or self._sources(held) != held.sources:
            return None
        found = self.workspace.lake.index.entries(
            partition.table, hive=partition.hive, session=partition.session_label
        )
        return next((e for e in found if e.data_version == held.data_version), None)

    def _sources(self, held: _Held | None) -> tuple[SourceReceipt, ...]:
        """Return the files that a partition comes from, with this one; equal bytes count once."""
        known = held.sources if held else ()
        if any(source.sha256 == self.source.sha256 for source in known):
            return known
        return tuple(sorted((*known, self.source)))

    def _commit(
        self, partition: Partition, frame: pl.DataFrame, sources: tuple[SourceReceipt, ...]
    ) -> Entry:
        """Commit all rows of a partition."""
        lineage = Lineage(
            code_version=landing_code_version(),
            sources=sources,
            origin=self.origin,
            stats=_stats(partition, frame),
        )
        committed = self.workspace.lake.commit(
            TABLES[partition.table],
            dict(partition.levels),
            frame,
            lineage,
            session=partition.session,
        )
        return committed.entry

    def _finished(self, partition: Partition, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows in the columns of their table: session, order and flags added."""
        wanted = columns_of(partition.table)
        session = partition.session
        added: list[pl.Expr | pl.Series] = [pl.lit(session, pl.Date).alias("session")]
        if "outside_hours" in wanted and session:
            stamps = rows["ts"].to_physical().to_numpy()
            calendar = self.workspace.calendar(partition.symbol)
            flags = is_outside_hours(stamps, session=session, calendar=calendar)
            added.append(pl.Series("outside_hours", flags))
        added += [
            pl.lit(None, dtype).alias(name)
            for name, dtype in wanted.items()
            if name not in {*rows.columns, "session", "outside_hours", SEQ}
        ]
        full = rows.with_columns(added)
        full = number(full) if SEQ in wanted else full.sort("bar_start")
        ordered = full.select(wanted.keys())
        return ordered if dict(ordered.schema) == wanted else ordered.cast(wanted)  # type: ignore[arg-type]


def _merge(partition: Partition, landed: pl.DataFrame | None, new: pl.DataFrame) -> Merged:
    """Merge by the way of the partition's table."""
    if landed is None:
        return Merged(frame=new, committed=new.height, duplicates=0, restated=0)
    if partition.table == Landed.BARS:
        return merge_bars(landed, new)
    if partition.table == Landed.DEFINITIONS:
        return merge_streams(landed, new, stream=("raw_symbol", "kind"))
    return merge_events(landed, new)


def _stats(partition: Partition, frame: pl.DataFrame) -> dict[str, Any]:
    """Return the totals that the index holds of ticks and bars."""
    volume = _VOLUMES.get(Landed(partition.table)) if partition.table in set(Landed) else None
    if volume is None or frame.height == 0:
        return {}
    return partition_stats(frame, time=time_column(partition.table), volume=volume)
