"""An environment with vectorbt, apart from the project's: made once, and kept in the user's cache.

vectorbt brings pandas, notebooks and versions of its own; nothing of the project needs them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

from quant_assets_tests.benchmarks.measure import say

VERSION = "1.2.0"
NEEDED = f"vectorbt=={VERSION}"
FASTER = f"vectorbt-rust=={VERSION}"
"""Its other engine, where one is built for the machine."""

_MARK = "complete"
_MINUTES = 15
_ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"), "1")


class NotThereError(Exception):
    """The environment cannot be made here."""


def python_of_vectorbt() -> Path:
    """Return the interpreter of the environment; it is made where none is complete.

    Raises
    ------
    NotThereError
        With the last line of what failed; without network, for example.
    """
    folder = cache_folder() / f"vectorbt-{VERSION}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not ((folder / _MARK).is_file() and _does(python, "-c", "")):
        try:
            _make(folder, python)
        except (OSError, subprocess.SubprocessError) as error:
            raise NotThereError(_last_line(error)) from error
    return python


def settings_of_vectorbt() -> dict[str, str]:
    """Return the environment variables to start it with: one thread, and numba as it comes.

    The project tells numba where to keep what is compiled by a class of its own, which is not
    there.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    return {**kept, **_ONE_THREAD}


def cache_folder() -> Path:
    """Return where benchmarks keep what outlives a run."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "quant_assets" / "benchmarks"


def _make(folder: Path, python: Path) -> None:
    """Make it anew; the mark comes last, so half an environment is never used."""
    say(f"  {NEEDED} is installed into {folder}, once")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Where uv starts, it reads settings of a project: none of ours.
    install = (find_uv_bin(), "pip", "install", "--quiet", "--python", str(python))
    _run(find_uv_bin(), "venv", "--quiet", "--python", sys.executable, str(folder))
    _run(*install, NEEDED, cwd=folder)
    _does(*install, FASTER, cwd=folder)
    _run(str(python), "-I", "-c", "import vectorbt", cwd=folder)
    (folder / _MARK).touch()


def _run(*words: str, cwd: Path | None = None) -> None:
    """Run a command; raise where it fails."""
    subprocess.run(
        words,
        cwd=cwd,
        env=settings_of_vectorbt(),
        check=True,
        capture_output=True,
        text=True,
        timeout=60 * _MINUTES,
    )


def _does(*words: str | Path, cwd: Path | None = None) -> bool:
    """Return whether a command runs well."""
    try:
        _run(*map(str, words), cwd=cwd)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _last_line(error: Exception) -> str:
    """Return what a command said last."""
    said = str(getattr(error, "stderr", None) or error).strip()
    return said.splitlines()[-1].strip() if said else type(error).__name__
