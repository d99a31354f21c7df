"""The plan and the runs: what one announces the others do, and then nothing is left."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from quant_assets.defs.runs import load_graph, materialize
from quant_assets.defs.selection import ranges_of, select_assets, symbols_of
from quant_assets.market.errors import StrategyError
from quant_assets.storage.tracker import MlflowTracker
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.plan import INPUT, LEFT, PlanLine, plan_assets
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import close_at, sessions, write_csv
from quant_assets_tests.integration.command import Root as Command

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 14))
STRATEGY = "fx_15m_barriers"
NOON = datetime(2024, 1, 10, 12, tzinfo=UTC)


@dataclass
class Root:
    """A data root and its Dagster instance."""

    workspace: Workspace
    instance: dg.DagsterInstance
    counts: Counter[str] = field(default_factory=Counter)
    """Partitions by how they ended, of what was made last."""

    def land(self, *, restated: bool = False) -> None:
        """Land a symbol's bars; restated, one of them has another close."""
        file = self.workspace.root / "raw" / "EURUSD15.csv"
        closes = {NOON: close_at(file, NOON) + 1e-5} if restated else None
        write_csv(file, DAYS, seed=1, closes=closes)
        (report,) = ingest_files(self.workspace, [file])
        assert report.status in {"accept", "warn"}

    def plan(self, selection: str = "*") -> dict[str, PlanLine]:
        """Plan a selection over all that was landed."""
        _, graph = load_graph()
        assets = [key.to_user_string() for key in select_assets(graph, selection)]
        keys = [key for one in ranges_of(self.workspace) for key in one.keys]
        return {line.asset: line for line in plan_assets(self.workspace, assets, keys)}

    def make(self, selection: str = "*") -> dict[str, int]:
        """Make a selection; return how many partitions of each asset were made."""
        made: Counter[str] = Counter()
        self.counts.clear()

        def tell(asset: str, status: str, _partition: str, _place: int, _total: int) -> None:
            made[asset] += status == "made"

        ranges = ranges_of(self.workspace)
        results = list(materialize(self.workspace, self.instance, selection, ranges, tell=tell))
        assert [result.message for result in results if not result.success] == []
        for result in results:
            self.counts.update(result.counts)
        return {asset: count for asset, count in made.items() if count}

    def complete(self) -> None:
        """Make what is not made, where an earlier test has not done so."""
        if _would_run(self.plan()):
            self.make()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """Return a root with a week of a currency pair landed."""
    folder = tmp_path_factory.mktemp("plan")
    (folder / "home").mkdir()
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.local_temp(
            str(folder / "home"), overrides={"telemetry": {"enabled": False}}
        ) as instance,
    ):
        patch.setenv("QUANT_DATA", str(folder / "data"))
        opened = Workspace.open(folder / "data")
        MlflowTracker(opened.root / "mlflow").create_databases()
        made = Root(opened, instance)
        made.land()
        yield made


def _would_run(plan: dict[str, PlanLine]) -> dict[str, int]:
    """Return the assets of a plan that would run, with their partitions."""
    return {asset: line.would_run for asset, line in plan.items() if line.would_run}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_plan_announces_what_is_made_and_then_nothing(root: Root) -> None:
    """From landed files to the last asset: every count agrees; afterwards all is fresh."""
    before = root.plan()
    _, graph = load_graph()
    assert {key.to_user_string() for key in graph.materializable_asset_keys} == set(before)
    assert before["model"].reasons == before["backtest"].reasons == {INPUT: 1}
    assert before["sessions"].reasons == {"never made": 1}
    not_for_currencies = {"roll_map", "clean_ticks", "contract_json", "contract_parquet"}
    assert root.make() == _would_run(before)
    assert set(before) - set(_would_run(before)) == not_for_currencies
    after = root.plan()
    assert _would_run(after) == {}
    assert {asset: line.fresh for asset, line in after.items()} == {
        asset: line.would_run for asset, line in before.items()
    }
    assert all(line.seconds == 0.0 for line in after.values())
    assert root.make() == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_names_what_changed_and_how_long_it_would_take(root: Root) -> None:
    """A restated close: below it inputs would be made; half-way down the input has a name."""
    root.complete()
    root.land(restated=True)
    before, stored = root.plan(), _training_sets(root.workspace)
    made = root.make("training_set")
    halfway = root.plan()
    assert before["bars"].reasons == {"inputs changed": 1}
    assert before["model"].reasons == {INPUT: 1}
    others = _training_sets(root.workspace).items() - stored.items()
    assert halfway["model"].reasons == {f"inputs changed: {len(others)} of training_set": 1}
    assert halfway["tear_sheet"].reasons == halfway["leaderboard"].reasons == {INPUT: 1}
    assert all(line.seconds for line in halfway.values() if line.would_run)
    announced = _would_run(before)
    for asset, count in Counter(made, **root.make()).items():
        assert count <= announced[asset], asset
    assert _would_run(root.plan()) == {}


