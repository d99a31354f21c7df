"""The command line as a user runs it: a fresh process with a data root of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quant_assets.workflows.workspace import Workspace


@dataclass(frozen=True)
class Root:
    """A data root and the environment that points the command line to it."""

    folder: Path
    hash_seed: int = 0

    def run(self, *words: str, code: int = 0) -> str:
        """Run `quant` and return its stdout; its exit code must be `code`."""
        environment = os.environ | {
            "QUANT_DATA": str(self.folder),
            "DAGSTER_HOME": str(self.folder / "dagster_home"),
            "PYTHONHASHSEED": str(self.hash_seed),
        }
        done = subprocess.run(
            [sys.executable, "-m", "quant_assets.cli.main", *words],
            env=environment,
            cwd=self.folder.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def rows(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        """Run `quant ... --json` and return its objects."""
        return [json.loads(line) for line in self.run(*words, "--json", code=code).splitlines()]

    def open(self) -> Workspace:
        """Open the data root in this process."""
        return Workspace.open(self.folder)

    def versions(self) -> dict[str, str]:
        """Return every stored partition with its data version."""
        lake = self.open().lake
        return {
            entry.name: entry.data_version
            for table in lake.index.tables()
            for entry in lake.index.entries(table)
        }


def made_partitions(rows: list[dict[str, Any]]) -> int:
    """Return how many partitions the runs of `quant materialize --json` made."""
    return sum(row["counts"].get("made", 0) for row in rows)
