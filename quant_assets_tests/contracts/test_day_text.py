"""A session's text from columns is, to the byte, what `json.dumps` gives of its objects."""

import json
import math
import struct

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quant_assets.contracts import day_text as module
from quant_assets.contracts.day_text import day_text
from quant_assets.contracts.flatten import flatten_session
from quant_assets.contracts.json_values import day_to_json, stamp_text
from quant_assets.contracts.objects import DayRows, day_of, flat_of, rows_in_order, split_flat
from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import InputError
from quant_assets_tests.contracts.days import contracts, plain_day
from quant_assets_tests.contracts.markets import (
    MINUTE,
    NEXT_START_NS,
    footprint_of,
    levels_of,
    order_flow_of,
    session_bars,
)
from quant_assets_tests.contracts.test_model import SESSION

any_bits = st.binary(min_size=8, max_size=8).map(lambda raw: struct.unpack("<d", raw)[0])
reals = any_bits.filter(math.isfinite) | st.builds(
    lambda digits, exponent: float(f"{digits}e{exponent}"),
    st.integers(-(10**17), 10**17),
    st.integers(-25, 10),
)
EDGES = [0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1e-5, 1e-7, 1.5e-10, 9.999999999999999e-05]
EDGES += [1e-4, 1e15, 9999999999999998.0, 1e16, 1e17, 1.5e22, 1e100, 1.7976931348623157e308]


def text_of_objects(rows: pl.DataFrame, footprint: pl.DataFrame | None) -> str:
    """Return what the standard library writes of a session."""
    return json.dumps(day_to_json(day_of(rows, footprint)), separators=(",", ":"))


@settings(max_examples=30)
@given(contracts())
def test_a_day_drawn_value_by_value_has_the_text_of_its_objects(contract):
    """Nulls, empty footprints, floats of every size."""
    for day in contract.days:
        rows, footprint = split_flat(flat_of(day, contract=None))
        assert day_text(rows, footprint) == json.dumps(day_to_json(day), separators=(",", ":"))


@pytest.mark.parametrize("has_flow", [True, False])
def test_a_session_of_the_lake_has_the_text_of_its_objects(has_flow):
    """With order flow and footprint, and from bars alone; rows of no bar's footprint are left."""
    bars = session_bars(SESSION, 40, seed=4)
    flow = order_flow_of(bars, seed=4) if has_flow else None
    rows = flatten_session(
        bars,
        timeframe=MINUTE,
        next_start_ns=NEXT_START_NS,
        order_flow=flow,
        levels=levels_of(bars, seed=4),
    )
    footprint = footprint_of(bars, seed=4) if has_flow else None
    for told in (rows, rows[3:30]):
        assert day_text(told, footprint) == text_of_objects(told, footprint)


@given(st.lists(st.none() | reals, min_size=1))
@example([None, *EDGES, *(-edge for edge in EDGES)])
def test_numbers_are_written_as_python_writes_them(values):
    """Exponents, signed zeros and subnormals too, whatever stands beside them."""
    (series, *rest) = (pl.Series(values, dtype=pl.Float64) for _ in range(2))
    told = module._real_texts([series, *rest]).to_list()
    assert told == [None if one is None else json.dumps(one) for one in values * 2]


@pytest.mark.parametrize("exponent", range(-330, 310, 5))
def test_numbers_of_every_magnitude_are_written_as_python_writes_them(exponent):
    """Short and long figures over all decades."""
    digits = np.random.default_rng(exponent + 400).integers(1, 10 ** np.arange(1, 18))
    values = [float(f"{digit}e{exponent + at}") for digit in digits.tolist() for at in range(5)]
    finite = [one for one in values if math.isfinite(one)]
    told = module._real_texts([pl.Series(finite, dtype=pl.Float64)]).to_list()
    assert told == [json.dumps(one) for one in finite]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_hold_is_refused(value):
    """As `json.dumps` refuses it; null is another thing."""
    rows, footprint = split_flat(flat_of(plain_day(3), contract=None))
    with pytest.raises(ValueError, match="not JSON compliant"):
        day_text(rows.with_columns(atr=pl.lit(value)), footprint)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_instants_are_written_as_objects_write_them(ns):
    """Nine decimals in UTC, over all that 64 bits hold."""
    told = pl.Series([ns]).cast(UTC_NS).dt.to_string(module._STAMP)
    assert told.item() == stamp_text(ns)


def test_rows_out_of_order_are_refused():
    """A day twice, a day turned, a bar twice: as for objects."""
    days = [DayRows(*split_flat(flat_of(plain_day(number), contract=None))) for number in (1, 2)]
    assert list(rows_in_order(days)) == days
    for wrong in ([days[0], days[0]], days[::-1]):
        with pytest.raises(InputError, match="does not lie behind"):
            list(rows_in_order(wrong))
    with pytest.raises(InputError, match="do not ascend"):
        list(rows_in_order([DayRows(pl.concat([days[0].rows, days[0].rows]))]))
