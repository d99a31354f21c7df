"""Names of bars and of price steps read back as what they say."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.bar_spec import BarKind, BarSpec, FootprintSpec
from quant_assets.market.errors import InputError, TimeframeError
from quant_assets.market.tick_size import (
    check_tick_size,
    infer_tick_units,
    price_name,
    price_units,
)

NAMES = ["1s", "1m", "15m", "1h", "4h", "1d", "vol1000", "vol0.5", "tick500", "range8"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_reads_back(name):
    """Parsing and naming are inverse."""
    assert BarSpec.parse(name).name == name


def test_a_name_tells_its_kind():
    """`60m` is an hour; quantities may be parts."""
    assert BarSpec.parse("60m").name == "1h"
    assert BarSpec.parse("vol0.5") == BarSpec(BarKind.VOLUME, Decimal("0.5"))
    assert BarSpec.parse("vol1000").name == "vol1000"
    assert BarSpec.parse("vol1000").timeframe is None
    assert BarSpec.parse("15m").timeframe is not None


@pytest.mark.parametrize(
    "name",
    ["", "m", "7m", "25h", "vol", "vol0", "vol-3", "tick2.5", "range0", "volume100", "1m@5", "1w"],
)
def test_what_is_no_bar_is_refused_with_the_names_there_are(name):
    """The message shows how bars are written."""
    with pytest.raises(TimeframeError, match="tick500"):
        BarSpec.parse(name)


def test_a_footprint_may_name_its_bucket():
    """Behind an @ stands the width of a row."""
    assert FootprintSpec.parse("5m@0.5") == FootprintSpec(BarSpec.parse("5m"), 500_000_000)
    assert FootprintSpec.parse("vol10").bucket is None
    with pytest.raises(InputError, match="price step"):
        FootprintSpec.parse("5m@")


@given(st.integers(1, 10**18))
def test_a_width_of_price_reads_back(units):
    """Any whole number of 1e-9 has a plain decimal name."""
    name = price_name(units)
    assert "e" not in name.lower()
    assert price_units(name) == units


@pytest.mark.parametrize("width", ["0", "-1", "nan", "inf", "x", "", "1e-10", "1e12"])
def test_what_is_no_width_is_refused(width):
    """Zero, negatives, words, and what is finer than 1e-9 or beyond all prices."""
    with pytest.raises(InputError, match="price step"):
        price_units(width)


def test_a_tick_size_that_fits_nearly_all_prices_is_taken():
    """One price in a hundred may lie off the grid."""
    prices = np.arange(1_000, dtype=np.int64) * 250_000_000
    prices[:9] += 1
    check_tick_size(prices, 250_000_000)
    prices[:40] += 1
    with pytest.raises(InputError, match=r"tick size of 0\.25: 4 % of 1,000 prices"):
        check_tick_size(prices, 250_000_000)


@given(st.sampled_from([1, 5, 10, 250]), st.integers(0, 2**32 - 1))
def test_large_prices_keep_their_step(step, seed):
    """Prices of 17 million with nine decimals have more digits than a Float64."""
    rng = np.random.default_rng(seed)
    prices = 17_000_000 * 10**9 + rng.integers(0, 10**6, 2_000) * step
    assert infer_tick_units(prices) == step
