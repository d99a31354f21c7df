"""How runs end: Ctrl-C ends the command, and an error is told as the command line tells it."""

import os
import signal
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from quant_assets.defs.runs import materialize
from quant_assets.defs.selection import ranges_of
from quant_assets.market.errors import TrainingError
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 12))
SYMBOLS = ("EURUSD", "GBPUSD")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Land a few days of two currency pairs: two ranges, so two runs."""
    monkeypatch.setenv("QUANT_DATA", str(tmp_path / "data"))
    opened = Workspace.open(tmp_path / "data")
    files = [opened.root / "raw" / f"{symbol}15.csv" for symbol in SYMBOLS]
    for file in files:
        write_csv(file, DAYS, seed=1)
    list(ingest_files(opened, files))
    return opened


def test_an_interrupt_ends_all_runs_and_keeps_what_was_made(workspace, tmp_path):
    """One signal during the first of two runs: it is raised, and the second is not begun."""
    told: list[str] = []

    def tell(asset: str, _status: str, partition: str, _place: int, _total: int) -> None:
        told.append(f"{asset} {partition}")
        if len(told) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(
        str(tmp_path / "home"), overrides={"telemetry": {"enabled": False}}
    ) as instance:
        with pytest.raises(KeyboardInterrupt):
            list(materialize(workspace, instance, "bars", ranges_of(workspace), tell=tell))
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
        assert len(told) == 2
        assert all(result.success for result in _again(workspace, instance))


def _again(workspace: Workspace, instance: dg.DagsterInstance) -> list:
    """Make the bars without an interrupt."""
    return list(materialize(workspace, instance, "bars", ranges_of(workspace)))


def test_a_failure_names_its_error_without_the_module(workspace, tmp_path, monkeypatch):
    """The class and what it says; nothing of where the class is defined."""

    def refuse(*_: object, **__: object) -> None:
        raise TrainingError(asked="fold 0", found="one class", remedy="Land more sessions.")

    monkeypatch.setattr("quant_assets.defs.assets.market.store_sessions", refuse)
    with dg.DagsterInstance.ephemeral() as instance:
        results = list(materialize(workspace, instance, "sessions", ranges_of(workspace)))
    assert [r.message for r in results] == ["TrainingError: fold 0: one class. Land more sessions."]
