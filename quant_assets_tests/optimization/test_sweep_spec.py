"""Sweep specs: what is wrong is named by its key; cells are those of a plain loop."""

import itertools
import math
import time
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.errors import StrategyError
from quant_assets.optimization.search_space import count_cells, sweep_cells
from quant_assets.optimization.strategy_keys import strategy_keys, with_values
from quant_assets.optimization.sweep_spec import SweepSpec

BASE: dict[str, Any] = {
    "name": "base",
    "symbols": ["ES"],
    "timeframe": "1m",
    "signal": {"kind": "sma_cross", "fast": 5, "slow": 20},
    "exits": {"stop": 0.01, "on_signal": True},
    "capital": 100_000.0,
    "qty": 1.0,
}
VARY: dict[str, Any] = {"signal.fast": [2, 5, 9], "exits.stop": [0.01, 0.02]}


def spec(**changes: Any) -> SweepSpec:
    """Return a spec with some keys changed."""
    return SweepSpec.parse({"name": "s", "base": BASE, "vary": VARY} | changes)


BAD = [
    pytest.param({"metrik": "net"}, r"metrik: no such key; did you mean metric\?", id="key"),
    pytest.param({"vary": {"signal.fats": [1]}}, r"did you mean signal\.fast\?", id="varied_key"),
    pytest.param({"vary": {"modl.params.x": [1]}}, r"modl\.params\.x: no key", id="no_such_group"),
    pytest.param(
        {"vary": {"name": ["a"]}}, r"name: no key of a strategy", id="name_decides_nothing"
    ),
    pytest.param({"vary": {}}, r"vary: .*at least 1", id="nothing_varied"),
    pytest.param({"vary": {"seed": []}}, r"seed: choice: ", id="no_value"),
    pytest.param({"vary": {"seed": 3}}, r"seed: 3 is no list", id="a_bare_value"),
    pytest.param(
        {"vary": {"seed": [1, 2, 1]}}, r"seed: choice: a value is given twice", id="twice"
    ),
    pytest.param(
        {"vary": {"seed": {"from": 1, "too": 3}}}, r"seed: to: .*did you mean to\?", id="to"
    ),
    pytest.param(
        {"vary": {"seed": {"from": 3, "to": 3, "steps": 2}}}, r"must be below", id="empty"
    ),
    pytest.param(
        {"vary": {"qty": {"from": 0.0, "to": 1.0, "steps": 3, "scale": "log"}}},
        r"qty: scale log needs from above 0",
        id="log_of_zero",
    ),
    pytest.param(
        {"vary": {"seed": {"from": 1, "to": 3, "steps": 9}}}, r"no 9 whole numbers", id="steps"
    ),
    pytest.param({"vary": {"seed": {"from": 1, "to": 9}}}, r"vary\.seed: .*needs steps", id="open"),
    pytest.param(
        {"vary": {"signal": [{"kind": "model"}], "signal.fast": [1]}},
        r"lies inside signal",
        id="in",
    ),
    pytest.param({"constraints": [["signal.fast", "~", 3]]}, r"'~' is none of < <=", id="operator"),
    pytest.param(
        {"constraints": [["signal.fats", "<", 3]]}, r"did you mean signal\.fast", id="left"
    ),
    pytest.param(
        {"constraints": [["signal.fast", "<", "signal.slwo"]]},
        r"signal\.slwo: no key of a strategy; did you mean signal\.slow",
        id="right",
    ),
    pytest.param(
        {"vary": {"seed": {"from": 1, "to": 10**400, "steps": 3}}}, r"seed: .*too large", id="huge"
    ),
    pytest.param(
        {"vary": {"signal.params.since": [date(2024, 1, 2)]}},
        r"signal\.params\.since: .*date .*in quotes",
        id="a_date",
    ),
    pytest.param({"kind": "gird"}, r"kind: .*'grid', 'random' or 'optuna'", id="kind"),
    pytest.param({"kind": "random"}, r"random needs trials and seed", id="draws_without_number"),
    pytest.param({"trials": 5}, r"grid tries every cell: leave out trials", id="grid_with_trials"),
    pytest.param({"metric": "sharp"}, r"'sharp' is no metric; did you mean sharpe\?", id="metric"),
    pytest.param({"name": "Not A Name"}, r"name: ", id="name"),
]


@pytest.mark.parametrize(("changes", "told"), BAD)
def test_a_bad_spec_names_the_key(changes: dict[str, Any], told: str) -> None:
    """The message says which key, and the nearest one where it is unknown."""
    with pytest.raises(StrategyError, match=told):
        spec(**changes)


def test_a_spec_that_reads_itself_back_is_the_same() -> None:
    """Written as JSON values and parsed, ranges and choices are what they were."""
    one = spec(
        vary={"seed": {"from": 1, "to": 9, "steps": 3}, "risk.kind": ["fixed"]},
        constraints=[["signal.fast", "<", "signal.slow"]],
    )
    assert SweepSpec.parse(one.to_mapping()) == one


