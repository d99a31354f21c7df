"""Dagster's event log with engines that are kept: the same events, fewer engines."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from quant_assets.resources.event_log import keep_engines

QUIET = {"telemetry": {"enabled": False}}


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]))
def rows(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Tell what it was asked for."""
    return dg.MaterializeResult(metadata={"asked": context.partition_key})


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave Dagster as it was found."""
    found = sqlite_event_log.create_engine
    yield
    sqlite_event_log.create_engine = found


def told(home: Path) -> list[tuple[str, str | None, object]]:
    """Return what a log tells of the asset, read by Dagster with engines of its own."""
    sqlite_event_log.create_engine = create_engine
    with dg.DagsterInstance.local_temp(str(home), overrides=QUIET) as instance:
        records = instance.fetch_materializations(rows.key, limit=100).records
        return [
            (one.run_id, one.partition_key, one.asset_materialization.metadata["asked"].value)
            for one in records
            if one.asset_materialization
        ]


def make(home: Path) -> list[str]:
    """Run each partition on an instance and return the runs, the last one first."""
    with dg.DagsterInstance.local_temp(str(home), overrides=QUIET) as instance:
        runs = [dg.materialize([rows], instance=instance, partition_key=key) for key in "abc"]
    return [run.run_id for run in reversed(runs)]


def test_what_is_logged_is_what_dagster_alone_reads(tmp_path):
    """Every run's materialization is in the database, also where one was made anew in its place."""
    keep_engines()
    for _ in range(2):
        home = tmp_path / "home"
        home.mkdir()
        runs = make(home)
        assert told(home) == [(run, key, key) for run, key in zip(runs, "cba", strict=True)]
        keep_engines()
        home.rename(tmp_path / runs[0])


def test_a_database_has_one_engine_however_often_it_is_asked(tmp_path):
    """Connections are many, and each is another; the engines are one a run and one of the index."""
    keep_engines()
    connections: list[Connection] = []

    def connected(connection: Connection) -> None:
        connections.append(connection)

    event.listen(Engine, "engine_connect", connected)
    try:
        make(tmp_path)
    finally:
        event.remove(Engine, "engine_connect", connected)
    runs = [one for one in connections if "/history/runs/" in str(one.engine.url)]
    engines = {id(one.engine) for one in runs}
    assert len(engines) == 1 + 3
    assert len(runs) > 50


def test_no_connection_outlives_its_use(tmp_path):
    """Threads share an engine, not a connection; a closed instance holds no file open."""
    keep_engines()
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=QUIET) as instance:
        dg.materialize([rows], instance=instance, partition_key="a")
        found: list[int] = []
        ask = [
            Thread(target=lambda: found.append(len(instance.get_materialized_partitions(rows.key))))
            for _ in range(8)
        ]
        for one in ask:
            one.start()
        for one in ask:
            one.join()
        assert found == [1] * 8
    opened = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert [path for path in opened if "/history/runs/" in path and str(tmp_path) in path] == []


def test_an_engine_that_keeps_connections_is_not_shared(tmp_path):
    """Of another pool Dagster gets an engine of its own each time."""
    keep_engines()
    url = f"sqlite:///{tmp_path / 'one.db'}"
    asked = [
        sqlite_event_log.create_engine(url, poolclass=QueuePool, connect_args={"timeout": 5})
        for _ in range(2)
    ]
    assert asked[0] is not asked[1]
