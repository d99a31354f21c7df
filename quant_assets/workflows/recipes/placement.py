"""Whether landed rows still lie in their session: a user's file may have changed it since."""

from collections.abc import Sequence

import polars as pl

from quant_assets.market.errors import SessionError
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.view import LakeView


def session_span(view: LakeView, key: Key) -> list[int]:
    """Return the instants [start, next start) that a session holds, as ns."""
    bounds = view.workspace.calendar(key.symbol).bounds(key.session)
    return [bounds.start_ns, bounds.next_start_ns]


def check_placed(landed: Entry, stamps: pl.Series, span: Sequence[int]) -> None:
    """Do nothing if all stamps lie within their session.

    Rows are cut into sessions when they land, so a session that was added, closed or moved since
    holds too many of them or too few.

    Raises
    ------
    SessionError
        If some lie outside it.
    """
    start, end = span
    instants = stamps.to_physical()
    if outside := int(((instants < start) | (instants >= end)).sum()):
        raise SessionError(
            asked=f"{landed.name} as one session",
            found=f"{outside:,} of its {len(stamps):,} rows lie outside it: sessions.yaml has"
            " changed since they were landed",
            remedy=f"Delete {landed.path} in the lake, run `quant lake reindex`, and ingest its"
            " files again: they are cut anew.",
        )
