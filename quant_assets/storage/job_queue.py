"""The lease queue of the state database: any number of workers, no job given to two at once.

A worker claims jobs for a while, the lease, and renews it while it works. A job whose lease has run
out goes back to `pending`: its worker was killed, or lost the database. From then on it is only
given out alone, so that what was claimed beside a deadly job is not taken for deadly too. One that
three workers did not come back from while they held nothing else is `failed`. What a job gives is
content, known by the job's id: a result that is recorded again changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from quant_assets.market.errors import StateError
from quant_assets.storage.state import State, dialect_of
from quant_assets.storage.state_tables import JOBS, SWEEP_CELLS, TRIALS

MOST_LOST = 3
"""A job that so many workers did not come back from, each holding it alone, is failed."""


class JobState(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True)
class Job:
    """Something to be computed.

    Parameters
    ----------
    job_id
        SHA-256 over all that decides the result.
    sweep
        Sweep that asked for it first.
    config
        The strategy as JSON values.
    code_version
        Code that it is computed by: workers of other code leave it alone.
    kin
        What it shares costly work by, such as the model of several cells; empty for none.
    """

    job_id: str
    sweep: str
    config: Mapping[str, Any]
    code_version: str
    kin: str = ""


@dataclass(frozen=True)
class Finished:
    """How a job ended: its trial, or why there is none.

    Parameters
    ----------
    trial_id
        Trial of the result; None where it failed.
    row
        The trial's row of the state database, None where it is there already.
    message
        Why it failed; empty where it did not.
    """

    job_id: str
    trial_id: str | None = None
    row: Mapping[str, Any] | None = None
    message: str = ""


@dataclass(frozen=True)
class Counts:
    """How many jobs stand where."""

    by_state: Mapping[JobState, int] = field(default_factory=dict)

    def __getitem__(self, state: JobState) -> int:
        return self.by_state.get(state, 0)

    @property
    def total(self) -> int:
        """All jobs."""
        return sum(self.by_state.values())

    @property
    def open(self) -> int:
        """Jobs that are still to end."""
        return self[JobState.PENDING] + self[JobState.RUNNING]


class JobQueue:
    """The jobs of a state database.

    It reads no clock: `now` is handed in, in seconds of the epoch, and workers on several machines
    are taken to agree on it within a small part of the lease.

    Parameters
    ----------
    state
        The state database; its file must not be made anew by a worker that finds it gone.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._file = _file_of(state.engine)
        self._inode = self._file.stat().st_ino if self._file else 0

    def claim(
        self,
        worker: str,
        *,
        most: int,
        now: float,
        lease_s: float,
        code: str,
        sweep: str | None = None,
        prefers: str = "",
    ) -> list[Job]:
        """Take up to `most` pending jobs for `lease_s` seconds, in the order of their places.

        Parameters
        ----------
        code
            Code version of the worker.
        sweep
            Only jobs of this sweep; None for those of all.
        prefers
            Kin of which the worker has the costly work at hand: they come first, and those last
            whose kin another is at work on.
        """
        fresh = (JOBS.c.state == JobState.PENDING) & (JOBS.c.code_version == code)
        if sweep is not None:
            cells = sa.select(SWEEP_CELLS.c.job_id).where(SWEEP_CELLS.c.sweep == sweep)
            fresh &= JOBS.c.job_id.in_(cells)
        with self._transaction("claim jobs of") as connection:
            order, until = _order(prefers), now + lease_s
            jobs = _take(connection, worker, fresh & ~JOBS.c.is_suspect, order, most, until)
            return jobs or _take(connection, worker, fresh, order, 1, until)

    def renew(self, worker: str, *, now: float, lease_s: float) -> int:
        """Prolong all leases of a worker; return how many it has."""
        statement = sa.update(JOBS).where(_held_by(worker)).values(lease_until=now + lease_s)
        with self._transaction("renew leases of") as connection:
            return int(connection.execute(statement).rowcount)

    def give_back(self, worker: str) -> int:
        """Return all that a worker holds to `pending`, as if it had not been claimed."""
        statement = (
            sa.update(JOBS)
            .where(_held_by(worker))
            .values(
                state=JobState.PENDING,
                worker=None,
                lease_until=None,
                attempts=JOBS.c.attempts - 1,
            )
        )
        with self._transaction("give jobs back to") as connection:
            return int(connection.execute(statement).rowcount)

    def take_back(self, *, now: float, dead: str | None = None) -> int:
        """Return the jobs of workers that did not come back to `pending`, or fail them.

        Parameters
        ----------
        dead
            A worker that is known to be dead: its leases need not run out first.
        """
        over = JOBS.c.lease_until < now
        if dead is not None:
            over |= JOBS.c.worker == dead
        is_over = (JOBS.c.state == JobState.RUNNING) & over
        with self._transaction("take jobs back in") as connection:
            query = sa.select(JOBS.c.worker, JOBS.c.job_id).where(is_over)
            held: dict[str, list[str]] = defaultdict(list)
            for worker, job_id in connection.execute(query.with_for_update(skip_locked=True)):
                held[worker].append(job_id)
            return sum(_lose(connection, w, ids, is_over) for w, ids in sorted(held.items()))

    def record(self, worker: str, finished: Sequence[Finished]) -> None:
        """Store how jobs ended, all together; recorded twice is recorded once.

        A result is taken from whoever brings it, also after its lease ran out: it is what any
        other worker would bring. A failure is taken from the holder of the lease alone.
        """
        rows = [dict(one.row) for one in finished if one.row is not None]
        with self._transaction("record results in") as connection:
            if rows:
                insert = dialect_of(self._state.engine).insert(TRIALS)
                # A trial that stands is this one, and may hold more: other levels of realism.
                connection.execute(insert.on_conflict_do_nothing(), rows)
            for one in finished:
                connection.execute(_ending(worker, one))

    def enqueue(self, jobs: Iterable[Job]) -> int:
        """Add the jobs that were never added before, behind all others; return how many."""
        with self._transaction("queue jobs in") as connection:
            last = connection.execute(sa.select(sa.func.max(JOBS.c.place))).scalar() or 0
            rows = [_row(job, last + place) for place, job in enumerate(jobs, start=1)]
            if not rows:
                return 0
            insert = dialect_of(self._state.engine).insert(JOBS).on_conflict_do_nothing()
            return len(connection.execute(insert.returning(JOBS.c.job_id), rows).all())

    def retry(self, sweep: str) -> int:
        """Return the failed jobs of a sweep to `pending`, with nothing held against them."""
        mine = sa.select(SWEEP_CELLS.c.job_id).where(SWEEP_CELLS.c.sweep == sweep)
        statement = (
            sa.update(JOBS)
            .where((JOBS.c.state == JobState.FAILED) & JOBS.c.job_id.in_(mine))
            .values(state=JobState.PENDING, is_suspect=False, lost=0, message=None)
        )
        with self._transaction("retry jobs of") as connection:
            return int(connection.execute(statement).rowcount)

    def other_code(self, code: str, sweep: str | None = None) -> int:
        """Return how many pending jobs, of a sweep or of all, are for workers of other code."""
        is_other = (JOBS.c.state == JobState.PENDING) & (JOBS.c.code_version != code)
        if sweep is not None:
            mine = sa.select(SWEEP_CELLS.c.job_id).where(SWEEP_CELLS.c.sweep == sweep)
            is_other &= JOBS.c.job_id.in_(mine)
        statement = sa.select(sa.func.count()).select_from(JOBS).where(is_other)
        with self._transaction("count jobs of") as connection:
            return int(connection.execute(statement).scalar_one())

    def counts(self, sweep: str | None = None) -> Counts:
        """Return how many jobs stand where: of a sweep, or of all."""
        statement = sa.select(JOBS.c.state, sa.func.count()).group_by(JOBS.c.state)
        if sweep is not None:
            mine = sa.select(SWEEP_CELLS.c.job_id).where(SWEEP_CELLS.c.sweep == sweep)
            statement = statement.where(JOBS.c.job_id.in_(mine))
        with self._transaction("count jobs of") as connection:
            return Counts({JobState(name): n for name, n in connection.execute(statement)})

    def _transaction(self, deed: str) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction, once the database is seen to be there.

        SQLite would make a file that is gone anew, or write on in one that was moved away.
        """
        if self._file is not None:
            inode = self._file.stat().st_ino if self._file.exists() else None
            if inode is None:
                raise StateError(
                    asked=f"{deed} the state database {self._file}",
                    found="the file is gone",
                    remedy="Put it back, or name another with QUANT_STATE_URL.",
                )
            if inode != self._inode:
                self._state.engine.dispose()
                self._inode = inode
        return self._state.transaction(deed)


def is_gone(error: StateError) -> bool:
    """Whether the database could not be reached or written, so that waiting may help."""
    cause = error.__cause__
    return cause is None or isinstance(cause, sa.exc.OperationalError | sa.exc.InterfaceError)


def _lose(connection: sa.Connection, worker: str, job_ids: Sequence[str], is_over: Any) -> int:
    """Take back what one worker held; return how many that were, by now."""
    alone = len(job_ids) == 1
    values: dict[str, Any] = {
        "state": JobState.PENDING,
        "is_suspect": True,
        "worker": None,
        "lease_until": None,
    }
    if alone:
        is_last = JOBS.c.lost + 1 >= MOST_LOST
        reason = f"{MOST_LOST} workers did not come back from it: it may be what kills them"
        values |= {
            "state": sa.case((is_last, JobState.FAILED), else_=JobState.PENDING),
            "message": sa.case((is_last, reason), else_=JOBS.c.message),
            "lost": JOBS.c.lost + 1,
        }
    # Between the look and the change the worker may have come back: only what is still over counts.
    mine = (JOBS.c.worker == worker) & JOBS.c.job_id.in_(job_ids) & is_over
    return int(connection.execute(sa.update(JOBS).where(mine).values(values)).rowcount)


def _order(prefers: str) -> list[Any]:
    """Return what pending jobs are taken by: own kin, then kin of nobody, then place."""
    busy = sa.alias(JOBS)
    theirs = sa.select(busy.c.kin).where((busy.c.state == JobState.RUNNING) & (busy.c.kin != ""))
    is_mine = (JOBS.c.kin == prefers) & (JOBS.c.kin != "")
    return [
        sa.case((is_mine, 0), (JOBS.c.kin.in_(theirs), 2), else_=1),
        JOBS.c.place,
    ]


def _take(
    connection: sa.Connection,
    worker: str,
    wanted: Any,
    order: Sequence[Any],
    most: int,
    until: float,
) -> list[Job]:
    """Mark jobs as a worker's and return them; of those another is marking at once, none."""
    # As a table of its own: PostgreSQL may run a subquery with a lock and a limit more than once.
    chosen = (
        sa.select(JOBS.c.job_id)
        .where(wanted)
        .order_by(*order)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    statement = (
        sa.update(JOBS)
        .where(JOBS.c.job_id.in_(sa.select(chosen.c.job_id)))
        .values(
            state=JobState.RUNNING,
            worker=worker,
            lease_until=until,
            attempts=JOBS.c.attempts + 1,
        )
        .returning(
            JOBS.c.job_id,
            JOBS.c.sweep,
            JOBS.c.config,
            JOBS.c.code_version,
            JOBS.c.kin,
            JOBS.c.place,
        )
    )
    rows = sorted(connection.execute(statement).all(), key=lambda row: row.place)
    return [Job(r.job_id, r.sweep, r.config, r.code_version, r.kin) for r in rows]


def _ending(worker: str, one: Finished) -> sa.Update:
    """Return the statement that ends a job."""
    done = one.trial_id is not None
    is_taken = JOBS.c.job_id == one.job_id
    if not done:
        is_taken &= _held_by(worker)
    return (
        sa.update(JOBS)
        .where(is_taken)
        .values(
            state=JobState.COMPLETED if done else JobState.FAILED,
            trial_id=one.trial_id,
            message=one.message or None,
            worker=None,
            lease_until=None,
        )
    )


def _held_by(worker: str) -> Any:
    """Return the condition that a worker holds a job."""
    return (JOBS.c.worker == worker) & (JOBS.c.state == JobState.RUNNING)


def _row(job: Job, place: int) -> dict[str, Any]:
    """Return a job's row as it is when it is new."""
    return {
        "job_id": job.job_id,
        "place": place,
        "sweep": job.sweep,
        "kin": job.kin,
        "config": dict(job.config),
        "code_version": job.code_version,
        "state": JobState.PENDING,
        "attempts": 0,
        "is_suspect": False,
        "lost": 0,
    }


def _file_of(engine: sa.Engine) -> Path | None:
    """Return the file of a SQLite database, None of others."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name == ":memory:":
        return None
    return Path(name)
