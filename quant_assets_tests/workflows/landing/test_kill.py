"""A landing that is killed anywhere ends, run again, as one that was never disturbed."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from quant_assets.storage.commit import CommitStep
from quant_assets.storage.state_tables import RECEIPTS
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows.landing.fakes import bar_run, mt4, versions

DIED = 41

SCRIPT = """
    import os, sys
    from pathlib import Path
    from quant_assets.workflows.ingest import ingest_files
    from quant_assets.workflows.workspace import Workspace

    root, file, step, left = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])

    def kill(at, path):
        global left
        left -= at.value == step
        if left < 0:
            print(at.value, flush=True)
            os._exit(41)

    for report in ingest_files(Workspace.open(root, hook=kill), [file]):
        print(report.status, report.reasons)
"""


def test_a_file_renamed_but_not_in_the_index_is_not_lost(tmp_path: Path) -> None:
    """Another file for that session, landed next, keeps the rows that the dead writer stored.

    Also by who had the workspace open all the while: opening one would have mended the index.
    """
    rows = bar_run("2014-05-01 10:00", 40)
    dead, other = tmp_path / "EURUSD15.csv", tmp_path / "EURUSD15 (1).csv"
    dead.write_text(mt4(rows[:20]))
    other.write_text(mt4(rows[20:]))
    words = [tmp_path / "root", dead, CommitStep.INDEX.value, "0"]
    workspace = Workspace.open(tmp_path / "root")
    assert run_script(*words).returncode == DIED
    assert versions(workspace) == {}
    next(ingest_files(workspace, [other]))
    assert [entry.rows for entry in workspace.lake.index.entries("raw_bars")] == [40]
    workspace.state.close()


def run_script(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Land a file in a process that dies at a step."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def landed_whole(root: Path, files: list[Path]) -> dict[str, str]:
    """Land files without a kill; return all data versions."""
    workspace = Workspace.open(root)
    for report in ingest_files(workspace, files):
        assert report.status != "reject"
    assert len(workspace.state.select(RECEIPTS)) == len(files)
    assert not list((root / "lake" / ".tmp").glob("ingest-*"))
    assert not list((root / "lake" / ".tmp").glob("*.parquet"))
    found = versions(workspace)
    workspace.state.close()
    return found


@pytest.mark.parametrize("step", list(CommitStep))
def test_a_killed_landing_run_again_ends_as_an_undisturbed_one(
    tmp_path: Path, step: CommitStep
) -> None:
    """Killed inside the commit of a day that is restated, after that of its bad row.

    The day is the only one of the file: several would be committed at once, in any order.
    """
    first, second = tmp_path / "EURUSD15.csv", tmp_path / "EURUSD15 (1).csv"
    rows = bar_run("2014-05-01 10:00", 50)
    first.write_text(mt4(rows[:30]))
    rows[3] = (rows[3][0], 7.0)
    second.write_text(mt4(rows) + "2014.05.01,09:00,-1,1,1,1,5\n")
    wanted = landed_whole(tmp_path / "undisturbed", [first, second])
    root = tmp_path / "killed"
    workspace = Workspace.open(root)
    assert next(ingest_files(workspace, [first])).status == "accept"
    done = run_script(root, second, step.value, "1")
    assert (done.returncode, done.stdout.strip()) == (DIED, step.value), done.stderr
    assert len(workspace.state.select(RECEIPTS)) == 1
    assert versions(workspace) != wanted
    workspace.state.close()
    workspace = Workspace.open(root)
    report = next(ingest_files(workspace, [second]))
    assert report.rows_in == report.committed + report.quarantined + report.duplicates
    # A killed commit leaves its staged file to the lake's own sweep, not to this test.
    workspace.lake.sweep(now_s=float("inf"))
    workspace.state.close()
    assert landed_whole(root, [first, second]) == wanted
