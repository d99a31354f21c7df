"""Trials keep their returns by session, and read what earlier versions wrote."""

import struct
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.errors import StrategyError
from quant_assets.optimization.return_series import ReturnSeries
from quant_assets.optimization.trials import Trial
from quant_assets.storage.state import State
from quant_assets.storage.state_tables import TRIALS
from quant_assets_tests.optimization.test_overfitting import trial

DAYS = st.lists(st.dates(date(1970, 1, 1), date(2100, 1, 1)), unique=True, max_size=20).map(sorted)
REAL = st.floats(allow_nan=False, allow_infinity=False)


@given(DAYS, st.data())
def test_packed_returns_read_back_to_the_bit(days, data):
    """Bytes are what struct writes: days since 1970 as int32, then doubles."""
    values = data.draw(st.lists(REAL, min_size=len(days), max_size=len(days)))
    series = ReturnSeries.of(days, values)
    since = [(day - date(1970, 1, 1)).days for day in days]
    assert series.packed == struct.pack(f"<{len(days)}i{len(days)}d", *since, *values)
    assert series.sessions == tuple(days)
    assert struct.pack(f"<{len(days)}d", *series.values) == struct.pack(f"<{len(days)}d", *values)


@pytest.mark.parametrize(
    ("sessions", "returns"),
    [
        pytest.param([date(2024, 1, 2)], [], id="a_return_lacks"),
        pytest.param([date(2024, 1, 2)] * 2, [0.1, 0.1], id="a_session_twice"),
        pytest.param([date(2024, 1, 3), date(2024, 1, 2)], [0.1, 0.1], id="out_of_order"),
    ],
)
def test_returns_have_one_rising_session_each(sessions, returns):
    """Anything else is refused."""
    with pytest.raises(ValueError, match="one rising session"):
        ReturnSeries.of(sessions, returns)


def with_returns() -> Trial:
    """Return a trial of a sweep with all that it may keep."""
    sessions = [date(2024, 1, 1) + timedelta(days=n) for n in range(100)]
    return trial(
        1,
        0.2,
        sweep="grid",
        series=ReturnSeries.of(sessions, np.linspace(-0.01, 0.02, 100)),
        ladder={"ideal": {"sharpe": 1.0, "net": 5.0, "n_trades": 3.0}},
        unfilled={"halt": 2},
        trade_hash="f" * 64,
        details={"note": "kept"},
    )


def test_a_trial_of_a_sweep_survives_the_state_database(tmp_path):
    """All that it keeps comes back, returns to the bit."""
    state = State.at(tmp_path / "state.db")
    state.upsert(TRIALS, [with_returns().to_row()])
    assert [Trial.from_row(row) for row in state.select(TRIALS)] == [with_returns()]
    state.close()


def test_a_trial_that_kept_no_returns_still_reads():
    """A row of an earlier version has neither the column nor what stands in details now."""
    row = trial(1, 0.2).to_row()
    del row["returns"]
    for name in ("sweep", "ladder", "unfilled", "trade_hash"):
        del row["details"][name]
    old = Trial.from_row(row)
    assert (old.sweep, old.sessions, old.returns, old.ladder) == (None, (), (), {})


def test_damaged_returns_are_refused_by_name():
    """Bytes that are no whole number of sessions are no returns."""
    row = with_returns().to_row()
    with pytest.raises(StrategyError, match="no whole number of sessions"):
        Trial.from_row(row | {"returns": row["returns"][:-1]})
