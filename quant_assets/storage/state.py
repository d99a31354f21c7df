"""The state database behind one engine, by SQLAlchemy; SQLite by default."""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from quant_assets.market.errors import StateError
from quant_assets.storage.state_columns import AddColumn, lacking_columns
from quant_assets.storage.state_tables import METADATA

PATIENCE_S = 60.0
"""How long a first user waits for another that is making the database."""


class State:
    """The state database behind one engine; made on first use, safe for several processes.

    One that an earlier version made gets the columns that it lacks.

    Parameters
    ----------
    url
        SQLAlchemy URL, for example `sqlite:///data/state.db`.
    """

    def __init__(self, url: str | sa.URL) -> None:
        self.engine = _engine(url)
        self._create()

    @classmethod
    def at(cls, file: Path) -> "State":
        """Open the SQLite database in a file, making its folder."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                asked=f"make the folder of the state database {file}",
                found=str(error),
                remedy="Name another data root with QUANT_DATA.",
            ) from error
        # As a URL text, a folder's question mark would begin the options.
        return cls(sa.URL.create("sqlite", database=str(file)))

    def _create(self) -> None:
        """Make the tables; the loser of a race between two first users finds them made."""
        with self._answering("open"), self.engine.begin() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        self._complete()
        with self._answering("open"), self.engine.begin() as connection:
            for table in METADATA.sorted_tables:
                for index in table.indexes:
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    def _complete(self) -> None:
        """Add the columns that an earlier version did not know; here too the loser finds them."""
        with self._answering("open"):
            lacking = lacking_columns(self.engine, METADATA)
        for column in lacking:
            with self._answering(f"add column {column} to"):
                self._add(column)

    def _add(self, column: sa.Column[Any]) -> None:
        """Add a column, unless another process has done so since it was looked for."""
        try:
            with self.engine.begin() as connection:
                connection.execute(AddColumn(column))
        except sa.exc.DBAPIError:
            if any(column is one for one in lacking_columns(self.engine, METADATA)):
                raise

    @contextmanager
    def _answering(self, deed: str) -> Iterator[None]:
        """Turn what the database refuses into an error that says what was asked of it."""
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            raise StateError(
                asked=f"{deed} the state database {self.engine.url.render_as_string()}",
                found=str(error.orig if isinstance(error, sa.exc.DBAPIError) else error),
                remedy="See that its disk has room and can be written, and that QUANT_STATE_URL"
                " names it: what was stored before still stands.",
            ) from error

    def upsert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, or replace those of the same primary key, in one transaction.

        Raises
        ------
        StateError
            If the database refuses, for example on a full disk; none of the rows is stored.
        """
        if not rows:
            return
        keys = [column.name for column in table.primary_key]
        insert = dialect_of(self.engine).insert(table)
        replaced = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in keys}
        statement = insert.on_conflict_do_update(index_elements=keys, set_=replaced)
        with self._answering("write to"), self.engine.begin() as connection:
            connection.execute(statement, list(rows))

    @contextmanager
    def transaction(self, deed: str) -> Iterator[sa.Connection]:
        """Give a connection whose statements are stored together, or none of them.

        Raises
        ------
        StateError
            If the database refuses, for example because it is gone.
        """
        with self._answering(deed), self.engine.begin() as connection:
            yield connection

    def delete(self, source: sa.Table, /, **equal: str) -> None:
        """Delete the rows whose columns equal the given values."""
        condition = sa.and_(*(source.c[name] == value for name, value in equal.items()))
        with self._answering("write to"), self.engine.begin() as connection:
            connection.execute(sa.delete(source).where(condition))

    def select(self, source: sa.Table, /, **equal: str) -> list[dict[str, Any]]:
        """Return the rows whose columns equal the given values, in primary-key order."""
        statement = sa.select(source).order_by(*source.primary_key)
        for name, value in equal.items():
            statement = statement.where(source.c[name] == value)
        with self._answering("read"), self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def distinct(self, column: sa.Column[str]) -> list[str]:
        """Return the values that a column holds, each once, ascending."""
        statement = sa.select(column).distinct().order_by(column)
        with self._answering("read"), self.engine.connect() as connection:
            return list(connection.execute(statement).scalars())

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _engine(url: str | sa.URL) -> sa.Engine:
    """Return an engine; for SQLite with write-ahead log and a patient lock."""
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise StateError(
            asked="open the state database",
            found=" ".join(str(error).split()),
            remedy="Mend QUANT_STATE_URL, for example sqlite:////data/state.db.",
        ) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    """Let readers and one writer work at once; a commit survives a killed process."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=60000")
    _set_journal(cursor)
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _set_journal(cursor: Any) -> None:
    """Turn the write-ahead log on; SQLite does not wait by itself while another process does so."""
    last = time.monotonic() + PATIENCE_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > last:
                raise
            time.sleep(0.01)
        else:
            return


def dialect_of(engine: sa.Engine) -> Any:
    """Return the dialect's own module, which knows upserts; each is slow to import."""
    if engine.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql
    from sqlalchemy.dialects import sqlite

    return sqlite
