"""A market that was dropped, landed and made through the sensors' own requests."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from quant_assets.defs.automation.drops import dropped_files
from quant_assets.defs.automation.sessions import landed_sessions
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation import market

DAYS = market.sessions(date(2024, 1, 8), date(2024, 1, 19))
SEED = 11


@dataclass
class Desk:
    """A data root, its Dagster instance and the sensors' cursors."""

    workspace: Workspace
    instance: dg.DagsterInstance
    files: str | None = None
    sessions: str | None = None
    made: set[str] = field(default_factory=set)
    """`asset partition` of what runs made, and did not keep."""

    def deliver_files(self) -> list[dg.RunRequest]:
        """Let the sensor on dropped files look once."""
        result = market.tick(dropped_files, self.instance, self.workspace.root, self.files)
        self.files = result.cursor
        return list(result.run_requests or [])

    def deliver_sessions(self) -> list[dg.RunRequest]:
        """Let the sensor on landed data look once."""
        result = market.tick(landed_sessions, self.instance, self.workspace.root, self.sessions)
        self.sessions = result.cursor
        return list(result.run_requests or [])

    def run(self, request: dg.RunRequest, job: str) -> dg.ExecuteInProcessResult:
        """Execute what a sensor requested."""
        result = market.execute(request, job, self.instance)
        for event in result.get_asset_materialization_events():
            told = event.materialization
            if (status := told.metadata.get("status")) and status.value == "made":
                self.made.add(f"{event.asset_key.to_user_string()} {told.partition}")
        return result

    def land_all(self) -> list[dg.RunRequest]:
        """Let files come to rest, and land them."""
        requests = [*self.deliver_files(), *self.deliver_files()]
        for request in requests:
            assert self.run(request, "land_files").success
        return requests

    def make_all(self) -> list[dg.RunRequest]:
        """Let landed data come to rest, and make what it asks for until nothing is left."""
        made: list[dg.RunRequest] = []
        self.deliver_sessions()
        while requests := self.deliver_sessions():
            for request in requests:
                assert self.run(request, "sessions_job").success
            made += requests
        return made


def open_desk(folder: Path, home: Path) -> Iterator[Desk]:
    """Give a desk on a data root."""
    home.mkdir(parents=True, exist_ok=True)
    quiet = {"telemetry": {"enabled": False}}
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.local_temp(str(home), overrides=quiet) as instance,
    ):
        patch.setenv("QUANT_DATA", str(folder))
        yield Desk(Workspace.open(folder), instance)


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Dagster home of empty databases, which take longer to make than to copy."""
    folder = tmp_path_factory.mktemp("empty")
    for desk in open_desk(folder / "data", folder / "home"):
        assert not desk.instance.get_runs()
    return folder / "home"


@pytest.fixture
def desk(empty_home: Path, tmp_path: Path) -> Iterator[Desk]:
    """Return a desk on an empty data root."""
    shutil.copytree(empty_home, tmp_path / "home")
    yield from open_desk(tmp_path / "data", tmp_path / "home")


@pytest.fixture(scope="session")
def made_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root with two weeks of a currency pair, made to the last table."""
    folder = tmp_path_factory.mktemp("made")
    for desk in open_desk(folder / "data", folder / "home"):
        market.write_csv(folder / "data" / "raw" / "EURUSD15.csv", DAYS, seed=SEED)
        list(ingest_files(desk.workspace, [desk.workspace.root / "raw"]))
        market.make(desk.workspace, "EURUSD", DAYS)
    return folder


@pytest.fixture
def made(made_root: Path, empty_home: Path, tmp_path: Path) -> Iterator[Desk]:
    """Return a desk on a copy of that root, with a new instance and no cursors."""
    shutil.copytree(made_root / "data", tmp_path / "data")
    shutil.copytree(empty_home, tmp_path / "home")
    yield from open_desk(tmp_path / "data", tmp_path / "home")
