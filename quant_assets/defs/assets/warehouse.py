"""DuckDB views over the lake, under the names that users know."""

import dagster as dg

from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.storage.warehouse import (
    WAREHOUSE_FILE,
    count_rows,
    create_views,
    read_version,
    replaced_database,
    views_version,
    write_version,
)
from quant_assets.workflows.timings import Stopwatch
from quant_assets.workflows.warehouse import warehouse_views


@dg.asset(
    group_name=Stage.WAREHOUSE.value,
    deps=["feature_catalog", "leaderboard", "sessions"],
    kinds={"duckdb"},
)
def warehouse(workspace: WorkspaceResource) -> dg.MaterializeResult[None]:
    """Views `ohlcv_{SYMBOL}`, `features_{SYMBOL}`, `simulations` and others, in one file."""
    from dagster_duckdb import DuckDBResource

    opened = workspace.open()
    watch = Stopwatch(opened, "warehouse")
    views = warehouse_views(opened)
    version = views_version(opened.root, views)
    is_new = version != read_version(opened.root)
    if is_new:
        with (
            replaced_database(opened.root) as staged,
            DuckDBResource(database=str(staged)).get_connection() as connection,
        ):
            create_views(connection, views)
            write_version(connection, version)
    watch.stop(is_new=is_new)
    rows = count_rows(opened.root, [view.name for view in views])
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version),
        metadata={
            "status": "made" if is_new else "kept",
            "file": dg.MetadataValue.path(str(opened.root / WAREHOUSE_FILE)),
            "views": dg.MetadataValue.json(dict(rows)),
        },
    )
