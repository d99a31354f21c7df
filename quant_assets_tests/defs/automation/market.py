"""A small seeded market in MetaTrader's format, and sensors evaluated without a daemon."""

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np

from quant_assets.defs.runs import load_graph
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.workflows.workspace import Workspace

BAR = timedelta(minutes=15)
BARS_A_DAY = 96
QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


def weekdays(first: date, count: int) -> list[date]:
    """Return the first so many weekdays from a date on."""
    days = (first + timedelta(days=n) for n in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def write_csv(
    file: Path, days: list[date], *, seed: int, closes: Mapping[datetime, float] | None = None
) -> None:
    """Write M15 bars of whole days; `closes` are put in place of what the seed gives."""
    rng = np.random.default_rng(seed)
    price = 1.1
    lines = []
    for day in days:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for n in range(BARS_A_DAY):
            stamp = start + n * BAR
            step, wick, volume = rng.normal(0, 4e-4), rng.uniform(2e-4, 6e-4), rng.integers(9, 99)
            close = price + step
            high, low = max(price, close) + wick, min(price, close) - wick
            shown = (closes or {}).get(stamp, close)
            figures = ",".join(f"{value:.5f}" for value in (price, high, low, shown))
            lines.append(f"{stamp:%Y.%m.%d,%H:%M},{figures},{volume}\n")
            price = close
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{file.name}")
    hidden.write_text("".join(lines), encoding="utf-8")
    hidden.rename(file)


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


def execute(
    request: dg.RunRequest, job_name: str, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    """Execute what a sensor requested, in this process, under the tags the daemon would set."""
    definitions, _ = load_graph()
    job = definitions.resolve_job_def(request.job_name or job_name)
    return job.execute_in_process(
        instance=instance,
        run_config={**request.run_config, "loggers": QUIET},
        tags={**request.tags, "dagster/run_key": str(request.run_key)},
        asset_selection=list(request.asset_selection) if request.asset_selection else None,
        raise_on_error=False,
    )


def stored(workspace: Workspace) -> dict[str, str]:
    """Return each stored partition of the lake with the hash of what it was made from."""
    return {
        entry.name: entry.inputs_hash
        for table in workspace.lake.index.tables()
        for entry in workspace.lake.index.entries(table)
    }


def use_root(root: Path) -> Workspace:
    """Point this process to a data root, and open it."""
    os.environ["QUANT_DATA"] = str(root)
    return Workspace.open(root)
