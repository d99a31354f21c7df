"""Rows of vendors' files, read again: where the file is, what its bytes are, where the row stands.

Landed rows keep the file's name and SHA-256, not their place in it. The place is found again: the
file is read by the reader that landed it, and its rows are compared with what is looked for.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.lineage.records import SourceReceipt
from quant_assets.market.errors import InputError, QuantError
from quant_assets.storage.readers.base import Landed, RawBatch, SourceFile
from quant_assets.storage.readers.sniff import open_reader
from quant_assets.storage.state_tables import RECEIPTS
from quant_assets.workflows.landing.files import identify, named_files
from quant_assets.workflows.workspace import Workspace

_RECORD = "record "
"""Before the number of a row where its reader writes nothing there."""


@dataclass(frozen=True)
class Wanted:
    """A landed row that is looked for in a file.

    Parameters
    ----------
    table, symbol, contract, bar_schema
        Where it landed.
    at_ns
        Its stamp.
    values
        Its values by column, prices of ticks as counts of 1e-9.
    n_before
        Equal rows that stand before it: equal trades are market and may come again.
    """

    table: str
    symbol: str
    contract: str | None
    bar_schema: str | None
    at_ns: int
    values: tuple[tuple[str, Any], ...]
    n_before: int


@dataclass(frozen=True)
class RawRow:
    """A row found in a file.

    Parameters
    ----------
    place
        Line, table and rowid, or record.
    raw
        The row as it stood, where the format is text; None elsewhere.
    """

    place: str
    raw: str | None


@dataclass
class RawFile:
    """A vendor's file as it was looked for.

    Parameters
    ----------
    source
        Name and SHA-256 that it had when it was landed.
    path
        Where a file of that name lies; None where there is none.
    sha256
        SHA-256 of that file now.
    rows
        The rows found in it.
    fault
        Why it could not be read.
    """

    source: SourceReceipt
    path: Path | None = None
    sha256: str | None = None
    rows: dict[Wanted, RawRow] = field(default_factory=dict)
    fault: str | None = None

    @property
    def is_as_landed(self) -> bool:
        """Whether its bytes are those that were landed."""
        return self.sha256 == self.source.sha256


class RawFiles:
    """The vendor's files of a data root, and of folders that a user names.

    Parameters
    ----------
    folders
        Files and folders to look in, before `raw` of the data root.

    Raises
    ------
    InputError
        If one of them is not there.
    """

    def __init__(self, workspace: Workspace, folders: Sequence[Path] = ()) -> None:
        self._workspace = workspace
        if lacking := [str(folder) for folder in folders if not folder.exists()]:
            raise InputError(
                asked=f"look for vendors' files in {', '.join(lacking)}",
                found="there is no such file or folder",
                remedy="Check the path after --raw.",
            )
        own = workspace.root / "raw"
        places = [*folders, own] if own.exists() else list(folders)
        self._paths = list(named_files(places, root=workspace.root))
        self._known: dict[SourceReceipt, RawFile] = {}
        self._hashes: dict[Path, str] = {}

    def read(self, wanted: Mapping[SourceReceipt, Iterable[Wanted]]) -> None:
        """Look for rows in files; each file is read once, to its last wanted row."""
        for source, rows in sorted(wanted.items(), key=lambda pair: pair[0]):
            file = self.file(source)
            missing = [row for row in rows if row not in file.rows]
            if file.path is not None and missing:
                self._find(file, missing)

    def file(self, source: SourceReceipt) -> RawFile:
        """Return a file: the one of its bytes, else one of its name, which is another then."""
        if source not in self._known:
            self._known[source] = self._locate(source)
        return self._known[source]

    def _locate(self, source: SourceReceipt) -> RawFile:
        named = [path for path in self._paths if path.name == source.name]
        size = self._size(source)
        alike = [path for path in self._paths if path not in named and _size_of(path) == size]
        for path in (*named, *alike):
            if self._sha256(path) == source.sha256:
                return RawFile(source, path, source.sha256)
        return RawFile(source, named[0], self._sha256(named[0])) if named else RawFile(source)

    def _sha256(self, path: Path) -> str:
        if path not in self._hashes:
            self._hashes[path] = identify(path).sha256
        return self._hashes[path]

    def _receipt(self, source: SourceReceipt) -> dict[str, Any] | None:
        """Return the receipt of a file, of which the latest options count alike."""
        rows = self._workspace.state.select(RECEIPTS, sha256=source.sha256)
        landed = [row for row in rows if row["status"] != "reject"]
        return landed[0] if landed else None

    def _size(self, source: SourceReceipt) -> int | None:
        """Return the size that a file had when it was landed."""
        receipt = self._receipt(source)
        return receipt["report"].get("size") if receipt else None

    def _find(self, file: RawFile, wanted: list[Wanted]) -> None:
        """Read a file and note where the rows stand."""
        search = _Search(wanted)
        bounds = self._workspace.settings.ingest
        with tempfile.TemporaryDirectory(prefix="explain-") as scratch:
            try:
                reader = open_reader(
                    self._source(file),
                    instruments=self._workspace.instruments,
                    scratch=Path(scratch),
                    budget_bytes=bounds.max_expanded_bytes,
                    budget_ratio=bounds.max_expansion_ratio,
                )
                for event in reader.events():
                    if isinstance(event, RawBatch):
                        search.take(event)
                    if search.is_done:
                        break
            except QuantError as error:
                file.fault = str(error)
        file.rows |= search.found

    def _source(self, file: RawFile) -> SourceFile:
        """Return the file as its reader wants it, with the options that it was landed with."""
        receipt = self._receipt(file.source)
        options = json.loads(receipt["options"]) if receipt else {}
        path = file.path
        assert path is not None  # noqa: S101 only files that are there are read
        return SourceFile(
            path=path,
            name=file.source.name,
            sha256=file.sha256 or "",
            size=path.stat().st_size,
            symbol=options.get("symbol"),
            zone=options.get("zone"),
        )


class _Search:
    """Compares the rows that a reader gives with those that are looked for."""

    def __init__(self, wanted: Iterable[Wanted]) -> None:
        self._open: dict[tuple[str, str, str | None, str | None], list[Wanted]] = {}
        for one in wanted:
            key = one.table, one.symbol, one.contract, one.bar_schema
            self._open.setdefault(key, []).append(one)
        self._passed: dict[Wanted, int] = {}
        self.found: dict[Wanted, RawRow] = {}

    @property
    def is_done(self) -> bool:
        """Whether all are found."""
        return not any(self._open.values())

    def take(self, batch: RawBatch) -> None:
        """Look through a batch."""
        schema = batch.bar_schema if batch.kind is Landed.BARS else None
        key = str(batch.kind), batch.symbol, batch.contract, schema
        here = self._open.get(key)
        if not here:
            return
        time = "bar_start" if batch.kind is Landed.BARS else "ts"
        stamped = batch.frame.with_columns(at_ns=pl.col(time).to_physical())
        near = stamped.filter(pl.col("at_ns").is_in(sorted({one.at_ns for one in here})))
        for row in near.iter_rows(named=True):
            self._match(row, here, batch.place_prefix)

    def _match(self, row: Mapping[str, Any], here: list[Wanted], prefix: str) -> None:
        """Note a row where it is looked for; equal ones before it are passed by."""
        for one in [one for one in here if one.at_ns == row["at_ns"]]:
            if all(row[name] == value for name, value in one.values if name in row):
                passed = self._passed.get(one, 0)
                self._passed[one] = passed + 1
                if passed == one.n_before:
                    place = f"{prefix or _RECORD}{row['place']}"
                    self.found[one] = RawRow(place, row.get("raw"))
                    here.remove(one)


def _size_of(path: Path) -> int:
    return path.stat().st_size
