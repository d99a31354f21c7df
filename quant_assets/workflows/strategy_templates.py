"""Strategies to start from: a file of the data root that runs on what it holds."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from quant_assets.market.errors import StrategyError
from quant_assets.optimization.sweep_spec import SweepSpec
from quant_assets.signals.built_in import default_strategy
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.writers.files import replace_file
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.strategies import FOLDER, research_groups
from quant_assets.workflows.strategy_check import check_strategy
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

KINDS = ("model", "sma_cross", "random", "python", "sweep")
"""Where signals come from; a sweep varies a cross that is written out in it."""

_RULES: Mapping[str, dict[str, Any]] = {
    "sma_cross": {
        "signal": {"kind": "sma_cross", "fast": 10, "slow": 40},
        "exits": {"on_signal": True},
    },
    "random": {
        "signal": {"kind": "random", "chance": 0.02, "seed": 1},
        "exits": {"horizon_bars": 20},
    },
    "python": {
        "signal": {"kind": "python", "rule": "Breakout", "params": {"bars": 20}},
        "exits": {"stop": 0.005, "horizon_bars": 40, "on_signal": False},
    },
}

_RULE_FILE = '''"""A rule: long above the highest close of the last bars, short below the lowest."""


class Breakout:
    """Asked at the close of each bar; it sees no later one."""

    warm_up_bars = 200

    def __init__(self, bars: int = 20) -> None:
        self.bars = bars
        self.closes = []

    def decide(self, bar):
        """Return 1 for long, -1 for short, 0 for none; bar has open, high, low, close, volume."""
        before = self.closes[-self.bars :]
        self.closes.append(bar.close)
        if len(before) < self.bars:
            return 0
        return int(bar.close > max(before)) - int(bar.close < min(before))
'''

_VARIED: Mapping[str, Any] = {
    "vary": {
        "signal.fast": [5, 10, 20],
        "signal.slow": {"from": 30, "to": 120, "steps": 4},
        "execution.realism": ["spread", "full"],
    },
    "constraints": [["signal.fast", "<", "signal.slow"]],
    "metric": "sharpe",
}

_SWEEP_HEAD = """# Sweep {name}. It runs as it stands: quant sweep {name}
# `base` may also be the name of a strategy; any of its keys may be varied, dots lead inside.
"""

_HEAD = """# Strategy {name}. It runs as it stands: quant materialize tear_sheet --strategy {name}
# Every key is checked; one that is left out has its default, which the README tells.
"""


def new_strategy(
    workspace: Workspace, name: str, *, kind: str = "model", symbol: str | None = None
) -> tuple[Path, ...]:
    """Write a strategy that runs under `strategies` of the data root, and return its files.

    Parameters
    ----------
    kind
        One of `KINDS`; `python` also writes a class to begin with.
    symbol
        Symbol to trade, with bars to research on; None takes the first by name, for a model the
        first with sessions enough to learn from.

    Raises
    ------
    StrategyError
        If the kind is unknown, the symbol has no bars, or too few sessions for a model, or a file
        of that name is there already.
    """
    if kind not in KINDS:
        raise StrategyError(
            asked=f"a new strategy of kind {kind!r}",
            found=f"kinds are {', '.join(KINDS)}",
            remedy="Choose one of them with --kind.",
        )
    chosen, timeframe = _traded(workspace, kind, symbol)
    folder = workspace.root / FOLDER
    texts = {folder / file: text for file, text in _texts(workspace, name, kind, chosen, timeframe)}
    for path in texts:
        if path.exists():
            raise StrategyError(
                asked=f"a new strategy {name!r}",
                found=f"{FOLDER}/{path.name} is there already",
                remedy="Choose another name, or change that file.",
            )
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        replace_file(path, partial(_write_text, text))
    return tuple(texts)


def _texts(
    workspace: Workspace, name: str, kind: str, symbol: str, timeframe: str
) -> Iterator[tuple[str, str]]:
    """Yield names and texts of the files, each checked as it will be when it is read."""
    if kind == "sweep":
        base = _values(workspace, f"{name}_base", "sma_cross", symbol, timeframe)
        values = {"name": name, "base": base, **_VARIED}
        SweepSpec.parse(values)
        yield f"{name}.yaml", _SWEEP_HEAD.format(name=name) + _yaml(values)
        return
    values = _values(workspace, name, kind, symbol, timeframe)
    check_strategy(workspace, Strategy.parse(values))
    yield f"{name}.yaml", _HEAD.format(name=name) + _yaml(values)
    if kind == "python":
        yield f"{name}.py", _RULE_FILE


def _write_text(text: str, staged: Path) -> None:
    """Write a file's text."""
    staged.write_text(text, encoding="utf-8")


def _traded(workspace: Workspace, kind: str, symbol: str | None) -> tuple[str, str]:
    """Return a symbol with research bars, and its timeframe."""
    there = sorted(research_groups(workspace))
    found = [pair for pair in there if symbol in {None, pair[0]}]
    if not found:
        raise StrategyError(
            asked=f"a new strategy for {symbol or 'any symbol'}",
            found=f"symbols with bars are {', '.join(sorted({s for s, _ in there})) or 'none'}",
            remedy="Land its files and make its bars first: quant ingest FILE, then quant"
            " materialize bars.",
        )
    view = LakeView(workspace)
    taught = [pair for pair in found if kind == "model" and _can_teach(view, *pair)]
    return (taught or found)[0]


def _can_teach(view: LakeView, symbol: str, timeframe: str) -> bool:
    """Whether a symbol has sessions enough for the folds of a new model."""
    usual = default_strategy(view.workspace.instrument(symbol).asset_class, timeframe)
    splits = usual.learning.splits
    return len(landed_sessions(view, symbol)) >= splits.min_train_sessions + splits.n_folds


def _values(
    workspace: Workspace, name: str, kind: str, symbol: str, timeframe: str
) -> dict[str, Any]:
    """Return the keys of a new strategy, in the order in which one reads them."""
    usual = default_strategy(workspace.instrument(symbol).asset_class, timeframe)
    head = {"name": name, "symbols": [symbol], "timeframe": timeframe}
    tail = {
        "risk": {"kind": "fixed"},
        "qty": usual.qty,
        "capital": usual.capital,
        "execution": {"realism": "spread"},
    }
    if kind == "model":
        label, splits = usual.learning.label, usual.learning.splits
        taught = {
            "label": f"tb({label.sl}, {label.tp}, {label.horizon_bars})",
            "model": {"kind": usual.model.kind},
            "splits": splits.model_dump(mode="json"),
            "decision": usual.learning.decision.model_dump(mode="json"),
        }
        return head | taught | tail
    rule = {key: dict(value) for key, value in _RULES[kind].items()}
    if kind == "python":
        rule["signal"]["file"] = f"{name}.py"
    return head | rule | tail


def _yaml(values: Mapping[str, Any]) -> str:
    """Return values as YAML in the order given."""
    return str(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))
