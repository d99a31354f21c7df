"""One file from open to report: read and judged as a whole, then committed, or not at all."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from quant_assets.lineage.records import SourceReceipt
from quant_assets.market.errors import (
    CommitError,
    FileRejectedError,
    QuantError,
    SessionError,
    SymbolError,
)
from quant_assets.storage.index import Entry
from quant_assets.storage.layout import TEMPORARY
from quant_assets.storage.readers.base import Reader, SourceFile
from quant_assets.ticks.schema import QUARANTINE
from quant_assets.workflows.landing.files import Look, hashing, is_as_before, look_at
from quant_assets.workflows.landing.intake import Intake
from quant_assets.workflows.landing.marks import has_mark, origin_of, refuse_mix
from quant_assets.workflows.landing.partition import Partition
from quant_assets.workflows.landing.quarantine import give_homes
from quant_assets.workflows.landing.receipts import (
    RESTATED,
    find_receipt,
    is_in_lake,
    may_be_known,
    options_of,
    unchanged,
    write_receipt,
)
from quant_assets.workflows.landing.report import (
    FileReport,
    FileStatus,
    Reason,
    Reasons,
    Touched,
    status_of,
)
from quant_assets.workflows.landing.settle import landed_partitions, settle
from quant_assets.workflows.landing.spill import Spill
from quant_assets.workflows.landing.stats import iso
from quant_assets.workflows.landing.store import Store, Stored, one_writer
from quant_assets.workflows.workspace import Workspace

Opener = Callable[[SourceFile, Path], Reader]
"""Opens a reader of a file, with a folder for what it must lay down meanwhile."""

FileProgress = Callable[[int, int], None]
"""Called while a file is read, with the bytes read so far and the file's size."""

Digest = Callable[[], str]
"""Waits for SHA-256 of the file, which is taken meanwhile."""

UNKNOWN_FORMAT = "unknown"

_WAITING = 2
"""Commits that may wait for the disk while others work."""

_RULES: tuple[tuple[type[QuantError], str], ...] = (
    (SymbolError, "bad_symbol"),
    (SessionError, "outside_calendar"),
    (CommitError, "not_stored"),
)


@dataclass(frozen=True)
class Offer:
    """A file that a user offers, and how it is to be read."""

    path: Path
    symbol: str | None = None
    zone: str | None = None


