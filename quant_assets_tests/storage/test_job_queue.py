"""The lease queue against a plain dict, several claimants at once, and a database that is gone."""

import subprocess
import sys
import threading
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quant_assets.market.errors import StateError
from quant_assets.storage.job_queue import Finished, Job, JobQueue, JobState
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import JOBS, SWEEP_CELLS, TRIALS

WORKERS = ("ann", "bob", "eve")
LEASE_S = 10.0

CLAIM = """
import sys
from quant_assets.storage.job_queue import JobQueue
from quant_assets.storage.state import State

queue = JobQueue(State(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
while jobs := queue.claim(sys.argv[2], most=3, now=0.0, lease_s=60.0, code="c", sweep=None):
    print(*(job.job_id for job in jobs), flush=True)
"""


def job(number: int, *, code: str = "c") -> Job:
    """Return a job."""
    return Job(f"job{number:04}", "sweep", {"name": f"s{number}"}, code)


def trial_row(job_id: str) -> dict[str, Any]:
    """Return the row of an empty trial."""
    return {
        "trial_id": f"trial-of-{job_id}",
        "strategy": "s",
        "config": {},
        "data_hash": "d",
        "code_version": "c",
        "metrics": {},
        "realism": "spread",
        "state": "completed",
        "details": {},
        "returns": None,
    } | {column.name: None for column in TRIALS.columns if column.nullable}


def done(job_id: str) -> Finished:
    """Return how a job ends well."""
    return Finished(job_id, f"trial-of-{job_id}", trial_row(job_id))


def open_queue(folder: Path) -> tuple[State, JobQueue]:
    """Open a queue in a folder."""
    state = State.at(folder / "state.db")
    return state, JobQueue(state)


def rows_of(state: State) -> dict[str, dict[str, Any]]:
    """Return all jobs by id."""
    return {row["job_id"]: row for row in state.select(JOBS)}