def test_a_billion_cells_end_at_once_in_an_error() -> None:
    """They are counted and not built; the shape is told."""
    thousand = {"from": 1, "to": 1000, "steps": 1000}
    huge = spec(vary=dict.fromkeys(("signal.fast", "signal.slow", "seed"), thousand))
    began = time.monotonic()
    with pytest.raises(StrategyError, match=r"1,000,000,000 cells \(1,000 signal\.fast x"):
        sweep_cells(huge, BASE)
    assert time.monotonic() - began < 1.0
    assert count_cells(spec(max_trials=6)) == 6
    with pytest.raises(StrategyError, match=r"6 cells .* 5 are the most"):
        count_cells(spec(max_trials=5))


@given(
    fast=st.lists(st.integers(1, 30), min_size=1, max_size=5, unique=True),
    slow=st.lists(st.integers(2, 30), min_size=1, max_size=5, unique=True),
)
def test_a_grid_is_every_combination_that_keeps_the_constraint(
    fast: list[int], slow: list[int]
) -> None:
    """As two loops would make it; the number of a cell counts what is left out too."""
    constraint = ["signal.fast", "<", "signal.slow"]
    one = spec(vary={"signal.fast": fast, "signal.slow": slow}, constraints=[constraint])
    wanted = [
        (number, pair)
        for number, pair in enumerate(itertools.product(fast, slow))
        if pair[0] < pair[1]
    ]
    if not wanted:
        with pytest.raises(StrategyError, match="every cell breaks one"):
            sweep_cells(one, BASE)
        return
    cells = sweep_cells(one, BASE)
    assert [(c.number, tuple(c.values.values())) for c in cells] == wanted
    for cell in cells:
        assert cell.strategy is not None
        assert (cell.strategy.signal.fast, cell.strategy.signal.slow) == tuple(cell.values.values())
        assert cell.strategy.name == f"s_{cell.number:05d}"


def test_cells_that_a_strategy_refuses_are_told_and_not_lost() -> None:
    """Without the constraint the same cells are invalid, with the reason of the strategy."""
    cells = sweep_cells(spec(vary={"signal.fast": [5, 20, 25]}), BASE)
    assert [cell.strategy is None for cell in cells] == [False, True, True]
    assert cells[1].invalid == "signal.sma_cross: fast 20 must be below slow 20"
    with pytest.raises(StrategyError, match=r"none is a strategy: .*must be below"):
        sweep_cells(spec(vary={"signal.fast": [20, 30]}), BASE)


@pytest.mark.parametrize(
    ("constraint", "kept"),
    [
        (["signal.fast", "<=", 5], 4),
        (["signal.fast", ">", 5], 2),
        (["signal.fast", ">=", "signal.slow"], 0),
        (["signal.kind", "==", "model"], 0),
        (["signal.kind", "!=", "model"], 6),
        (["signal.kind", "==", "sma_cross"], 6),
        (["exits.target", "<", 1.0], 0),
        (["exits.target", "==", None], 6),
        (["signal.kind", "<", 3], 0),
    ],
    ids=str,
)
def test_constraints_compare_keys_with_keys_or_values(constraint: list[Any], kept: int) -> None:
    """What is not there, or of another kind, is neither below nor above."""
    one = spec(constraints=[constraint])
    combinations = itertools.product(*VARY.values())
    allowed = [one.allows(with_values(BASE, dict(zip(VARY, c, strict=True)))) for c in combinations]
    assert sum(allowed) == kept


@pytest.mark.parametrize(
    ("constraint", "kept"),
    [
        (["execution.realism", "==", "spread"], [0.01, 0.02]),
        (["execution.realism", "!=", "spread"], []),
        (["max_leverage", ">", "exits.stop"], [0.01, 0.02]),
        (["exits.stop", "<", "execution.participation"], [0.01, 0.02]),
        (["exits.target", "<", 1], []),
    ],
)
@pytest.mark.parametrize("drawn", [{}, {"kind": "random", "trials": 2, "seed": 1}])
def test_a_key_that_is_left_out_is_compared_by_its_default(
    constraint: list[Any], kept: list[float], drawn: dict[str, Any]
) -> None:
    """Whether a base writes a default down decides no cell; what has no value breaks as before."""
    one = spec(vary={"exits.stop": [0.01, 0.02]}, constraints=[constraint], **drawn)
    if not kept:
        with pytest.raises(StrategyError, match="every cell breaks one"):
            sweep_cells(one, BASE)
        return
    assert sorted(cell.values["exits.stop"] for cell in sweep_cells(one, BASE)) == kept


