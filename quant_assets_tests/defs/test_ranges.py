"""Ranges through a real Dagster instance: both shapes, a bad day, a kill, a restated day."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from quant_assets.defs.partitions import RANGES, SYMBOLS, range_tags, symbol_dates
from quant_assets.defs.ranges import RangeEvents, materialize_range, range_checks
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.settings.model import PartitionSettings
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows import toy

START = date(2024, 1, 1)
DAYS = [START + timedelta(days=n) for n in range(6)]
SYMBOL_DATES = symbol_dates(PartitionSettings(start=START))


def _asset(recipe: object, deps: list[str]) -> dg.AssetsDefinition:
    """Return the toy recipe as an asset, in the form of all ranged assets."""

    @dg.asset(
        name=recipe.asset,
        deps=deps,
        partitions_def=SYMBOL_DATES,
        backfill_policy=RANGES,
        check_specs=range_checks(recipe.asset),
    )
    def made(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> RangeEvents:
        yield from materialize_range(context, recipe, workspace.open())

    return made


ASSETS = [
    _asset(toy.Numbers(), []),
    _asset(toy.Totals(), ["toy_numbers"]),
    _asset(toy.Doubles(), ["toy_totals"]),
]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Return a real instance on disk that knows two symbols."""
    home = tmp_path / "dagster"
    home.mkdir()
    quiet = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(home), overrides=quiet) as made:
        made.add_dynamic_partitions(SYMBOLS.name, ["BTCUSD", "ETHUSD"])
        yield made


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a data root with six landed days of two symbols."""
    opened = Workspace.open(tmp_path / "data")
    for symbol in ("BTCUSD", "ETHUSD"):
        toy.land(opened, symbol, {session: float(n + 1) for n, session in enumerate(DAYS)})
    return opened


def _run(
    workspace: Workspace,
    instance: dg.DagsterInstance,
    first: str,
    last: str,
    *,
    selection: str = "*",
) -> dg.ExecuteInProcessResult:
    """Materialize a range of the toy graph, all of it or a selection."""
    return dg.materialize(
        ASSETS,
        selection=selection,
        instance=instance,
        resources={"workspace": WorkspaceResource(data_root=str(workspace.root))},
        tags=range_tags(first, last),
        raise_on_error=False,
    )


def _stale(instance: dg.DagsterInstance) -> set[str]:
    """Return `asset partition` of all that Dagster calls stale."""
    definitions = dg.Definitions(assets=ASSETS, resources={"workspace": WorkspaceResource()})
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return {
        f"{asset.to_user_string()} {partition}"
        for asset in graph.materializable_asset_keys
        for partition in instance.get_materialized_partitions(asset)
        if resolver.get_status(asset, partition) is StaleStatus.STALE
    }


def _versions(workspace: Workspace) -> dict[str, str]:
    """Return every stored partition with its data version."""
    return {
        entry.name: entry.data_version
        for table in workspace.lake.index.tables()
        for entry in workspace.lake.index.entries(table)
    }


@pytest.mark.parametrize(
    ("first", "last", "count"),
    [
        pytest.param("2024-01-01|BTCUSD", "2024-01-06|BTCUSD", 6, id="one_symbol_many_dates"),
        pytest.param("2024-01-02|BTCUSD", "2024-01-02|ETHUSD", 2, id="one_date_many_symbols"),
        pytest.param("2024-01-02|BTCUSD", "2024-01-02|BTCUSD", 1, id="one_key"),
    ],
)
def test_each_shape_makes_all_its_keys_with_their_own_versions(
    workspace, instance, first, last, count
):
    """Whatever the shape of a range, each key of each asset ends with its own data version."""
    assert _run(workspace, instance, first, last).success
    for asset in ("toy_numbers", "toy_totals", "toy_doubles"):
        records = instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
        tagged = {
            record.asset_materialization.partition: record.asset_materialization.tags[
                "dagster/data_version"
            ]
            for record in reversed(records)
        }
        # One event a partition, and none of Dagster's own for the range.
        assert len(records) == len(tagged) == count
        assert len(set(tagged.values())) == count
        assert len(workspace.lake.index.entries(asset)) == count
    assert _stale(instance) == set()


@pytest.mark.parametrize("last", ["2024-01-01|BTCUSD", "2024-01-06|BTCUSD"])
def test_checks_are_of_what_their_own_run_made(workspace, instance, last):
    """Not of what a run before it had made of the same partitions."""
    for _ in range(2):
        result = _run(workspace, instance, "2024-01-01|BTCUSD", last)
        evaluations = result.get_asset_check_evaluations()
        assert len(evaluations) == 6
        targets = [evaluation.target_materialization_data for evaluation in evaluations]
        assert {target and target.run_id for target in targets} == {result.run_id}


def test_a_second_run_makes_nothing_anew(workspace, instance):
    """What is fresh is kept: no file of the lake is written again."""
    _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD")
    files = {p: p.stat().st_mtime_ns for p in workspace.lake.root.rglob("data.parquet")}
    assert _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD").success
    assert {p: p.stat().st_mtime_ns for p in workspace.lake.root.rglob("data.parquet")} == files


def test_one_bad_day_stops_nothing_but_what_hangs_on_it(workspace, instance):
    """A bad day is recorded, what lies below it is skipped, the rest is made to the last asset."""
    toy.land(workspace, "BTCUSD", {DAYS[2]: toy.BAD_VALUE})
    result = _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD")
    assert not result.success
    assert [e.step_key for e in result.get_step_failure_events()] == ["toy_doubles"]
    made = {e.session for e in workspace.lake.index.entries("toy_doubles")}
    assert made == {str(DAYS[n]) for n in (0, 1, 4, 5)}
    failures = _failures(workspace)
    assert failures == {
        ("toy_numbers", "2024-01-03|BTCUSD"): "failed",
        ("toy_totals", "2024-01-03|BTCUSD"): "skipped",
        ("toy_totals", "2024-01-04|BTCUSD"): "skipped",
        ("toy_doubles", "2024-01-03|BTCUSD"): "skipped",
        ("toy_doubles", "2024-01-04|BTCUSD"): "skipped",
    }
    toy.land(workspace, "BTCUSD", {DAYS[2]: 3.0})
    assert _run(workspace, instance, "2024-01-03|BTCUSD", "2024-01-04|BTCUSD").success
    assert _failures(workspace) == {}
    assert _stale(instance) == set()


def _failures(workspace: Workspace) -> dict[tuple[str, str], str]:
    """Return what could not be made, and how it ended."""
    from quant_assets.storage.state_tables import FAILURES

    rows = workspace.state.select(FAILURES)
    return {(row["asset"], row["partition"]): row["kind"] for row in rows}


def test_a_restated_day_makes_exactly_its_dependants_anew(workspace, instance):
    """One landed value changes: that day and the day that looks back on it are made, no other."""
    _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD")
    before = _versions(workspace)
    toy.land(workspace, "BTCUSD", {DAYS[2]: 30.0})
    _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD", selection="toy_numbers")
    assert _stale(instance) == {"toy_totals 2024-01-03|BTCUSD"}
    assert _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD").success
    after = _versions(workspace)
    assert {name for name in after if after[name] != before[name]} == {
        "toy_landed/symbol=BTCUSD/2024-01-03",
        "toy_numbers/symbol=BTCUSD/2024-01-03",
        "toy_totals/symbol=BTCUSD/2024-01-03",
        "toy_totals/symbol=BTCUSD/2024-01-04",
        "toy_doubles/symbol=BTCUSD/2024-01-03",
        "toy_doubles/symbol=BTCUSD/2024-01-04",
    }


def test_what_was_landed_and_is_gone_leaves_nothing_and_the_run_says_so(workspace, instance):
    """Below a landed day that went away its tables drop it: in the totals, and in the log."""
    _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD")
    (landed,) = workspace.lake.index.entries("toy_landed", symbol="BTCUSD", session="2024-01-03")
    workspace.lake.drop(landed)
    result = _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD")
    assert result.success
    left = {e.session for e in workspace.lake.index.entries("toy_doubles", symbol="BTCUSD")}
    assert left == {str(day) for day in DAYS if day != DAYS[2]}
    totals = [
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if "partitions_missing" in event.materialization.metadata
    ]
    assert [(t["partitions_missing"].value, t["partitions_dropped"].value) for t in totals] == [
        (1, 1.0)
    ] * 3
    said = [log.user_message for log in instance.all_logs(result.run_id)]
    assert "toy_totals 2024-01-03|BTCUSD was dropped: no number" in said
    again = _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD")
    said = [log.user_message for log in instance.all_logs(again.run_id)]
    assert not any("was dropped" in words for words in said)
    assert _stale(instance) == set()


KILLED_RANGE = """
import os, signal, sys
from datetime import date, timedelta
from pathlib import Path
from quant_assets.storage.commit import CommitStep
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows import toy

