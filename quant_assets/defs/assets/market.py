"""Market time: the calendars that every symbol's sessions follow."""

import dagster as dg

from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.stages import Stage
from quant_assets.workflows.calendars import store_sessions
from quant_assets.workflows.timings import Stopwatch


@dg.asset(group_name=Stage.MARKET.value, kinds={"polars", "parquet"})
def sessions(workspace: WorkspaceResource) -> dg.MaterializeResult[None]:
    """Sessions of all calendars with open, close, breaks and half days, in UTC."""
    opened = workspace.open()
    watch = Stopwatch(opened, "sessions")
    stored = store_sessions(opened)
    watch.stop(is_new=stored.is_new)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(stored.version),
        metadata={
            "status": "made" if stored.is_new else "kept",
            "dagster/row_count": stored.rows,
            "calendars": ", ".join(stored.calendars),
            "first_session": stored.first.isoformat(),
            "last_session": stored.last.isoformat(),
        },
    )
