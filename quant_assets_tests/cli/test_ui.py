"""`quant ui` from a shell's background: both pages on loopback, and nothing left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from quant_assets.cli.home import DEFAULT_CONFIG
from quant_assets.cli.ui import WORKSPACE_FILE

PATIENCE_S = 150.0
CHECKOUT = Path(__file__).parents[2]

# A shell that is not interactive ignores SIGINT in what it puts into the background.
IN_BACKGROUND = '"$@" >"$OUT" 2>"$ERR" & echo $!; wait $!'


class Ui:
    """`quant ui` in the background of a shell, on ports and folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.out, self.err = folder / "out.txt", folder / "err.txt"
        # The shell tells the process's number before the process has opened them.
        self.out.touch()
        self.err.touch()
        self.ports = _free_ports()
        words = ["ui", "--port", str(self.ports[0]), "--mlflow-port", str(self.ports[1])]
        self.shell = subprocess.Popen(
            [
                "bash",
                "-c",
                IN_BACKGROUND,
                "bash",
                sys.executable,
                "-m",
                "quant_assets.cli.main",
                *words,
            ],
            cwd=folder,
            env=_environment(folder) | {"OUT": str(self.out), "ERR": str(self.err)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.shell.stdout is not None
        with self.shell.stdout as told:
            self.process = psutil.Process(int(told.readline()))

    def family(self) -> list[psutil.Process]:
        """Return the process and all that it started."""
        return [self.process, *self.process.children(recursive=True)]

    def stop(self, one: signal.Signals) -> tuple[int, float]:
        """Send a signal; return the exit code and how long it took."""
        began = time.monotonic()
        self.process.send_signal(one)
        return self.shell.wait(timeout=60), time.monotonic() - began

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Return as soon as something is so; else show what was said."""
        last = time.monotonic() + PATIENCE_S
        while not is_so():
            assert self.shell.poll() is None, self.err.read_text()
            assert time.monotonic() < last, self.err.read_text()
            time.sleep(0.2)


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment whose data root and Dagster home are the folder's defaults."""
    kept = {k: v for k, v in os.environ.items() if k not in {"QUANT_DATA", "DAGSTER_HOME"}}
    return kept | {"HOME": str(folder)}


def _free_ports() -> tuple[int, int]:
    """Return two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[Ui]:
    """Return a started `quant ui`, and leave none behind."""
    made = Ui(tmp_path)
    yield made
    left = made.family() if made.process.is_running() else []
    for process in left:
        process.kill()
    made.shell.wait(timeout=60)


def _listening(family: list[psutil.Process]) -> set[tuple[str, int]]:
    """Return the addresses that some processes listen on."""
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in family
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


def _status(url: str) -> int:
    """Return how a page answers."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  our own servers
        return answer.status


@pytest.mark.slow
def test_both_pages_answer_on_loopback_alone_until_ctrl_c(ui):
    """Started in the background it serves both pages, and Ctrl-C ends it with all its children."""
    ui.wait_until(lambda: len(ui.out.read_text().splitlines()) == 2)
    urls = dict(line.split(": ", 1) for line in ui.out.read_text().splitlines())
    assert urls == {
        "Dagster": f"http://127.0.0.1:{ui.ports[0]}",
        "MLflow": f"http://127.0.0.1:{ui.ports[1]}",
    }
    assert _status(f"{urls['Dagster']}/server_info") == 200
    assert _status(f"{urls['MLflow']}/") == 200
    family = ui.family()
    assert _listening(family) == {("127.0.0.1", port) for port in ui.ports}
    environments = [process.environ() for process in family[1:]]
    assert {e["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] for e in environments} == {"false"}

    code, seconds = ui.stop(signal.SIGINT)
    assert code == 0
    assert seconds < 30
    assert [process for process in family if process.is_running()] == []
    assert ui.err.read_text().splitlines()[-1] == "Dagster and MLflow have stopped."


@pytest.mark.slow
def test_sigterm_while_it_starts_leaves_nothing_behind(ui):
    """Stopped before a page answers, it takes along what it has started so far."""
    ui.wait_until(lambda: len(ui.process.children()) == 2)
    family = ui.family()
    code, _ = ui.stop(signal.SIGTERM)
    assert code == 0
    assert [process for process in family if process.is_running()] == []


def test_a_port_that_is_taken_is_said_so(tmp_path):
    """Nothing is started where a port is taken; the message says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "quant_assets.cli.main", "ui", "--mlflow-port", str(port)],
            cwd=tmp_path,
            env=_environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert f"a server on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert f"--mlflow-port {port + 1}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_the_package_carries_the_checkouts_own_files():
    """Outside the checkout the same instance and the same code location are served."""
    assert DEFAULT_CONFIG.read_bytes() == (CHECKOUT / "dagster_home" / "dagster.yaml").read_bytes()
    assert WORKSPACE_FILE.read_bytes() == (CHECKOUT / "workspace.yaml").read_bytes()
