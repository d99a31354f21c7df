"""How long partitions took when they were last made: what a plan estimates by."""

import time
from collections.abc import Sequence

from quant_assets.storage.state_tables import TIMINGS
from quant_assets.workflows.workspace import Workspace


def note_timings(workspace: Workspace, asset: str, seconds: Sequence[float]) -> None:
    """Record how long some partitions of an asset took; none at all changes nothing."""
    if seconds:
        row = {"asset": asset, "partitions": len(seconds), "seconds": sum(seconds)}
        workspace.state.upsert(TIMINGS, [row])


class Stopwatch:
    """Times the making of one partition, from now on."""

    def __init__(self, workspace: Workspace, asset: str) -> None:
        self._workspace = workspace
        self._asset = asset
        self._started = time.monotonic()

    def stop(self, *, is_new: bool) -> None:
        """Record the time, where anything was made."""
        took = [time.monotonic() - self._started] if is_new else []
        note_timings(self._workspace, self._asset, took)


def estimated_seconds(workspace: Workspace, asset: str, count: int) -> float | None:
    """Return about how long some partitions would take; None where none was ever made."""
    if count == 0:
        return 0.0
    rows = workspace.state.select(TIMINGS, asset=asset)
    return rows[0]["seconds"] / rows[0]["partitions"] * count if rows else None
