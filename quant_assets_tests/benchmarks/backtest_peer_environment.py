"""Peers of the backtest, apart from the project's environment: vectorbt's, and backtesting.py."""

import shutil
import subprocess
from pathlib import Path

from uv import find_uv_bin

from quant_assets_tests.benchmarks.bronze_peer_environment import (
    NotThereError,
    cache_folder,
    python_of_vectorbt,
    settings_of_vectorbt,
)
from quant_assets_tests.benchmarks.measure import say

BACKTESTING = "0.6.6"
_MARK = "complete"


def peers() -> tuple[Path, Path]:
    """Return the interpreter that has vectorbt, and the folder that holds backtesting.py for it.

    Raises
    ------
    NotThereError
        Where they cannot be installed; without network, for example.
    """
    python = python_of_vectorbt()
    folder = cache_folder() / f"backtesting-{BACKTESTING}"
    if not (folder / _MARK).is_file():
        needed = f"backtesting=={BACKTESTING}"
        say(f"  {needed} is installed into {folder}, once")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        words = (find_uv_bin(), "pip", "install", "--quiet", "--python", str(python), "--target",
                 str(folder), needed)  # fmt: skip
        try:
            subprocess.run(
                words, cwd=folder, env=settings_of_vectorbt(), check=True, capture_output=True,
                text=True, timeout=900,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise NotThereError(str(getattr(error, "stderr", None) or error)[-300:]) from error
        (folder / _MARK).touch()
    return python, folder
