"""Rule 201: a fall of a tenth restricts short sales from that trade on."""

import polars as pl
import pytest

from quant_assets.execution.short_sales import restricted_from


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        pytest.param([100.0, 90.1], None, id="not_quite_a_tenth"),
        pytest.param([100.0, 90.0, 95.0, 80.0], 1, id="from_the_first_trade_at_a_tenth"),
        pytest.param([], None, id="no_trade"),
    ],
)
def test_a_fall_of_a_tenth_restricts_short_sales(prices, expected):
    """By the previous close of 100; a later rise lifts nothing."""
    schema = {"ts_ns": pl.Int64, "price": pl.Float64}
    trades = pl.DataFrame({"ts_ns": range(len(prices)), "price": prices}, schema=schema)
    assert restricted_from(trades, previous_close=100.0) == expected
