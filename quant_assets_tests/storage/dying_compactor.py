"""A compactor that dies: forks one process for each commit step, which is killed inside it.

Usage: `python -m quant_assets_tests.storage.dying_compactor ROOT...`, one data root a step in the
steps' order; it prints one line `step exit-signal` for each.
"""

import os
import signal
import sys
from pathlib import Path

from quant_assets.storage.commit import CommitStep
from quant_assets.storage.compaction import compact
from quant_assets_tests.storage.prices import open_lake

STEPS = tuple(CommitStep)[:5]
"""The index is told nothing of compact files."""


def die_in(root: Path, step: CommitStep) -> None:
    """Compact all days of a lake, and be killed inside one step."""
    lake = open_lake(root)

    def kill(at: CommitStep, _path: Path) -> None:
        if at is step:
            os.kill(os.getpid(), signal.SIGKILL)

    compact(lake, lake.index.entries("training_set"), hook=kill)


def main() -> None:
    """Fork a compactor for each root."""
    for root, step in zip(sys.argv[1:], STEPS, strict=True):
        sys.stdout.flush()
        child = os.fork()
        if not child:
            die_in(Path(root), step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{step.value} {os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    main()
