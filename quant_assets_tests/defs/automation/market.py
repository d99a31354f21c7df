"""A small seeded market in MetaTrader's format, and sensors evaluated without a daemon."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import dagster as dg
import numpy as np

from quant_assets.defs.runs import load_graph
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.storage.package_data import load_calendars
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.workspace import Workspace

BAR_NS = 15 * 60 * 10**9
QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


def sessions(first: date, last: date) -> list[date]:
    """Return the sessions of currencies, Sundays included, which open at 22:00 UTC."""
    return load_calendars()["FX"].between(first, last)


def write_csv(
    file: Path, days: list[date], *, seed: int, closes: Mapping[datetime, float] | None = None
) -> None:
    """Write M15 bars of whole sessions; `closes` are put in place of what the seed gives."""
    rng = np.random.default_rng(seed)
    price = 1.1
    lines = []
    for stamp in (stamp for day in days for stamp in _bar_starts(day)):
        step, wick, volume = rng.normal(0, 4e-4), rng.uniform(2e-4, 6e-4), rng.integers(9, 99)
        close = price + step
        high, low = max(price, close) + wick, min(price, close) - wick
        shown = (closes or {}).get(stamp, close)
        figures = ",".join(f"{value:.5f}" for value in (price, high, low, shown))
        lines.append(f"{stamp:%Y.%m.%d,%H:%M},{figures},{volume}\n")
        price = close
    put(file, "".join(lines))


def close_at(file: Path, stamp: datetime) -> float:
    """Return the close of one bar of a file."""
    (line,) = (x for x in file.read_text().splitlines() if x.startswith(f"{stamp:%Y.%m.%d,%H:%M}"))
    return float(line.split(",")[5])


def _bar_starts(day: date) -> list[datetime]:
    """Return the starts of a session's M15 bars."""
    bounds = load_calendars()["FX"].bounds(day)
    starts = range(bounds.open_ns, bounds.close_ns, BAR_NS)
    return [datetime.fromtimestamp(start // 10**9, tz=UTC) for start in starts]


def put(file: Path, text: str) -> None:
    """Put a file in place whole: no reader sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{file.name}")
    hidden.write_text(text, encoding="utf-8", newline="")
    hidden.rename(file)


def make(workspace: Workspace, symbol: str, days: list[date]) -> None:
    """Make every table of some sessions without Dagster."""
    for recipe in recipes().values():
        keys = [Key(symbol, day) for day in days]
        assert all(o.status != Status.FAILED for o in make_range(workspace, recipe, keys))


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, root: Path, cursor: str | None
) -> dg.SensorResult:
    """Evaluate a sensor once, as its daemon would."""
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources={"workspace": WorkspaceResource(data_root=str(root))},
    ) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


@cache
def job_of(name: str) -> dg.JobDefinition:
    """Return a job of the code location, bound to its assets."""
    definitions, _ = load_graph()
    return definitions.resolve_job_def(name)


def execute(
    request: dg.RunRequest, job_name: str, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    """Execute what a sensor requested, in this process, under the tags the daemon would set."""
    return job_of(request.job_name or job_name).execute_in_process(
        instance=instance,
        run_config={**request.run_config, "loggers": QUIET},
        tags={**request.tags, "dagster/run_key": str(request.run_key)},
        partition_key=request.partition_key,
        asset_selection=list(request.asset_selection) if request.asset_selection else None,
        raise_on_error=False,
    )


def stored(workspace: Workspace) -> dict[str, str]:
    """Return each partition by table and session: what was landed, or what it was made from."""
    return {
        f"{table} {entry.session}": entry.data_version if table == "raw_bars" else entry.inputs_hash
        for table in workspace.lake.index.tables()
        for entry in workspace.lake.index.entries(table)
    }
