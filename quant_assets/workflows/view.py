"""What one range sees of the lake: an index read once, files kept while they are used again."""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import date
from threading import Lock
from typing import Any, TypeVar, cast

import polars as pl

from quant_assets.lineage.records import ABSENT
from quant_assets.storage.index import Entry
from quant_assets.storage.lake import Committed
from quant_assets.storage.state_tables import FAILURES
from quant_assets.workflows.workspace import Workspace

KEPT_BYTES = 256 * 2**20
"""How much of the files read last stays in memory, for neighbouring sessions to share."""


Made = TypeVar("Made")


class LakeView:
    """A consistent, cached reading of the lake for the run of one range.

    The index is read once a (table, symbol); commits of this run are put on top. What writers that
    died left undone is mended first, so that the index says what the files hold.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        workspace.lake.recover()
        self._entries: dict[tuple[str, str], dict[str, list[Entry]]] = {}
        self._failures: dict[str, dict[str, str]] = {}
        self._frames: OrderedDict[tuple[str, str, tuple[str, ...]], pl.DataFrame] = OrderedDict()
        self._kept = 0
        self._lock = Lock()
        self._changes: Counter[tuple[str, str]] = Counter()
        self._reloads = 0
        self._remembered: dict[tuple[Hashable, str], tuple[object, Any]] = {}

    def of_symbol(self, table: str, symbol: str) -> dict[str, list[Entry]]:
        """Return the entries of a table for a symbol by session, each list sorted by levels."""
        if (table, symbol) not in self._entries:
            grouped: dict[str, list[Entry]] = defaultdict(list)
            for entry in self.workspace.lake.index.entries(table, symbol=symbol):
                grouped[entry.session].append(entry)
            self._entries[table, symbol] = grouped
        return self._entries[table, symbol]

    def at(self, table: str, symbol: str, session: date, /, **levels: str) -> list[Entry]:
        """Return the entries of one session whose levels hold the given values."""
        wanted = levels.items()
        found = self.of_symbol(table, symbol).get(session.isoformat(), [])
        return [entry for entry in found if wanted <= entry.levels.items()]

    def sessions(self, table: str, symbol: str) -> list[date]:
        """Return the sessions for which a table holds anything, ascending."""
        return sorted(date.fromisoformat(text) for text in self.of_symbol(table, symbol) if text)

    def read(self, entry: Entry, columns: Iterable[str] = ()) -> pl.DataFrame:
        """Return the rows of an entry, from memory where a neighbour has just read them.

        Several threads may read at once; two that want the same file at the same time both open it.
        """
        chosen = tuple(columns)
        key = (entry.name, entry.data_version, chosen)
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
        frame = self.workspace.lake.read(entry, columns=list(chosen) or None)
        with self._lock:
            if key not in self._frames:
                self._kept += int(frame.estimated_size())
            self._frames[key] = frame
            while self._kept > KEPT_BYTES and len(self._frames) > 1:
                self._kept -= int(self._frames.popitem(last=False)[1].estimated_size())
        return frame

    def note(self, committed: Committed) -> None:
        """Put a commit of this run on top of what was read of the index."""
        entry = committed.entry
        sessions = self.of_symbol(entry.table, entry.symbol)
        others = [e for e in sessions.get(entry.session, []) if e.hive != entry.hive]
        sessions[entry.session] = sorted([*others, entry], key=lambda e: e.hive)
        self._changes[entry.table, entry.symbol] += 1

    def forget(self, entry: Entry) -> None:
        """Take an entry that no longer belongs to its partition out of the view."""
        sessions = self.of_symbol(entry.table, entry.symbol)
        left = [e for e in sessions.pop(entry.session, []) if e.hive != entry.hive]
        if left:
            sessions[entry.session] = left
        self._changes[entry.table, entry.symbol] += 1

    def reload(self) -> None:
        """Forget what was read of the index: another writer has been at work."""
        self._entries.clear()
        self._reloads += 1

    def remembered(
        self, name: Hashable, tables: Iterable[str], symbol: str, make: Callable[[], Made]
    ) -> Made:
        """Return what a function makes of some tables of a symbol, made once while they stand.

        Parameters
        ----------
        name
            What is made; with the symbol it is remembered under it.
        tables
            Where the view takes in a change of one of them, it is made anew.
        """
        state = (self._reloads, *(self._changes[table, symbol] for table in tables))
        known = self._remembered.get((name, symbol))
        if known is None or known[0] != state:
            known = state, make()
            self._remembered[name, symbol] = known
        return cast("Made", known[1])

    def failures(self, asset: str) -> dict[str, str]:
        """Return the partitions of an asset that could not be made, with their versions."""
        if asset not in self._failures:
            rows = self.workspace.state.select(FAILURES, asset=asset)
            self._failures[asset] = {row["partition"]: row["version"] for row in rows}
        return self._failures[asset]


def versions(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the entries as lineage inputs: name to data version."""
    return {entry.name: entry.data_version for entry in entries}


def versions_or_absent(
    table: str, symbol: str, session: date, entries: Iterable[Entry]
) -> dict[str, str]:
    """Return the entries as inputs; none at all is an input too, whose arrival makes stale."""
    return versions(entries) or {f"{table}/symbol={symbol}/{session.isoformat()}": ABSENT}
