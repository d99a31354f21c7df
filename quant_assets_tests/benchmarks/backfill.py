"""A ranged backfill with real commits, against the same Dagster events without the work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import numpy as np
import polars as pl

from quant_assets.defs.partitions import SYMBOLS, range_tags
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.benchmarks import backfill_graph as graph
from quant_assets_tests.benchmarks.measure import Contest, Side, compete, equal

TARGET = 0.6
_SESSIONS, _QUICK_SESSIONS = 100, 10
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class _Run:
    """A run that can start: a fresh instance on disk, and a data root with landed sessions."""

    instance: dg.DagsterInstance
    workspace: Workspace
    assets: Sequence[dg.AssetsDefinition]
    first: str
    last: str

    def execute(self) -> tuple["_Run", dg.ExecuteInProcessResult]:
        """Materialize the range."""
        result = dg.materialize(
            list(self.assets),
            instance=self.instance,
            resources={"workspace": WorkspaceResource(data_root=str(self.workspace.root))},
            tags=range_tags(self.first, self.last),
            run_config=_QUIET,
        )
        return self, result

    def versions(self) -> dict[str, str]:
        """Return the data version of all that the lake holds."""
        index = self.workspace.lake.index
        names = {graph.LANDED.name, *(table.name for table in graph.TABLES)}
        return {e.name: e.data_version for name in names for e in index.entries(name)}


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Check that both graphs tell Dagster the same, then time them."""
    days = graph.sessions(_QUICK_SESSIONS if quick else _SESSIONS)
    rng = np.random.default_rng(seed)
    landed = {session: graph.landed_rows(session, rng) for session in days}
    with TemporaryDirectory(dir=folder) as name:
        done, result = _prepare(Path(name), graph.real_assets(), landed).execute()
        told = graph.told_by(result)
        versions = done.versions()
        _check_rows(done, landed)
        _check_events(told, done, days)
    with TemporaryDirectory(dir=folder) as name:
        _, replayed = _prepare(Path(name), graph.empty_assets(told), {}, days).execute()
        equal("what both graphs tell Dagster", _comparable(told), _comparable_run(replayed))

    def check(done: tuple[_Run, dg.ExecuteInProcessResult]) -> None:
        equal("data versions of a further run", done[0].versions(), versions)

    return compete(
        Contest(
            title=f"Ranged backfill: {graph.N_ASSETS} assets in a chain, {len(days)} sessions of "
            f"one symbol, {sum(frame.height for frame in landed.values()):,} rows an asset",
            unit="asset-partitions",
            count=graph.N_ASSETS * len(days),
            target=TARGET,
            is_single_threaded=True,
            is_warm=True,
            ours=Side(
                "with commits",
                lambda root: _prepare(root, graph.real_assets(), landed),
                _Run.execute,
                check,
            ),
            reference=Side(
                "empty bodies, same events",
                lambda root: _prepare(root, graph.empty_assets(told), {}, days),
                _Run.execute,
            ),
            others=(
                Side(
                    "empty bodies, no versions",
                    lambda root: _prepare(root, graph.plain_assets(), {}, days),
                    _Run.execute,
                ),
            ),
        ),
        folder,
        pairs=pairs,
    )


def _prepare(
    root: Path,
    assets: Sequence[dg.AssetsDefinition],
    landed: Mapping[date, pl.DataFrame],
    days: Sequence[date] = (),
) -> _Run:
    """Make a fresh instance and data root."""
    home = root / "dagster"
    home.mkdir()
    quiet = {"telemetry": {"enabled": False}}
    instance = dg.DagsterInstance.local_temp(str(home), overrides=quiet)
    instance.add_dynamic_partitions(str(SYMBOLS.name), [graph.SYMBOL])
    workspace = Workspace.open(root / "data")
    graph.land(workspace, landed)
    keys = [f"{session.isoformat()}|{graph.SYMBOL}" for session in (*landed, *days)]
    return _Run(instance, workspace, assets, keys[0], keys[-1])


def _check_rows(done: _Run, landed: Mapping[date, pl.DataFrame]) -> None:
    """Compare what the last asset stored with what it must hold."""
    lake = done.workspace.lake
    stored = {entry.day: lake.read(entry) for entry in lake.index.entries(graph.TABLES[-1].name)}
    equal("sessions of the last asset", sorted(stored), sorted(landed))
    for session, frame in landed.items():
        wanted = graph.expected_rows(frame).with_columns(pl.col("close").round(6))
        found = stored[session].with_columns(pl.col("close").round(6))
        equal(f"rows of {session}", found.rows(), wanted.rows())


def _check_events(told: Mapping[str, graph.Told], done: _Run, days: Sequence[date]) -> None:
    """Check that each asset told Dagster of each of its partitions."""
    for table in graph.TABLES:
        equal(f"partitions of {table.name}", len(told[table.name].events), len(days))
        equal(
            f"files of {table.name}", len(done.workspace.lake.index.entries(table.name)), len(days)
        )


def _comparable_run(result: dg.ExecuteInProcessResult) -> object:
    """Return what a run told Dagster, without what differs from run to run."""
    return _comparable(graph.told_by(result))


def _comparable(told: Mapping[str, graph.Told]) -> object:
    """Return all that was told, as values that compare."""
    return {
        asset: (
            sorted((name, passed) for name, passed, _ in one.checks),
            {
                partition: (
                    {name: value.value for name, value in event.metadata.items()},
                    event.tags,
                )
                for partition, event in one.events.items()
            },
        )
        for asset, one in told.items()
    }
