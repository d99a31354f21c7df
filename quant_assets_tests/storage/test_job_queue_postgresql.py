"""The queue's statements as PostgreSQL is given them: no job for two workers, none queued twice."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from quant_assets.storage.job_queue import Finished, Job, JobQueue
from quant_assets.storage.state_tables import METADATA
from quant_assets.storage.sweep_store import CellRow, SweepStore


class _Nothing:
    """The result of a statement that finds nothing."""

    rowcount = 0

    def all(self) -> list[Any]:
        return []

    def scalar(self) -> int:
        return 0

    def scalar_one(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter([("w", "a"), ("w", "b")])


class Written:
    """Stands for the state: writes each statement down as PostgreSQL's dialect does."""

    def __init__(self) -> None:
        self.engine = sa.create_mock_engine("postgresql://", executor=lambda *_: None)
        self.statements: list[str] = []

    @contextmanager
    def transaction(self, _deed: str) -> Iterator[Any]:
        """Be the connection too."""
        yield self

    def execute(self, statement: Any, _rows: Any = None) -> _Nothing:
        """Write a statement down."""
        text = str(statement.compile(dialect=postgresql.dialect()))
        self.statements.append(" ".join(text.split()))
        return _Nothing()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return a state that writes down, behind a queue that has no file."""
    monkeypatch.setattr("quant_assets.storage.job_queue._file_of", lambda _: None)
    return Written()


def claim(queue: JobQueue) -> None:
    """Claim some jobs of a sweep."""
    queue.claim("w", most=5, now=1.0, lease_s=60.0, code="c", sweep="s", prefers="k")


def test_a_claim_locks_what_it_takes_and_passes_over_what_is_locked(written: Written) -> None:
    """Chosen once, in order, in a table of its own; then the lone suspect in the same way."""
    claim(JobQueue(written))  # type: ignore[arg-type]
    assert len(written.statements) == 2
    for text in written.statements:
        found = re.fullmatch(
            r"WITH chosen AS \(SELECT jobs\.job_id AS job_id FROM jobs WHERE (.*) ORDER BY (.*)"
            r" LIMIT \S+ FOR UPDATE SKIP LOCKED\)"
            r" UPDATE jobs SET (.*) WHERE jobs\.job_id IN \(SELECT chosen\.job_id FROM chosen\)"
            r" RETURNING (.*)",
            text,
        )
        assert found, text
        wanted, order, values, _ = found.groups()
        assert "jobs.state = " in wanted
        assert order.endswith("jobs.place")
        assert "attempts=(jobs.attempts + " in values
    assert "NOT jobs.is_suspect" in written.statements[0]
    assert "is_suspect" not in written.statements[1]


@pytest.mark.parametrize(
    ("deed", "patterns"),
    [
        pytest.param(
            lambda queue, _: queue.enqueue([Job("a", "s", {}, "c")]),
            [
                r"SELECT max\(jobs\.place\) .*",
                r"INSERT INTO jobs .* ON CONFLICT DO NOTHING RETURNING jobs\.job_id",
            ],
            id="enqueue",
        ),
        pytest.param(
            lambda queue, _: queue.record(
                "w", [Finished("a", "t", {"trial_id": "t"}), Finished("b", message="no")]
            ),
            [
                r"INSERT INTO trials .* ON CONFLICT DO NOTHING",
                r"UPDATE jobs SET .* WHERE jobs\.job_id = \S+",
                (
                    r"UPDATE jobs SET .* WHERE jobs\.job_id = \S+ AND jobs\.worker = \S+"
                    r" AND jobs\.state = \S+"
                ),
            ],
            id="record",
        ),
        pytest.param(
            lambda queue, _: queue.take_back(now=9.0),
            [
                (
                    r"SELECT jobs\.worker, jobs\.job_id FROM jobs WHERE jobs\.state = \S+ AND"
                    r" jobs\.lease_until < \S+ FOR UPDATE SKIP LOCKED"
                ),
                (
                    r"UPDATE jobs SET .* WHERE jobs\.worker = \S+ AND jobs\.job_id IN .*"
                    r" AND jobs\.lease_until < \S+"
                ),
            ],
            id="take_back",
        ),
        pytest.param(
            lambda _, state: SweepStore(state).put("s", {}, [CellRow(0, {}, "a")]),
            [
                r"INSERT INTO sweeps .* ON CONFLICT \(sweep\) DO UPDATE SET spec = excluded\.spec",
                r"DELETE FROM sweep_cells WHERE sweep_cells\.sweep = \S+",
                r"INSERT INTO sweep_cells .*",
                (
                    r"DELETE FROM jobs WHERE jobs\.state = \S+ AND \(?jobs\.job_id NOT IN"
                    r" \(SELECT sweep_cells\.job_id FROM sweep_cells"
                    r" WHERE sweep_cells\.job_id IS NOT NULL\)\)?"
                ),
            ],
            id="put",
        ),
    ],
)
def test_what_stands_already_is_left_and_what_was_lost_meanwhile_is_not_taken(
    written: Written, deed: Callable[[JobQueue, Any], object], patterns: list[str]
) -> None:
    """Each deed's statements, in order."""
    deed(JobQueue(written), written)  # type: ignore[arg-type]
    assert len(written.statements) == len(patterns)
    for text, pattern in zip(written.statements, patterns, strict=True):
        assert re.fullmatch(pattern, text), text


def test_every_table_can_be_made() -> None:
    """No type that PostgreSQL lacks; names that are its words stand in quotes."""
    dialect = postgresql.dialect()
    made = {
        table.name: str(sa.schema.CreateTable(table, if_not_exists=True).compile(dialect=dialect))
        for table in METADATA.sorted_tables
    }
    assert '"table" VARCHAR NOT NULL' in made["partitions"]
    assert "returns BYTEA" in made["trials"]
    assert "is_suspect BOOLEAN NOT NULL" in made["jobs"]
