"""The sensor on landed data and models: what they change is made again, in ranges."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import dagster as dg

from quant_assets.defs.automation.jobs import sessions_job
from quant_assets.defs.automation.requests import busy_symbols, range_request, requested_keys
from quant_assets.defs.landed import landed_versions, observe, register
from quant_assets.defs.selection import SessionRange, clusters
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.models.schema import MODELS
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.workflows.changes import Pending, pending_partitions
from quant_assets.workflows.recipes.neighbours import BARS
from quant_assets.workflows.recipes.neighbours import landed_sessions as sessions_landed
from quant_assets.workflows.recipes.register import made_sessions
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

INTERVAL_S = 5
_DIGITS = 16


@dataclass(frozen=True)
class Seen:
    """What the sensor knows of a symbol.

    Parameters
    ----------
    basis
        Digest over the versions of its landed partitions, of all models, and of what it is
        compared with.
    change
        How often that digest has changed: content that comes back is another change.
    state
        `new` until it is the same at two ticks, `asked` while runs make it, then `done`.
    """

    basis: str
    change: int = 1
    state: Literal["new", "asked", "done"] = "new"

    def after(self, basis: str) -> "Seen":
        """Return what is known once the symbol's digest was looked at again."""
        return self if basis == self.basis else Seen(basis, self.change + 1)


@dg.sensor(
    job=sessions_job,
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Makes what newly landed or restated data changes, up to predictions, and the predictions "
        "of a new model: one run a range of sessions, once. It waits until a symbol's landing is "
        "at rest and its runs are over."
    ),
)
def landed_sessions(
    context: dg.SensorEvaluationContext, workspace: WorkspaceResource
) -> dg.SensorResult:
    """Request a range of each symbol whose landed data changed.

    The range holds exactly the changed sessions and those that look back or forward on them. The
    lake itself says what is still to be made, so a lost cursor costs no more than a look.
    """
    opened = workspace.open()
    landed = _by_symbol(landed_versions(opened))
    before = _read(context.cursor)
    digests = _digests(opened, landed)
    seen = {
        symbol: before[symbol].after(digest) if symbol in before else Seen(digest)
        for symbol, digest in digests.items()
    }
    requests: list[dg.RunRequest] = []
    resting = [s for s, one in seen.items() if one == before.get(s) and one.state != "done"]
    if resting:
        register(context.instance, opened)
    busy = busy_symbols(context.instance) if resting else set()
    requested = requested_keys(context.instance) if resting else set()
    for symbol in (symbol for symbol in resting if symbol not in busy):
        observe(context.instance, landed[symbol])
        found = [
            request
            for request in _requests(opened, symbol, seen[symbol])
            if request.run_key not in requested
        ]
        requests += found
        seen[symbol] = replace(seen[symbol], state="asked" if found else "done")
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else _why_none(seen, before, busy),
        cursor=json.dumps({symbol: list(asdict(one).values()) for symbol, one in seen.items()}),
    )


def _by_symbol(versions: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return landed partitions and their versions by symbol."""
    found: dict[str, dict[str, str]] = {}
    for partition, version in versions.items():
        found.setdefault(partition.split("|", 1)[1], {})[partition] = version
    return found


def _digests(workspace: Workspace, landed: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return a digest over all that may change what is made of a symbol.

    That is its landed data, the models, and the bars of the symbol that it is compared with.
    """
    models = _versions(workspace, MODELS.name)
    return {
        symbol: digest_of([dict(own), models, _reference_bars(workspace, symbol)])[:_DIGITS]
        for symbol, own in landed.items()
    }


def _reference_bars(workspace: Workspace, symbol: str) -> dict[str, str]:
    """Return the bars of a symbol's reference and their versions; nothing where it has none."""
    reference = workspace.settings.member(symbol).reference
    return _versions(workspace, BARS, symbol=reference) if reference else {}


def _versions(workspace: Workspace, table: str, **keys: str) -> dict[str, str]:
    """Return the partitions of a table and their versions."""
    found = workspace.lake.index.entries(table, **keys)
    return {entry.name: entry.data_version for entry in found}


def _read(cursor: str | None) -> dict[str, Seen]:
    """Read a cursor."""
    return {symbol: Seen(*values) for symbol, values in json.loads(cursor or "{}").items()}


def _requests(workspace: Workspace, symbol: str, seen: Seen) -> list[dg.RunRequest]:
    """Return the runs that make what is pending of a symbol.

    After the first runs of a change only what they left undone is pending: the edges of long
    ranges, which needed each other. What failed in them would fail again.
    """
    view = LakeView(workspace)
    start = workspace.settings.partitions.start
    known = {*sessions_landed(view, symbol), *made_sessions(view, symbol)}
    sessions = [day for day in known if day >= start]
    pending = pending_partitions(view, symbol, sessions, retry_failed=seen.state == "new")
    days = sorted({key.session for _, key in pending})
    return [
        range_request(workspace, one, key=_run_key(one, pending, seen))
        for one in clusters(symbol, days)
    ]


def _run_key(wanted: SessionRange, pending: Sequence[Pending], seen: Seen) -> str:
    """Return what a range is requested under: one change that leaves one set to be made."""
    within = [
        f"{asset} {key}" for asset, key in pending if wanted.first <= key.session <= wanted.last
    ]
    digest = digest_of([seen.basis, seen.change, within])[:_DIGITS]
    return f"{wanted.symbol}:{wanted.first}:{wanted.last}:{digest}"


def _why_none(seen: Mapping[str, Seen], before: Mapping[str, Seen], busy: set[str]) -> str:
    """Say why nothing is requested."""
    moving = sorted(symbol for symbol, one in seen.items() if one != before.get(symbol))
    if moving and any(seen[symbol].state == "new" for symbol in moving):
        return f"Landed data has changed, looking again: {', '.join(moving[:5])}"
    waiting = sorted(busy & {symbol for symbol, one in seen.items() if one.state != "done"})
    if waiting:
        return f"Runs are making it: {', '.join(waiting[:5])}"
    return "All that was landed is made."
