"""Signals of all sessions at once are those of each session alone."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.backtests.kept import made_anew
from quant_assets.signals.sources import SmaCross
from quant_assets.signals.strategy import Strategy
from quant_assets.workflows import history_signals
from quant_assets.workflows.configuration import research_sessions
from quant_assets.workflows.history_signals import whole_rule_signals
from quant_assets.workflows.ingest import ingest_files
from quant_assets.workflows.strategy_signals import session_signals
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace
from quant_assets_tests.defs.automation.market import write_csv
from quant_assets_tests.workflows.sweep_market import CROSS, DAYS, SYMBOL, make


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> LakeView:
    """Return a week of bars."""
    workspace = Workspace.open(tmp_path_factory.mktemp("signals") / "data")
    file = workspace.root / "raw" / f"{SYMBOL}15.csv"
    write_csv(file, DAYS, seed=2)
    list(ingest_files(workspace, [file]))
    make(workspace, "bars")
    return LakeView(workspace)


def by_session(view: LakeView, strategy: Strategy) -> pl.DataFrame:
    """Return the signals of each session, under each other."""
    parts = [session_signals(view, strategy, here) for here in research_sessions(view, strategy)]
    return pl.concat(parts)


SIGNALS = [
    *(
        {"kind": "sma_cross", "fast": f, "slow": s}
        for f, s in ((1, 2), (3, 96), (50, 97), (9, 400))
    ),
    {"kind": "sma_cross", "fast": 4, "slow": 150, "side": "long"},
    {"kind": "random", "chance": 0.3, "seed": 5},
    {"kind": "random", "chance": 0.3, "seed": 5, "side": "long"},
]


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda s: "-".join(str(v) for v in s.values()))
def test_rules_want_the_same_asked_once_or_by_session(view: LakeView, signal: dict) -> None:
    """Means that reach over sessions, and draws by the bar."""
    strategy = Strategy.parse(CROSS | {"signal": signal})
    made = whole_rule_signals(view, strategy, made_anew)
    assert made[SYMBOL].equals(by_session(view, strategy))
    assert made[SYMBOL].schema == by_session(view, strategy).schema
    assert made[SYMBOL]["side"].n_unique() > 1


def test_a_session_without_bars_is_looked_past_as_by_session(view: LakeView) -> None:
    """A hole in the middle: means reach over it, and what was kept is not taken."""
    strategy = Strategy.parse(CROSS | {"signal": {"kind": "sma_cross", "fast": 2, "slow": 20}})
    held = LakeView(view.workspace)
    before = whole_rule_signals(held, strategy, made_anew)[SYMBOL]
    held.forget(held.at("bars", SYMBOL, DAYS[2])[0])
    made = whole_rule_signals(held, strategy, made_anew)[SYMBOL]
    assert made.equals(by_session(held, strategy))
    assert made.height < before.height
    assert not made.equals(before.filter(pl.col("session") != DAYS[2]))


@given(
    st.lists(st.integers(9_900, 10_100), min_size=2, max_size=40),
    st.lists(st.integers(0, 39), max_size=3),
    st.integers(1, 5),
    st.integers(1, 8),
    st.booleans(),
)
def test_a_change_of_contract_begins_the_means_anew(
    cents: list[int], rolls: list[int], fast: int, more: int, is_both: bool
) -> None:
    """Against means that are taken bar by bar over the contract's own closes."""
    contracts = [sum(row >= roll for roll in rolls) for row in range(len(cents))]
    bars = pl.DataFrame(
        {
            "session": [date(2024, 1, 8)] * len(cents),
            "bar_start": pl.Series(np.arange(len(cents)) * 900 * 10**9).cast(
                pl.Datetime("ns", "UTC")
            ),
            "contract": [f"GC{n}" for n in contracts],
            "close": [cent / 100.0 for cent in cents],
        }
    )
    chain = SimpleNamespace(entries=[SimpleNamespace(day=0)], own={0})
    held = history_signals._rule_bars(SimpleNamespace(read=lambda _: bars), chain)
    slow = fast + more
    rule = SmaCross(kind="sma_cross", fast=fast, slow=slow, side="both" if is_both else "long")
    wanted = []
    for row in range(len(cents)):
        own = [cents[n] for n in range(row + 1) if contracts[n] == contracts[row]]
        gap = sum(own[-fast:]) * slow - sum(own[-slow:]) * fast if len(own) >= slow else 0
        side = (gap > 0) - (gap < 0)
        wanted.append(side if is_both else max(side, 0))
    assert history_signals._sides(held, rule).tolist() == wanted
