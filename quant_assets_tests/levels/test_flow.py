"""Mean prices, their bands and value areas, against exact fractions; volume is conserved."""

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.bars.footprint_kernels import value_area
from quant_assets.bars.profile import profile_of_bars
from quant_assets.levels.flow import Flow
from quant_assets.levels.kernels import N_MOMENTS, SQUARES, WEIGHT, added_moments, developing_areas
from quant_assets.levels.stretches import Stretch
from quant_assets_tests.levels import oracle
from quant_assets_tests.levels.markets import (
    TICK,
    TICK_UNITS,
    BarRows,
    bars_of,
    drawn_sessions,
    footprint_of,
    profile_of,
)

EARLIER = st.lists(drawn_sessions(), max_size=3)


def merged(sessions: list[BarRows]) -> Stretch:
    """Return the stretch of some sessions."""
    stretch = Stretch.empty()
    for rows in sessions:
        stretch = stretch.extended(profile_of(rows))
    return stretch


def trades_of(sessions: list[BarRows]) -> list[tuple[float, float]]:
    """Return prices and volumes of sessions, row by row."""
    return [
        (price * TICK, float(volume)) for rows in sessions for bar in rows for price, volume in bar
    ]


def or_nan(value: float | Fraction | None) -> float:
    """Return a float, NaN for None."""
    return float("nan") if value is None else float(value)


def close_to(value: float) -> object:
    """Return what compares to 1e-9 of the tick, NaN to NaN."""
    return pytest.approx(value, rel=1e-12, abs=1e-9, nan_ok=True)


@given(EARLIER, drawn_sessions())
def test_mean_and_bands_are_those_of_all_that_was_traded_so_far(
    sessions: list[BarRows], rows: BarRows
):
    """At each bar's end: earlier sessions, and the bars up to it, in exact fractions."""
    flow = Flow.of(bars_of(rows), footprint_of(rows), tick=TICK_UNITS)
    bands = flow.bands("x", merged(sessions))
    for bar in range(len(rows)):
        traded = trades_of([*sessions, rows[: bar + 1]])
        mean, spread = or_nan(oracle.mean_price(traded)), or_nan(oracle.deviation(traded))
        assert bands["x"][bar] == close_to(mean)
        for count in (1, 2):
            assert bands[f"x_upper_{count}"][bar] == close_to(mean + count * spread)
            assert bands[f"x_lower_{count}"][bar] == close_to(mean - count * spread)


@given(EARLIER, drawn_sessions())
def test_value_area_is_that_of_all_prices_traded_so_far(sessions: list[BarRows], rows: BarRows):
    """At each bar's end, to the last bit; a price that trades later is no empty row."""
    area = Flow.of(bars_of(rows), footprint_of(rows), tick=TICK_UNITS).area("x", merged(sessions))
    for bar in range(len(rows)):
        found = oracle.value_area(oracle.profile(trades_of([*sessions, rows[: bar + 1]])))
        expected = found or (float("nan"),) * 3
        made = [area[name][bar] for name in ("x_poc", "x_vah", "x_val")]
        np.testing.assert_array_equal(made, expected)


@given(drawn_sessions())
def test_without_a_footprint_volume_lies_at_the_bars_own_price(rows: BarRows):
    """Profiles take the typical price to the nearest tick; bands the typical price as it is."""
    bars = bars_of(rows).with_columns(vwap=pl.lit(None, dtype=pl.Float64))
    flow = Flow.of(bars, None, tick=TICK_UNITS)
    bands, area = flow.bands("x", Stretch.empty()), flow.area("x", Stretch.empty())
    prices = [(bar["high"] + bar["low"] + bar["close"]) / 3 for bar in bars.iter_rows(named=True)]
    rounded = [round(Fraction(price) / Fraction(TICK)) * TICK for price in prices]
    volumes = bars["volume"].to_list()
    for bar in range(len(rows)):
        so_far = list(zip(prices, volumes, strict=True))[: bar + 1]
        mean, spread = or_nan(oracle.mean_price(so_far)), or_nan(oracle.deviation(so_far))
        assert bands["x"][bar] == close_to(mean)
        assert bands["x_upper_2"][bar] == close_to(mean + 2 * spread)
        at_ticks = list(zip(rounded, volumes, strict=True))[: bar + 1]
        expected = oracle.value_area(oracle.profile(at_ticks)) or (float("nan"),) * 3
        made = [area[name][bar] for name in ("x_poc", "x_vah", "x_val")]
        np.testing.assert_array_equal(made, expected)


