"""The flat table as features: every figure, and nothing that names a row."""

from datetime import date

import polars as pl
import pytest

from quant_assets.contracts.flatten import flatten_session
from quant_assets.contracts.learning import learning_frame
from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.models.schema import RESERVED, training_set_table
from quant_assets_tests.contracts.markets import (
    MINUTE,
    NEXT_START_NS,
    levels_of,
    order_flow_of,
    session_bars,
)


@pytest.fixture
def rows() -> pl.DataFrame:
    """Return a session of the flat table."""
    bars = session_bars(date(2013, 10, 7), 9, seed=2)
    return flatten_session(
        bars,
        timeframe=MINUTE,
        next_start_ns=NEXT_START_NS,
        order_flow=order_flow_of(bars, seed=2),
        levels=levels_of(bars, seed=2),
    )


def test_every_figure_is_there_once_as_a_number(rows):
    """All columns but keys, the stamp of knowledge and the contract's name; nulls stay nulls."""
    made = learning_frame(rows)
    left_out = {"known_at", "contract"}
    assert made.columns == [name for name in rows.columns if name not in left_out]
    assert set(made.dtypes[2:]) == {pl.Float64}
    for name in made.columns[2:]:
        assert made[name].to_list() == rows[name].to_list(), name
    assert set(made["absorption"]) <= {0.0, 1.0}


def test_no_figure_bears_a_name_that_training_sets_use(rows):
    """The flat table can always be learned from."""
    names = learning_frame(CONTRACT_TABLE.empty()).columns[2:]
    assert not RESERVED & set(names)
    assert training_set_table(names).schema.column_names()[2 : 2 + len(names)] == names
