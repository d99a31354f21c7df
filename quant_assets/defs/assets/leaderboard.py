"""The leaderboard over all trials ever computed."""

import dagster as dg

from quant_assets.defs.pictures import as_metadata
from quant_assets.optimization.leaderboard import rank_leaderboard
from quant_assets.reports.trial_pictures import draw_leaderboard
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.leaderboard import store_leaderboard
from quant_assets.workflows.pages import write_leaderboard_page
from quant_assets.workflows.timings import Stopwatch

SHOWN = ("strategy", "sharpe", "psr", "dsr", "pbo", "n_trials", "realism", "net", "is_stale")

_SHOWN_ROWS = 20


@dg.asset(
    group_name=Stage.LEADERBOARD.value,
    deps=[
        "trials",
        dg.AssetDep("backtest", partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep("tear_sheet", partition_mapping=dg.AllPartitionMapping()),
    ],
    kinds={"polars", "parquet", "html"},
)
def leaderboard(workspace: WorkspaceResource) -> dg.MaterializeResult[None]:
    """Out-of-sample results, each deflated by how many trials were made on its data.

    `psr` is the probability that the true Sharpe ratio is above 0, `dsr` that it is above what
    the best of all trials shows by luck. The page is sortable and links to the tear sheets.
    """
    opened = workspace.open()
    watch = Stopwatch(opened, "leaderboard")
    stored = store_leaderboard(opened)
    page = write_leaderboard_page(opened)
    is_new = stored.is_new or (page is not None and page.is_new)
    watch.stop(is_new=is_new)
    board = opened.lake.read(stored.entry)
    best = rank_leaderboard(board).head(_SHOWN_ROWS) if stored.entry.rows else None
    market = ", SYNTHETIC market" if stored.entry.synthetic else ""
    return dg.MaterializeResult(
        data_version=dg.DataVersion(stored.entry.data_version),
        metadata={
            "status": "made" if is_new else "kept",
            "dagster/row_count": stored.entry.rows,
            "page": dg.MetadataValue.path(str(page.path)) if page else "-",
            "deflated_sharpe": as_metadata(
                draw_leaderboard(board, title=f"Deflated Sharpe ratio, best trials{market}")
            ),
            "best": dg.MetadataValue.md(
                _table(list(best.iter_rows(named=True))) if best is not None else "-"
            ),
        },
    )


def _table(rows: list[dict[str, object]]) -> str:
    """Return the first rows as a Markdown table."""
    lines = [" | ".join(SHOWN), " | ".join("---" for _ in SHOWN)]
    lines += [" | ".join(_cell(row[name]) for name in SHOWN) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: object) -> str:
    """Return a value as a reader wants it."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
