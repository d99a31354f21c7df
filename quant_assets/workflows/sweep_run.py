"""Running a sweep: local workers as child processes, and one process that asks and waits."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from quant_assets.market.errors import QuantError, StateError
from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.storage.job_queue import Counts, JobQueue, JobState, is_gone
from quant_assets.storage.sweep_store import SweepStore
from quant_assets.workflows.proposals import Proposer
from quant_assets.workflows.sweep import Queued, cells_of, queue_cells
from quant_assets.workflows.sweep_jobs import Reads
from quant_assets.workflows.sweep_worker import worker_name
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

Watch = Callable[[Counts, int], None]
"""Told now and then how many jobs of the sweep stand where, and how many ended by its waiting."""

Answer = TypeVar("Answer")

_POLL_S = 0.1
_MOST_DEATHS = 3
"""Workers in a row that may die before a job of the sweep ends."""


@dataclass
class _Child:
    """A worker process, its name in the queue, and the file that it complains to."""

    name: str
    process: "subprocess.Popen[bytes]"
    complaints: Path


@dataclass
class Crew:
    """The local workers of one sweep.

    Parameters
    ----------
    command
        What starts a worker; `--name` and its name are put behind.
    size
        How many at once.
    """

    queue: JobQueue
    sweep: str
    command: Sequence[str]
    size: int
    patience_s: float = 120.0
    watch: Watch = lambda _counts, _executed: None
    _executed: int = 0
    _children: list[_Child] = field(default_factory=list)
    _deaths: int = 0
    _ended: int = 0
    _started: int = 0

    def wait(self) -> Counts:
        """Wait until no job of the sweep is open, with workers at work on them.

        Raises
        ------
        QuantError
            If workers die or end one after the other before a job has ended.
        StateError
            If the database is gone for longer than the patience.
        """
        # A sweep that grows has more that ended before, each time that it is waited for.
        before: int | None = None
        with tempfile.TemporaryDirectory(prefix="quant-sweep-") as folder:
            while True:
                counts = self._patiently(lambda: self.queue.counts(self.sweep))
                ended = counts.total - counts.open
                before = ended if before is None else before
                self.watch(counts, self._executed + ended - before)
                if not counts.open:
                    self._executed += ended - before
                    return counts
                self._note_progress(counts)
                self._bury(counts)
                missing = min(self.size, counts.open) - len(self._children)
                for _ in range(missing if counts[JobState.PENDING] else 0):
                    self._start(Path(folder))
                time.sleep(_POLL_S)

    def dismiss(self) -> None:
        """End all workers; they give back what they hold."""
        for child in self._children:
            child.process.terminate()
        for child in self._children:
            try:
                child.process.wait(timeout=10.0)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            with suppress(StateError):
                self.queue.take_back(now=0.0, dead=child.name)
        self._children = []

    def _start(self, folder: Path) -> None:
        """Start one worker."""
        name, self._started = worker_name(), self._started + 1
        complaints = folder / f"worker-{self._started}.txt"
        with complaints.open("wb") as handle:
            process = subprocess.Popen(  # noqa: S603 our own command
                [*self.command, "--name", name], stdout=subprocess.DEVNULL, stderr=handle
            )
        self._children.append(_Child(name, process, complaints))

    def _bury(self, counts: Counts) -> None:
        """Take back the jobs of workers that ended before their time; raise where many do so."""
        for child in [one for one in self._children if one.process.poll() is not None]:
            self._children.remove(child)
            name = child.name
            self._patiently(lambda name=name: self.queue.take_back(now=0.0, dead=name))  # type: ignore[misc]
            self._deaths += child.process.returncode != 0 or counts[JobState.PENDING] > 0
            if self._deaths >= _MOST_DEATHS * self.size:
                raise QuantError(
                    asked=f"workers of sweep {self.sweep!r}",
                    found=f"{self._deaths} ended before a job did, the last"
                    f" {_how_ended(child.process.returncode)}: {_last_words(child.complaints)}",
                    remedy="Mend that and run the sweep again: what is done stays done.",
                )

    def _note_progress(self, counts: Counts) -> None:
        """Forget deaths once a job has ended."""
        ended = counts.total - counts.open
        if ended != self._ended:
            self._ended, self._deaths = ended, 0

    def _patiently(self, deed: Callable[[], Answer]) -> Answer:
        """Do what needs the database, again and again while it is gone."""
        last = time.monotonic() + self.patience_s
        while True:
            try:
                return deed()
            except StateError as error:
                if not is_gone(error) or time.monotonic() > last:
                    raise
                time.sleep(0.5)


def run_sweep(
    workspace: Workspace,
    spec: SweepSpec,
    *,
    command: Sequence[str],
    workers: int,
    retry: bool = False,
    watch: Watch = lambda _counts, _executed: None,
) -> Queued:
    """Queue a sweep's cells and wait until all are computed; what was computed before is not again.

    Parameters
    ----------
    command
        What starts a worker of this sweep in a process of its own.
    workers
        How many local workers; 0 leaves the work to those of other machines.
    retry
        Whether failed cells are tried once more.
    watch
        Told how far the sweep is.

    Raises
    ------
    StrategyError
        If the spec cannot be run on what the lake holds.
    QuantError
        As `Crew.wait`; or if the sweep was replaced while it ran.
    """
    queue = JobQueue(workspace.state)
    crew = Crew(queue, spec.name, [*command, "--sweep", spec.name], workers, watch=watch)
    reads = Reads(LakeView(workspace))

    def wait() -> None:
        crew.wait()
        _refuse_replaced(workspace, spec)

    try:
        if spec.kind == "optuna":
            return Proposer(workspace, queue, spec, reads, wait=wait).run(retry=retry)
        queued = queue_cells(workspace, queue, spec, cells_of(workspace, spec), reads)
        if retry:
            queue.retry(spec.name)
        wait()
        return queued
    finally:
        crew.dismiss()


def _refuse_replaced(workspace: Workspace, spec: SweepSpec) -> None:
    """Raise where the state database holds no such sweep any more: nothing open is not all done."""
    held = SweepStore(workspace.state).spec(spec.name)
    if held != spec.to_mapping():
        raise StateError(
            asked=f"the cells of sweep {spec.name!r}",
            found="the state database holds none of it" if held is None else "another spec of it",
            remedy="Put the database back, or give one of two specs another name; then run the"
            " sweep again: what is done stays done.",
        )


def _how_ended(code: int) -> str:
    """Say what a process ended with: whoever kills by a signal is to be looked for elsewhere."""
    return f"with code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _last_words(file: Path) -> str:
    """Return the last line that a worker wrote."""
    lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
