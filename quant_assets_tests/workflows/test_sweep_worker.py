"""Workers of the job queue: killed, stopped, interrupted or without a database, they lose none."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from quant_assets.market.errors import QuantError, StateError, StrategyError
from quant_assets.storage.job_queue import Finished, Job, JobQueue, JobState
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import JOBS, SWEEP_CELLS, TRIALS
from quant_assets.workflows.sweep_worker import Worker, WorkerRules
from quant_assets_tests.workflows.toy_worker import CODE, empty_trial

N_TRIALS = 2_000
WORKERS = 3

AUDIT = """
CREATE TABLE audit (what VARCHAR, id VARCHAR);
CREATE TRIGGER trial_is_recorded AFTER INSERT ON trials
  BEGIN INSERT INTO audit VALUES ('trial', new.trial_id); END;
CREATE TRIGGER trial_is_changed AFTER UPDATE ON trials
  BEGIN INSERT INTO audit VALUES ('trial', new.trial_id); END;
CREATE TRIGGER job_is_completed AFTER UPDATE OF state ON jobs
  WHEN new.state = 'completed' AND old.state <> 'completed'
  BEGIN INSERT INTO audit VALUES ('job', new.job_id); END;
"""
"""Notes in the database itself each time that a trial is written or a job is completed."""


def jobs(count: int, *, first: int = 0) -> list[Job]:
    """Return some jobs."""
    return [Job(f"job{n:05}", "toy", {"name": f"s{n}"}, CODE) for n in range(first, first + count)]


@contextmanager
def opened(folder: Path) -> Iterator[tuple[State, JobQueue]]:
    """Open a queue, and close its database."""
    state = State.at(folder / "state.db")
    try:
        yield state, JobQueue(state)
    finally:
        state.close()


def started(folder: Path, *, lease_s: float, idle_s: float, job_s: float) -> subprocess.Popen[str]:
    """Start a worker of empty trials in a process of its own."""
    module = "quant_assets_tests.workflows.toy_worker"
    words = [f"sqlite:///{folder / 'state.db'}", str(lease_s), str(idle_s), str(job_s)]
    return subprocess.Popen(
        [sys.executable, "-m", module, *words], stdout=subprocess.PIPE, text=True
    )


def is_ready(process: subprocess.Popen[str]) -> bool:
    """Wait until a worker has begun."""
    assert process.stdout is not None
    return process.stdout.readline() == "ready\n"


def ended(process: subprocess.Popen[str]) -> None:
    """Wait until a worker is gone, and close what it wrote to."""
    process.communicate(timeout=30)


def test_workers_killed_at_random_moments_lose_none_and_record_none_twice(tmp_path: Path) -> None:
    """2,000 trials, SIGKILL from outside: every one is recorded once, none is left or failed."""
    seed = random.SystemRandom().randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")
    draw = random.Random(seed)  # noqa: S311 a moment to kill at is no secret
    with opened(tmp_path) as (state, queue):
        with state.engine.connect() as connection:
            connection.connection.executescript(AUDIT)
        queue.enqueue(jobs(N_TRIALS))
        rules = {"lease_s": 1.0, "idle_s": 60.0, "job_s": 0.005}
        workers = [started(tmp_path, **rules) for _ in range(WORKERS)]
        assert all(is_ready(one) for one in workers)
        kills = 0
        while queue.counts().open:
            time.sleep(draw.uniform(0.02, 0.4))
            place = draw.randrange(WORKERS)
            workers[place].kill()
            ended(workers[place])
            kills += 1
            workers[place] = started(tmp_path, **rules)
            assert is_ready(workers[place])
        for one in workers:
            one.terminate()
            ended(one)
        rows = state.select(JOBS)
        with state.engine.connect() as connection:
            audit = connection.execute(sa.text("SELECT what, id FROM audit")).all()
        trials = state.select(TRIALS)
    sys.stdout.write(f"{kills} kills, {sum(row['attempts'] for row in rows)} claims\n")
    assert kills >= 3
    assert {row["state"] for row in rows} == {"completed"}
    assert len(rows) == len(trials) == N_TRIALS
    assert len(audit) == len({tuple(one) for one in audit}) == 2 * N_TRIALS
    assert {row["trial_id"] for row in rows} == {row["trial_id"] for row in trials}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_stop_gives_its_jobs_back(tmp_path: Path, number: signal.Signals) -> None:
    """What it had done is recorded, what it held waits for others as if never claimed."""
    with opened(tmp_path) as (state, queue):
        # The worker claims one, then four: two that it ends, and two that it never will.
        queue.enqueue(jobs(3))
        endless = [replace(job, config=dict(job.config, seconds=600.0)) for job in jobs(5, first=3)]
        queue.enqueue(endless)
        worker = started(tmp_path, lease_s=600.0, idle_s=60.0, job_s=0.05)
        assert is_ready(worker)
        while queue.counts()[JobState.RUNNING] < 4:
            time.sleep(0.02)
        worker.send_signal(number)
        said, _ = worker.communicate(timeout=30)
        assert worker.returncode == 0
        completed, failed, given_back = map(int, said.split())
        assert completed + given_back == 5
        assert 1 <= completed <= 3
        assert failed == 0
        counts = queue.counts()
        assert counts[JobState.COMPLETED] == completed
        assert counts[JobState.PENDING] == 8 - completed
        rows = state.select(JOBS)
        assert sum(row["attempts"] for row in rows) == completed
        assert {row["lost"] for row in rows} == {0}


def worker_of(queue: JobQueue, run=empty_trial, **rules: float) -> Worker:
    """Return a worker in this process that ends when there is nothing to do."""
    chosen = WorkerRules(**{"idle_exit_s": 0.0, "patience_s": 20.0} | rules)
    return Worker(queue, run, name="w", code=CODE, rules=chosen)


def test_a_database_moved_away_in_the_middle_is_waited_for(tmp_path: Path) -> None:
    """The result that was computed meanwhile is kept, and written once the database is back."""
    ran: list[str] = []
    with opened(tmp_path) as (state, queue):
        queue.enqueue(jobs(20))
        file, away = tmp_path / "state.db", tmp_path / "away.db"

        def back() -> None:
            time.sleep(0.7)
            away.rename(file)

        def run(job: Job) -> Finished:
            ran.append(job.job_id)
            if len(ran) == 7:
                file.rename(away)
                threading.Thread(target=back).start()
            return empty_trial(job)

        tally = worker_of(queue, run).work()
        assert tally.completed == 20
        assert ran == [job.job_id for job in jobs(20)]
        assert {row["state"] for row in state.select(JOBS)} == {"completed"}
        assert len(state.select(TRIALS)) == 20


def test_a_database_that_stays_away_is_said_so_after_the_patience(tmp_path: Path) -> None:
    """Nothing is made in its place; put back, the next worker does what is left."""
    with opened(tmp_path) as (_, queue):
        queue.enqueue(jobs(4))
        file, away = tmp_path / "state.db", tmp_path / "away.db"
        done = 0

        def run(job: Job) -> Finished:
            nonlocal done
            done += 1
            if done == 2:
                file.rename(away)
            return empty_trial(job)

        with pytest.raises(StateError, match="the file is gone"):
            worker_of(queue, run, patience_s=0.3, lease_s=0.5).work()
        assert not file.exists()
        away.rename(file)
        time.sleep(0.6)
        queue.take_back(now=time.time())
        worker_of(queue).work()
        counts = queue.counts()
        assert counts[JobState.COMPLETED] == counts.total == 4


def test_a_trial_that_goes_wrong_fails_alone_with_its_reason(tmp_path: Path) -> None:
    """Errors of ours, and any other, are the job's result; the others are done."""

    def run(job: Job) -> Finished:
        if job.job_id == "job00001":
            raise StrategyError(asked="a", found="b", remedy="c")
        if job.job_id == "job00002":
            raise ZeroDivisionError("by\n zero")
        return empty_trial(job)

    with opened(tmp_path) as (state, queue):
        queue.enqueue(jobs(4))
        tally = worker_of(queue, run).work()
        assert (tally.completed, tally.failed) == (2, 2)
        messages = [row["message"] for row in state.select(JOBS)]
        assert messages == [None, "a: b. c", "ZeroDivisionError: by zero", None]