class QueueLaws(RuleBasedStateMachine):
    """Whatever claimants do and whenever they die, the queue says what a plain dict says."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.queue = open_queue(Path(mkdtemp()))
        self.now = 0.0
        self.jobs: dict[str, dict[str, Any]] = {}
        self.trials: set[str] = set()

    def teardown(self) -> None:
        """Give the database back."""
        self.state.close()

    @rule(numbers=st.lists(st.integers(0, 12), max_size=5, unique=True))
    def enqueue(self, numbers: list[int]) -> None:
        """Jobs that are known are left as they are; new ones go to the end."""
        added = [n for n in numbers if job(n).job_id not in self.jobs]
        assert self.queue.enqueue([job(n) for n in numbers]) == len(added)
        for n in numbers:
            new = {"state": "pending", "lost": 0, "attempts": 0, "worker": None, "until": None}
            new["is_suspect"] = False
            self.jobs.setdefault(job(n).job_id, new)

    @rule(worker=st.sampled_from(WORKERS), most=st.integers(1, 4))
    def claim(self, worker: str, most: int) -> None:
        """Pending jobs come in order; a suspect comes last, and alone."""
        pending = [name for name, j in self.jobs.items() if j["state"] == "pending"]
        fresh = [name for name in pending if not self.jobs[name]["is_suspect"]]
        wanted = fresh[:most] if fresh else pending[:1]
        got = self.queue.claim(
            worker, most=most, now=self.now, lease_s=LEASE_S, code="c", sweep=None
        )
        assert [one.job_id for one in got] == wanted
        for name in wanted:
            self.jobs[name] |= {
                "state": "running",
                "worker": worker,
                "until": self.now + LEASE_S,
                "attempts": self.jobs[name]["attempts"] + 1,
            }

    @rule(worker=st.sampled_from(WORKERS), which=st.integers(0, 12), well=st.booleans())
    def record(self, worker: str, which: int, well: bool) -> None:
        """A result is taken from anybody; a failure from the holder alone."""
        name = job(which).job_id
        if name not in self.jobs:
            return
        one = self.jobs[name]
        self.queue.record(worker, [done(name) if well else Finished(name, message="no")])
        if well:
            self.trials.add(f"trial-of-{name}")
        if well or (one["state"] == "running" and one["worker"] == worker):
            one |= {"state": "completed" if well else "failed", "worker": None, "until": None}

    @rule(seconds=st.floats(0.5, 15.0))
    def wait(self, seconds: float) -> None:
        """Time goes on; leases that ran out are taken back, a third loss alone fails a job."""
        self.now += seconds
        over = [j for j in self._running() if j["until"] < self.now]
        assert self.queue.take_back(now=self.now) == len(over)
        self._lose(over)

    @rule(worker=st.sampled_from(WORKERS))
    def die(self, worker: str) -> None:
        """A worker known to be dead loses its jobs at once."""
        lost = [j for j in self._running() if j["worker"] == worker]
        assert self.queue.take_back(now=self.now, dead=worker) == len(lost)
        self._lose(lost)

    @rule(worker=st.sampled_from(WORKERS))
    def renew(self, worker: str) -> None:
        """All leases of a worker are prolonged, of no other's."""
        mine = [j for j in self._running() if j["worker"] == worker]
        assert self.queue.renew(worker, now=self.now, lease_s=LEASE_S) == len(mine)
        for one in mine:
            one["until"] = self.now + LEASE_S

    @rule(worker=st.sampled_from(WORKERS))
    def give_back(self, worker: str) -> None:
        """A worker that stops leaves no trace on what it had not begun."""
        mine = [j for j in self._running() if j["worker"] == worker]
        assert self.queue.give_back(worker) == len(mine)
        for one in mine:
            one |= {"state": "pending", "worker": None, "until": None}
            one["attempts"] -= 1

    @invariant()
    def says_what_the_dict_says(self) -> None:
        """State, holder, lease and losses agree; each completed job has one trial."""
        stored = rows_of(self.state)
        keys = ("state", "worker", "is_suspect", "lost", "attempts")
        assert {n: tuple(r[k] for k in keys) for n, r in stored.items()} == {
            n: tuple(j[k] for k in keys) for n, j in self.jobs.items()
        }
        assert {n: r["lease_until"] for n, r in stored.items()} == {
            n: j["until"] for n, j in self.jobs.items()
        }
        assert [row["trial_id"] for row in self.state.select(TRIALS)] == sorted(self.trials)
        counts = self.queue.counts()
        assert counts.total == len(self.jobs)
        for state in JobState:
            assert counts[state] == sum(j["state"] == state for j in self.jobs.values())

    def _running(self) -> list[dict[str, Any]]:
        return [one for one in self.jobs.values() if one["state"] == "running"]

    def _lose(self, jobs: list[dict[str, Any]]) -> None:
        holders = [one["worker"] for one in jobs]
        for one in jobs:
            one["lost"] += holders.count(one["worker"]) == 1
            state = "failed" if one["lost"] >= 3 else "pending"
            one |= {"state": state, "worker": None, "until": None, "is_suspect": True}


TestQueueLaws = QueueLaws.TestCase
TestQueueLaws.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)


def test_claimants_of_several_processes_share_the_jobs(tmp_path: Path) -> None:
    """Each job is given once, to one of them, and none is left."""
    state, queue = open_queue(tmp_path)
    assert queue.enqueue(job(n) for n in range(200)) == 200
    url = f"sqlite:///{tmp_path / 'state.db'}"
    claimants = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, url, f"w{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    for one in claimants:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in claimants:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate(timeout=120)[0].split() for one in claimants]
    assert sorted(name for names in said for name in names) == sorted(
        job(n).job_id for n in range(200)
    )
    held = {name: row["worker"] for name, row in rows_of(state).items()}
    assert held == {name: f"w{n}" for n, names in enumerate(said) for name in names}
    state.close()