def _training_sets(workspace: Workspace) -> dict[str, str]:
    """Return the stored training sets with their versions."""
    return {e.name: e.data_version for e in workspace.lake.index.entries("training_set")}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_asset_says_its_own_reason(root: Root) -> None:
    """A page taken away or written to, a warehouse that is gone, a strategy's other threshold."""
    root.complete()
    data = root.workspace.root
    with _taken_away(data / "reports" / f"{STRATEGY}.html"):
        plan = root.plan()
        assert _would_run(plan) == {"tear_sheet": 1, "leaderboard": 1, "warehouse": 1}
        assert plan["tear_sheet"].reasons == {"never made": 1}
    with _taken_away(data / "warehouse.duckdb"):
        assert _would_run(root.plan()) == {"warehouse": 1}
    with _taken_away(data / "reports" / "leaderboard.html") as page:
        page.write_text("other")
        assert root.plan()["leaderboard"].reasons == {"page changed": 1}
    assert _would_run(root.plan()) == {}
    _write_strategy(data / "strategies" / "fx.yaml", threshold=0.45)
    plan = root.plan()
    assert set(plan["signals"].reasons) == {"parameters changed"}
    assert plan["backtest"].reasons == {"input would be made": 1}
    assert root.make() == _would_run(plan)
    assert _would_run(root.plan()) == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_command_on_a_tear_sheet_makes_that_sheet_and_no_other(root: Root) -> None:
    """Run as it is printed, it writes the page anew, byte by byte."""
    data = root.workspace.root
    _write_strategy(data / "strategies" / "other.yaml", threshold=0.42, name="other")
    root.make()
    pages = [data / "reports" / f"{name}.html" for name in (STRATEGY, "other")]
    before = pages[0].read_bytes()
    for page in pages:
        page.unlink()
    (command,) = re.findall(r"quant materialize [^<]*", before.decode())
    assert root.plan("tear_sheet")["tear_sheet"].would_run == 2
    quant, *words = shlex.split(command)
    assert quant == "quant"
    Command(data).run(*words)
    assert [page.exists() for page in pages] == [True, False]
    assert pages[0].read_bytes() == before


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_was_landed_and_is_gone_is_announced_dropped_and_counted(root: Root) -> None:
    """The last session's landed bars go: the plan says so, the run counts it, and it is over."""
    root.make("bars")
    (landed,) = root.workspace.lake.index.entries("raw_bars", session=str(DAYS[-1]))
    root.workspace.lake.drop(landed)
    assert root.plan("bars")["bars"].reasons == {LEFT: 1}
    assert root.make("bars") == {}
    assert root.counts["dropped"] == 1
    assert root.plan("bars")["bars"].would_run == 0


def test_a_strategy_is_known_before_its_bars_are_made(tmp_path: Path) -> None:
    """What was landed says which strategies there will be; another name is an error."""
    workspace = Workspace.open(tmp_path)
    write_csv(tmp_path / "raw" / "EURUSD15.csv", DAYS[:1], seed=1)
    list(ingest_files(workspace, [tmp_path / "raw"]))
    assert symbols_of(workspace, [STRATEGY]) == ["EURUSD"]
    with pytest.raises(StrategyError, match=f"strategy nothing: strategies .*{STRATEGY}"):
        symbols_of(workspace, ["nothing"])


@contextmanager
def _taken_away(file: Path) -> Iterator[Path]:
    """Let a file not be there while the block runs."""
    aside = file.rename(file.with_name("aside"))
    yield file
    aside.replace(file)


def _write_strategy(file: Path, *, threshold: float, name: str = STRATEGY) -> None:
    """Write the default strategy as a user's file, with another threshold."""
    import yaml

    from quant_assets.signals.built_in import default_strategy

    values = default_strategy("fx", "15m").to_mapping()
    values["decision"]["threshold"] = threshold
    values["name"] = name
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(values))
