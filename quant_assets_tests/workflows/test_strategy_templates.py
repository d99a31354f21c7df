"""A new strategy runs as it stands, of every kind; one that could not is not written."""

from pathlib import Path

import pytest

from quant_assets.market.errors import StrategyError
from quant_assets.workflows.configuration import Cache, run_configuration
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.strategy_templates import KINDS, new_strategy
from quant_assets.workflows.sweep import cells_of, read_sweep
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import write_csv
from quant_assets_tests.workflows.sweep_market import DAYS, SYMBOL, land, make

FEW = "AUDUSD"
"""By name before the other symbol, with fewer sessions than a model learns from."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a root with a week of one pair and three days of another."""
    workspace = land(tmp_path_factory.mktemp("templates") / "data")
    file = workspace.root / "raw" / f"{FEW}15.csv"
    write_csv(file, DAYS[:3], seed=2)
    list(ingest_files(workspace, [file]))
    make(workspace, "bars", symbol=FEW, days=DAYS[:3])
    return workspace


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sweep"])
def test_a_new_strategy_runs_as_it_stands(workspace: Workspace, kind: str) -> None:
    """Nothing of its file is changed: it trades, on a symbol of its choice or the one named."""
    for name, symbol in ((f"free_{kind}", None), (f"told_{kind}", SYMBOL)):
        paths = new_strategy(workspace, name, kind=kind, symbol=symbol)
        assert all(path.is_file() for path in paths)
        made = run_configuration(LakeView(workspace), strategies(workspace)[name], Cache())
        assert made.trial.metrics["n_sessions"]


def test_a_new_sweep_has_cells_that_run(workspace: Workspace) -> None:
    """Its file is read as any other, and its first cell trades."""
    (path,) = new_strategy(workspace, "a_sweep", kind="sweep")
    first = cells_of(workspace, read_sweep(path))[0].strategy
    assert first is not None
    assert run_configuration(LakeView(workspace), first, Cache()).trial.metrics["n_sessions"]


def test_a_model_that_could_not_learn_is_not_written(workspace: Workspace) -> None:
    """Three sessions are too few for three folds after one of training."""
    with pytest.raises(StrategyError, match="3 landed sessions of its symbols, 4 are needed"):
        new_strategy(workspace, "too_few", symbol=FEW)
    assert not list(Path(workspace.root, "strategies").glob("too_few*"))
