"""Dropped files through the real daemon: killed between two ticks, events delivered again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick, TickStatus

from quant_assets.cli.home import DEFAULT_CONFIG
from quant_assets.cli.ui import WORKSPACE_FILE
from quant_assets.defs.automation.drops import dropped_files
from quant_assets.defs.automation.publishing import finished_runs
from quant_assets.defs.automation.sessions import landed_sessions
from quant_assets.defs.partitions import SYMBOLS
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 9))
JOBS = ("land_files", "sessions_job", "publish_job")
PATIENCE_S = 180.0
ENDED = {TickStatus.SKIPPED, TickStatus.SUCCESS, TickStatus.FAILURE}


class Daemon:
    """A `dagster-daemon` on a Dagster home of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "data"
        self.home = folder / "home"
        self.home.mkdir()
        shutil.copyfile(DEFAULT_CONFIG, self.home / "dagster.yaml")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(WORKSPACE_FILE)]
        environment = os.environ | {"DAGSTER_HOME": str(self.home), "QUANT_DATA": str(self.root)}
        with (self.home / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """Kill it with all that it started, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Return as soon as something is so; else show the runs and what the daemon last said."""
        last = time.monotonic() + PATIENCE_S
        while not is_so():
            assert self.process is None or self.process.poll() is None, self._story()
            assert time.monotonic() < last, self._story()
            time.sleep(0.25)

    def _story(self) -> str:
        """Return each run with what it last said and what failed in it, and the log's end."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            told = [
                line for record in instance.get_run_records() for line in _tell(record, instance)
            ]
        return "\n".join([*told, (self.home / "daemon.log").read_text(errors="replace")[-3000:]])


def _tell(record: dg.RunRecord, instance: dg.DagsterInstance) -> list[str]:
    """Return a run's job, status and tags, its last event, and each event that tells a failure."""
    run = record.dagster_run
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    failed = [event for event in events if event.is_failure]
    times = f"created {record.create_timestamp}, from {record.start_time} to {record.end_time}"
    return [
        f"{run.job_name} {run.run_id} {run.status.value}, {times}: {run.tags}",
        *(f"  {e.event_type_value} {e.message} {e.event_specific_data}" for e in failed),
        *(f"  last: {event.event_type_value} {event.message}" for event in events[-1:]),
    ]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Return a daemon that is not started, and leave none behind."""
    made = Daemon(tmp_path)
    yield made
    made.kill()


def _state(instance: dg.DagsterInstance, sensor: dg.SensorDefinition) -> InstigatorState | None:
    """Return what the instance keeps of a sensor."""
    found = (s for s in instance.all_instigator_state() if s.instigator_name == sensor.name)
    return next(found, None)


def _cursor(instance: dg.DagsterInstance, sensor: dg.SensorDefinition) -> str:
    """Return a sensor's cursor."""
    state = _state(instance, sensor)
    return (state.instigator_data.cursor or "") if state and state.instigator_data else ""


def _ticks(instance: dg.DagsterInstance, sensor: dg.SensorDefinition) -> list[InstigatorTick]:
    """Return the ticks of a sensor, the newest first."""
    state = _state(instance, sensor)
    assert state is not None
    return list(instance.get_ticks(state.instigator_origin_id, state.selector_id))


def _errors(instance: dg.DagsterInstance, sensor: dg.SensorDefinition) -> list[str]:
    """Return what went wrong in the ticks of a sensor."""
    return [tick.error.to_string() for tick in _ticks(instance, sensor) if tick.error]


def _runs(instance: dg.DagsterInstance) -> Counter[tuple[str, str]]:
    """Return the number of runs by job and status."""
    return Counter((run.job_name, run.status.value) for run in instance.get_runs())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_file_is_landed_and_made_once_whatever_happens_to_the_daemon(daemon):
    """A daemon killed between two ticks, and events delivered three times: one run each."""
    with dg.DagsterInstance.from_config(str(daemon.home)) as instance:
        instance.get_runs_count()
        Workspace.open(daemon.root)
        raw = daemon.root / "raw"
        write_csv(raw / "fx" / "EURUSD15.csv", DAYS, seed=1)

        daemon.start()
        daemon.wait_until(lambda: "EURUSD15.csv" in _cursor(instance, dropped_files))
        seen = _cursor(instance, dropped_files)
        daemon.kill()
        assert not _runs(instance)

        daemon.start()
        landed = _FirstCursor(instance, landed_sessions)
        daemon.wait_until(lambda: _cursor(instance, landed_sessions).count("done") == 1 or landed())
        expected = {(job, "SUCCESS"): 1 for job in JOBS}
        daemon.wait_until(lambda: _runs(instance)["publish_job", "SUCCESS"] == 1)
        assert _runs(instance) == expected

        events = {dropped_files: seen, landed_sessions: landed.value}
        for _ in range(3):
            _deliver_again(daemon, instance, events)
        assert _runs(instance) == expected

        assert instance.get_dynamic_partitions(SYMBOLS.name) == ["EURUSD"]
        for sensor in (dropped_files, landed_sessions, finished_runs):
            assert _errors(instance, sensor) == []
    index = Workspace.open(daemon.root).lake.index
    for table in ("bars", "training_set"):
        assert [(e.symbol, e.day) for e in index.entries(table)] == [("EURUSD", d) for d in DAYS]


class _FirstCursor:
    """Remember a sensor's cursor as it was when it first waited for landed data to rest."""

    def __init__(self, instance: dg.DagsterInstance, sensor: dg.SensorDefinition) -> None:
        self.value = ""
        self._look = lambda: _cursor(instance, sensor)

    def __call__(self) -> bool:
        """Look; it is never the end of waiting."""
        cursor = self._look()
        if "new" in cursor:
            self.value = cursor
        return False


def _deliver_again(
    daemon: Daemon, instance: dg.DagsterInstance, events: dict[dg.SensorDefinition, str]
) -> None:
    """Set sensors back to before their events, and wait until both have seen them once more."""
    ticks = {}
    for sensor, cursor in events.items():
        daemon.wait_until(lambda one=sensor: _ticks(instance, one)[0].status in ENDED)
        state = _state(instance, sensor)
        assert state is not None
        data = state.instigator_data._replace(cursor=cursor)
        instance.update_instigator_state(state.with_data(data))
        ticks[sensor] = len(_ticks(instance, sensor))
    for sensor, before in ticks.items():
        daemon.wait_until(lambda one=sensor, n=before: len(_ticks(instance, one)) > n)
        daemon.wait_until(lambda one=sensor: _ticks(instance, one)[0].status in ENDED)
