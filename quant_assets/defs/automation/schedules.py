"""The nightly schedule: yesterday's session of every symbol, from the oldest not final."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from quant_assets.defs.automation.jobs import sessions_job
from quant_assets.defs.automation.requests import range_request
from quant_assets.defs.landed import landed_versions, observe, register
from quant_assets.defs.selection import LONGEST_RANGE, SessionRange
from quant_assets.market.timeframes import NS_PER_SECOND
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

AFTER_LAST_CLOSE = "0 6 * * *"
"""06:00 UTC: New York closed at 01:00 UTC at the latest, Chicago at 23:00 UTC the day before."""

NOT_FINAL = ("bronze_trades", "bronze_stats", "training_set")
"""Tables that read on past their date, and so may end before their outcome is known."""

DORMANT_SESSIONS = 10
"""A symbol without landed data for so many sessions is not asked for every night."""

_LOOKED_AT = 30
"""Sessions among which the last closed one surely is."""


@dataclass(frozen=True)
class Due:
    """What is to be made of a symbol tonight; no range, and why, where nothing is."""

    symbol: str
    wanted: SessionRange | None
    reason: str = ""


@dg.schedule(
    job=sessions_job,
    cron_schedule=AFTER_LAST_CLOSE,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description=(
        "Makes yesterday's session of every symbol, starting at its oldest session that is not "
        "final: one run a symbol and night."
    ),
)
def nightly_sessions(
    context: dg.ScheduleEvaluationContext, workspace: WorkspaceResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request a range a symbol, up to its last session that had closed at the tick's own time."""
    opened = workspace.open()
    night = context.scheduled_execution_time
    tonight = list(due_ranges(opened, night))
    wanted = [due.wanted for due in tonight if due.wanted]
    idle = "; ".join(f"{due.symbol}: {due.reason}" for due in tonight if not due.wanted)
    if not wanted:
        yield dg.SkipReason(f"Nothing is due. {idle or 'No symbol holds landed data.'}")
        return
    if idle:
        context.log.info(f"Nothing is due of {idle}")  # noqa: G004  the UI shows this log
    register(context.instance, opened)
    observe(context.instance, landed_versions(opened))
    for one in (part for whole in wanted for part in _runs_of(whole)):
        yield range_request(opened, one, key=f"{one.symbol}:{night.date()}:{one.first}")


def due_ranges(workspace: Workspace, night: datetime) -> Iterator[Due]:
    """Yield what is due of each symbol that holds landed data, by symbol.

    Parameters
    ----------
    night
        When it is asked; a session counts once it has closed before.
    """
    view = LakeView(workspace)
    symbols = {partition.split("|", 1)[1] for partition in landed_versions(workspace)}
    for symbol in sorted(symbols):
        yield _due(view, symbol, night)


def _due(view: LakeView, symbol: str, night: datetime) -> Due:
    """Return what is due of one symbol."""
    yesterday = last_closed(view.workspace, symbol, night)
    landed = [day for day in landed_sessions(view, symbol) if day <= yesterday]
    if not landed:
        return Due(symbol, None, f"no data was landed up to {yesterday}")
    calendar = view.workspace.calendar(symbol)
    recent = calendar.previous(yesterday, DORMANT_SESSIONS)
    if recent and landed[-1] < recent[0]:
        return Due(symbol, None, f"dormant, its last landed session is {landed[-1]}")
    waiting = [day for day in not_final(view, symbol) if day <= yesterday]
    if view.at("bars", symbol, yesterday):
        if not waiting:
            return Due(symbol, None, f"all is final up to {yesterday}")
        if last_closed(view.workspace, symbol, night - timedelta(days=1)) == yesterday:
            return Due(symbol, None, f"no session closed since {yesterday}")
    return Due(symbol, SessionRange(symbol, min([*waiting, yesterday]), yesterday))


def last_closed(workspace: Workspace, symbol: str, night: datetime) -> date:
    """Return the last session of a symbol that had closed at an instant."""
    calendar = workspace.calendar(symbol)
    night_ns = int(night.timestamp()) * NS_PER_SECOND
    days = calendar.previous(night.date() + timedelta(days=2), _LOOKED_AT)
    return [day for day in days if calendar.bounds(day).close_ns <= night_ns][-1]


def not_final(view: LakeView, symbol: str) -> list[date]:
    """Return the sessions of which an outcome was not known when they were made, ascending."""
    return sorted(
        {
            entry.day
            for table in NOT_FINAL
            for entries in view.of_symbol(table, symbol).values()
            for entry in entries
            if not entry.final
        }
    )


def _runs_of(wanted: SessionRange) -> Iterator[SessionRange]:
    """Yield the parts of a range that one run may make."""
    first = wanted.first
    while first <= wanted.last:
        last = min(wanted.last, first + timedelta(days=LONGEST_RANGE - 1))
        yield SessionRange(wanted.symbol, first, last)
        first = last + timedelta(days=1)
