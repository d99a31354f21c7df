"""Opening a data root: what a writer that died left undone is mended before anything is read."""

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quant_assets.market.errors import PartitionReplacedError
from quant_assets.optimization.schema import LEADERBOARD
from quant_assets.storage.state_tables import TRIALS
from quant_assets.storage.warehouse import create_views
from quant_assets.workflows.leaderboard import store_leaderboard
from quant_assets.workflows.pages import write_leaderboard_page
from quant_assets.workflows.trials import store_trials
from quant_assets.workflows.warehouse import warehouse_views
from quant_assets.workflows.workspace import STATE_VARIABLE, Workspace
from quant_assets_tests.optimization.test_overfitting import trial
from quant_assets_tests.storage.small_disk import MEGABYTE, mounted

DIE = """
import os
import signal
import sys
from pathlib import Path

from quant_assets.storage.commit import CommitStep
from quant_assets.storage.state_tables import TRIALS
from quant_assets.workflows.leaderboard import store_leaderboard
from quant_assets.workflows.trials import store_trials
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.optimization.test_overfitting import trial


def kill(step, path):
    if step is CommitStep.INDEX and "leaderboard" in path.parts:
        print(step.value, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


workspace = Workspace.open(Path(sys.argv[1]), hook=kill)
workspace.state.upsert(TRIALS, [trial(2, 0.1).to_row()])
store_trials(workspace)
store_leaderboard(workspace)
"""


def _killed_after_the_rename(root: Path) -> None:
    """Store a leaderboard of one more trial, killed before the index knows of it."""
    done = subprocess.run(
        [sys.executable, "-c", DIE, str(root)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "index\n"), done.stderr


def _one_trial(root: Path) -> None:
    """Store a leaderboard of one trial."""
    workspace = Workspace.open(root)
    workspace.state.upsert(TRIALS, [trial(1, 0.2).to_row()])
    store_trials(workspace)
    store_leaderboard(workspace)
    workspace.state.close()


@pytest.mark.parametrize("had_one", [False, True], ids=["first", "replaced"])
def test_what_a_killed_writer_renamed_is_read_at_once(tmp_path: Path, had_one: bool) -> None:
    """The page and the warehouse show the new leaderboard, whether or not one stood there."""
    import duckdb

    if had_one:
        _one_trial(tmp_path)
    _killed_after_the_rename(tmp_path)
    workspace = Workspace.open(tmp_path)
    page = write_leaderboard_page(workspace)
    assert page is not None
    assert "s2" in page.path.read_text(encoding="utf-8")
    with duckdb.connect() as connection:
        create_views(connection, warehouse_views(workspace))
        rows = connection.table("leaderboard").project("strategy").order("strategy").fetchall()
    assert rows == ([("s1",), ("s2",)] if had_one else [("s2",)])
    assert workspace.lake.recover() == 0
    workspace.state.close()


@contextmanager
def _read_only(disk: Path, *, is_mounted: bool) -> Iterator[None]:
    """Let nobody write below a folder for a while."""
    if is_mounted:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        yield
        return
    below = [disk, *disk.rglob("*")]
    for path in below:
        path.chmod(path.stat().st_mode & ~0o222)
    yield
    for path in below:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def test_a_read_only_lake_opens_with_what_a_killed_writer_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be mended from here; what was not being replaced reads, what was says so."""
    monkeypatch.setenv(STATE_VARIABLE, f"sqlite:///{tmp_path / 'state.db'}")
    root = tmp_path / "root"
    with mounted(root, 3 * MEGABYTE) as is_mounted:
        _one_trial(root)
        _killed_after_the_rename(root)
        with _read_only(root, is_mounted=is_mounted):
            with pytest.raises(
                OSError, match=os.strerror(errno.EROFS if is_mounted else errno.EACCES)
            ):
                (root / "lake" / "x").touch()
            workspace = Workspace.open(root)
            (entry,) = workspace.lake.index.entries("trials")
            assert workspace.lake.read(entry).height == 2
            (lagging,) = workspace.lake.index.entries(LEADERBOARD.name)
            with pytest.raises(PartitionReplacedError):
                workspace.lake.read(lagging)
            workspace.state.close()
        if is_mounted:
            subprocess.run(["mount", "-o", "remount,rw", str(root)], check=True)
        again = Workspace.open(root)
        (entry,) = again.lake.index.entries(LEADERBOARD.name)
        assert again.lake.read(entry).height == 2
        again.state.close()
