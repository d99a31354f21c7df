"""Official closes as an input: positions end at them, and a user's file may change them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.timeframes import Timeframe, crosses_sessions
from quant_assets.workflows.recipes.neighbours import BARS
from quant_assets.workflows.workspace import Workspace


def closes_versions(workspace: Workspace, inputs: Iterable[str]) -> dict[str, str]:
    """Return the versions of the closes that a backtest on some inputs goes by, one a symbol.

    Parameters
    ----------
    inputs
        Names of lake entries. Bars of any length name the sessions, each once; symbols whose
        positions are held into the next session have no closes.
    """
    days: dict[str, set[str]] = defaultdict(set)
    for name in inputs:
        table, *levels, session = name.split("/")
        if table == BARS:
            of = dict(level.split("=", 1) for level in levels)
            asset_class = workspace.instrument(of["symbol"]).asset_class
            if not crosses_sessions(asset_class, Timeframe.parse(of["timeframe"])):
                days[of["symbol"]].add(session)
    return {
        f"session_closes/symbol={symbol}": digest_of(
            [[day, _close_ns(workspace, symbol, day)] for day in sorted(found)]
        )
        for symbol, found in sorted(days.items())
    }


def _close_ns(workspace: Workspace, symbol: str, day: str) -> int | None:
    """Return the official close of a date, or None where it is no session."""
    calendar = workspace.calendar(symbol)
    session = date.fromisoformat(day)
    return calendar.bounds(session).close_ns if calendar.is_session(session) else None
