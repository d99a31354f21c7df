"""Which views the warehouse holds: names that users know, over the files that the index names."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from quant_assets.bars.adjustment import Adjustment, adjustments_by_session
from quant_assets.storage.index import Entry
from quant_assets.storage.warehouse import RollAdjustments, View
from quant_assets.workflows.roll_gaps import roll_gaps
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

PLAIN_TABLES = {
    "bronze_trades": "bronze_trades",
    "bronze_stats": "bronze_stats",
    "clean_ticks": "clean_ticks",
    "footprint": "footprint",
    "footprint_bars": "footprint_bars",
    "profiles": "profiles",
    "levels": "levels",
    "contract_table": "contract_table",
    "momentum_days": "momentum_days",
    "roll_map": "roll_map",
    "regimes": "regimes",
    "regime_models": "regime_models",
    "feature_catalog": "feature_catalog",
    "training_set": "training_set",
    "predictions": "predictions",
    "signals": "signals",
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
    `features_{SYMBOL}` the features of the research timeframe. A futures root also has
    `ohlcv_{ROOT}_adjusted_difference` and `ohlcv_{ROOT}_adjusted_ratio`: the research bars with
    prices that are continuous over rolls, beside the raw ones. Adjusted prices of old bars change
    with each later roll: they are for charts and returns, never a feature.
    """
    groups: dict[str, list[Entry]] = defaultdict(list)
    research: dict[str, list[Entry]] = defaultdict(list)
    for entry in workspace.lake.index.entries("bars"):
        groups[f"ohlcv_{entry.symbol}_{entry.levels['timeframe']}"].append(entry)
        if entry.stats.get("research"):
            groups[f"ohlcv_{entry.symbol}"].append(entry)
            research[entry.symbol].append(entry)
    for entry in workspace.lake.index.entries("features"):
        groups[f"features_{entry.symbol}"].append(entry)
    views = [View(name, _files(workspace, found)) for name, found in sorted(groups.items())]
    views += _adjusted_views(workspace, research)
    for table, name in PLAIN_TABLES.items():
        found = workspace.lake.index.entries(table)
        has_levels = any(entry.hive for entry in found)
        views.append(View(name, _files(workspace, found), with_levels=has_levels))
    return [view for view in views if view.files]


def _adjusted_views(workspace: Workspace, research: dict[str, list[Entry]]) -> Iterator[View]:
    """Yield the adjusted views of every root whose bars all name their contract."""
    view = LakeView(workspace)
    for symbol, entries in sorted(research.items()):
        by_session = sorted(entries, key=lambda entry: entry.session)
        contracts = [entry.stats.get("contract") for entry in by_session]
        if None in contracts:
            continue
        series = pl.DataFrame(
            {"session": [entry.day for entry in by_session], "contract": contracts}
        )
        gaps = roll_gaps(view, symbol, series)
        sessions = adjustments_by_session(series["session"], gaps)
        for by in Adjustment:
            adjusted = RollAdjustments(symbol, by, sessions)
            name = f"ohlcv_{symbol}_adjusted_{by.value}"
            yield View(name, _files(workspace, by_session), adjusted=adjusted)


def _files(workspace: Workspace, entries: list[Entry]) -> tuple[Path, ...]:
    """Return the files of some entries, each once, sorted."""
    return tuple(sorted({workspace.lake.root / entry.path for entry in entries}))
