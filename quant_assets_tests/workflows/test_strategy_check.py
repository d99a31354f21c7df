"""What a strategy asks for and is not there is said before any long work, and says what is."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
import yaml

from quant_assets.market.errors import QuantError, StrategyError, TrainingError
from quant_assets.signals.built_in import default_strategy
from quant_assets.signals.strategy import Strategy
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.ranges import make_range
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.bars import BarsRecipe
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.strategy_check import check_strategy
from quant_assets.workflows.strategy_intake import take_strategy
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import sessions, write_csv

DAYS = sessions(date(2024, 1, 8), date(2024, 1, 14))


@dataclass(frozen=True)
class Shop:
    """A data root with a week of bars, and a place for strategy files from elsewhere."""

    workspace: Workspace
    elsewhere: Path

    def strategy(self, **changes: object) -> Strategy:
        """Return the usual strategy with changes, its symbols written out."""
        values = default_strategy("fx", "15m").to_mapping() | {"symbols": ["EURUSD"], **changes}
        return Strategy.parse(values)

    def file(self, **changes: object) -> Path:
        """Write a strategy's file."""
        path = self.elsewhere / "mine.yaml"
        path.write_text(yaml.safe_dump(self.strategy(name="mine", **changes).to_mapping()))
        return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Land a week of a currency pair and make its bars, nothing more."""
    folder = tmp_path_factory.mktemp("check")
    workspace = Workspace.open(folder / "data")
    file = workspace.root / "raw" / "EURUSD15.csv"
    write_csv(file, DAYS, seed=1)
    list(ingest_files(workspace, [file]))
    list(make_range(workspace, BarsRecipe(), [Key("EURUSD", day) for day in DAYS]))
    return Shop(workspace, folder)


def test_the_usual_strategy_passes(shop):
    """So do one on the flat table, and one that a first rule's trades are learned by."""
    check_strategy(shop.workspace, shop.strategy())
    flat = ["cum_delta", "session_vwap"]
    check_strategy(shop.workspace, shop.strategy(source="contract_table", features=flat))
    check_strategy(shop.workspace, shop.strategy(label="meta(macd_histogram, 0.01, 0.02, 24)"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"features": ["rsi_41"]}, "'rsi_41'.*Did you mean rsi_14", id="feature"),
        pytest.param({"features": ["qqqq"]}, "none of the .* features", id="feature_like_none"),
        pytest.param(
            {"source": "contract_table", "features": ["rsi_14"]}, "of contract_table", id="source"
        ),
        pytest.param(
            {"label": "meta(macd_histogran, 0.01, 0.02, 24)"},
            "label.primary.*Did you mean macd_histogram",
            id="first_rule",
        ),
        pytest.param(
            {"model": {"kind": "sklearn.ensemble.ExtraTreeClassifier"}},
            "ExtraTreesClassifier",
            id="estimator",
        ),
        pytest.param(
            {"model": {"kind": "random_forest", "params": {"n_estimator": 5}}},
            "n_estimators",
            id="parameter",
        ),
        pytest.param({"label": "return(480)"}, "480 bars of EURUSD in all", id="horizon"),
        pytest.param(
            {"splits": {"n_folds": 3, "min_train_sessions": len(DAYS) - 2, "embargo_bars": 0}},
            f"{len(DAYS)} landed sessions",
            id="sessions",
        ),
        pytest.param(
            {"cv": {"kind": "combinatorial", "n_folds": 2, "n_test_folds": 2}},
            "no block left to train on",
            id="no_block_to_train_on",
        ),
        pytest.param(
            {"cv": {"kind": "combinatorial", "n_folds": 20, "n_test_folds": 8}},
            "125970 splits",
            id="too_many_splits",
        ),
        pytest.param(
            {"cv": {"n_folds": len(DAYS) + 1}},
            f"{len(DAYS)} landed sessions of its symbols, {len(DAYS) + 1} are needed",
            id="blocks",
        ),
    ],
)
def test_what_is_not_there_is_named(shop, changes, says):
    """With what is nearest to it, or what there is."""
    with pytest.raises(QuantError, match=says):
        check_strategy(shop.workspace, shop.strategy(**changes))


def test_bars_that_are_still_to_be_made_count_for_the_horizon(shop, tmp_path):
    """What landed bounds them: too long is refused before any is made, and one made is not all."""
    workspace = Workspace.open(tmp_path / "data")
    list(ingest_files(workspace, [shop.workspace.root / "raw" / "EURUSD15.csv"]))
    for made in ([], [Key("EURUSD", DAYS[1])]):
        list(make_range(workspace, BarsRecipe(), made))
        check_strategy(workspace, shop.strategy(label="return(479)"))
        with pytest.raises(TrainingError, match="480 bars of EURUSD in all"):
            check_strategy(workspace, shop.strategy(label="return(480)"))


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("barrier(1, 2, 3)", r"none of tb\(sl, tp, horizon_bars\)"),
        ("tb(0.01, 0.02)", "label.horizon_bars"),
        ({"kind": "return", "horizon_bars": 3, "sl": 0.1}, "has no sl"),
        ({"kind": "tb", "tp": 0.1, "horizon_bars": 3}, "lacks sl"),
    ],
)
def test_a_label_that_there_is_not_is_refused_when_read(shop, label, says):
    """The message shows the forms, or the key."""
    with pytest.raises(StrategyError, match=says):
        shop.strategy(label=label)


def test_a_file_from_elsewhere_is_taken_once(shop):
    """It is copied to the data root; the same again is no change, another of its name refused."""
    for wrong in ({"features": ["rsi_41"]}, {"symbols": ["USDJPY"]}, {"timeframe": "5m"}):
        with pytest.raises(StrategyError):
            take_strategy(shop.workspace, shop.file(**wrong))
    with pytest.raises(StrategyError, match="bars of USDJPY at 15m"):
        take_strategy(shop.workspace, shop.file(symbols=["EURUSD", "USDJPY"]))
    assert "mine" not in strategies(shop.workspace)
    path = shop.file()
    taken = take_strategy(shop.workspace, path)
    assert strategies(shop.workspace)["mine"] == taken
    assert take_strategy(shop.workspace, path) == taken
    with pytest.raises(StrategyError, match="another strategy of that name"):
        take_strategy(shop.workspace, shop.file(qty=3.0))
    assert strategies(shop.workspace)["mine"] == taken
    take_strategy(shop.workspace, shop.file(qty=3.0), replaces=True)
    assert strategies(shop.workspace)["mine"].qty == 3.0
    assert len(list((shop.workspace.root / "strategies").iterdir())) == 1
    with pytest.raises(StrategyError, match="no such file"):
        take_strategy(shop.workspace, path.with_name("none.yaml"))
