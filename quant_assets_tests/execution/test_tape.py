"""The tape: prices in whole ticks, rounded against whoever trades."""

import polars as pl

from quant_assets.execution.tape import quotes_of_ticks, trades_of_ticks
from quant_assets.market.columns import SIDES, UTC_NS

TICKS = pl.DataFrame(
    {
        "ts": pl.Series([1, 2, 3], dtype=pl.Int64).cast(UTC_NS),
        "price": [10_250_000_000, 10_255_000_000, -10_000_000],
        "qty": [5.0, 5.0, 0.0],
        "side": pl.Series(["buy", "sell", "unknown"], dtype=pl.Enum(SIDES)),
        "bid": [10_240_000_000, 10_245_000_000, None],
        "ask": [10_250_000_000, 10_255_000_000, -5_000_000],
        "bid_qty": [1.0, 2.0, None],
        "ask_qty": [3.0, 4.0, 5.0],
    }
)


def test_a_quote_between_two_steps_moves_away():
    """A bid down, an ask up; what is missing stays missing."""
    quotes = quotes_of_ticks(TICKS, tick_size=0.01)
    assert quotes["ts_ns"].to_list() == [1, 2, 3]
    assert quotes["bid"].to_list() == [1024, 1024, None]
    assert quotes["ask"].to_list() == [1025, 1026, 0]


def test_a_trade_between_two_steps_met_no_limit():
    """Neither did one without size."""
    assert trades_of_ticks(TICKS, tick_size=0.01).rows() == [(1, 1025, 5.0, "buy")]
