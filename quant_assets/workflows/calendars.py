"""Stores the calendars' sessions as a table of the lake, where queries and users find them."""

from dataclasses import dataclass
from datetime import date

from quant_assets.lineage.fingerprint import combined_version, content_version
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
    sessions = read_sessions(workspace.sessions_file)
    lineage = Lineage(_code_version())
    before = {e.name: (e.data_version, e.code_version) for e in _entries(workspace)}
    versions = {}
    for (calendar,), rows in sessions.group_by("calendar", maintain_order=True):
        committed = workspace.lake.commit(
            SESSIONS, {"calendar": str(calendar)}, rows.drop("calendar"), lineage
        )
        versions[committed.name] = committed.data_version
    after = {e.name: (e.data_version, e.code_version) for e in _entries(workspace)}
    days = sessions["session"]
    return StoredSessions(
        version=combined_version(versions),
        rows=sessions.height,
        calendars=tuple(sorted(str(name) for name in sessions["calendar"].unique())),
        first=days.min(),  # type: ignore[arg-type]
        last=days.max(),  # type: ignore[arg-type]
        is_new=before != after,
    )


def are_sessions_stored(workspace: Workspace) -> bool | None:
    """Whether the lake holds the sessions as they would be stored now; None where it has none."""
    stored = {e.levels["calendar"]: (e.data_version, e.code_version) for e in _entries(workspace)}
    if not stored:
        return None
    wanted = {
        str(calendar): (content_version(SESSIONS.check(rows.drop("calendar"))), _code_version())
        for (calendar,), rows in read_sessions(workspace.sessions_file).group_by(
            "calendar", maintain_order=True
        )
    }
    return stored == wanted


def _code_version() -> str:
    """Return the code version of stored sessions."""
    return code_version(("quant_assets.market.sessions",), ((SESSIONS.name, 1),))


def _entries(workspace: Workspace) -> list[Entry]:
    """Return what the index says of the stored calendars."""
    return workspace.lake.index.entries(SESSIONS.name)