def test_a_worker_of_other_code_does_not_wait_for_ever(tmp_path: Path) -> None:
    """What is left of its sweep is for code that it does not run: it says so and ends."""
    with opened(tmp_path) as (state, queue):
        queue.enqueue([Job("old", "toy", {}, "old"), *jobs(1)])
        cells = [
            {"sweep": "toy", "cell": n, "values": {}, "job_id": one, "invalid": None}
            for n, one in enumerate(("old", "job00000"))
        ]
        state.upsert(SWEEP_CELLS, cells)
        worker = Worker(queue, empty_trial, name="w", code=CODE, sweep="toy")
        with pytest.raises(QuantError, match="1 trials of sweep 'toy': they were queued by other"):
            worker.work()
        assert queue.counts("toy")[JobState.COMPLETED] == 1


def test_a_worker_of_all_sweeps_says_once_that_others_wait_for_other_code(tmp_path: Path) -> None:
    """It does what is for its code, and does not stand there without a word."""
    told: list[str] = []
    with opened(tmp_path) as (_, queue):
        queue.enqueue([Job("old", "toy", {}, "old"), *jobs(1)])
        rules = WorkerRules(idle_exit_s=0.5)
        worker = Worker(queue, empty_trial, name="w", code=CODE, rules=rules, tell=told.append)
        assert worker.work().completed == 1
    assert len(told) == 1
    assert told[0].startswith("1 trials wait for other code")


def test_a_long_job_keeps_its_lease_by_the_heartbeat(tmp_path: Path) -> None:
    """A worker that lives is not taken for dead, however long one job takes."""
    with opened(tmp_path) as (state, queue):
        queue.enqueue(jobs(1))

        def run(job: Job) -> Finished:
            for _ in range(12):
                time.sleep(0.1)
                assert queue.take_back(now=time.time()) == 0
            return empty_trial(job)

        worker_of(queue, run, lease_s=0.6).work()
        row = state.select(JOBS)[0]
        assert (row["state"], row["attempts"], row["lost"]) == ("completed", 1, 0)
