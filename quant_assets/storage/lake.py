"""The lake: Parquet files as the record, and the index that says where they are."""

import fcntl
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.lineage.fingerprint import content_version
from quant_assets.lineage.records import Lineage
from quant_assets.market.errors import TableMissingError
from quant_assets.market.tables import FileKey, Grain, Table
from quant_assets.storage.commit import CommitStep, commit_file, no_hook, read_footer, type_hook
from quant_assets.storage.index import Entry, Index
from quant_assets.storage.layout import (
    DATA_FILE,
    TEMPORARY,
    file_key,
    hive,
    input_name,
    key_of_path,
    relative_path,
)
from quant_assets.storage.state import State

STALE_TEMPORARY_S = 3600
"""Age after which a file under `.tmp` belongs to a dead writer."""

_SYMBOL_LEVELS = ("symbol", "root", "strategy")


@dataclass(frozen=True)
class Committed:
    """What a commit left behind."""

    name: str
    path: Path
    data_version: str
    rows: int
    entry: Entry


class Lake:
    """The tables under one folder.

    Parameters
    ----------
    root
        Folder of the lake; made on the first commit.
    state
        State database that holds the index.
    hook
        Called inside each commit step; tests kill the process there.
    """

    def __init__(self, root: Path, state: State, *, hook: type_hook = no_hook) -> None:
        self.root = root
        self.index = Index(state)
        self._hook = hook

    def commit(
        self,
        table: Table,
        levels: Mapping[str, str],
        frame: pl.DataFrame,
        lineage: Lineage,
        *,
        session: date | None = None,
    ) -> Committed:
        """Store one partition; a reader sees the old one or the new one.

        For a table whose files hold several sessions, only the rows of `session` are replaced.

        Raises
        ------
        SchemaError
            If a row breaks a rule of `table`; nothing is written.
        CommitError
            If the file cannot be stored; the old one still stands.
        """
        key = file_key(table, levels, session if table.grain is not Grain.WHOLE else None)
        rows = table.check(frame)
        if table.grain is Grain.DAY or session is None:
            parts = {_label(session): _part(rows, lineage)}
            return self._store(table, key, rows, parts, _label(session))
        with self._locked(key):
            merged, parts = self._merged(table, key, rows, session)
            parts[_label(session)] = _part(rows, lineage)
            return self._store(table, key, merged, parts, _label(session))

    def _merged(
        self, table: Table, key: FileKey, rows: pl.DataFrame, session: date
    ) -> tuple[pl.DataFrame, dict[str, Any]]:
        """Put the session's rows among those that the file holds already."""
        path = self.root / relative_path(key, table.grain)
        if not path.exists():
            return rows, {}
        old = pl.read_parquet(path, hive_partitioning=False)
        kept = old.filter(pl.col(table.session_column) != session)
        return table.check(pl.concat([kept, rows])), dict(read_footer(path).get("parts", {}))

    def _store(
        self, table: Table, key: FileKey, rows: pl.DataFrame, parts: dict[str, Any], label: str
    ) -> Committed:
        """Write the file and then its index entry, the one for `label`."""
        relative = relative_path(key, table.grain)
        footer = {
            "table": table.name,
            "schema_version": table.version,
            "session_column": table.session_column,
            "rows": rows.height,
            "parts": {name: parts[name] for name in sorted(parts)},
        }
        commit_file(self.root, self.root / relative, rows, footer, hook=self._hook)
        self._hook(CommitStep.INDEX, self.root / relative)
        entry = _entry(key, label, relative, parts[label])
        self.index.put([entry])
        name = input_name(FileKey(key.table, key.levels, date.fromisoformat(label) if label else None))
        return Committed(
            name, self.root / relative, entry.data_version, entry.rows, entry
        )

    def read(self, entry: Entry, *, columns: list[str] | None = None) -> pl.DataFrame:
        """Return the rows of one entry.

        Raises
        ------
        TableMissingError
            If the file that the index names is gone.
        """
        path = self.root / entry.path
        try:
            if not entry.session or "/day=" in entry.path:
                return pl.read_parquet(path, columns=columns, hive_partitioning=False)
            cut = pl.col(read_footer(path)["session_column"]) == entry.day
            frame = pl.read_parquet(path, hive_partitioning=False).filter(cut)
        except FileNotFoundError as error:
            raise TableMissingError(
                asked=f"read {entry.name}",
                found=f"the index names {entry.path}, which is not there",
                remedy="Run `quant lake reindex`, then materialize it again.",
            ) from error
        return frame.select(columns) if columns else frame

    def scan(self, entries: list[Entry]) -> pl.LazyFrame:
        """Return a lazy frame over the files of the entries; each file once."""
        paths = sorted({self.root / entry.path for entry in entries})
        return pl.scan_parquet(paths, hive_partitioning=False)

    def footer(self, entry: Entry) -> dict[str, Any]:
        """Return the footer of the file behind an entry."""
        return read_footer(self.root / entry.path)

    def lineage(self, entry: Entry) -> Lineage:
        """Return the lineage of an entry, from its file's footer."""
        return Lineage.from_json(self.footer(entry)["parts"][entry.session]["lineage"])

    def drop(self, entry: Entry) -> None:
        """Take a file that no longer belongs to its partition out of the index and the lake."""
        self.index.drop(entry)
        if "/day=" in entry.path:
            (self.root / entry.path).unlink(missing_ok=True)

    def reindex(self) -> tuple[int, int]:
        """Rebuild the index from the footers; return how many entries stand and how many went.

        In doubt the footer wins: an entry whose file is gone is dropped.
        """
        found = [entry for path in self._files() for entry in self._entries_of(path)]
        self.index.put(found)
        names = {entry.name for entry in found}
        gone = [
            entry
            for table in self.index.tables()
            for entry in self.index.entries(table)
            if entry.name not in names
        ]
        for entry in gone:
            self.index.drop(entry)
        return len(found), len(gone)

    def _files(self) -> Iterator[Path]:
        """Yield every data file of the lake, sorted."""
        if self.root.is_dir():
            for path in sorted(self.root.glob(f"*/**/{DATA_FILE}")):
                if TEMPORARY not in path.parts:
                    yield path

    def _entries_of(self, path: Path) -> Iterator[Entry]:
        """Yield the index entries that a file's footer speaks of."""
        relative = path.relative_to(self.root)
        key = key_of_path(relative)
        for label, part in read_footer(path).get("parts", {}).items():
            yield _entry(key, label, relative, part)

    def sweep(self, *, now_s: float | None = None) -> int:
        """Delete what dead writers left under `.tmp`; return how many files went."""
        oldest = (time.time() if now_s is None else now_s) - STALE_TEMPORARY_S
        folder = self.root / TEMPORARY
        left = [p for p in folder.glob("*.parquet") if p.stat().st_mtime < oldest]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    @contextmanager
    def _locked(self, key: FileKey) -> Iterator[None]:
        """Let one process at a time replace sessions inside a file of several."""
        folder = self.root / TEMPORARY
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(f"{key.table}/{hive(key)}".encode()).hexdigest()[:16]
        with (folder / f"{digest}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _label(session: date | None) -> str:
    """Return how the index and footers write a session."""
    return session.isoformat() if session else ""


def _part(rows: pl.DataFrame, lineage: Lineage) -> dict[str, Any]:
    """Return what the footer says of one session's rows."""
    return {
        "data_version": content_version(rows),
        "rows": rows.height,
        "lineage": lineage.to_json(),
    }


def _entry(key: FileKey, label: str, relative: Path, part: Mapping[str, Any]) -> Entry:
    """Return the index entry of one session of a file."""
    lineage = Lineage.from_json(part["lineage"])
    levels = dict(key.levels)
    return Entry(
        table=key.table,
        hive=hive(key),
        session=label,
        symbol=next((levels[name] for name in _SYMBOL_LEVELS if name in levels), ""),
        path=relative.as_posix(),
        data_version=part["data_version"],
        inputs_hash=lineage.inputs_hash,
        params_hash=lineage.params_hash,
        code_version=lineage.code_version,
        rows=part["rows"],
        final=lineage.final,
        final_through=_label(lineage.final_through) or None,
        status="ok",
        synthetic=lineage.synthetic,
        stats=dict(lineage.stats),
    )