def test_each_that_queues_is_told_what_it_added_itself(tmp_path: Path) -> None:
    """Two sweeps that are queued at once, half of their jobs shared: none is told another's."""
    told: list[int] = []

    def queue_half(first: int) -> None:
        state, queue = open_queue(tmp_path)
        numbers = range(first, first + 60)
        told.extend(queue.enqueue([job(number), job(number + 1)]) for number in numbers)
        state.close()

    open_queue(tmp_path)[0].close()
    threads = [threading.Thread(target=queue_half, args=(first,)) for first in (0, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state, _ = open_queue(tmp_path)
    assert sum(told) == len(rows_of(state)) == 91
    state.close()


def test_a_worker_takes_only_what_its_code_and_its_sweep_ask_for(tmp_path: Path) -> None:
    """Jobs of other code, or of another sweep, are left to others."""
    state, queue = open_queue(tmp_path)
    queue.enqueue([job(0, code="old"), job(1), job(2)])
    cell = {"sweep": "mine", "cell": 0, "values": {}, "job_id": "job0002", "invalid": None}
    state.upsert(SWEEP_CELLS, [cell])
    asked = {"most": 9, "now": 0.0, "lease_s": LEASE_S, "code": "c"}
    assert [one.job_id for one in queue.claim("a", sweep="mine", **asked)] == ["job0002"]
    assert [one.job_id for one in queue.claim("b", sweep=None, **asked)] == ["job0001"]
    assert queue.counts("mine").total == 1
    state.close()


def test_a_worker_keeps_to_the_kin_that_it_has_at_hand(tmp_path: Path) -> None:
    """Two workers share three models so that none is fitted by both while there is another."""
    state, queue = open_queue(tmp_path)
    kin = "xxyyzz"
    queue.enqueue(Job(f"job{n}", "s", {}, "c", kin[n]) for n in range(6))
    asked = {"most": 1, "now": 0.0, "lease_s": LEASE_S, "code": "c"}
    taken = []
    for worker, prefers in ("a", ""), ("b", ""), ("a", "x"), ("b", "y"), ("a", "x"), ("b", "y"):
        taken += [one.job_id for one in queue.claim(worker, prefers=prefers, **asked)]
    assert taken == ["job0", "job2", "job1", "job3", "job4", "job5"]
    state.close()


def test_a_job_that_kills_its_workers_is_failed_with_the_reason(tmp_path: Path) -> None:
    """What was claimed beside it is not: after a first loss each is given out alone."""
    state, queue = open_queue(tmp_path)
    queue.enqueue(job(n) for n in range(5))
    deadly, now = job(2).job_id, 0.0
    for _ in range(30):
        now += 100.0
        queue.take_back(now=now)
        jobs = queue.claim("w", most=5, now=now, lease_s=LEASE_S, code="c", sweep=None)
        for one in jobs:
            if one.job_id == deadly:
                break
            queue.record("w", [done(one.job_id)])
    rows = rows_of(state)
    assert rows[deadly]["state"] == "failed"
    assert "3 workers did not come back" in rows[deadly]["message"]
    assert {r["state"] for name, r in rows.items() if name != deadly} == {"completed"}
    assert queue.retry("sweep") == 0
    cell = {"sweep": "sweep", "cell": 2, "values": {}, "job_id": deadly, "invalid": None}
    state.upsert(SWEEP_CELLS, [cell])
    assert queue.retry("sweep") == 1
    assert rows_of(state)[deadly]["lost"] == 0
    state.close()


def test_results_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    """A trial that the database refuses keeps its job, and those beside it, running."""
    state, queue = open_queue(tmp_path)
    queue.enqueue(job(n) for n in range(2))
    queue.claim("w", most=2, now=0.0, lease_s=LEASE_S, code="c", sweep=None)
    bad = Finished("job0001", "t", trial_row("job0001") | {"config": None, "strategy": None})
    with pytest.raises(StateError):
        queue.record("w", [done("job0000"), bad])
    assert {row["state"] for row in rows_of(state).values()} == {"running"}
    assert state.select(TRIALS) == []
    state.close()


def test_a_database_that_is_gone_is_said_so_and_not_made_anew(tmp_path: Path) -> None:
    """Once it is back the queue goes on where it was."""
    state, queue = open_queue(tmp_path)
    queue.enqueue([job(0)])
    file, away = tmp_path / "state.db", tmp_path / "away.db"
    file.rename(away)
    with pytest.raises(StateError, match=r"state\.db: the file is gone\. Put it back"):
        queue.counts()
    assert not file.exists()
    away.rename(file)
    assert queue.counts()[JobState.PENDING] == 1
    state.close()


def test_a_database_put_in_its_place_is_the_one_that_is_read(tmp_path: Path) -> None:
    """Of a copy put back from elsewhere its own jobs are told, not those of the file before."""
    state, queue = open_queue(tmp_path)
    queue.enqueue([job(0)])
    other, other_queue = open_queue(tmp_path / "other")
    other_queue.enqueue(job(n) for n in range(3))
    other.close()
    for name in ("state.db-wal", "state.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "other" / "state.db").rename(tmp_path / "state.db")
    assert queue.counts().total == 3
    state.close()
