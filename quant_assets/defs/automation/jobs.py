"""Jobs that sensors and schedules start, and that users find in the UI."""

import dagster as dg

from quant_assets.defs.landed import landed_versions, observe, register
from quant_assets.resources.workspace import WorkspaceResource
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.report import FileReport, FileStatus
from quant_assets.workflows.recipes.register import recipes


class LandFiles(dg.Config):
    """Files to land; a relative path starts at the data root."""

    paths: list[str]


@dg.op
def land(
    context: dg.OpExecutionContext, config: LandFiles, workspace: WorkspaceResource
) -> dg.Output[None]:
    """Land files in the lake; a file that was landed before is a no-op."""
    opened = workspace.open()
    reports = []
    for report in ingest_files(opened, [opened.root / path for path in config.paths]):
        context.log.info(_line(report))
        reports.append(report)
    register(context.instance, opened)
    observe(context.instance, landed_versions(opened))
    rejected = [report for report in reports if report.status is FileStatus.REJECT]
    if rejected:
        raise dg.Failure(
            description=f"{len(rejected)} of {len(reports)} files were rejected: "
            + "; ".join(_line(report) for report in rejected),
            metadata={"files": _table(reports)},
            allow_retries=False,
        )
    committed = sum(report.committed for report in reports)
    return dg.Output(None, metadata={"files": _table(reports), "rows_committed": committed})


def _line(report: FileReport) -> str:
    """Return how a file ended, in one line."""
    counts = (
        f"{report.rows_in:,} rows, {report.committed:,} committed, "
        f"{report.quarantined:,} set aside, {report.duplicates:,} duplicates"
    )
    reasons = ", ".join(f"{one.rule} ({one.count:,}) {one.where}".strip() for one in report.reasons)
    return f"{report.file}: {report.status.value}, {counts}" + (f"; {reasons}" if reasons else "")


def _table(reports: list[FileReport]) -> dg.MetadataValue:
    """Return the reports as a table for the UI."""
    records = [
        dg.TableRecord(
            {
                "file": report.file,
                "status": report.status.value,
                "rows": report.rows_in,
                "committed": report.committed,
                "set_aside": report.quarantined,
                "duplicates": report.duplicates,
                "symbols": ", ".join(report.symbols),
            }
        )
        for report in reports
    ]
    return dg.MetadataValue.table(records)


@dg.job(executor_def=dg.in_process_executor)
def land_files() -> None:
    """Land files of `data/raw`, or of any path: what `quant ingest` does."""
    land()


sessions_job = dg.define_asset_job(
    "sessions_job",
    selection=dg.AssetSelection.assets(*recipes()),
    executor_def=dg.in_process_executor,
    description="Every table of a symbol's sessions, from roll map to predictions.",
)

model_job = dg.define_asset_job(
    "model_job",
    selection=dg.AssetSelection.assets("model"),
    executor_def=dg.in_process_executor,
    description="Train a strategy's model; the sensor `landed_sessions` makes its predictions.",
)

backtest_job = dg.define_asset_job(
    "backtest_job",
    selection=dg.AssetSelection.assets("backtest", "tear_sheet"),
    executor_def=dg.in_process_executor,
    description=(
        "Backtest a strategy on its predictions, and write its tear sheet. Nothing starts it by "
        "itself: each backtest is a trial, and every trial makes the others count less."
    ),
)

contract_job = dg.define_asset_job(
    "contract_job",
    selection=dg.AssetSelection.assets("contract_json", "contract_parquet"),
    executor_def=dg.in_process_executor,
    description="Write a contract as JSON, and as Parquet; nothing starts it by itself.",
)

publish_job = dg.define_asset_job(
    "publish_job",
    selection=dg.AssetSelection.assets(
        "sessions", "feature_catalog", "trials", "leaderboard", "warehouse"
    ),
    executor_def=dg.in_process_executor,
    description="Calendars, features, leaderboard with its page, and the warehouse's views.",
)
