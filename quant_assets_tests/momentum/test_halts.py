"""Counting halts in status records."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from quant_assets.market.columns import UTC_NS
from quant_assets.momentum.halts import count_halts, halt_spans

OPEN = datetime(2024, 2, 9, 14, 30, tzinfo=UTC)


def status(*actions: str) -> pl.DataFrame:
    """Return one record a minute."""
    return pl.DataFrame(
        {
            "ts": [OPEN + timedelta(minutes=at) for at in range(len(actions))],
            "seq": pl.Series(range(len(actions)), dtype=pl.UInt32),
            "action": list(actions),
        },
        schema={"ts": UTC_NS, "seq": pl.UInt32, "action": pl.String},
    )


CASES = [
    pytest.param((), 0, id="no_records"),
    pytest.param(("PRE_OPEN", "TRADING", "CLOSE"), 0, id="a_quiet_day"),
    pytest.param(("TRADING", "HALT", "TRADING"), 1, id="one_halt"),
    pytest.param(("TRADING", "PAUSE", "QUOTING", "TRADING"), 1, id="quoting_is_not_trading"),
    pytest.param(("PAUSE", "HALT", "SUSPEND", "TRADING"), 1, id="a_halt_on_a_halt_is_one"),
    pytest.param(("HALT", "TRADING", "PAUSE", "TRADING"), 2, id="two_halts"),
    pytest.param(("TRADING", "HALT"), 1, id="never_resumed"),
    pytest.param(("TRADING", "TRADING", "TRADING"), 0, id="trading_alone"),
]


@pytest.mark.parametrize(("actions", "expected"), CASES)
def test_a_halt_lasts_until_trading(actions, expected):
    """Whatever comes between belongs to it."""
    assert count_halts(status(*actions)) == expected


def test_a_halt_has_its_start_and_end():
    """The end is open where trading never resumed."""
    spans = halt_spans(status("TRADING", "PAUSE", "QUOTING", "TRADING", "HALT"))
    starts = [OPEN + timedelta(minutes=at) for at in (1, 4)]
    assert spans["start"].to_list() == starts
    assert spans["end"].to_list() == [OPEN + timedelta(minutes=3), None]


def test_records_count_in_the_order_of_time_and_source():
    """Two records of one instant stand in the order in which they came."""
    rows = status("HALT", "HALT", "TRADING", "TRADING")
    for one in (rows, rows.with_columns(ts=pl.lit(OPEN, dtype=UTC_NS))):
        assert count_halts(one[[0, 2, 1, 3]]) == 1
