"""Servers on loopback as process groups of their own: started, awaited, watched, stopped."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO

from quant_assets.market.errors import InputError, QuantError

LOOPBACK = "127.0.0.1"

READY_S = 120.0
"""Longest that a server may take until it answers, on a busy machine."""

STOP_S = 10.0
"""How long a stopped server has until its whole group is killed."""

REST_S = 2.0
"""How long the rest of a group has once its first process has ended."""

_STEP_S = 0.1
_LINES_SHOWN = 15
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Server:
    """A server to run: a module of this Python with its arguments.

    Parameters
    ----------
    stops_group
        Whether every process of the group is asked to stop; else the first one, which asks its
        own children.
    """

    name: str
    arguments: tuple[str, ...]
    port: int
    log: Path
    stops_group: bool

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"


def demand_free(port: int, *, option: str) -> None:
    """Do nothing if a port can be listened on.

    Raises
    ------
    InputError
        If another process listens there, or the port is not ours to take.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise InputError(
                asked=f"a server on {LOOPBACK}:{port}",
                found=error.strerror or str(error),
                remedy=f"Stop what listens there, or choose another port: {option} {port + 1}",
            ) from error


@contextlib.contextmanager
def only_one(folder: Path, *, remedy: str) -> Iterator[None]:
    """Hold a lock while the block runs; it ends with the process, however that ends.

    Raises
    ------
    InputError
        If another process holds it.
    """
    with (folder / "ui.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                asked=f"servers on {folder}",
                found="another `quant ui` serves it, and two daemons would make each run twice",
                remedy=remedy,
            ) from error
        yield


@contextlib.contextmanager
def stop_signals() -> Iterator[Event]:
    """Give an event that Ctrl-C, SIGTERM and a closed terminal set.

    The handlers are set in any case: a shell starts what it puts into the background with
    SIGINT ignored, and that would be inherited.
    """
    stopped = Event()
    before = {one: signal.signal(one, lambda *_: stopped.set()) for one in _STOPPING}
    try:
        yield stopped
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextlib.contextmanager
def running(servers: Sequence[Server]) -> Iterator[dict[Server, subprocess.Popen[bytes]]]:
    """Start servers; whatever happens, none of their processes is left at the end."""
    started: dict[Server, subprocess.Popen[bytes]] = {}
    with contextlib.ExitStack() as logs:
        try:
            for server in servers:
                server.log.parent.mkdir(parents=True, exist_ok=True)
                started[server] = _start(server, logs.enter_context(server.log.open("wb")))
            yield started
        finally:
            _stop_all(started)


def _start(server: Server, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own.

    What this process handles, its children get with the default handler; that is why
    `stop_signals` must be open, and a signal that was ignored before is not any more.
    """
    return subprocess.Popen(  # noqa: S603  our own modules
        [sys.executable, "-m", *server.arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def wait_until_ready(
    started: dict[Server, subprocess.Popen[bytes]], stopped: Event, tell: Callable[[Server], None]
) -> None:
    """Return once every server answers, or `stopped` is set; each is told as it answers.

    Raises
    ------
    QuantError
        If one of them ends, or does not answer in time; its last lines are in the message.
    """
    waiting = list(started)
    deadline = time.monotonic() + READY_S
    while waiting and not stopped.is_set():
        _demand_alive(started)
        for server in [server for server in waiting if _answers(server.port)]:
            waiting.remove(server)
            tell(server)
        if waiting and time.monotonic() > deadline:
            raise _ended(waiting[0], f"it does not answer after {READY_S:.0f} s")
        stopped.wait(_STEP_S)


def watch(started: dict[Server, subprocess.Popen[bytes]], stopped: Event) -> None:
    """Return when `stopped` is set.

    Raises
    ------
    QuantError
        If a server ends before.
    """
    while not stopped.wait(5 * _STEP_S):
        _demand_alive(started)


def _demand_alive(started: dict[Server, subprocess.Popen[bytes]]) -> None:
    """Raise `QuantError` if a server has ended."""
    for server, process in started.items():
        if process.poll() is not None:
            raise _ended(server, f"it ended with status {process.returncode}")


def _ended(server: Server, found: str) -> QuantError:
    """Return an error with the last lines of a server's log."""
    lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines()
    last = "\n".join(lines[-_LINES_SHOWN:])
    return QuantError(
        asked=f"{server.name} on {server.url}",
        found=found,
        remedy=f"Its log is {server.log}, and ends:\n{last}",
    )


def _answers(port: int) -> bool:
    """Whether something accepts connections."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _stop_all(started: dict[Server, subprocess.Popen[bytes]]) -> None:
    """Ask all servers to stop at once, wait for their groups, and kill what is left."""
    for server, process in started.items():
        with contextlib.suppress(ProcessLookupError):
            if server.stops_group:
                os.killpg(process.pid, signal.SIGTERM)
            elif process.poll() is None:
                process.send_signal(signal.SIGTERM)
    _wait_while(lambda: any(p.poll() is None for p in started.values()), STOP_S)
    _wait_while(lambda: any(_group_lives(p) for p in started.values()), REST_S)
    for process in started.values():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_while(is_so: Callable[[], bool], seconds: float) -> None:
    """Return once something is not so any more, or the time is over."""
    deadline = time.monotonic() + seconds
    while is_so() and time.monotonic() < deadline:
        time.sleep(_STEP_S)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process of the group is left; one that nobody has reaped yet counts as well."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
