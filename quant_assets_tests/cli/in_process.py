"""The command line without a process of its own, where a start would cost more than the command."""

import contextlib
import io
import subprocess
from pathlib import Path

import pytest

from quant_assets.cli.main import run


def quant(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `quant` on a data root, from the folder that holds it, without a terminal.

    Returns
    -------
    subprocess.CompletedProcess
        Words, exit code, and what went to stdout and to stderr, as of a process.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setenv("QUANT_DATA", str(root))
        patch.setenv("COLUMNS", "200")
        patch.chdir(root.parent)
        patch.setattr("sys.argv", ["quant", *words])
        patch.setattr("sys.stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            run()
    code = int(ended.value.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
