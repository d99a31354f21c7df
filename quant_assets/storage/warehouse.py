"""DuckDB as the query layer: one view builder, in memory or into `warehouse.duckdb`.

Views are made through DuckDB's relations: no SQL is built from names or paths.
"""

import os
import uuid
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from quant_assets.bars.adjustment import PRICES, Adjustment
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.storage.layout import TEMPORARY

WAREHOUSE_FILE = "warehouse.duckdb"
ROLL_ADJUSTMENTS = "roll_adjustments"


@dataclass(frozen=True)
class RollAdjustments:
    """By how much the prices of a root's sessions are shifted or scaled, and which of it is shown.

    Parameters
    ----------
    sessions
        Columns session, difference and ratio, a row a session.
    """

    root: str
    by: Adjustment
    sessions: pl.DataFrame = field(compare=False)


@dataclass(frozen=True)
class View:
    """A view over Parquet files.

    `with_levels` adds the Hive levels of the paths as columns: for views over several symbols.
    `adjusted` adds prices that are continuous over rolls: for views over bars of one root.
    """

    name: str
    files: tuple[Path, ...]
    with_levels: bool = False
    adjusted: RollAdjustments | None = None


def create_views(connection: Any, views: Iterable[View]) -> None:
    """Create views in an open database; one without files is left out.

    What prices are adjusted by stands in table `roll_adjustments`, where any view needs it.
    """
    shown = [view for view in views if view.files]
    _create_adjustments(connection, [view.adjusted for view in shown if view.adjusted])
    for view in shown:
        files = connection.read_parquet(
            [str(path) for path in view.files],
            hive_partitioning=view.with_levels,
            union_by_name=True,
        )
        relation = _adjusted(connection, files, view.adjusted) if view.adjusted else files
        relation.create_view(view.name, replace=True)


def _create_adjustments(connection: Any, adjustments: Iterable[RollAdjustments]) -> None:
    """Store the sessions of each root once."""
    by_root = {one.root: one.sessions for one in adjustments}
    if by_root:
        rows = [
            sessions.select(pl.lit(root).alias("root"), "session", "difference", "ratio")
            for root, sessions in sorted(by_root.items())
        ]
        connection.from_arrow(pl.concat(rows).to_arrow()).create(ROLL_ADJUSTMENTS)


def _adjusted(connection: Any, bars: Any, adjustments: RollAdjustments) -> Any:
    """Return bars with `adjustment` and adjusted prices behind their own columns."""
    from duckdb import ColumnExpression, ConstantExpression, StarExpression

    own = ColumnExpression("root") == ConstantExpression(adjustments.root)
    adjustment = ColumnExpression(adjustments.by.value).alias("adjustment")
    steps = connection.table(ROLL_ADJUSTMENTS).filter(own)
    joined = bars.join(
        steps.project(ColumnExpression("session"), adjustment), "session", how="left"
    )
    return joined.project(
        StarExpression(), *(_adjusted_price(name, adjustments.by) for name in PRICES)
    )


def _adjusted_price(name: str, by: Adjustment) -> Any:
    """Return the price of a column with `adjustment` added or multiplied."""
    from duckdb import ColumnExpression

    price, adjustment = ColumnExpression(name), ColumnExpression("adjustment")
    adjusted = price + adjustment if by is Adjustment.DIFFERENCE else price * adjustment
    return adjusted.alias(f"adjusted_{name}")


def views_version(root: Path, views: Iterable[View]) -> str:
    """Return SHA-256 over names and files of views: files that change inside need no new view.

    Adjustments count by their values, which the warehouse holds itself.
    """
    return digest_of([_content(root, view) for view in views])


def _content(root: Path, view: View) -> list[Any]:
    """Return what a view's version goes by."""
    files = [str(path.relative_to(root)) for path in view.files]
    if view.adjusted is None:
        return [view.name, files]
    rows = view.adjusted.sessions.with_columns(pl.col("session").cast(pl.String)).rows()
    return [view.name, files, rows]


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
