"""A worker of the job queue: it pulls jobs, runs them, and loses none whatever happens to it.

A worker that is killed leaves its jobs to their leases; one that is told to stop gives them back.
While the database is gone it keeps what it computed, and writes it once the database is back.
"""

import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from quant_assets.market.errors import QuantError, StateError
from quant_assets.storage.job_queue import Finished, Job, JobQueue, is_gone

Runner = Callable[[Job], Finished]
"""Computes a job; what it raises is why the job failed."""

Tell = Callable[[str], None]

Answer = TypeVar("Answer")

_POLL_S = 0.2
_MOST = 256
_GROWTH = 4


@dataclass(frozen=True)
class WorkerRules:
    """How long a worker may be silent, and how long it waits.

    Parameters
    ----------
    lease_s
        A worker that is not heard of for so long is taken for dead.
    patience_s
        How long it waits for a database that is gone.
    batch_s
        Jobs are claimed for about so much work at once, and recorded as often.
    idle_exit_s
        Ends after so long without work; None waits for ever.
    """

    lease_s: float = 60.0
    patience_s: float = 120.0
    batch_s: float = 1.0
    idle_exit_s: float | None = None


@dataclass(frozen=True)
class Tally:
    """What a worker did."""

    completed: int = 0
    failed: int = 0
    given_back: int = 0


def worker_name() -> str:
    """Return a name that no other worker has, on any machine."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Worker:
    """One worker of a queue.

    Parameters
    ----------
    name
        Known to no other; leases bear it.
    code
        Code version that it runs: jobs of another are left to other workers.
    sweep
        Only jobs of this sweep; None for those of all.
    clock
        Seconds of the epoch, for leases.
    tell
        Told what a user may want to know, a line each.
    """

    def __init__(
        self,
        queue: JobQueue,
        run: Runner,
        *,
        name: str,
        code: str,
        sweep: str | None = None,
        rules: WorkerRules | None = None,
        clock: Callable[[], float] = time.time,
        tell: Tell = lambda _: None,
    ) -> None:
        self.name = name
        self._queue = queue
        self._run = run
        self._code = code
        self._sweep = sweep
        self._rules = rules or WorkerRules()
        self._clock = clock
        self._tell = tell
        self._most = 1
        self._kin = ""
        self._is_told = False
        self._finished: list[Finished] = []
        self._recorded = time.monotonic()
        self._looked = 0.0
        self._completed = self._failed = 0

    def work(self) -> Tally:
        """Work until there is nothing to do, by the rules, or until Ctrl-C.

        Raises
        ------
        StateError
            If the database is gone for longer than the patience; no result was lost before.
        QuantError
            If what is left of its sweep is for other code.
        """
        given_back = 0
        with self._heartbeat():
            try:
                self._loop()
            except KeyboardInterrupt:
                given_back = self._stop()
        return Tally(self._completed, self._failed, given_back)

    def _loop(self) -> None:
        """Claim and run until idle for too long."""
        idle_since = time.monotonic()
        while True:
            jobs = self._patiently(self._claim)
            if jobs:
                self._run_batch(jobs)
                idle_since = time.monotonic()
                continue
            self._patiently(self._note_other_code)
            limit = self._rules.idle_exit_s
            if limit is not None and time.monotonic() - idle_since >= limit:
                return
            time.sleep(_POLL_S if limit is None else min(_POLL_S, max(limit, 0.01)))

    def _claim(self) -> list[Job]:
        """Claim the next jobs; now and then take back those of workers that died."""
        now = self._clock()
        if time.monotonic() - self._looked > min(1.0, self._rules.lease_s / 4):
            self._queue.take_back(now=now)
            self._looked = time.monotonic()
        return self._queue.claim(
            self.name,
            most=self._most,
            now=now,
            lease_s=self._rules.lease_s,
            code=self._code,
            sweep=self._sweep,
            prefers=self._kin,
        )

    def _note_other_code(self) -> None:
        """Tell of jobs that wait for other code; raise where they are the worker's own sweep's."""
        if self._sweep is None and self._is_told:
            return
        other = self._queue.other_code(self._code, self._sweep)
        if other and self._sweep is not None:
            raise QuantError(
                asked=f"{other:,} trials of sweep {self._sweep!r}",
                found="they were queued by other code than this worker runs",
                remedy="Run the sweep again, so that it queues them for the code of now.",
            )
        if other:
            self._is_told = True
            self._tell(
                f"{other:,} trials wait for other code than this worker runs: run their sweeps"
                " again, or a worker of the version that queued them"
            )

    def _run_batch(self, jobs: list[Job]) -> None:
        """Run some jobs, and record them as they end; learn how many to claim next."""
        began = time.monotonic()
        for job in jobs:
            self._finished.append(self._ended(job))
            self._kin = job.kin
            if time.monotonic() - self._recorded > self._rules.batch_s:
                self._record()
        self._record()
        each = max((time.monotonic() - began) / len(jobs), 1e-6)
        wanted = int(self._rules.batch_s / each)
        self._most = max(1, min(wanted, self._most * _GROWTH, _MOST))

    def _ended(self, job: Job) -> Finished:
        """Run one job; what goes wrong with it is its result, but for the database."""

        def attempt() -> Finished:
            try:
                return self._run(job)
            except StateError:
                raise
            except QuantError as error:
                return Finished(job.job_id, message=str(error))
            except Exception as error:  # noqa: BLE001 one bad trial keeps no other from its turn
                words = " ".join(str(error).split())
                return Finished(job.job_id, message=f"{type(error).__name__}: {words}")

        return self._patiently(attempt)

    def _record(self) -> None:
        """Store what has ended; it is kept in memory until that is done."""
        if self._finished:
            self._patiently(lambda: self._queue.record(self.name, self._finished))
            well = sum(one.trial_id is not None for one in self._finished)
            self._completed += well
            self._failed += len(self._finished) - well
            self._finished = []
        self._recorded = time.monotonic()

    def _stop(self) -> int:
        """Record what has ended and give the rest back; a second signal is not heard."""
        asked = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, signal.SIG_IGN) for number in asked]
        try:
            self._record()
            return self._patiently(lambda: self._queue.give_back(self.name))
        finally:
            for number, handler in zip(asked, before, strict=True):
                signal.signal(number, handler)

    def _patiently(self, deed: Callable[[], Answer]) -> Answer:
        """Do what needs the database, again and again while it is gone."""
        last = time.monotonic() + self._rules.patience_s
        wait_s, told = 0.05, False
        while True:
            try:
                return deed()
            except StateError as error:
                if not is_gone(error) or time.monotonic() > last:
                    raise
                if not told:
                    self._tell(f"waiting for the database: {error}")
                    told = True
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, 1.0)

    @contextmanager
    def _heartbeat(self) -> Iterator[None]:
        """Renew the leases while the block runs, also during a long job."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(self._rules.lease_s / 3):
                try:
                    self._queue.renew(self.name, now=self._clock(), lease_s=self._rules.lease_s)
                except StateError:
                    # The one who works waits for the database; a lease that runs out is none lost.
                    continue

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
