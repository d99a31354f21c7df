"""`quant sweep` and `quant worker` as a user meets them: exit codes, and what goes where."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from quant_assets.cli.sweep import _say_end
from quant_assets.storage.job_queue import JobState
from quant_assets.storage.sweep_store import CellResult
from quant_assets.workflows.sweep import Queued, RankedCell
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.cli.in_process import quant
from quant_assets_tests.defs.automation.market import sessions, write_csv

BILLION = """
name: s
base: b
vary:
  seed: {from: 1, to: 100000, steps: 100000}
  qty: {from: 1, to: 10000, steps: 10000}
"""


def process(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command on an empty data root, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "quant_assets.cli.main", *words],
        cwd=folder,
        env=os.environ | {"QUANT_DATA": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_worker_without_work_ends_well(tmp_path: Path) -> None:
    """Asked to end as soon as nothing is pending, it does, and says that it did nothing."""
    done = process(tmp_path, "worker", "--once")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "0 trials computed, 0 failed, 0 given back.\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{name: s, base: b, vary: {signal.fats: [1]}}", "did you mean signal.fast?"),
        (
            BILLION,
            "sweep 's' of 1,000,000,000 cells",
        ),
        ("{name: s, base: b, vary: {seed: [1, 2]}}", "strategy 'b'"),
    ],
    ids=["key", "a_billion_cells", "base"],
)
def test_a_sweep_asked_wrongly_ends_with_2(tmp_path: Path, text: str, told: str) -> None:
    """The message goes to stderr, and stdout stays empty."""
    (tmp_path / "s.yaml").write_text(text)
    done = quant(tmp_path / "data", "sweep", "s.yaml", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


WRITTEN_OUT = """
name: crosses
base:
  name: cross
  symbols: [EURUSD]
  timeframe: 15m
  signal: {kind: sma_cross, fast: 5, slow: 20}
  exits: {on_signal: true}
  capital: 1000
  qty: 1
vary:
  signal.slow: [20, 30]
"""


def test_a_sweep_whose_base_stands_in_it_makes_what_its_cells_read(tmp_path: Path) -> None:
    """From a landed file in one command: the tables are made, the trials stand on the board."""
    write_csv(tmp_path / "EURUSD15.csv", sessions(date(2024, 1, 8), date(2024, 1, 9)), seed=3)
    (tmp_path / "crosses.yaml").write_text(WRITTEN_OUT)
    assert quant(tmp_path / "data", "ingest", "EURUSD15.csv").returncode == 0
    done = process(tmp_path, "sweep", "crosses.yaml", "--make", "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    lake = Workspace.open(tmp_path / "data").lake
    assert lake.index.entries("features")
    assert {json.loads(line)["state"] for line in done.stdout.splitlines()} == {"completed"}
    (board,) = lake.index.entries("leaderboard")
    assert lake.read(board)["sweep"].to_list() == ["crosses", "crosses"]


def test_a_base_that_is_no_strategy_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """The key is named, and no bars are made for it."""
    write_csv(tmp_path / "EURUSD15.csv", sessions(date(2024, 1, 8), date(2024, 1, 9)), seed=3)
    (tmp_path / "crosses.yaml").write_text(WRITTEN_OUT.replace("fast: 5, ", ""))
    assert quant(tmp_path / "data", "ingest", "EURUSD15.csv").returncode == 0
    done = quant(tmp_path / "data", "sweep", "crosses.yaml", "--make")
    assert (done.returncode, done.stdout) == (2, "")
    assert "signal.sma_cross.fast: Field required" in done.stderr
    assert not Workspace.open(tmp_path / "data").lake.index.entries("bars")


def test_a_reason_that_names_its_cell_is_told_once_for_all_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A hundred cells that fail alike are one line, and not ten of a hundred."""
    cells = [
        RankedCell(
            CellResult(
                cell=n,
                values={},
                job_id=str(n),
                state=JobState.FAILED,
                trial_id=None,
                strategy=None,
                message=f"features 'x' of strategy 's_{n:05d}': none",
                metrics={},
            ),
            score=None,
            plateau=None,
        )
        for n in range(100)
    ]
    _say_end("s", Queued(100, 0, 100, 0), cells, 100, Path("s.html"))
    assert "failed: 100 x features 'x' of strategy 's': none\n" in capsys.readouterr().err
