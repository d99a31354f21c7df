"""Stores the baked sessions as a table of the lake, where queries and users find them."""

from dataclasses import dataclass
from datetime import date

from quant_assets.lineage.fingerprint import combined_version
from quant_assets.lineage.records import Lineage
from quant_assets.market.sessions import SESSIONS
from quant_assets.storage.index import Entry
from quant_assets.storage.package_data import read_sessions
from quant_assets.storage.source_code import code_version
from quant_assets.workflows.workspace import Workspace


@dataclass(frozen=True)
class StoredSessions:
    """What is in the lake now."""

    version: str
    rows: int
    calendars: tuple[str, ...]
    first: date
    last: date
    is_new: bool


def store_sessions(workspace: Workspace) -> StoredSessions:
    """Store each calendar's sessions, and return what is there."""
    baked = read_sessions()
    lineage = Lineage(code_version(("quant_assets.market.sessions",), ((SESSIONS.name, 1),)))
    before = {e.name: (e.data_version, e.code_version) for e in _entries(workspace)}
    versions = {}
    for (calendar,), rows in baked.group_by("calendar", maintain_order=True):
        committed = workspace.lake.commit(
            SESSIONS, {"calendar": str(calendar)}, rows.drop("calendar"), lineage
        )
        versions[committed.name] = committed.data_version
    after = {e.name: (e.data_version, e.code_version) for e in _entries(workspace)}
    days = baked["session"]
    return StoredSessions(
        version=combined_version(versions),
        rows=baked.height,
        calendars=tuple(sorted(str(name) for name in baked["calendar"].unique())),
        first=days.min(),  # type: ignore[arg-type]
        last=days.max(),  # type: ignore[arg-type]
        is_new=before != after,
    )


def _entries(workspace: Workspace) -> list[Entry]:
    """Return what the index says of the stored calendars."""
    return workspace.lake.index.entries(SESSIONS.name)