def test_a_base_is_not_changed_by_its_cells() -> None:
    """Cells share what they do not change, and change only their own."""
    base = BASE | {"model": {"params": {}}}
    made = with_values(base, {"signal.fast": 9, "risk.kind": "fixed"})
    assert made["signal"] == {"kind": "sma_cross", "fast": 9, "slow": 20}
    assert made["risk"] == {"kind": "fixed"}
    assert base["signal"]["fast"] == 5
    assert "risk" not in base


def test_a_label_in_its_text_form_can_be_varied() -> None:
    """The text is spread into keys first."""
    learner = {key: BASE[key] for key in ("name", "symbols", "timeframe", "capital", "qty")} | {
        "label": "tb(0.004, 0.008, 24)",
        "splits": {"n_folds": 3, "min_train_sessions": 1, "embargo_bars": 0},
        "decision": {"threshold": 0.4},
    }
    cells = sweep_cells(spec(vary={"label.sl": [0.002, 0.003], "features": [["a"], None]}), learner)
    labels = [cell.strategy.label.sl for cell in cells if cell.strategy]
    assert labels == [0.002, 0.002, 0.003, 0.003]
    assert [cell.strategy.features for cell in cells if cell.strategy] == [("a",), None] * 2


@given(st.integers(0, 2**31 - 1))
def test_draws_are_those_of_the_seed_each_once(seed: int) -> None:
    """The same seed draws the same, in whatever order the keys stand; all keep the constraint."""
    vary = {
        "signal.fast": {"from": 1, "to": 40},
        "signal.slow": {"from": 10, "to": 400, "scale": "log"},
        "exits.stop": {"from": 0.001, "to": 0.1, "scale": "log"},
        "execution.realism": ["spread", "full"],
    }
    rest = {
        "kind": "random",
        "trials": 25,
        "seed": seed,
        "constraints": [["signal.fast", "<", "signal.slow"]],
    }
    cells = sweep_cells(spec(vary=vary, **rest), BASE)
    other = sweep_cells(spec(vary=dict(reversed(vary.items())), **rest), BASE)
    assert [dict(c.values) for c in cells] == [dict(c.values) for c in other]
    assert len(cells) == len({c.strategy.content_hash for c in cells if c.strategy}) == 25
    for cell in cells:
        v = cell.values
        assert {type(v["signal.fast"]), type(v["signal.slow"])} == {int}
        assert 1 <= v["signal.fast"] <= 40
        assert 10 <= v["signal.slow"] <= 400
        assert 0.001 <= v["exits.stop"] <= 0.1
        assert v["signal.fast"] < v["signal.slow"]


def test_more_draws_than_cells_are_refused() -> None:
    """Where all values are given one by one, there are so many cells and no more."""
    with pytest.raises(StrategyError, match=r"7 trials .* make 6 cells"):
        sweep_cells(spec(kind="random", trials=7, seed=1), BASE)
    assert len(sweep_cells(spec(kind="random", trials=6, seed=1), BASE)) == 6


@given(
    first=st.integers(1, 50),
    width=st.integers(1, 400),
    steps=st.integers(2, 30),
    scale=st.sampled_from(["linear", "log"]),
    is_whole=st.booleans(),
)
def test_ranges_go_from_end_to_end_by_equal_steps(
    first: int, width: int, steps: int, scale: str, is_whole: bool
) -> None:
    """Of equal differences or ratios; whole ends give whole numbers, ascending, each once."""
    ends = (first, first + width) if is_whole else (float(first), float(first + width))
    written = {"from": ends[0], "to": ends[1], "steps": steps, "scale": scale}
    if is_whole and scale == "linear" and steps > width + 1:
        with pytest.raises(StrategyError, match="whole numbers"):
            spec(vary={"qty": written})
        return
    values = spec(vary={"qty": written}).vary["qty"].values()
    assert (values[0], values[-1]) == ends
    assert all(isinstance(value, type(ends[0])) for value in values)
    assert list(values) == sorted(set(values))
    if not is_whole:
        assert len(values) == steps
        for place, value in enumerate(values):
            share = place / (steps - 1)
            exact = (
                first + share * width
                if scale == "linear"
                else math.exp(math.log(first) * (1 - share) + math.log(first + width) * share)
            )
            assert math.isclose(value, exact, rel_tol=1e-11)


def test_every_group_of_a_strategy_can_be_varied() -> None:
    """Keys of all signals, risks and filters are known, and those of free choice by their group."""
    wanted = {
        "signal.fast",
        "signal.chance",
        "signal.params.*",
        "model.params.*",
        "risk.annual",
        "risk.fraction",
        "label.sl",
        "splits.n_folds",
        "decision.threshold",
        "execution.realism",
        "execution.latency.arrival_ms",
        "regimes.allowed",
        "confirm.threshold",
        "features",
        "symbols",
        "seed",
    }
    assert wanted <= strategy_keys()
