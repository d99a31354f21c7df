"""The sensor on `data/raw`: a file that has come to rest is landed, once."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from quant_assets.defs.automation.jobs import land_files
from quant_assets.defs.automation.requests import requested_keys
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.workflows.landing.files import named_files

RAW = "raw"
INTERVAL_S = 5

Stamp = tuple[int, int]
"""Size in bytes and time of change in ns, of a file and its write-ahead log together."""


@dg.sensor(
    job=land_files,
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Lands files dropped into `data/raw`, folders included, once they have not changed "
        "between two ticks. A file that changes later is landed again, as a restatement."
    ),
)
def dropped_files(
    context: dg.SensorEvaluationContext, workspace: WorkspaceResource
) -> dg.SensorResult:
    """Request one run a file that is at rest and was not requested before.

    Which files were requested stands in Dagster's runs, so neither a cursor that is set back nor
    a daemon that dies lands a file twice or never. The cursor holds only files that are waited
    for.
    """
    root = workspace.open().root
    requested = requested_keys(context.instance)
    files = {name: stamp for name, stamp in _files(root) if _run_key(name, stamp) not in requested}
    before: dict[str, list[int]] = json.loads(context.cursor) if context.cursor else {}
    ready = [name for name, stamp in files.items() if before.get(name) == list(stamp)]
    waiting = {name: stamp for name, stamp in files.items() if name not in ready}
    return dg.SensorResult(
        run_requests=[_request(name, files[name]) for name in ready],
        skip_reason=None if ready else _why_none(waiting),
        cursor=json.dumps(waiting),
    )


def _files(root: Path) -> Iterator[tuple[str, Stamp]]:
    """Yield the market files below `raw` by their path from the data root."""
    folder = root / RAW
    if not folder.is_dir():
        return
    for path in named_files([folder], root=root):
        name = path.relative_to(root).as_posix()
        stamp = _stamp(path)
        # Dagster cannot carry a name that is no UTF-8; `quant ingest` can.
        if stamp is not None and name.isprintable():
            yield name, stamp


def _stamp(path: Path) -> Stamp | None:
    """Return what changes when a file is written to; None if it is gone meanwhile."""
    log = path.with_name(f"{path.name}-wal")
    try:
        stats = [part.stat() for part in (path, log) if part is path or part.is_file()]
    except FileNotFoundError:
        return None
    return sum(stat.st_size for stat in stats), max(stat.st_mtime_ns for stat in stats)


def _run_key(name: str, stamp: Stamp) -> str:
    """Return what a file is requested under: another content comes with another stamp."""
    size, changed_ns = stamp
    return f"{name}:{size}:{changed_ns}"


def _request(name: str, stamp: Stamp) -> dg.RunRequest:
    """Return the run that lands a file."""
    config = {"ops": {"land": {"config": {"paths": [name]}}}}
    return dg.RunRequest(run_key=_run_key(name, stamp), run_config=config)


def _why_none(waiting: dict[str, Stamp]) -> str:
    """Say why no file is landed."""
    if waiting:
        names = ", ".join(sorted(waiting)[:5])
        return f"{len(waiting)} files may still be written to, looking again: {names}"
    return f"No new file in {RAW}."
