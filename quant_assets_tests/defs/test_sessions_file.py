"""`sessions.yaml` through Dagster: a date that is closed goes, though its range was fresh."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from quant_assets.defs.runs import materialize
from quant_assets.defs.selection import ranges_of
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 12))
CLOSED = DAYS[0]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Return a real instance, and let its runs find the data root."""
    monkeypatch.setenv("QUANT_DATA", str(tmp_path / "data"))
    (tmp_path / "home").mkdir()
    quiet = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(tmp_path / "home"), overrides=quiet) as made:
        yield made


def _run(root: Path, instance: dg.DagsterInstance) -> tuple[dict[str, int], set[str]]:
    """Make bars; return how the partitions ended, and the sessions that have bars now."""
    workspace = Workspace.open(root)
    results = list(materialize(workspace, instance, "bars", ranges_of(workspace)))
    assert [result.message for result in results if not result.success] == []
    counts = {k: sum(r.counts.get(k, 0) for r in results) for r in results for k in r.counts}
    there = {entry.session for entry in workspace.lake.index.entries("bars")}
    workspace.state.close()
    return counts, there


def test_the_bars_of_a_date_that_is_closed_go(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """The first one of the range: no other session of it has to be made anew."""
    root = tmp_path / "data"
    write_csv(root / "raw" / "EURUSD15.csv", DAYS, seed=1)
    workspace = Workspace.open(root)
    assert next(ingest_files(workspace, [root / "raw" / "EURUSD15.csv"])).committed
    workspace.state.close()
    assert _run(root, instance)[1] == {str(day) for day in DAYS}
    (root / "sessions.yaml").write_text(f"calendars: {{FX: {{closed: [{CLOSED}]}}}}")
    counts, there = _run(root, instance)
    assert there == {str(day) for day in DAYS if day != CLOSED}
    assert counts["no_session"] >= 1
    assert _run(root, instance)[1] == there
