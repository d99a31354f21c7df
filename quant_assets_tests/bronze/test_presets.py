"""Grids: their levels, their names, and what they refuse; spreads by instrument."""

import math

import numpy as np
import pytest

from quant_assets.bronze.presets import (
    SPREAD_PIPS,
    TIMEFRAME_PRESETS,
    Grid,
    parse_levels,
    preset,
    spread_price,
)
from quant_assets.market.errors import InputError
from quant_assets.market.instruments import AssetClass, Instrument
from quant_assets.market.timeframes import Timeframe


def test_the_minute_has_the_published_levels():
    """20 stops, 40 targets, 200 candles: numpy's spacing to the bit."""
    assert TIMEFRAME_PRESETS["1m"] == {
        "SL_RATIOS": tuple(np.linspace(0.0005, 0.01, 20).tolist()),
        "TP_RATIOS": tuple(np.linspace(0.0005, 0.02, 40).tolist()),
        "MAX_LOOKFORWARD": 200,
    }


@pytest.mark.parametrize("name", ["5m", "15m", "1h", "1d", "30s"])
def test_other_timeframes_scale_by_the_root_of_their_minutes(name):
    """A random walk moves as the root of time."""
    timeframe = Timeframe.parse(name)
    scale = math.sqrt(timeframe.minutes)
    assert preset(timeframe).sl_ratios[0] == pytest.approx(0.0005 * scale, rel=1e-12)
    assert preset(timeframe).tp_ratios[-1] == pytest.approx(0.02 * scale, rel=1e-12)


def test_each_value_of_a_grid_is_in_its_name():
    """Two grids that could give other rows never share a folder."""
    base = {"sl_ratios": (0.01, 0.02), "tp_ratios": (0.01,), "max_lookforward": 5}
    changes = [
        {},
        {"sl_ratios": (0.01, 0.03)},
        {"sl_ratios": (0.01,), "tp_ratios": (0.02, 0.01 * 3)},
        {"tp_ratios": (0.01, 0.01)},
        {"max_lookforward": 6},
        {"tie": "win"},
        {"spread_on": "both"},
        {"tail": "drop"},
    ]
    names = [Grid(**(base | change)).hash8 for change in changes]
    assert len(set(names)) == len(changes)
    assert all(len(name) == 8 and int(name, 16) >= 0 for name in names)


def test_a_grids_name_is_the_same_in_every_process():
    """The name is a path in the lake: it may never change by itself."""
    assert Grid((0.01, 0.02), (0.01,), 5).hash8 == "9240e780"


@pytest.mark.parametrize(
    ("stops", "targets", "forward"),
    [
        pytest.param((), (0.01,), 5, id="no_level"),
        pytest.param((0.01,), (), 5, id="no_target"),
        pytest.param((0.0, 0.01), (0.01,), 5, id="zero"),
        pytest.param((-0.01,), (0.01,), 5, id="negative"),
        pytest.param((0.02, 0.01), (0.01,), 5, id="descending"),
        pytest.param((math.nan,), (0.01,), 5, id="no_number"),
        pytest.param((0.01, math.inf), (0.01,), 5, id="infinite"),
        pytest.param((0.01,), (0.01,), 0, id="no_look_forward"),
    ],
)
def test_a_grid_that_cannot_be_searched_is_refused(stops, targets, forward):
    """The kernel's scan relies on positive, ascending levels."""
    with pytest.raises(InputError):
        Grid(stops, targets, forward)


def test_levels_are_read_as_evenly_spaced():
    """`A:B:N` is numpy's linspace."""
    assert parse_levels("0.0005:0.01:20") == tuple(np.linspace(0.0005, 0.01, 20).tolist())
    assert parse_levels("0.5:0.5:1") == (0.5,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.01",
        "0.1:0.2",
        "0.2:0.1:5",
        "0:0.1:5",
        "a:b:c",
        "0.1:0.2:0",
        "0.1:0.2:1",
        "nan:1:2",
        "0.1:inf:3",
        "0.1:0.2:5:6",
        "0.1:0.2:99999999",
    ],
)
def test_levels_that_cannot_be_read_are_refused(text):
    """Nothing is guessed, and no count fills the memory."""
    with pytest.raises(InputError, match="A:B:N"):
        parse_levels(text)


def instrument(symbol: str, **changes) -> Instrument:
    """Return a pair with a pip of 0.0001, changed."""
    values = {
        "symbol": symbol,
        "asset_class": AssetClass.FX,
        "calendar": "FX",
        "tick_size": 0.00001,
        "pip_size": 0.0001,
        "multiplier": 1.0,
        "currency": "USD",
        "qty_scale": 1.0,
        "known": True,
        "spread_ticks": 10.0,
    }
    return Instrument(**(values | changes))


def test_a_spread_is_the_table_s_else_the_instruments_else_nothing():
    """Pips become price by the pip's size."""
    assert SPREAD_PIPS["GBPUSD"] == 1.5
    assert spread_price(instrument("GBPUSD")) == 0.00015
    assert spread_price(instrument("SEKNOK")) == pytest.approx(0.0001)
    assert spread_price(instrument("X", tick_size=None, pip_size=None)) == 0.0


def test_given_pips_count_before_all_else():
    """Without a pip they are ticks."""
    assert spread_price(instrument("GBPUSD"), pips=2.0) == 0.0002
    assert spread_price(instrument("GBPUSD"), pips=0.0) == 0.0
    assert spread_price(instrument("ES", tick_size=0.25, pip_size=None), pips=2.0) == 0.5


@pytest.mark.parametrize("pips", [-1.0, math.nan, math.inf])
def test_pips_that_are_no_spread_are_refused(pips):
    """A negative spread would be a gift."""
    with pytest.raises(InputError, match="GBPUSD"):
        spread_price(instrument("GBPUSD"), pips=pips)


def test_pips_of_an_instrument_without_any_unit_are_refused():
    """Their price would be a guess."""
    with pytest.raises(InputError, match="tick_size"):
        spread_price(instrument("X", tick_size=None, pip_size=None), pips=1.0)
