"""Strategies: checked with messages that name the key, and the same text for the same values."""

import json

import numpy as np
import polars as pl
import pytest

from quant_assets.market.errors import StrategyError
from quant_assets.signals.built_in import default_strategy
from quant_assets.signals.decisions import decide_sides
from quant_assets.signals.strategy import DecisionSpec, Strategy

CLASSES = ("future", "equity", "fx", "crypto", "metal")


def raw(**changes: object) -> dict:
    """Return the values of a strategy file, with changes."""
    values = default_strategy("fx", "15m").to_mapping()
    return values | changes


@pytest.mark.parametrize("asset_class", CLASSES)
@pytest.mark.parametrize("timeframe", ["1s", "1m", "15m", "1h", "1d"])
def test_every_default_is_a_strategy_that_parses(asset_class, timeframe):
    """What is offered as a start passes the checks, and comes back equal."""
    made = default_strategy(asset_class, timeframe)
    assert Strategy.parse(json.loads(made.canonical_json())) == made
    assert made.label.tp > made.label.sl > 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"colour": "red"}, "colour", id="an_unknown_key"),
        pytest.param({"name": "Up/../x"}, "name", id="a_name_that_is_a_path"),
        pytest.param({"name": ""}, "name", id="no_name"),
        pytest.param({"symbols": ["../x"]}, "symbols", id="a_symbol_that_is_a_path"),
        pytest.param({"symbols": []}, "symbols", id="no_symbols"),
        pytest.param({"timeframe": "15 min"}, "timeframe", id="a_timeframe"),
        pytest.param({"features": ["a", "a"]}, "features", id="a_feature_twice"),
        pytest.param({"label": {"sl": 0, "tp": 1, "horizon_bars": 3}}, "label.sl", id="no_stop"),
        pytest.param({"label": {"sl": 0.1, "tp": 0.1}}, "label.horizon_bars", id="no_horizon"),
        pytest.param({"model": {"kind": "magic"}}, "model.kind", id="an_unknown_model"),
        pytest.param(
            {"model": {"params": {"num_threads": 8}}}, "num_threads", id="a_machine_parameter"
        ),
        pytest.param(
            {"model": {"params": {"num_leaves": 1.5}}}, "num_leaves", id="a_broken_leaf_count"
        ),
        pytest.param(
            {"model": {"params": {"learning_rate": 7}}}, "learning_rate", id="a_wild_rate"
        ),
        pytest.param(
            {"splits": {"n_folds": 2, "min_train_sessions": 3, "embargo_bars": 0}},
            "splits.n_folds",
            id="two_folds",
        ),
        pytest.param({"decision": {"threshold": 1.0}}, "decision.threshold", id="certainty"),
        pytest.param({"capital": float("nan")}, "capital", id="capital_not_a_number"),
        pytest.param({"qty": -1}, "qty", id="a_negative_size"),
        pytest.param({"source": "news"}, "source", id="an_unknown_source"),
        pytest.param({"seed": "x"}, "seed", id="a_seed_in_words"),
        pytest.param(
            {"decision": {"threshold": 0.6, "side": "both"}}, "decision.side", id="shorts_by_rest"
        ),
        pytest.param(
            {"label": "return(9, 0.001)", "decision": {"threshold": 0.6, "side": "both"}},
            "without a threshold",
            id="shorts_beside_a_threshold",
        ),
        pytest.param({"label": None}, "signal model needs label", id="a_model_without_a_label"),
        pytest.param({"signal": {"kind": "news"}}, "signal.*sma_cross", id="an_unknown_signal"),
        pytest.param(
            {"signal": {"kind": "random", "chance": 0.1, "seed": 1}, "exits": {}},
            "learns nothing: leave out .*decision.*label",
            id="a_rule_with_a_label",
        ),
        pytest.param({"risk": {"kind": "kelly"}}, "qty: risk kelly", id="a_size_and_a_risk"),
        pytest.param(
            {"risk": {"kind": "risk_per_trade", "share": 0.01}, "qty": None, "exits": {}},
            "risk_per_trade needs a stop",
            id="risk_without_a_stop",
        ),
        pytest.param(
            {"risk": {"kind": "volatility_target", "annual": 9}}, "risk.*annual", id="a_wild_target"
        ),
        pytest.param({"qty": None}, "qty: risk fixed", id="no_size"),
        pytest.param({"max_leverage": 0}, "max_leverage", id="no_leverage"),
        pytest.param(
            {"confirm": {"name": "bot"}}, "confirm.*needs a threshold", id="a_bot_of_no_threshold"
        ),
        pytest.param({"regimes": {"allowed": []}}, "regimes.allowed", id="no_regime"),
        pytest.param({"execution": {"realism": "real"}}, "execution.realism", id="no_realism"),
        pytest.param(
            {"execution": {"latency": {"kind": "empirical"}}}, "samples_ms", id="no_samples"
        ),
    ],
)
def test_a_wrong_key_is_named(changes, says):
    """Each fault names its key, and the strategy it stands in."""
    with pytest.raises(StrategyError, match=says) as caught:
        Strategy.parse(raw(**changes))
    assert "strategy" in str(caught.value)


def test_all_faults_are_told_at_once():
    """A user corrects a file once, not once a key."""
    with pytest.raises(StrategyError, match=r"(?s)qty.*seed|seed.*qty"):
        Strategy.parse(raw(qty=0, seed=-1))


