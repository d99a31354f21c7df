"""Sweeps of the state database: their specs, their cells, and what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quant_assets.storage.job_queue import JobState
from quant_assets.storage.state import State, dialect_of
from quant_assets.storage.state_tables import JOBS, SWEEP_CELLS, SWEEPS, TRIALS


@dataclass(frozen=True)
class CellRow:
    """A cell as it is stored: the values varied, and its job, or why it is none."""

    cell: int
    values: Mapping[str, Any]
    job_id: str | None
    invalid: str | None = None


@dataclass(frozen=True)
class CellResult:
    """What became of a cell.

    Parameters
    ----------
    state
        None of a cell that was never queued.
    message
        Why it failed, or why it is no strategy; empty otherwise.
    metrics
        Of its trial; empty where there is none.
    """

    cell: int
    values: Mapping[str, Any]
    job_id: str | None
    state: JobState | None
    trial_id: str | None
    strategy: str | None
    message: str
    metrics: Mapping[str, float | None]


class SweepStore:
    """The sweeps of a state database, by name."""

    def __init__(self, state: State) -> None:
        self._state = state

    def put(
        self, sweep: str, spec: Mapping[str, Any], cells: Sequence[CellRow], *, more: bool = False
    ) -> None:
        """Store a sweep's spec and cells, in the place of those it had.

        Pending jobs that no sweep asks for any more leave the queue: the values, data or code that
        they were queued with are not those of now.

        Parameters
        ----------
        more
            Whether the cells are added to those it has.
        """
        insert = dialect_of(self._state.engine).insert
        rows = [
            {"sweep": sweep, "cell": c.cell, "values": dict(c.values), "job_id": c.job_id}
            | {"invalid": c.invalid}
            for c in cells
        ]
        new = insert(SWEEPS).values(sweep=sweep, spec=dict(spec))
        with self._state.transaction("store a sweep in") as connection:
            connection.execute(
                new.on_conflict_do_update(
                    index_elements=["sweep"], set_={"spec": new.excluded.spec}
                )
            )
            if not more:
                connection.execute(sa.delete(SWEEP_CELLS).where(SWEEP_CELLS.c.sweep == sweep))
            if rows:
                connection.execute(sa.insert(SWEEP_CELLS), rows)
            asked_for = sa.select(SWEEP_CELLS.c.job_id).where(SWEEP_CELLS.c.job_id.is_not(None))
            is_orphan = (JOBS.c.state == JobState.PENDING) & JOBS.c.job_id.not_in(asked_for)
            connection.execute(sa.delete(JOBS).where(is_orphan))

    def holds(self, sweep: str, spec: Mapping[str, Any], cells: Sequence[CellRow]) -> bool:
        """Whether a sweep is stored with this spec and these cells, all of them queued."""
        if self.spec(sweep) != dict(spec):
            return False
        queued = SWEEP_CELLS.outerjoin(JOBS, SWEEP_CELLS.c.job_id == JOBS.c.job_id)
        statement = (
            sa.select(SWEEP_CELLS.c.cell, SWEEP_CELLS.c.job_id, JOBS.c.state)
            .select_from(queued)
            .where(SWEEP_CELLS.c.sweep == sweep)
            .order_by(SWEEP_CELLS.c.cell)
        )
        with self._state.transaction("read a sweep of") as connection:
            found = connection.execute(statement).all()
        told = [
            (cell, job_id, job_id is None or state is not None) for cell, job_id, state in found
        ]
        return told == [(cell.cell, cell.job_id, True) for cell in cells]

    def results(self, sweep: str) -> list[CellResult]:
        """Return the cells of a sweep with what became of them, by number."""
        statement = (
            sa.select(
                SWEEP_CELLS,
                JOBS.c.state,
                JOBS.c.trial_id,
                JOBS.c.message,
                TRIALS.c.strategy,
                TRIALS.c.metrics,
            )
            .select_from(
                SWEEP_CELLS.outerjoin(JOBS, SWEEP_CELLS.c.job_id == JOBS.c.job_id).outerjoin(
                    TRIALS, JOBS.c.trial_id == TRIALS.c.trial_id
                )
            )
            .where(SWEEP_CELLS.c.sweep == sweep)
            .order_by(SWEEP_CELLS.c.cell)
        )
        with self._state.transaction("read a sweep of") as connection:
            return [_result(row) for row in connection.execute(statement).mappings()]

    def reported(self, sweep: str) -> str | None:
        """Return the digest of what the sweep's page tells, None where there is no page."""
        rows = self._state.select(SWEEPS, sweep=sweep)
        return rows[0]["reported"] if rows else None

    def note_report(self, sweep: str, digest: str) -> None:
        """Keep the digest of what the sweep's page tells."""
        statement = sa.update(SWEEPS).where(SWEEPS.c.sweep == sweep).values(reported=digest)
        with self._state.transaction("note a page in") as connection:
            connection.execute(statement)

    def names(self) -> list[str]:
        """Return the names of all sweeps, ascending."""
        return self._state.distinct(SWEEPS.c.sweep)

    def sweeps_with(self, trial_id: str) -> list[str]:
        """Return the names of the sweeps that a trial is a cell of, ascending."""
        statement = (
            sa.select(SWEEP_CELLS.c.sweep)
            .distinct()
            .join_from(SWEEP_CELLS, JOBS, SWEEP_CELLS.c.job_id == JOBS.c.job_id)
            .where(JOBS.c.trial_id == trial_id)
            .order_by(SWEEP_CELLS.c.sweep)
        )
        with self._state.transaction("look a trial up in the sweeps of") as connection:
            return list(connection.scalars(statement))

    def spec(self, sweep: str) -> dict[str, Any] | None:
        """Return the spec that a sweep was last run with, None where there is none."""
        rows = self._state.select(SWEEPS, sweep=sweep)
        return dict(rows[0]["spec"]) if rows else None


def _result(row: Any) -> CellResult:
    """Return a row as a value."""
    return CellResult(
        cell=row["cell"],
        values=row["values"],
        job_id=row["job_id"],
        state=JobState(row["state"]) if row["state"] else None,
        trial_id=row["trial_id"],
        strategy=row["strategy"],
        message=row["invalid"] or row["message"] or "",
        metrics=row["metrics"] or {},
    )
