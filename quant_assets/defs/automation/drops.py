"""The sensor on `data/raw`: a file that has come to rest is landed, once."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Literal

import dagster as dg

from quant_assets.defs.automation.jobs import land_files
from quant_assets.defs.automation.requests import requested_keys
from quant_assets.defs.landed import register
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.workflows.landed_before import LandedBefore, Standing
from quant_assets.workflows.landing.files import named_files
from quant_assets.workflows.workspace import Workspace

RAW = "raw"
INTERVAL_S = 5

HASHED_BYTES = 2 * 2**30
"""Most that one tick reads to know files by their content. A file that is larger by itself is
left to its run, which lands nothing that is landed already."""

LOOKING_S = 20.0
"""How long one tick begins to look into files; Dagster ends a tick after 60 s."""


@dataclass(frozen=True)
class Seen:
    """What the sensor knows of a file.

    Parameters
    ----------
    size, changed_ns
        Bytes and time of change, of the file and its write-ahead log together.
    state
        `new` or `changed` until it is at rest, `landed` where its receipt stands.
    """

    size: int
    changed_ns: int
    state: Literal["new", "changed", "landed"] = "new"

    def is_as(self, other: "Seen | None") -> bool:
        """Whether nothing was written to the file between two looks."""
        return other is not None and astuple(self)[:2] == astuple(other)[:2]


@dg.sensor(
    job=land_files,
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Lands files dropped into `data/raw`, folders included, once they have not changed "
        "between two ticks. A file that changes later is landed again, as a restatement; one "
        "that `quant ingest` or the demo has landed already is not."
    ),
)
def dropped_files(
    context: dg.SensorEvaluationContext, workspace: WorkspaceResource
) -> dg.SensorResult:
    """Request one run a file that is at rest, not requested before and not landed already.

    Which files were requested stands in Dagster's runs, and which were landed in their receipts,
    so neither a cursor that is set back nor a daemon that dies lands a file twice or never. The
    cursor holds files that are waited for, and those whose receipt was found to stand, so that
    each is read for it once.
    """
    opened = workspace.open()
    requested = requested_keys(context.instance)
    before = {n: Seen(*one) for n, one in json.loads(context.cursor or "{}").items()}
    files = _not_requested(opened.root, before, requested)
    rest = {n: s for n, s in files.items() if s.state != "landed" and s.is_as(before.get(n))}
    landed, unread = _landed_before(opened, rest)
    if landed:
        register(context.instance, opened)
    ready = [name for name in rest if name not in landed and name not in unread]
    files |= {name: replace(files[name], state="landed") for name in landed}
    kept = {name: seen for name, seen in files.items() if name not in ready}
    return dg.SensorResult(
        run_requests=[_request(name, files[name]) for name in ready],
        skip_reason=None if ready else _why_none(kept, landed),
        cursor=json.dumps({name: astuple(seen) for name, seen in kept.items()}),
    )


def _not_requested(root: Path, before: Mapping[str, Seen], requested: set[str]) -> dict[str, Seen]:
    """Return the market files below `raw` that no run was requested for, as they are now."""
    had = {key.rsplit(":", 2)[0] for key in requested}
    found: dict[str, Seen] = {}
    for name, seen in _files(root):
        last = before.get(name)
        if _run_key(name, seen) in requested:
            continue
        if last is not None and last.state == "landed" and seen.is_as(last):
            found[name] = last
        else:
            was_there = name in had or (last is not None and last.state != "new")
            found[name] = replace(seen, state="changed" if was_there else "new")
    return found


def _files(root: Path) -> Iterator[tuple[str, Seen]]:
    """Yield the market files below `raw` by their path from the data root."""
    folder = root / RAW
    if not folder.is_dir():
        return
    for path in named_files([folder], root=root):
        name = path.relative_to(root).as_posix()
        seen = _look(path)
        # Dagster cannot carry a name that is no UTF-8; `quant ingest` can.
        if seen is not None and name.isprintable():
            yield name, seen


def _look(path: Path) -> Seen | None:
    """Return what changes when a file is written to; None if it is gone meanwhile."""
    log = path.with_name(f"{path.name}-wal")
    try:
        stats = [part.stat() for part in (path, log) if part is path or part.is_file()]
    except FileNotFoundError:
        return None
    return Seen(sum(stat.st_size for stat in stats), max(stat.st_mtime_ns for stat in stats))


def _landed_before(opened: Workspace, rest: Mapping[str, Seen]) -> tuple[set[str], set[str]]:
    """Return which files at rest were landed before, and which to look into at a later tick."""
    landed: set[str] = set()
    unread: set[str] = set()
    known = LandedBefore(opened)
    last, left = time.monotonic() + LOOKING_S, HASHED_BYTES
    for name, seen in rest.items():
        path = opened.root / name
        if seen.size > HASHED_BYTES or not known.may_hold(path):
            continue
        if seen.size > left or (left < HASHED_BYTES and time.monotonic() > last):
            unread.add(name)
            continue
        left -= seen.size
        if _adds_nothing(known, path, seen):
            landed.add(name)
    return landed, unread


def _adds_nothing(known: LandedBefore, path: Path, seen: Seen) -> bool:
    """Whether a file was landed before and is not to be landed again.

    One that is seen for the first time and was restated since has lain there all along: what
    came after it stays. One that was put there again is meant to be landed again.
    """
    try:
        standing = known.standing(path)
    except OSError:
        return False  # its run says why it cannot be read
    return standing is Standing.STANDS or (standing is Standing.RESTATED and seen.state == "new")


def _run_key(name: str, seen: Seen) -> str:
    """Return what a file is requested under: another content comes with another stamp."""
    return f"{name}:{seen.size}:{seen.changed_ns}"


def _request(name: str, seen: Seen) -> dg.RunRequest:
    """Return the run that lands a file."""
    config = {"ops": {"land": {"config": {"paths": [name]}}}}
    return dg.RunRequest(run_key=_run_key(name, seen), run_config=config)


def _why_none(kept: Mapping[str, Seen], landed: Iterable[str]) -> str:
    """Say why no file is landed."""
    waiting = [name for name, seen in kept.items() if seen.state != "landed"]
    if waiting:
        return f"{len(waiting)} files may still be written to, looking again: {_some(waiting)}"
    known = list(landed)
    if known:
        return f"{len(known)} files were landed before: {_some(known)}"
    return f"No new file in {RAW}."


def _some(names: Iterable[str]) -> str:
    """Name a few files."""
    return ", ".join(sorted(names)[:5])
