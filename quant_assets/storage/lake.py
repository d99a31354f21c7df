"""The lake: Parquet files as the record, and the index that says where they are.

In doubt the footer wins over the index. A writer that died between the two left a note, by which
`recover` mends that one entry; and no read hands out rows under a version that is not theirs.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

import polars as pl

from quant_assets.lineage.records import Lineage
from quant_assets.market.errors import (
    LakeError,
    PartitionReplacedError,
    SchemaError,
    TableMissingError,
)
from quant_assets.market.tables import Grain, Table
from quant_assets.storage.commit import (
    CommitStep,
    commit_file,
    no_hook,
    read_footer,
    refused,
    type_hook,
)
from quant_assets.storage.footers import entry_of, footer_of, label_of, name_of, part_of
from quant_assets.storage.index import Entry, Index
from quant_assets.storage.layout import (
    COMPACT,
    DATA_FILE,
    TEMPORARY,
    file_key,
    hive,
    key_of_path,
    relative_path,
)
from quant_assets.storage.locks import Locks, shard_of
from quant_assets.storage.state import State

STALE_TEMPORARY_S = 3600
"""Age after which a file under `.tmp` belongs to a dead writer."""

_STAGED = ("*.parquet", "*.crc32", "*.duckdb", "*.duckdb.wal")

PassedOver = Callable[[Path, str], None]
"""Told of a file that the index cannot speak of, with the reason."""


def silent(_file: Path, _reason: str) -> None:
    """Report nothing."""


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
        self._locks = Locks(root, self._mend)
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
        relative = relative_path(key, table.grain)
        label = label_of(session)
        try:
            with self._locks.replacing(relative):
                parts: dict[str, Any] = {}
                stored = rows
                if session is not None and table.grain is not Grain.DAY:
                    stored, parts = self._merged(table, relative, rows, session)
                parts[label] = part_of(rows, lineage)
                self._write(relative, stored, footer_of(table, stored, parts))
                entry = entry_of(key, label, relative, parts[label])
                self._hook(CommitStep.INDEX, self.root / relative)
                self.index.put([entry])
        except OSError as error:
            raise refused(self.root / relative, self.root, error) from error
        return Committed(
            name_of(key, label), self.root / relative, entry.data_version, entry.rows, entry
        )

    def _merged(
        self, table: Table, relative: Path, rows: pl.DataFrame, session: date
    ) -> tuple[pl.DataFrame, dict[str, Any]]:
        """Put the session's rows among those that the file holds already."""
        foreign = rows.filter(pl.col(table.session_column) != session)
        if foreign.height:
            raise SchemaError(
                asked=f"store session {session} in table {table.name!r}",
                found=f"{foreign.height} rows are of other sessions",
                remedy="The stage that made them breaks its table's contract: report it.",
            )
        if not (self.root / relative).exists():
            return rows, {}
        kept, parts = self._without(relative, session)
        return table.check(pl.concat([kept, rows])), parts

    def _without(self, relative: Path, session: date) -> tuple[pl.DataFrame, dict[str, Any]]:
        """Return the rows and footer parts of a file's other sessions."""
        with self._opened(self.root / relative) as handle:
            footer = _footer_in(handle)
            parts = {k: part for k, part in footer["parts"].items() if k != label_of(session)}
            return _rows_of(handle).filter(pl.col(footer["session_column"]) != session), parts

    def _write(self, relative: Path, rows: pl.DataFrame, footer: dict[str, Any]) -> None:
        """Put a file in its place."""
        commit_file(self.root, self.root / relative, rows, footer, hook=self._hook)

    def read(self, entry: Entry, *, columns: list[str] | None = None) -> pl.DataFrame:
        """Return the rows of one entry: those of its data version, or none.

        Footer and rows are read through one handle, so a writer that replaces the file meanwhile
        changes neither.

        Raises
        ------
        TableMissingError
            If the file that the index names is gone.
        PartitionReplacedError
            If the file holds another version by now; the index has been brought up to it.
        LakeError
            If the file is damaged.
        """
        with self._checked(entry) as (handle, footer):
            if not _holds_several(entry):
                return _rows_of(handle, columns)
            frame = _rows_of(handle).filter(pl.col(footer["session_column"]) == entry.day)
        return frame.select(columns) if columns else frame

    def scan(self, entries: list[Entry]) -> pl.LazyFrame:
        """Return a lazy frame over the files of the entries; each file once.

        Versions are checked now, not when the frame is collected. Raises as `read` does.
        """
        for entry in entries:
            with self._checked(entry):
                pass
        paths = sorted({self.root / entry.path for entry in entries})
        return pl.scan_parquet(paths, hive_partitioning=False, glob=False)

    def footer(self, entry: Entry) -> dict[str, Any]:
        """Return the footer of the file behind an entry; raises as `read` does."""
        with self._checked(entry) as (_, footer):
            return footer

    def lineage(self, entry: Entry) -> Lineage:
        """Return the lineage of an entry, from its file's footer; raises as `read` does."""
        return Lineage.from_json(self.footer(entry)["parts"][entry.session]["lineage"])

    @contextmanager
    def _checked(self, entry: Entry) -> Iterator[tuple[IO[bytes], dict[str, Any]]]:
        """Open the file of an entry, and see that it holds the entry's version."""
        path = self.root / entry.path
        try:
            with self._opened(path) as handle:
                footer = _footer_in(handle)
                if footer["parts"].get(entry.session, {}).get("data_version") == entry.data_version:
                    yield handle, footer
                    return
        except FileNotFoundError as error:
            raise TableMissingError(
                asked=f"read {entry.name}",
                found=f"the index names {entry.path}, which is not there",
                remedy="Run `quant lake reindex`, then materialize it again.",
            ) from error
        # Who may only read the lake cannot take the lock; a writer will mend it.
        with suppress(OSError), self._locks.replacing(Path(entry.path)):
            self._mend(Path(entry.path))
        raise PartitionReplacedError(
            asked=f"read {entry.name} as of data version {entry.data_version[:12]}",
            found="another writer has replaced it since the index was read",
            remedy="Run it again: the index knows of it now.",
        )

    @contextmanager
    def _opened(self, path: Path) -> Iterator[IO[bytes]]:
        """Open a data file; what cannot be read in it is said with its path."""
        with path.open("rb") as handle:
            try:
                yield handle
            except (pl.exceptions.ComputeError, OSError) as error:
                raise LakeError(
                    asked=f"read {path}",
                    found=f"the file is damaged: {' '.join(str(error).split())}",
                    remedy="Delete it, run `quant lake reindex`, and make or ingest it again.",
                ) from error

    def drop(self, entry: Entry) -> None:
        """Take what no longer belongs to its partition out of the lake and the index."""
        relative = Path(entry.path)
        with self._locks.replacing(relative):
            if not _holds_several(entry):
                (self.root / relative).unlink(missing_ok=True)
            elif (self.root / relative).exists():
                self._drop_session(relative, entry.day)
            self.index.drop(entry)

    def _drop_session(self, relative: Path, session: date) -> None:
        """Take one session out of a file of several; the last one takes the file with it."""
        kept, parts = self._without(relative, session)
        if not parts:
            (self.root / relative).unlink()
            return
        footer = read_footer(self.root / relative)
        self._write(relative, kept, footer | {"rows": kept.height, "parts": parts})

    def recover(self) -> int:
        """Bring the index up to files whose writers died before they told it; return how many.

        It costs a look at the lock files, and waits for no writer that lives.
        """
        return self._locks.mend_all()

    def _mend(self, relative: Path) -> None:
        """Make the index say of one file what its footer says; a torn note names none."""
        try:
            key = key_of_path(relative)
        except LakeError:
            return
        known = self.index.entries(key.table, hive=hive(key))
        self._mend_files([relative], [e for e in known if e.path == relative.as_posix()], silent)

    def _mend_files(
        self, files: list[Path], known: list[Entry], passed_over: PassedOver
    ) -> tuple[int, int]:
        """Index what the footers of some files speak of; forget what was known of them else."""
        found = [entry for file in files for entry in self._entries_of(file, passed_over)]
        names = {entry.name for entry in found}
        gone = [entry for entry in known if entry.name not in names]
        self.index.put(found)
        for entry in gone:
            self.index.drop(entry)
        return len(found), len(gone)

    def reindex(self, *, passed_over: PassedOver = silent) -> tuple[int, int]:
        """Rebuild the index from the footers; return how many entries stand and how many went.

        In doubt the footer wins: an entry whose file is gone is dropped. A file that is damaged or
        not the lake's changes nothing; `passed_over` is told of it. Writers may go on meanwhile.
        """
        stands = gone = 0
        known: dict[Path, list[Entry]] = defaultdict(list)
        for table in self.index.tables():
            for entry in self.index.entries(table):
                known[Path(entry.path)].append(entry)
        shards: dict[int, list[Path]] = defaultdict(list)
        # The index was read before the folders: a file made meanwhile is not known, so not gone.
        for file in sorted({*known, *self._files()}):
            shards[shard_of(file)].append(file)
        for shard, files in sorted(shards.items()):
            with self._locks.holding(shard):
                there = [entry for file in files for entry in known[file]]
                counts = self._mend_files(files, there, passed_over)
            stands, gone = stands + counts[0], gone + counts[1]
        return stands, gone

    def _files(self) -> Iterator[Path]:
        """Yield the path under the lake of every Parquet file in it."""
        for path in self.root.rglob("*.parquet"):
            relative = path.relative_to(self.root)
            if relative.parts[0] not in {TEMPORARY, COMPACT}:
                yield relative

    def _entries_of(self, relative: Path, passed_over: PassedOver) -> list[Entry]:
        """Return the index entries that a file's footer speaks of; none where it is not ours."""
        try:
            key = key_of_path(relative)
            with self._opened(self.root / relative) as handle:
                footer = _footer_in(handle)
            if footer["table"] != key.table or relative.name != DATA_FILE:
                passed_over(self.root / relative, "it stands where another table's file belongs")
                return []
        except FileNotFoundError:
            return []
        except LakeError as error:
            passed_over(self.root / relative, error.found)
            return []
        return [entry_of(key, label, relative, part) for label, part in footer["parts"].items()]

    def sweep(self, *, now_s: float | None = None) -> int:
        """Delete what dead writers left under `.tmp`; return how many files went."""
        oldest = (time.time() if now_s is None else now_s) - STALE_TEMPORARY_S
        folder = self.root / TEMPORARY
        staged = [path for pattern in _STAGED for path in folder.glob(pattern)]
        return sum(_swept(path, oldest) for path in staged)


def _swept(path: Path, oldest: float) -> bool:
    """Delete a file that is older than a stamp; its own writer may be quicker."""
    try:
        if path.stat().st_mtime >= oldest:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _holds_several(entry: Entry) -> bool:
    """Whether the file of an entry holds other sessions too."""
    return bool(entry.session) and "/day=" not in entry.path


def _footer_in(handle: IO[bytes]) -> dict[str, Any]:
    """Return the footer of an open file; one that is not ours has no parts."""
    handle.seek(0)
    return {"table": "", "parts": {}} | read_footer(handle)


def _rows_of(handle: IO[bytes], columns: list[str] | None = None) -> pl.DataFrame:
    """Return the rows of an open file."""
    handle.seek(0)
    return pl.read_parquet(handle, columns=columns, hive_partitioning=False)
