"""Lands files: each read once, judged as a whole, committed or rejected, and reported."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quant_assets.market.errors import SettingsError
from quant_assets.market.tables import check_symbol
from quant_assets.storage.layout import TEMPORARY
from quant_assets.storage.readers.base import Reader, SourceFile
from quant_assets.storage.readers.sniff import open_reader
from quant_assets.workflows.landing.files import named_files
from quant_assets.workflows.landing.receive import FileProgress, Offer, Opener, receive_file
from quant_assets.workflows.landing.report import FileReport
from quant_assets.workflows.landing.spill import sweep
from quant_assets.workflows.workspace import Workspace


@dataclass(frozen=True)
class IngestStep:
    """How far an ingest is: the file at hand, its place from 1, and its bytes read so far."""

    file: Path
    place: int
    total: int
    bytes_read: int
    size: int


IngestProgress = Callable[[IngestStep], None]


def silent(_step: IngestStep) -> None:
    """Report nothing."""


def ingest_files(
    workspace: Workspace,
    paths: Iterable[Path],
    *,
    symbol: str | None = None,
    zone: str | None = None,
    progress: IngestProgress = silent,
    opener: Opener | None = None,
) -> Iterator[FileReport]:
    """Land files and the files of folders; one bad file stops no other.

    Parameters
    ----------
    workspace
        Where they land.
    paths
        Files, and folders that are walked through in sorted order.
    symbol
        Symbol of all files, in place of what their names say.
    zone
        IANA zone of stamps that carry none; the default depends on the format.
    progress
        Told of every file, and of the bytes read of it.
    opener
        Chooses the reader of a file; the default goes by its content.

    Returns
    -------
    Iterator
        One report a file, as soon as it is landed.

    Raises
    ------
    SymbolError, SettingsError
        At once, if symbol or zone is none.
    """
    if symbol is not None:
        check_symbol(symbol)
    if zone is not None:
        check_zone(zone)
    files = list(named_files(paths, root=workspace.root))
    opened = opener or partial(_open, workspace)
    return _each(workspace, [Offer(path, symbol, zone) for path in files], opened, progress)


def check_zone(name: str) -> str:
    """Return the name of a time zone, or raise `SettingsError`."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            asked=f"time zone {name[:60]!r}",
            found="no zone of that name",
            remedy="Write an IANA name: UTC, America/New_York, Asia/Kolkata.",
        ) from error
    return name


def _each(
    workspace: Workspace, offers: list[Offer], opener: Opener, progress: IngestProgress
) -> Iterator[FileReport]:
    """Land one file after the other, after what dead processes left was cleared away."""
    sweep(workspace.lake.root / TEMPORARY)
    for place, offer in enumerate(offers, start=1):
        first = IngestStep(offer.path, place, len(offers), 0, 0)
        progress(first)
        yield receive_file(workspace, offer, opener=opener, progress=_teller(progress, first))


def _teller(progress: IngestProgress, first: IngestStep) -> FileProgress:
    """Return what passes a file's bytes on, with its place among the files."""
    return lambda bytes_read, size: progress(replace(first, bytes_read=bytes_read, size=size))


def _open(workspace: Workspace, source: SourceFile, scratch: Path) -> Reader:
    """Open the reader that a file's content asks for, with the budgets of the settings."""
    bounds = workspace.settings.ingest
    return open_reader(
        source,
        instruments=workspace.instruments,
        scratch=scratch,
        budget_bytes=bounds.max_expanded_bytes,
        budget_ratio=bounds.max_expansion_ratio,
    )
