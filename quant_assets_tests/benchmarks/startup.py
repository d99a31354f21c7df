"""How long the command line and the code location take to be there, in fresh processes."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from quant_assets_tests.benchmarks.measure import ResultsDifferError, Spent, say

_LOAD = """
from quant_assets.definitions import defs

repository = defs().get_repository_def()
print(len(repository.asset_graph.get_all_asset_keys()), "assets")
"""


def run(folder: Path, *, quick: bool, pairs: int, seed: int) -> bool:
    """Time both; return whether both are within their targets."""
    quant = [str(Path(sys.executable).with_name("quant")), "--help"]
    fast = _timed("quant --help", quant, "Usage", folder, target_s=0.5, times=pairs)
    load = [sys.executable, "-c", _LOAD]
    ready = _timed("code location", load, "assets", folder, target_s=4.0, times=pairs)
    say()
    return fast and ready


def _timed(
    name: str, command: list[str], says: str, folder: Path, *, target_s: float, times: int
) -> bool:
    """Run a command some times, print the medians, and return whether they are in time."""
    _run(command, says, folder)
    spent = [_run(command, says, folder) for _ in range(times)]
    wall, cpu = median(one.wall_s for one in spent), median(one.cpu_s for one in spent)
    met = wall <= target_s
    say(
        f"{name:16}{wall:6.2f} s wall, {cpu:.2f} s CPU, median of {times}; target {target_s:.1f} s "
        f"wall: {'pass' if met else 'SHORT'}"
    )
    return met


def _run(command: list[str], says: str, folder: Path) -> Spent:
    """Time one fresh process, which must succeed and say what it should."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"QUANT_DATA": str(folder / "startup"), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or says not in done.stdout:
        raise ResultsDifferError(f"{command[0]}: {(done.stdout + done.stderr)[-800:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, cpu)
