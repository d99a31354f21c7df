"""A week of a currency pair with all that a sweep reads, and strategies to be varied."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from quant_assets.signals.built_in import default_strategy
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.strategy_model import train_model_task
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

SYMBOL = "EURUSD"
DAYS = sessions(date(2024, 1, 8), date(2024, 1, 14))

CROSS: dict[str, Any] = {
    "name": "cross",
    "symbols": [SYMBOL],
    "timeframe": "15m",
    "signal": {"kind": "sma_cross", "fast": 3, "slow": 12},
    "exits": {"stop": 0.004, "target": 0.006, "horizon_bars": 24, "on_signal": True},
    "capital": 100_000.0,
    "qty": 10_000.0,
}
LEARNER: dict[str, Any] = default_strategy("fx", "15m").to_mapping() | {
    "name": "learner",
    "symbols": [SYMBOL],
    "decision": {"threshold": 0.05, "side": "long"},
    "model": {"kind": "lightgbm", "params": {"num_iterations": 10}},
}

UPSTREAM = tuple(n for n in recipes() if n not in {"training_set", "predictions", "signals"})


def make(
    workspace: Workspace, *assets: str, symbol: str = SYMBOL, days: Sequence[date] = DAYS
) -> None:
    """Make some assets of all sessions; models before their predictions."""
    keys = [Key(symbol, day) for day in days]
    for asset in assets:
        if asset == "predictions":
            for one in (one for one in strategies(workspace).values() if one.learns):
                train_model_task(workspace, one)
        outcomes = list(make_range(workspace, recipes()[asset], keys))
        bad = [one.reason for one in outcomes if one.status in {Status.FAILED, Status.SKIPPED}]
        assert not bad


def land(root: Path) -> Workspace:
    """Make a data root with the week's features, and nothing of models and strategies."""
    workspace = Workspace.open(root)
    file = root / "raw" / f"{SYMBOL}15.csv"
    write_csv(file, DAYS, seed=1)
    list(ingest_files(workspace, [file]))
    make(workspace, *UPSTREAM)
    return workspace


def write_strategy(root: Path, values: dict[str, Any]) -> None:
    """Write a strategy's file."""
    (root / "strategies").mkdir(exist_ok=True)
    (root / "strategies" / f"{values['name']}.yaml").write_text(yaml.safe_dump(values))
