"""Writers that die: a program that forks one for each way to die, and says where it died.

It imports everything once and starts no thread of its own, so that forking is sound and quick.

Usage: `python -m quant_assets_tests.storage.dying_writer lake|plain PLAN.json`, where the plan is a
list of `[data root, grain, step]`; it prints one line `step exit-signal place` for each.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.lineage.fingerprint import canonical_json
from quant_assets.storage import lake as lake_module
from quant_assets.storage.commit import FOOTER_KEY, CommitStep, no_hook, type_hook
from quant_assets_tests.storage.prices import NEW, TABLES, open_lake, put


def write_plainly(
    _root: Path,
    target: Path,
    frame: pl.DataFrame,
    footer: Mapping[str, Any],
    *,
    hook: type_hook = no_hook,
) -> None:
    """Write straight to the target, as everybody does at first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as handle:
        handle.write(b"PAR1")
        handle.flush()
        hook(CommitStep.WRITE, target)
        handle.seek(0)
        frame.write_parquet(handle, metadata={FOOTER_KEY: canonical_json(footer)})
    for step in list(CommitStep)[1:5]:
        hook(step, target)


def write_all_plainly() -> None:
    """Let every lake of this process write straight to the target."""
    vars(lake_module)["commit_file"] = write_plainly


def die_in(root: Path, grain: str, step: str, said: int) -> None:
    """Commit new rows, and be killed inside one step."""

    def kill(at: CommitStep, path: Path) -> None:
        if at == step:
            place = "staged" if ".tmp" in path.parts else "in place"
            os.write(said, f"{at.value} {place}".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    put(open_lake(root, hook=kill), TABLES[grain], NEW)


def main() -> None:
    """Fork a writer for each line of the plan."""
    if sys.argv[1] == "plain":
        write_all_plainly()
    for root, grain, step in json.loads(Path(sys.argv[2]).read_text()):
        sys.stdout.flush()
        reader, said = os.pipe()
        child = os.fork()
        if not child:
            die_in(Path(root), grain, step, said)
            os._exit(0)
        os.close(said)
        _, status = os.waitpid(child, 0)
        with os.fdopen(reader) as words:
            sys.stdout.write(f"{step} {os.waitstatus_to_exitcode(status)} {words.read()}\n")


if __name__ == "__main__":
    main()
