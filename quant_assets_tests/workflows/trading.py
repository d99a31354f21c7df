"""A data root on which rules trade: files landed, bars and signals made, backtests run."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
import yaml

from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.landing.report import FileStatus
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.strategies import strategy
from quant_assets.workflows.strategy_backtest import StoredBacktest, run_simulation
from quant_assets.workflows.workspace import Workspace

ASSETS = ("roll_map", "clean_ticks", "bars", "signals")


def land(workspace: Workspace, files: Iterable[Path]) -> None:
    """Land files, each of which must land rows."""
    for report in ingest_files(workspace, files):
        assert report.status is not FileStatus.REJECT, report.reasons


def write_rule(
    root: Path, name: str, *, symbols: Sequence[str], timeframe: str, **changes: object
) -> None:
    """Write a strategy that trades at random, with barriers about its entries."""
    values = {
        "name": name,
        "symbols": list(symbols),
        "timeframe": timeframe,
        "signal": {"kind": "random", "chance": 0.2, "seed": 3},
        "exits": {"stop": 0.001, "target": 0.0015, "horizon_bars": 12},
        "capital": 1e6,
        "qty": 1,
    }
    (root / "strategies").mkdir(parents=True, exist_ok=True)
    (root / "strategies" / f"{name}.yaml").write_text(yaml.safe_dump(values | changes))


def make(workspace: Workspace, *assets: str, symbols: Sequence[str] | None = None) -> None:
    """Make assets of all sessions that were landed, of some symbols or of all."""
    landed = {
        Key(entry.symbol, entry.day)
        for table in ("raw_bars", "raw_ticks")
        for entry in workspace.lake.index.entries(table)
        if symbols is None or entry.symbol in symbols
    }
    for asset in assets or ASSETS:
        for outcome in make_range(workspace, recipes()[asset], sorted(landed)):
            assert outcome.status not in {Status.FAILED, Status.SKIPPED}, outcome.reason


def run(workspace: Workspace, name: str) -> StoredBacktest:
    """Backtest a strategy of the data root."""
    return run_simulation(workspace, strategy(workspace, name))


def trade_ids(workspace: Workspace, stored: StoredBacktest) -> list[str]:
    """Return the ids of a backtest's trades."""
    frame: pl.DataFrame = workspace.lake.read(stored.trades)
    return frame["trade_id"].to_list()
