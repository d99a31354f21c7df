"""Which views the warehouse holds: names that users know, over the files that the index names."""

from collections import defaultdict
from pathlib import Path

from quant_assets.storage.index import Entry
from quant_assets.storage.warehouse import View
from quant_assets.workflows.workspace import Workspace

PLAIN_TABLES = {
    "bronze_trades": "bronze_trades",
    "bronze_stats": "bronze_stats",
    "clean_ticks": "clean_ticks",
    "momentum_days": "momentum_days",
    "roll_map": "roll_map",
    "training_set": "training_set",
    "predictions": "predictions",
    "trades": "trades",
    "equity": "equity",
    "models": "models",
    "trials": "simulations",
    "leaderboard": "leaderboard",
    "quarantine": "quarantine",
}
"""Table to the name of its view over all symbols; Hive levels are columns there."""


def warehouse_views(workspace: Workspace) -> list[View]:
    """Return the views of a data root.

    `ohlcv_{SYMBOL}` is the research timeframe, `ohlcv_{SYMBOL}_{timeframe}` each one;
    `features_{SYMBOL}` the features of the research timeframe.
    """
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in workspace.lake.index.entries("bars"):
        groups[f"ohlcv_{entry.symbol}_{entry.levels['timeframe']}"].append(entry)
        if entry.stats.get("research"):
            groups[f"ohlcv_{entry.symbol}"].append(entry)
    for entry in workspace.lake.index.entries("features"):
        groups[f"features_{entry.symbol}"].append(entry)
    views = [View(name, _files(workspace, found)) for name, found in sorted(groups.items())]
    for table, name in PLAIN_TABLES.items():
        found = workspace.lake.index.entries(table)
        has_levels = any(entry.hive for entry in found)
        views.append(View(name, _files(workspace, found), with_levels=has_levels))
    return [view for view in views if view.files]


def _files(workspace: Workspace, entries: list[Entry]) -> tuple[Path, ...]:
    """Return the files of some entries, each once, sorted."""
    return tuple(sorted({workspace.lake.root / entry.path for entry in entries}))