@dataclass
class _Landing:
    """One file on its way; `format` is known once it is open."""

    workspace: Workspace
    offer: Offer
    opener: Opener
    progress: FileProgress
    format: str = UNKNOWN_FORMAT

    def run(self) -> FileReport:
        """Read, judge and store the file.

        A tick database is hashed while it is read, where nothing hangs on its hash before the
        commit: no file of its size was landed so before, and no mark lies beside it. Its own
        reader asks for no hash.

        Raises
        ------
        FileRejectedError
            If nothing of it may be committed; nothing was.
        """
        look = self._look()
        source = self._source(look)
        options = options_of(self.workspace, source)
        with hashing(look) as digest:
            state, path = self.workspace.state, self.offer.path
            may_wait = look.is_sqlite and not has_mark(path)
            if not may_wait or may_be_known(state, options, look.size):
                source = replace(source, sha256=digest())
                receipt = find_receipt(state, source.sha256, options)
                if receipt and is_in_lake(self.workspace.lake, receipt):
                    return unchanged(receipt, str(path))
            return self._receive(look, source, options, digest)

    def _receive(self, look: Look, source: SourceFile, options: str, digest: Digest) -> FileReport:
        """Read, judge and store a file that was not landed before, and write its receipt."""
        state = self.workspace.state
        try:
            report, entries = self._land(look, source, digest)
        except FileRejectedError as error:
            hashed = replace(source, sha256=digest())
            write_receipt(state, hashed, options, self.rejected(error), [])
            raise
        if is_as_before(look):
            write_receipt(state, replace(source, sha256=digest()), options, report, entries)
        return report

    def _look(self) -> Look:
        """Look at the file, or reject what is none."""
        path = self.offer.path
        if not path.is_file():
            is_there = path.exists()
            raise FileRejectedError(
                rule="not_a_file" if is_there else "not_found",
                where="",
                asked=f"read {path.name!r}",
                found="it is no regular file" if is_there else "there is no such file",
                remedy="Check the path.",
            )
        return look_at(path)

    def _source(self, look: Look) -> SourceFile:
        """Return the file as readers want it, not hashed yet."""
        return SourceFile(
            path=self.offer.path,
            name=self.offer.path.name,
            sha256="",
            size=look.size,
            symbol=self.offer.symbol,
            zone=self.offer.zone,
        )

    def _land(
        self, look: Look, source: SourceFile, digest: Digest
    ) -> tuple[FileReport, list[Entry]]:
        """Read all of the file, and then commit it."""
        origin = origin_of(source.path, source.sha256)
        refuse_mix(self.workspace.state, origin, source.name)
        temporary = self.workspace.lake.root / TEMPORARY
        with Spill(temporary) as spill:
            intake = Intake(self.workspace, spill)
            reader = self.opener(source, spill.folder)
            rows_in = self._read(reader, intake, source.size)
            receipt = SourceReceipt(digest(), source.name)
            self._check_unchanged(look)
            repeated = settle(self.workspace, intake)
            landed = landed_partitions(intake)
            kept = sum(spill.rows(partition) for partition in landed)
            _check_conservation(
                source.name, rows_in, kept=kept, repeated=repeated, bad=intake.quarantined
            )
            if not landed:
                return self._all_set_aside(intake, rows_in), []
            store = Store(self.workspace, receipt, origin)
            stored, entries = self._commit(intake, landed, store)
        _remark_restated(intake.reasons, stored)
        return self._report(intake, stored, rows_in, repeated), entries

    def _read(self, reader: Reader, intake: Intake, size: int) -> int:
        """Take all that the reader gives; return the rows that it counted on its own."""
        self.format = reader.format
        for event in reader.events():
            intake.take(event)
            self.progress(min(reader.tally.bytes_read, size), size)
        self.format = reader.format
        self.progress(size, size)
        return reader.tally.rows_in

    def _check_unchanged(self, look: Look) -> None:
        """Reject a file that grew while it was read; a database gives a consistent view."""
        if not look.is_sqlite and not is_as_before(look):
            raise FileRejectedError(
                rule="changed_while_read",
                where="",
                asked=f"read {self.offer.path.name!r}",
                found="it was written to meanwhile",
                remedy="Wait until it is complete, and give it again.",
            )

    def _commit(
        self, intake: Intake, landed: Sequence[Partition], store: Store
    ) -> tuple[list[Stored], list[Entry]]:
        """Commit the bad rows and then the good ones; return all entries of the index."""
        spill = intake.spill
        give_homes(spill, landed)
        with one_writer(self.workspace.lake.root):
            refuse_mix(self.workspace.state, store.origin, store.source.name)
            aside = [p for p in spill.partitions() if p.table == QUARANTINE.name]
            entries = [store.set_aside(partition, spill.take(partition)) for partition in aside]
            stored = self._land_all(store, spill, landed)
        return stored, [*entries, *(one.entry for one in stored)]

    def _land_all(self, store: Store, spill: Spill, landed: Sequence[Partition]) -> list[Stored]:
        """Commit the partitions, several at once; what each one holds does not depend on it.

        They are some more than processors may be used: a commit waits for the disk twice.
        """
        with ThreadPoolExecutor(max_workers=self.workspace.threads + _WAITING) as pool:
            return list(pool.map(lambda one: store.land(one, spill.take(one)), landed))

    def _report(
        self, intake: Intake, stored: Sequence[Stored], rows_in: int, repeated: int
    ) -> FileReport:
        """Return what became of a file that was committed."""
        reasons = intake.reasons.listed()
        return FileReport(
            file=str(self.offer.path),
            format=self.format,
            status=status_of(
                held=rows_in - intake.quarantined,
                quarantined=intake.quarantined,
                reasons=len(reasons),
            ),
            rows_in=rows_in,
            committed=sum(one.merged.committed for one in stored),
            quarantined=intake.quarantined,
            duplicates=repeated + sum(one.merged.duplicates for one in stored),
            reasons=reasons,
            symbols=tuple(sorted({one.partition.symbol for one in stored})),
            first=iso(min(one.first_ns for one in stored)),
            last=iso(max(one.last_ns for one in stored)),
            touched=_touched(stored),
        )

    def _all_set_aside(self, intake: Intake, rows_in: int) -> FileReport:
        """Return the report of a file of which no row is good, or that has none."""
        if rows_in == 0:
            intake.reasons.add("no_rows", "the file holds no rows")
        return FileReport(
            file=str(self.offer.path),
            format=self.format,
            status=FileStatus.REJECT,
            rows_in=rows_in,
            quarantined=intake.quarantined,
            reasons=intake.reasons.listed(),
        )

    def rejected(self, error: Exception) -> FileReport:
        """Return the report of a file that an error ended."""
        return FileReport(
            file=str(self.offer.path),
            format=self.format,
            status=FileStatus.REJECT,
            reasons=(reason_of(error),),
        )


