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
                [_literal(path) for path in view.files],
                hive_partitioning=view.with_levels,
                union_by_name=True,
            ).create_view(view.name, replace=True)


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


def _literal(path: Path) -> str:
    """Return a path of which DuckDB expands nothing: a bracketed character stands for itself."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))


def count_rows(root: Path, names: Iterable[str]) -> Mapping[str, int]:
    """Return the rows behind each view, read from the finished warehouse."""
    import duckdb

    with duckdb.connect(str(root / WAREHOUSE_FILE), read_only=True) as connection:
        return {name: int(connection.table(name).count("*").fetchall()[0][0]) for name in names}
