"""What is kept of a partition once it is stored: its counts, and none of its rows."""

from datetime import date
from pathlib import Path

import polars as pl

from quant_assets.lineage.records import Origin, SourceReceipt
from quant_assets.ticks.schema import RAW_TICKS
from quant_assets.workflows.landing.partition import Partition
from quant_assets.workflows.landing.store import Store
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.ticks.rows import raw_ticks


def test_what_was_stored_is_counted_and_let_go(tmp_path: Path) -> None:
    """A file of many sessions would else be held whole until its report."""
    workspace = Workspace.open(tmp_path)
    partition = Partition(RAW_TICKS.name, (("symbol", "BTCUSD"),), date(2024, 1, 3))
    rows = raw_ticks({"ts": 1}, {"ts": 2}).drop("session", "seq", "outside_hours")
    store = Store(workspace, SourceReceipt("0" * 64, "ticks.csv"), Origin())
    stored = store.land(partition, rows)
    assert (stored.merged.committed, stored.entry.rows) == (2, 2)
    assert stored.merged.frame.height == 0
    again = store.land(partition, rows.with_columns(price=pl.col("price") + 1))
    assert (again.merged.restated, again.merged.frame.height) == (2, 0)
    workspace.state.close()
