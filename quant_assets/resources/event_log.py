"""Dagster's event log in SQLite, without a new SQLAlchemy engine at each connection.

Dagster makes an engine for every query, and with it an empty cache of compiled statements: each
insert is compiled anew. That took a fifth of what a run of the graph takes.
"""

from functools import lru_cache
from typing import Any

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool, Pool

_ENGINES = 64
"""Databases whose engine is kept: one a run, and the index of all."""


def keep_engines() -> None:
    """Let Dagster's SQLite event log take the engine that it used before, in this process.

    An engine of a `NullPool` holds no connection and no file: each use opens the database anew, as
    before, so that threads, forks and a database made anew in the same place see no difference.
    """
    sqlite_event_log.create_engine = _engine  # type: ignore[attr-defined,assignment]  # Dagster's own


def _engine(url: str, *, poolclass: type[Pool], connect_args: dict[str, Any]) -> Engine:
    """Return the engine of a database; one that would keep connections open is made anew."""
    if poolclass is not NullPool:
        return create_engine(url, poolclass=poolclass, connect_args=connect_args)
    return _kept(url, tuple(sorted(connect_args.items())))


@lru_cache(maxsize=_ENGINES)
def _kept(url: str, connect_args: tuple[tuple[str, Any], ...]) -> Engine:
    return create_engine(url, poolclass=NullPool, connect_args=dict(connect_args))
