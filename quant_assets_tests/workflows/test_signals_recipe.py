"""Signals of the lake: by session what the whole history says, filtered, and made anew by need."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml

from quant_assets.features.regime_schema import REGIMES
from quant_assets.market.errors import StrategyError
from quant_assets.signals.build import draw_sides, sma_cross_sides
from quant_assets.signals.sources import RandomSignal, SmaCross
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key, Status
from quant_assets.workflows.recipes.register import recipes
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.strategy_signals import session_signals
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 13))
SYMBOL = "EURUSD"
CROSS = {"kind": "sma_cross", "fast": 3, "slow": 150}
RANDOM = {"kind": "random", "chance": 0.3, "seed": 11}
RULE = """
class Rising:
    warm_up_bars = 3

    def __init__(self, least=0.0):
        self.least, self.closes = least, []

    def decide(self, bar):
        self.closes.append(bar.close)
        return int(len(self.closes) > 3 and self.closes[-1] > self.closes[-4] + self.least)
"""
PYTHON = {"kind": "python", "file": "mine.py", "rule": "Rising", "params": {"least": 0.0001}}


def write_strategy(root: Path, name: str, signal: dict, **changes: object) -> None:
    """Write a rule's strategy to a data root."""
    usual = {"timeframe": "15m", "exits": {"on_signal": True}, "capital": 1e5, "qty": 1}
    folder = root / "strategies"
    folder.mkdir(exist_ok=True)
    values = {"name": name, "signal": signal, **usual, **changes}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))


def make(workspace: Workspace, *assets: str) -> dict[str, int]:
    """Make assets; return how often each end of a partition of the last one came."""
    ended: dict[str, int] = {}
    for asset in assets:
        outcomes = list(make_range(workspace, recipes()[asset], [Key(SYMBOL, d) for d in DAYS]))
        ended = {}
        for one in outcomes:
            ended[one.status.value] = ended.get(one.status.value, 0) + 1
    return ended