def test_a_bars_average_price_goes_before_its_typical_one():
    """Where ticks gave an average, the mean is of it; else of (high + low + close) / 3."""
    bars = bars_of([[(100, 1), (104, 3)], [(108, 2), (100, 2)]])
    mixed = bars.with_columns(vwap=pl.Series([bars["vwap"][0], None], dtype=pl.Float64))
    typical = (27.0 + 25.0 + 27.0) / 3
    mean = Flow.of(mixed, None, tick=TICK_UNITS).bands("x", Stretch.empty())["x"]
    assert mean[1] == close_to((25.0 * 1 + 26.0 * 3 + typical * 4) / 8)


@pytest.mark.parametrize("level", [1.0, 1e6, 1e9])
def test_a_narrow_spread_around_a_high_price_is_not_lost(level: float):
    """Prices of a few 1e-6 around a large one: no digit of the deviation is cancelled away."""
    prices = np.array([level + 2.0**-19 * step for step in (0, 3, 1, 2, 5, 4) * 200])
    volumes = np.tile([1.0, 2.0, 3.0], 400)
    moments = added_moments(np.zeros(N_MOMENTS), prices, volumes)
    expected = oracle.deviation(zip(prices, volumes, strict=True))
    assert np.sqrt(moments[SQUARES] / moments[WEIGHT]) == pytest.approx(expected, rel=1e-6)


def test_one_price_has_bands_of_no_width():
    """Mean and both bands are the price itself, to the bit."""
    rows = [[(403, 7)]] * 30
    bands = Flow.of(bars_of(rows), footprint_of(rows), tick=TICK_UNITS).bands("x", Stretch.empty())
    assert {float(value) for column in bands.values() for value in column} == {403 * TICK}


def test_nothing_traded_gives_no_level():
    """Bars of a feed without volume have neither mean price nor profile."""
    bars = bars_of([[(100, 0)], [(101, 0)]])
    flow = Flow.of(bars, None, tick=TICK_UNITS)
    columns = {**flow.bands("x", Stretch.empty()), **flow.area("y", Stretch.empty())}
    assert all(np.isnan(values).all() for values in columns.values())


@given(EARLIER, drawn_sessions())
def test_stretches_grown_or_made_anew_are_equal_to_the_bit(sessions: list[BarRows], last: BarRows):
    """Whatever was merged before, the sessions in their order decide; no volume is lost."""
    grown = merged(sessions).extended(profile_of(last))
    anew = merged([*sessions, last])
    for one, other in (
        (grown.units, anew.units),
        (grown.volumes, anew.volumes),
        (grown.moments, anew.moments),
    ):
        assert one.tobytes() == other.tobytes()
    total = sum(volume for _, volume in trades_of([*sessions, last]))
    assert grown.volumes.sum() == grown.moments[WEIGHT] == total


def test_footprint_rows_without_a_bar_count_from_the_next_bar_on():
    """A bar that only the footprint has is known at the end of the next one."""
    rows = [[(100, 1)], [(200, 9)], [(101, 1)]]
    bars = bars_of(rows)[[0, 2]]
    area = Flow.of(bars, footprint_of(rows), tick=TICK_UNITS).area("x", Stretch.empty())
    assert area["x_poc"].tolist() == [25.0, 50.0]


def test_a_footprint_without_rows_is_not_replaced_by_bars():
    """What comes later must not decide where volume lies now."""
    rows = [[(100, 1)], [(101, 2)]]
    flow = Flow.of(bars_of(rows), footprint_of(rows)[:0], tick=TICK_UNITS)
    assert np.isnan(flow.area("x", Stretch.empty())["x_poc"]).all()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12))
def test_the_last_area_is_that_of_the_whole_profile(volumes: list[int]):
    """Added one row a bar, the developing area ends as the area of all that traded."""
    rows = np.array(volumes, dtype=np.float64)
    n_rows = rows.shape[0]
    areas = developing_areas(
        np.zeros(n_rows), np.arange(n_rows), rows, np.arange(1, n_rows + 1), 0.7
    )
    traded = np.flatnonzero(rows > 0)
    if traded.size == 0:
        assert (areas == -1).all()
        return
    assert areas[-1].tolist() == [int(traded[at]) for at in value_area(rows[traded], 0.7)]


@given(drawn_sessions())
def test_the_profile_of_bars_is_the_one_that_the_next_sessions_read(rows: BarRows):
    """Of a session without footprint the last bar's rows add up to what `profiles` stores of it."""
    bars = bars_of(rows)
    flow = Flow.of(bars, None, tick=TICK_UNITS)
    assert flow.profile is not None
    stored = profile_of_bars(bars, tick=TICK_UNITS)
    own: dict[float, float] = {}
    for price, volume in zip(flow.profile.price, flow.profile.volume, strict=True):
        own[price] = own.get(price, 0.0) + volume
    assert dict(stored.select("price", "volume").iter_rows()) == {
        price: volume for price, volume in own.items() if volume > 0
    }
