"""What `quant` says of itself, at once."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

LIGHT = """
import sys
from quant_assets.cli.main import run

sys.argv = ["quant", sys.argv[1]]
try:
    run()
finally:
    heavy = {"dagster", "polars", "pyarrow", "numba", "duckdb", "sqlalchemy"} & set(sys.modules)
    assert not heavy, heavy
"""


def _quant(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    quant = str(Path(sys.executable).with_name("quant"))
    return subprocess.run([quant, *words], capture_output=True, text=True, check=False)


def test_it_says_its_version() -> None:
    """That of the installed package, and nothing else; a command behind it does not run."""
    for words in (["--version"], ["--version", "ingest"]):
        done = _quant(*words)
        assert (done.returncode, done.stdout, done.stderr) == (
            0,
            f"{version('quant_assets')}\n",
            "",
        )


def test_without_a_command_it_helps() -> None:
    """That is wrong usage, so the status says so."""
    done = _quant()
    assert done.returncode == 2
    assert "raw market files to a leaderboard" in done.stdout


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_nothing_heavy_is_imported_to_answer(option: str) -> None:
    """That is what keeps it under half a second."""
    command = [sys.executable, "-c", LIGHT, option]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