def stored(workspace: Workspace, strategy: str) -> pl.DataFrame:
    """Return the stored signals of a strategy."""
    entries = workspace.lake.index.entries("signals", symbol=SYMBOL)
    own = [entry for entry in entries if entry.levels["strategy"] == strategy]
    return pl.concat([workspace.lake.read(entry) for entry in own]).sort("bar_start")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a data root with five sessions of bars."""
    made = Workspace.open(tmp_path / "data")
    file = made.root / "raw" / f"{SYMBOL}15.csv"
    write_csv(file, DAYS, seed=4)
    list(ingest_files(made, [file]))
    make(made, "bars")
    return made


def history(workspace: Workspace) -> pl.DataFrame:
    """Return all bars under each other."""
    entries = workspace.lake.index.entries("bars", symbol=SYMBOL)
    return pl.concat([workspace.lake.read(entry) for entry in entries]).sort("bar_start")


def test_rules_say_by_session_what_the_whole_history_says(workspace):
    """Means reach over sessions; draws hang on the bar; what stands is kept."""
    write_strategy(workspace.root, "cross", CROSS)
    write_strategy(workspace.root, "luck", RANDOM)
    assert make(workspace, "signals") == {"made": len(DAYS)}
    bars = history(workspace)
    cross, luck = stored(workspace, "cross"), stored(workspace, "luck")
    assert cross["bar_start"].equals(bars["bar_start"])
    assert cross["side"].to_list() == sma_cross_sides(bars, SmaCross(**CROSS)).tolist()
    assert cross["side"].n_unique() == 3
    assert luck["side"].to_list() == draw_sides(bars, RandomSignal(**RANDOM)).tolist()
    assert cross["is_oos"].all()
    assert make(workspace, "signals") == {"kept": len(DAYS)}


def test_a_class_of_the_users_is_warmed_up_and_fingerprinted(workspace):
    """Sessions say what the whole history says; a comment makes nothing stale, a change does."""
    file = workspace.root / "strategies" / "mine.py"
    write_strategy(workspace.root, "own", PYTHON)
    file.write_text(RULE)
    assert make(workspace, "signals") == {"made": len(DAYS)}
    closes = history(workspace)["close"].to_list()
    rises = [int(n >= 3 and close > closes[n - 3] + 0.0001) for n, close in enumerate(closes)]
    assert stored(workspace, "own")["side"].to_list() == rises
    assert 0 < sum(rises) < len(rises)
    file.write_text(f"# told otherwise\n{RULE}")
    assert make(workspace, "signals") == {"kept": len(DAYS)}
    file.write_text(RULE.replace("self.closes[-4]", "self.closes[-3]"))
    assert make(workspace, "signals") == {"made": len(DAYS)}


def test_a_second_strategy_confirms_by_its_signals(workspace):
    """Only where both want the same side; what was asked for stays told."""
    write_strategy(workspace.root, "luck", RANDOM)
    write_strategy(workspace.root, "both", CROSS, confirm={"name": "luck", "table": "signals"})
    make(workspace, "signals")
    both, luck = stored(workspace, "both"), stored(workspace, "luck")
    agrees = (both["asked"] == luck["side"]) & (both["asked"] != 0)
    assert (both["side"] != 0).to_list() == agrees.to_list()
    assert 0 < agrees.sum() < (both["asked"] != 0).sum()
    assert set(both["blocked"].drop_nulls()) == {"unconfirmed"}


def test_the_regime_at_the_signal_decides(workspace):
    """The label of the signal's own bar, known at its close, lets the order through or not."""
    write_strategy(workspace.root, "calm", RANDOM, regimes={"allowed": [0]})
    settings = workspace.root / "settings.yaml"
    settings.write_text(yaml.safe_dump({"regimes": {"refit": "session", "least_rows": 100}}))
    workspace = Workspace.open(workspace.root)
    make(workspace, "regimes", "signals")
    entries = workspace.lake.index.entries(REGIMES.name, symbol=SYMBOL)
    labels = pl.concat([workspace.lake.read(entry) for entry in entries])
    told = stored(workspace, "calm").join(labels, on="bar_start", how="left")
    asked = told.filter(pl.col("asked") != 0)
    allowed = asked["volatility_label"].fill_null(-1) == 0
    assert (asked["side"] != 0).to_list() == allowed.to_list()
    assert 0 < allowed.sum() < len(allowed)
    assert set(asked["blocked"].drop_nulls()) == {"regime"}


def test_a_rule_that_cannot_be_loaded_keeps_no_other_from_its_signals(workspace):
    """The others are made; alone it fails, and names the file."""
    write_strategy(workspace.root, "own", PYTHON)
    assert make(workspace, "signals") == {"failed": len(DAYS)}
    write_strategy(workspace.root, "luck", RANDOM)
    assert make(workspace, "signals") == {"made": len(DAYS)}
    (workspace.root / "strategies" / "mine.py").write_text(RULE)
    make(workspace, "signals")
    assert stored(workspace, "own").height == history(workspace).height


@pytest.mark.parametrize(
    ("confirm", "says"),
    [
        ({"name": "nobody", "table": "signals"}, "confirm.name 'nobody'.*first"),
        ({"name": "second", "table": "signals"}, "first of second of first"),
    ],
    ids=["unknown", "a_circle"],
)
def test_a_second_opinion_that_cannot_be_had_is_named(workspace, confirm, says):
    """One that is not there, and two that wait for each other."""
    write_strategy(workspace.root, "first", CROSS, confirm=confirm)
    write_strategy(workspace.root, "second", RANDOM, confirm={"name": "first", "table": "signals"})
    view = LakeView(workspace)
    (here,) = view.at("bars", SYMBOL, DAYS[2])
    with pytest.raises(StrategyError, match=says):
        session_signals(view, strategies(workspace)["first"], here)


def test_without_a_rule_and_without_predictions_nothing_is_due(workspace):
    """The built-in strategy waits for its model."""
    assert make(workspace, "signals") == {Status.NOT_DUE.value: len(DAYS)}