seen = 0
def kill(step, path):
    global seen
    seen += step == CommitStep.RENAME
    if seen == 4:
        os.kill(os.getpid(), signal.SIGKILL)

workspace = Workspace.open(Path(sys.argv[1]), hook=kill)
keys = [Key("BTCUSD", date(2024, 1, 1) + timedelta(days=n)) for n in range(6)]
for recipe in toy.RECIPES:
    list(make_range(workspace, recipe, keys))
"""


def test_a_killed_range_keeps_what_it_made_and_ends_like_an_undisturbed_one(
    workspace, instance, tmp_path
):
    """Killed inside the fourth commit, three are there; the next run makes only what is left."""
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_RANGE, str(workspace.root)], env=os.environ, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(workspace.lake.index.entries("toy_numbers")) == 3
    kept = {p: p.stat().st_mtime_ns for p in workspace.lake.root.rglob("toy_numbers/**/*.parquet")}
    assert _run(workspace, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD").success
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
    undisturbed = Workspace.open(tmp_path / "other")
    toy.land(undisturbed, "BTCUSD", {day: float(n + 1) for n, day in enumerate(DAYS)})
    _run(undisturbed, instance, "2024-01-01|BTCUSD", "2024-01-06|BTCUSD")
    mine = {k: v for k, v in _versions(workspace).items() if "BTCUSD" in k}
    assert mine == _versions(undisturbed)
