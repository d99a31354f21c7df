"""What backtests share changes no bit of what each gives alone."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.backtests.engine import Result, run_backtest
from quant_assets.backtests.ledger import equity_frame
from quant_assets.backtests.metrics import session_ends
from quant_assets.backtests.schema import EQUITY, TRADES
from quant_assets.backtests.timeline import build_timeline
from quant_assets.market.errors import SchemaError
from quant_assets.market.instruments import AssetClass
from quant_assets.market.timeframes import Timeframe
from quant_assets_tests.backtests.cases import random_case, real_case
from quant_assets_tests.backtests.market import histories_of as with_signals
from quant_assets_tests.backtests.market import random_predictions, strategy

RISKS = (
    {"risk": {"kind": "fixed"}, "qty": 2.0},
    {"risk": {"kind": "volatility_target", "annual": 0.3, "sessions": 2}, "qty": None},
    {"risk": {"kind": "volatility_target", "annual": 0.3, "sessions": 3}, "qty": None},
    {"risk": {"kind": "kelly", "fraction": 0.5, "cap": 3.0}, "qty": None},
)


class Everything:
    """Keeps all that it was ever asked for."""

    def __init__(self) -> None:
        self.held: dict[Hashable, object] = {}
        self.asked = 0

    def __call__(self, what: str, on: Hashable, make: Callable[[], object], /) -> object:
        """Return what is held, made where it is not."""
        self.asked += 1
        if (what, on) not in self.held:
            self.held[what, on] = make()
        return self.held[what, on]


def bits(made: Result) -> tuple[object, ...]:
    """Return all that a backtest gave, in a form that compares by bits."""
    frames = [
        [(s.name, s.dtype, s.to_list()) for s in frame.iter_columns()]
        for frame in (made.trades, made.equity)
    ]
    return *frames, repr(made.metrics), dict(made.unfilled), repr(made.costs), made.run_hash


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from([AssetClass.FUTURE, AssetClass.EQUITY]),
    st.lists(
        st.tuples(
            st.integers(0, 2**31),
            st.sampled_from([0, 15, 40]),
            st.sampled_from(RISKS),
            st.sampled_from(["ideal", "spread", "latency", "full"]),
            st.integers(0, 2),
            st.sampled_from([100.0, 250.0]),
        ),
        min_size=3,
        max_size=5,
    ),
)
def test_a_backtest_is_the_same_after_any_others(
    seed: int, kind: AssetClass, cells: list[tuple]
) -> None:
    """Signals, first bars, sizes, costs and latencies change from one backtest to the next."""
    histories, _, instruments = real_case(seed, kind, finer=True, halts=True)
    kept = Everything()
    for number, first_oos, risk, realism, latency_seed, arrival_ms in cells:
        rng = np.random.default_rng(number)
        costs = {"realism": realism, "seed": latency_seed, "spread_ticks": 1.0 + latency_seed}
        costs["latency"] = {"arrival_ms": arrival_ms}
        plan = strategy(execution=costs, max_leverage=1000.0, **risk)
        told = {
            s: random_predictions(rng, h.bars, first_oos=first_oos) for s, h in histories.items()
        }
        asked = with_signals({s: h.bars for s, h in histories.items()}, told, plan)
        mine = {s: replace(h, signals=asked[s].signals) for s, h in histories.items()}
        shared = run_backtest(mine, plan, instruments, run_hash="0" * 64, kept=kept)
        assert bits(shared) == bits(run_backtest(mine, plan, instruments, run_hash="0" * 64))
    assert len(kept.held) < kept.asked


@given(st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_trades_and_equity_keep_their_tables_rules(seed: int) -> None:
    """What the ledger hands out is what the tables' own check would hand out."""
    made = run_backtest(*random_case(seed))
    for table, frame in ((TRADES, made.trades), (EQUITY, made.equity)):
        assert frame.schema == table.empty().schema
        assert table.check(frame).equals(frame)


def test_figures_that_are_none_are_refused() -> None:
    """An account that is not a number breaks the table's contract, and is told so."""
    histories, plan, instruments = random_case(3)
    crosses = dict.fromkeys(instruments, True)
    timeline = build_timeline(histories, timeframe=Timeframe.parse("15m"), crosses=crosses)
    account = np.full((5, 4), 1e5)
    equity_frame(timeline, account, strategy=plan)
    account[2, 1] = np.nan
    with pytest.raises(SchemaError, match="equity"):
        equity_frame(timeline, account, strategy=plan)


@given(st.lists(st.integers(0, 4), max_size=12))
def test_a_session_ends_at_its_last_row_wherever_it_stands(days: list[int]) -> None:
    """Sessions come in the order of their first rows, also where one comes back after another."""
    last = {day: row for row, day in enumerate(days)}
    sessions = pl.Series([date(2024, 1, 1) + timedelta(n) for n in days], dtype=pl.Date)
    assert session_ends(sessions).tolist() == list(last.values())