def receive_file(
    workspace: Workspace, offer: Offer, *, opener: Opener, progress: FileProgress
) -> FileReport:
    """Land one file; whatever is wrong with it ends in its report and nowhere else.

    Parameters
    ----------
    workspace
        Where it lands.
    offer
        The file.
    opener
        Chooses the reader, by content.
    progress
        Told of bytes read.
    """
    landing = _Landing(workspace, offer, opener, progress)
    try:
        return landing.run()
    except Exception as error:  # noqa: BLE001  one bad file must not stop the others
        return landing.rejected(error)


def reason_of(error: Exception) -> Reason:
    """Return the reason that an error gives: its rule, what was found, what to do."""
    if isinstance(error, FileRejectedError):
        return Reason(error.rule, 1, _joined(error.where, error.found), error.remedy)
    if isinstance(error, QuantError):
        rule = next((name for kind, name in _RULES if isinstance(error, kind)), "refused")
        return Reason(rule, 1, _joined(error.asked, error.found), error.remedy)
    text = " ".join(str(error).split())[:200]
    return Reason(
        "unreadable",
        1,
        f"{type(error).__name__}: {text}",
        "Check that the file can be opened; if it can, report this.",
    )


def _joined(where: str, found: str) -> str:
    """Write place and finding as one text, the place once."""
    return found if not where or where in found else f"{where}: {found}"


def _check_conservation(name: str, rows_in: int, *, kept: int, repeated: int, bad: int) -> None:
    """Reject a file of which a row is lost or invented on the way: our error, never silent."""
    if rows_in != kept + repeated + bad:
        raise FileRejectedError(
            rule="conservation",
            where="",
            asked=f"account for every row of {name!r}",
            found=f"the reader counted {rows_in:,} rows, {kept + repeated + bad:,} arrived "
            f"({kept:,} to commit, {bad:,} set aside, {repeated:,} duplicates)",
            remedy="Nothing was committed. This is an error of ours: report it with the file.",
        )


def _touched(stored: Sequence[Stored]) -> tuple[Touched, ...]:
    """Return the symbols' sessions that hold rows of the file, over all their contracts."""
    changed: dict[tuple[str, date], bool] = {}
    for one in stored:
        if one.partition.session is not None:
            key = one.partition.symbol, one.partition.session
            changed[key] = changed.get(key, False) or one.changed
    return tuple(Touched(*key, changed=value) for key, value in sorted(changed.items()))


def _remark_restated(reasons: Reasons, stored: Sequence[Stored]) -> None:
    """Remark on landed rows that the file changed, by symbol and session."""
    for one in stored:
        if one.merged.restated:
            place = f"{one.partition.symbol} {one.partition.session}"
            reasons.add(RESTATED, place, count=one.merged.restated)
