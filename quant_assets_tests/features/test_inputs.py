"""Columns joined to bars: no row lost or doubled, and each value known at its bar's end."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.bars.footprint_schema import FOOTPRINT_BARS
from quant_assets.features.calendar_inputs import (
    SessionFacts,
    clock_inputs,
    known_closes,
    reference_inputs,
)
from quant_assets.features.inputs import (
    FOOTPRINT_INPUTS,
    FOOTPRINT_PREFIX,
    JOINED_INPUTS,
    LEVEL_INPUTS,
    LEVEL_PREFIX,
    REFERENCE_CONTRACT,
    joined,
    prefixed,
)
from quant_assets.levels.schema import LEVELS
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError
from quant_assets.market.sessions import SessionBounds
from quant_assets.market.timeframes import Timeframe

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
FIFTEEN, FIVE = Timeframe.parse("15m"), Timeframe.parse("5m")


def stamps(minutes: list[int]) -> pl.Series:
    """Return instants so many minutes after noon."""
    starts = [NOON + timedelta(minutes=minute) for minute in minutes]
    return pl.Series("bar_start", starts, dtype=UTC_NS)


def bars_at(minutes: list[int]) -> pl.DataFrame:
    """Return bars that start so many minutes after noon, with closes that name them."""
    closes = [100.0 + minute for minute in minutes]
    return pl.DataFrame({"bar_start": stamps(minutes), "close": closes})


def contracts_at(minutes: list[int], contracts: list[str | None]) -> pl.DataFrame:
    """Return bars with their contracts."""
    return bars_at(minutes).with_columns(contract=pl.Series(contracts, dtype=pl.String))


some_minutes = st.lists(st.integers(0, 300), unique=True, min_size=1, max_size=30)


@given(some_minutes, some_minutes, some_minutes)
def test_every_bar_stands_once_and_in_its_place(own, footprint, levels):
    """Whatever rows the sources have, the bars' rows and their order stay; others are dropped."""
    bars = bars_at(own)
    sources = {
        "footprint": bars_at(footprint).rename({"close": "footprint_delta"}),
        "levels": bars_at(levels).rename({"close": "level_session_vwap"}),
    }
    made = joined(bars, sources)
    assert made.select(bars.columns).equals(bars)
    assert made.columns == [*bars.columns, *JOINED_INPUTS]
    expected = [100.0 + minute if minute in footprint else None for minute in own]
    assert made["footprint_delta"].to_list() == expected
    assert made["level_session_vwap"].null_count() == len(set(own) - set(levels))


def test_a_source_with_two_rows_for_a_bar_is_refused():
    """It would double the bar."""
    twice = pl.concat([bars_at([5]), bars_at([5])]).rename({"close": "footprint_delta"})
    with pytest.raises(InputError, match="1 bars have two rows"):
        joined(bars_at([5, 6]), {"footprint": twice})


@pytest.mark.parametrize(
    ("table", "prefix", "inputs"),
    [(FOOTPRINT_BARS, FOOTPRINT_PREFIX, FOOTPRINT_INPUTS), (LEVELS, LEVEL_PREFIX, LEVEL_INPUTS)],
    ids=["footprint", "levels"],
)
def test_every_input_is_a_column_of_its_table(table, prefix, inputs):
    """A renamed column of a table would else be null for ever, or fail at night."""
    assert prefixed(table.empty(), prefix=prefix, inputs=inputs).columns == ["bar_start", *inputs]


@given(some_minutes, some_minutes)
def test_the_reference_is_its_last_close_that_is_known(own, other):
    """A bar of the other symbol counts once it has ended, as a slow search says."""
    closes = known_closes(contracts_at(other, [None] * len(other)), timeframe=FIVE)
    made = reference_inputs(bars_at(own), closes, timeframe=FIFTEEN)
    for row in made.iter_rows(named=True):
        minute = int((row["bar_start"] - NOON).total_seconds() // 60)
        ended = [at for at in other if at + 5 <= minute + 15]
        assert row["reference_close"] == (100.0 + max(ended) if ended else None)
    assert sorted(made["bar_start"]) == sorted(stamps(own))


def test_a_null_close_of_the_reference_is_passed_over():
    """The last known value stays, and the contract that it is of."""
    bars = contracts_at([0, 5], ["ESZ23", "ESH24"]).with_columns(close=pl.Series([1.5, None]))
    made = reference_inputs(bars_at([15]), known_closes(bars, timeframe=FIVE), timeframe=FIFTEEN)
    assert made["reference_close"].to_list() == [1.5]
    assert made["reference_contract"].to_list() == ["ESZ23"]


def test_the_contract_of_the_reference_stands_beside_the_bars():
    """It is no input, and there only where a source has it."""
    closes = known_closes(contracts_at([0, 20], ["ESZ23", "ESH24"]), timeframe=FIVE)
    own = bars_at([-30, 0, 15])
    made = joined(own, {"reference": reference_inputs(own, closes, timeframe=FIFTEEN)})
    assert made.columns == [*own.columns, *JOINED_INPUTS, REFERENCE_CONTRACT]
    assert made[REFERENCE_CONTRACT].to_list() == [None, "ESZ23", "ESH24"]


def facts(expiry: date | None) -> SessionFacts:
    """Return a session that opens at noon for an hour."""
    start = int(NOON.timestamp()) * 10**9
    hour = 3600 * 10**9
    bounds = SessionBounds(NOON.date(), start - 2 * hour, start, start + hour, start + 9 * hour)
    return SessionFacts(bounds, expiry)


def test_the_clock_counts_to_the_end_of_the_bar():
    """Before the open it is negative, behind the close too."""
    made = clock_inputs(bars_at([-30, 0, 60]), facts(date(2024, 3, 15)), timeframe=FIFTEEN)
    assert made["minutes_since_open"].to_list() == [-15.0, 15.0, 75.0]
    assert made["minutes_to_close"].to_list() == [75.0, 45.0, -15.0]
    assert made["session_minutes"].to_list() == [60.0] * 3
    assert made["days_to_expiry"].to_list() == [11.0] * 3


def test_a_daily_bar_has_no_minutes_and_a_currency_no_expiry():
    """What is not known is null."""
    made = clock_inputs(bars_at([0]), facts(None), timeframe=Timeframe.parse("1d"))
    assert made.drop("bar_start").row(0) == (None, None, None, None)
    assert made.dtypes[1:] == [pl.Float64] * 4
