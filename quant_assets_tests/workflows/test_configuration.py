"""A strategy computed in memory is the strategy that the assets compute, to the trade and trial."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from quant_assets.lineage.fingerprint import content_version
from quant_assets.market.errors import StrategyError, TrainingError
from quant_assets.signals.strategy import Strategy
from quant_assets.workflows.configuration import Cache, Predicted, run_configuration
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.strategy_backtest import run_simulation
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.workflows.sweep_market import CROSS, LEARNER, land, make, write_strategy


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root with a week of a currency pair."""
    root = tmp_path_factory.mktemp("configuration") / "data"
    land(root).state.engine.dispose()
    return root


@pytest.fixture
def root(landed: Path, tmp_path: Path) -> Path:
    """Return a copy of it, to be changed."""
    shutil.copytree(landed, tmp_path / "data")
    return tmp_path / "data"


SECOND = CROSS | {"name": "second", "exits": {"stop": 0.01}}
CONFIRMED = LEARNER | {"name": "confirmed", "confirm": {"table": "signals", "name": "second"}}
META = LEARNER | {"name": "flat", "source": "contract_table"}
DRAWN = CROSS | {"name": "drawn", "signal": {"kind": "random", "chance": 0.2, "seed": 3}}


@pytest.mark.parametrize(
    "values", [CROSS, DRAWN, LEARNER, CONFIRMED, META], ids=lambda v: v["name"]
)
def test_it_gives_the_trades_and_the_trial_of_the_assets(
    root: Path, values: dict[str, Any]
) -> None:
    """In memory under another name, by steps through the lake: the same content."""
    write_strategy(root, SECOND)
    workspace = Workspace.open(root)
    renamed = Strategy.parse(values | {"name": "a_cell_of_a_sweep"})
    made = run_configuration(LakeView(workspace), renamed, Cache())
    write_strategy(root, values)
    make(workspace, "training_set", "predictions", "signals")
    stored = run_simulation(workspace, strategies(workspace)[values["name"]])
    trades = workspace.lake.read(stored.trades)
    assert trades.height > 3
    assert content_version(made.result.trades) == content_version(trades)
    assert content_version(made.result.equity) == content_version(
        workspace.lake.read(stored.equity)
    )
    assert made.trial.trial_id == stored.trial.trial_id
    assert made.trial.metrics == stored.trial.metrics
    assert made.trial.quality_share == stored.trial.quality_share
    workspace.state.close()


def test_cells_that_differ_only_in_trading_train_once(root: Path) -> None:
    """Rows are labelled once for two models, a model is fitted once for all of its thresholds."""
    workspace = Workspace.open(root)
    view, cache = LakeView(workspace), Cache()
    trials = set()
    for rounds in (10, 12):
        for threshold in (0.05, 0.08, 0.1):
            strategy = Strategy.parse(
                LEARNER
                | {
                    "decision": {"threshold": threshold, "side": "long"},
                    "model": {"kind": "lightgbm", "params": {"num_iterations": rounds}},
                }
            )
            trials.add(run_configuration(view, strategy, cache).trial.trial_id)
    assert len(trials) == 6
    assert (cache.made["rows"], cache.made["model"]) == (1, 2)
    workspace.state.close()


def test_predictions_are_held_once_in_both_forms() -> None:
    """Sessions of two symbols, one without a row: what was told, as parts of one memory."""
    told = {
        (symbol, f"2024-01-0{day}"): pl.DataFrame({"proba": np.arange(day * n, dtype=np.float64)})
        for symbol, n in (("A", 3), ("B", 2))
        for day in (2, 0, 3)
    }
    made = Predicted.of(told)
    assert list(made.by_session) == list(told)
    for key, rows in told.items():
        own, whole = (f["proba"].to_numpy() for f in (made.by_session[key], made.by_symbol[key[0]]))
        assert own.tolist() == rows["proba"].to_list()
        assert np.shares_memory(own, whole) == (len(own) > 0)


def test_what_cannot_be_computed_says_so(root: Path) -> None:
    """A symbol without bars, a feature that there is not."""
    workspace = Workspace.open(root)
    view = LakeView(workspace)
    with pytest.raises(StrategyError, match="no signals"):
        run_configuration(view, Strategy.parse(CROSS | {"symbols": ["GBPUSD"]}), Cache())
    with pytest.raises(TrainingError, match="no features at 15m"):
        run_configuration(view, Strategy.parse(LEARNER | {"symbols": ["GBPUSD"]}), Cache())
    with pytest.raises(StrategyError, match="did_not_exist"):
        run_configuration(view, Strategy.parse(LEARNER | {"features": ["did_not_exist"]}), Cache())
    workspace.state.close()


def test_a_cell_is_the_same_after_any_others(root: Path) -> None:
    """Cells of rules and models by one cache: each is the trial that it is alone."""
    workspace = Workspace.open(root)
    view, cache = LakeView(workspace), Cache()
    costs = [{"execution": {"realism": realism}} for realism in ("full", "latency", "ideal")]
    sized = [
        {"qty": None, "risk": {"kind": "volatility_target", "annual": 0.1, "sessions": n}}
        for n in (2, 30)
    ]
    windows = [{"signal": CROSS["signal"] | {"fast": fast}} for fast in (2, 5)]
    cells = [CROSS | change for change in (*windows, *costs, *sized, DRAWN)]
    cells += [LEARNER | {"decision": {"threshold": chance}} for chance in (0.05, 0.1)]
    trials = set()
    for cell in [*cells, *reversed(cells)]:
        shared = run_configuration(view, Strategy.parse(cell), cache).trial
        alone = run_configuration(LakeView(workspace), Strategy.parse(cell), Cache()).trial
        assert shared.to_row() == alone.to_row()
        trials.add(shared.trial_id)
    assert len(trials) == len(cells)
    workspace.state.close()
