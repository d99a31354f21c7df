"""Looks at a file's bars as a whole: repeated and conflicting ones, and gaps between them."""

import polars as pl

from quant_assets.storage.readers.base import Landed
from quant_assets.workflows.landing.duplicates import CONFLICT, settle_duplicates
from quant_assets.workflows.landing.gaps import find_gaps
from quant_assets.workflows.landing.intake import Intake
from quant_assets.workflows.landing.partition import LANDED_TABLES, Partition
from quant_assets.workflows.landing.sessions import step_of
from quant_assets.workflows.workspace import Workspace

DUPLICATE = "duplicate"
GAP = "gap"


def settle(workspace: Workspace, intake: Intake) -> int:
    """Settle the bars of every partition; return how many rows were left out as repeated."""
    spill = intake.spill
    bars = [p for p in spill.partitions() if p.table == Landed.BARS]
    return sum(_settle_partition(workspace, intake, partition) for partition in bars)


def landed_partitions(intake: Intake) -> list[Partition]:
    """Return the partitions of landed tables that the file has rows for, sorted."""
    return [p for p in intake.spill.partitions() if p.table in LANDED_TABLES]


def _settle_partition(workspace: Workspace, intake: Intake, partition: Partition) -> int:
    """Leave each key once in a partition, and remark on its gaps."""
    frame = intake.spill.read(partition)
    settled = settle_duplicates(frame)
    if settled.kept.height != frame.height:
        intake.spill.replace(partition, settled.kept)
        places = settled.repeated["place"].cast(pl.String).to_list()
        if places:
            intake.reasons.add_all(DUPLICATE, places, count=len(places))
        bad = settled.conflicting.with_columns(pl.lit(CONFLICT).alias("rule"))
        intake.set_aside(partition, bad)
    if not partition.contract:
        _remark_gaps(workspace, intake, partition, settled.kept)
    return settled.repeated.height


def _remark_gaps(
    workspace: Workspace, intake: Intake, partition: Partition, bars: pl.DataFrame
) -> None:
    """Remark on stretches without bars inside opening hours."""
    step = step_of(partition.bar_schema)
    if step.is_daily or partition.session is None or bars.height == 0:
        return
    gaps = find_gaps(
        bars["bar_start"].to_physical().to_numpy(),
        session=partition.session,
        calendar=workspace.calendar(partition.symbol),
        step_ns=step.ns,
        least_minutes=workspace.settings.ingest.gap_minutes,
    )
    for gap in gaps:
        intake.reasons.add(GAP, gap.where)
