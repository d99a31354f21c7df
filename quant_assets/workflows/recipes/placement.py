"""Whether landed rows still lie in their session: a user's file may have changed it since."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from quant_assets.market.errors import SessionError
from quant_assets.storage.index import Entry
from quant_assets.ticks.rules import other_session
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.view import LakeView


def session_span(view: LakeView, key: Key) -> list[int]:
    """Return the instants [start, next start) that a session holds, as ns."""
    bounds = view.workspace.calendar(key.symbol).bounds(key.session)
    return [bounds.start_ns, bounds.next_start_ns]


def check_placed(
    landed: Entry, stamps: pl.Series, span: Sequence[int], *, tolerated: float = 0.0
) -> None:
    """Do nothing if all stamps lie within their session, or all but a few.

    Rows are cut into sessions when they land, so a session that was added, closed or moved since
    holds too many of them or too few.

    Parameters
    ----------
    tolerated
        Share of the rows that may lie outside it, because the caller sets them aside.

    Raises
    ------
    SessionError
        If more of them lie outside it.
    """
    start, end = span
    instants = stamps.to_physical().to_numpy()
    outside = int(np.count_nonzero(other_session(instants, start_ns=start, next_start_ns=end)))
    if outside > tolerated * len(stamps):
        raise SessionError(
            asked=f"{landed.name} as one session",
            found=f"{outside:,} of its {len(stamps):,} rows lie outside it: sessions.yaml has"
            " changed since they were landed",
            remedy=f"Delete {landed.path} in the lake, run `quant lake reindex`, and ingest its"
            " files again: they are cut anew.",
        )
