"""DuckDB as the query layer: one view builder, in memory or into `warehouse.duckdb`.

Views are made through DuckDB's relations: no SQL is built from names or paths.
"""

import os
import uuid
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.storage.layout import TEMPORARY

WAREHOUSE_FILE = "warehouse.duckdb"


@dataclass(frozen=True)
class View:
    """A view over Parquet files.

    `with_levels` adds the Hive levels of the paths as columns: for views over several symbols.
    """

    name: str
    files: tuple[Path, ...]
    with_levels: bool = False


def create_views(connection: Any, views: Iterable[View]) -> None:
    """Create views in an open database; one without files is left out."""
    for view in views:
        if view.files:
            connection.read_parquet(
                [str(path) for path in view.files],
                hive_partitioning=view.with_levels,
                union_by_name=True,
            ).create_view(view.name, replace=True)


def views_version(root: Path, views: Iterable[View]) -> str:
    """Return SHA-256 over names and files of views: files that change inside need no new view."""
    return digest_of(
        [[view.name, [str(path.relative_to(root)) for path in view.files]] for view in views]
    )


def write_version(connection: Any, version: str) -> None:
    """Store the version of its views inside an open warehouse."""
    connection.execute("CREATE OR REPLACE TABLE warehouse_version (version VARCHAR)")
    connection.execute("INSERT INTO warehouse_version VALUES (?)", [version])


def read_version(root: Path) -> str | None:
    """Return the version of the warehouse's views, or None where there is none that opens."""
    import duckdb

    if not (root / WAREHOUSE_FILE).exists():
        return None
    try:
        with duckdb.connect(str(root / WAREHOUSE_FILE), read_only=True) as connection:
            found = connection.execute("SELECT version FROM warehouse_version").fetchall()
    except duckdb.Error:
        return None
    return str(found[0][0])


@contextmanager
def replaced_database(root: Path) -> Any:
    """Give a path to build a new warehouse at; renamed over the old one when the block ends well.

    A reader cannot open a file that a writer holds, so it is never written in place.
    """
    staged = root / "lake" / TEMPORARY / f"{uuid.uuid4().hex}.duckdb"
    staged.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield staged
        os.replace(staged, root / WAREHOUSE_FILE)  # noqa: PTH105  the rename is the commit
    finally:
        staged.unlink(missing_ok=True)
        staged.with_name(f"{staged.name}.wal").unlink(missing_ok=True)


def count_rows(root: Path, names: Iterable[str]) -> Mapping[str, int]:
    """Return the rows behind each view, read from the finished warehouse."""
    import duckdb

    with duckdb.connect(str(root / WAREHOUSE_FILE), read_only=True) as connection:
        return {name: int(connection.table(name).count("*").fetchall()[0][0]) for name in names}