def test_the_hash_is_over_values_and_not_over_their_form():
    """Order of keys and symbols, whole numbers for reals and the name decide nothing."""
    first = Strategy.parse(raw(symbols=["EURUSD", "GBPUSD"], capital=1000))
    turned = dict(reversed(raw(symbols=["GBPUSD", "EURUSD"], capital=1000.0).items()))
    second = Strategy.parse(turned | {"name": "renamed"})
    assert first.content_hash == second.content_hash
    many = ["GC", "ES", "SPY", "BAC", "AIG", "NQ", "CL"]
    assert Strategy.parse(raw(symbols=[*many, "GC"])).symbols == tuple(sorted(many))
    assert Strategy.parse(raw(timeframe="60m")).timeframe == "1h"


@pytest.mark.parametrize(
    "changes",
    [
        {"qty": 2.0},
        {"seed": 8},
        {"symbols": ["EURUSD"]},
        {"features": ["rsi"]},
        {"timeframe": "1h"},
        {"source": "contract_table"},
        {"exits": {"stop": 0.01, "on_signal": True}},
        {"risk": {"kind": "risk_per_trade", "share": 0.01}, "qty": None},
        {"max_leverage": 2.0},
        {"confirm": {"name": "bot", "threshold": 0.5}},
        {"regimes": {"allowed": [0, 1]}},
        {"execution": {"realism": "full"}},
        {"execution": {"latency": {"kind": "constant"}}},
    ],
)
def test_every_value_reaches_the_hash(changes):
    """A strategy that trades otherwise is another trial."""
    assert Strategy.parse(raw(**changes)).content_hash != Strategy.parse(raw()).content_hash


RULES = {
    "sma_cross": {"kind": "sma_cross", "fast": 5, "slow": 20},
    "random": {"kind": "random", "chance": 0.1, "seed": 3},
    "python": {"kind": "python", "file": "mine.py", "rule": "Mine", "params": {"margin": 0.1}},
}


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_has_no_key_of_a_model(kind):
    """Its text tells signal and exits, comes back equal, and asks for no training."""
    values = {"name": kind, "timeframe": "1m", "signal": RULES[kind], "exits": {"on_signal": True}}
    made = Strategy.parse(values | {"capital": 1e5, "qty": 1})
    assert not made.learns
    assert not {"label", "model", "splits", "decision"} & set(made.to_mapping())
    assert Strategy.parse(json.loads(made.canonical_json())) == made
    with pytest.raises(StrategyError, match="it learns nothing"):
        _ = made.learning


def test_what_trades_otherwise_learns_the_same():
    """Exits, size, filters and costs change the trial, and train no other model."""
    other = raw(
        exits={"stop": 0.01},
        risk={"kind": "volatility_target", "annual": 0.2},
        qty=None,
        confirm={"name": "bot", "table": "signals"},
        regimes={"allowed": [1]},
        execution={"realism": "full"},
    )
    changed, usual = Strategy.parse(other), Strategy.parse(raw())
    assert changed.training_values() == usual.training_values()
    assert changed.content_hash != usual.content_hash


# Hashes of default strategies from before there was a choice of the source.
COUNTED = {
    ("fx", "15m"): "c2f5c2054a672efebf5da260c738ded8b1dfe8d537f5a24bbe0cf253097810c4",
    ("future", "1m"): "83e7067d25e908eb1a4c1802ff41b7d6d021f4a769f92be9edd941f106ecd63d",
}


@pytest.mark.parametrize("kind", COUNTED)
def test_the_usual_source_is_no_other_trial(kind):
    """Named or not, it is the same trial, and the same from one version of the package on."""
    made = default_strategy(*kind)
    assert made.content_hash == COUNTED[kind]
    named = Strategy.parse(made.to_mapping() | {"source": "features"})
    assert named == made
    assert (named.content_hash, named.training_values()) == (
        made.content_hash,
        made.training_values(),
    )
    assert "source" not in made.training_values()


def test_another_source_is_another_dataset_and_another_training():
    """What the flat table gives is kept apart from what the features give."""
    usual, other = Strategy.parse(raw()), Strategy.parse(raw(source="contract_table"))
    assert other.dataset == f"contract_{usual.dataset}"
    assert other.training_values() == usual.training_values() | {"source": "contract_table"}
    assert Strategy.parse(other.to_mapping()) == other


def test_a_strategy_is_frozen():
    """A value that was hashed does not change."""
    with pytest.raises(ValueError, match="frozen"):
        default_strategy("fx", "15m").qty = 3.0


def predictions(proba: list[float], *, is_oos: bool = True, side: int = 1) -> pl.DataFrame:
    """Return probabilities as predictions."""
    sides = pl.Series([side] * len(proba), dtype=pl.Int8)
    return pl.DataFrame({"proba": proba, "side": sides, "is_oos": [is_oos] * len(proba)})


def test_the_threshold_belongs_to_the_long_side():
    """At the threshold a long is wanted, just below it nothing is."""
    rows = predictions([0.7, np.nextafter(0.7, 0), 0.1])
    assert decide_sides(rows, DecisionSpec(threshold=0.7)).tolist() == [1, 0, 0]


def test_the_side_is_that_which_the_probability_speaks_of():
    """A first rule's short that passes the threshold wants a short, one below it nothing."""
    rows = predictions([0.7, 0.6], side=-1)
    assert decide_sides(rows, DecisionSpec(threshold=0.7)).tolist() == [-1, 0]


def test_both_sides_mirror_each_other():
    """A short is wanted where one less the probability reaches the threshold."""
    rows = predictions([0.75, 0.5, 0.25, 0.26])
    assert decide_sides(rows, DecisionSpec(threshold=0.75, side="both")).tolist() == [1, 0, -1, 0]


def test_a_row_in_sample_wants_nothing():
    """However sure the model is, it was trained on the answer."""
    rows = predictions([0.99, 0.01], is_oos=False)
    assert decide_sides(rows, DecisionSpec(threshold=0.6, side="both")).tolist() == [0, 0]
