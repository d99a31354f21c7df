"""Impact: the square-root law, its mean over an order, and what fades of it."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.execution.impact_kernels import average_impact_ratio, impact_ratio

sizes = st.floats(0.0, 1e7)
some = st.floats(0.01, 1e7)
sigmas = st.floats(1e-4, 0.2)
volumes = st.floats(1.0, 1e9)


@settings(deadline=None)
@given(sigmas, some, volumes)
def test_the_last_unit_pays_the_square_root_of_its_share(sigma, qty, volume):
    """Y daily deviations at the day's whole volume, half of it at a quarter."""
    expected = 0.7 * sigma * math.sqrt(qty / volume)
    assert impact_ratio(0.7, sigma, qty, volume) == pytest.approx(expected, rel=1e-12)
    assert impact_ratio(1.0, sigma, volume, volume) == pytest.approx(sigma, rel=1e-12)


def midpoints(before: float, qty: float, steps: int = 4000) -> float:
    """Return the mean of the root over an order's units, by summing thin slices."""
    slices = (before + qty * (step + 0.5) / steps for step in range(steps))
    return math.fsum(math.sqrt(place) for place in slices) / steps


@settings(deadline=None, max_examples=30)
@given(sizes, some)
def test_the_mean_is_the_marginals_integral(before, qty):
    """Summed in thin slices, the marginal gives the closed form."""
    mean = average_impact_ratio(1.0, 1.0, before, qty, 1.0)
    assert mean == pytest.approx(midpoints(before, qty), rel=1e-5)


@settings(deadline=None)
@given(sigmas, some, some, volumes)
def test_parts_pay_together_what_the_whole_pays(sigma, first, second, volume):
    """Splitting an order saves nothing; what comes later pays more."""
    whole = average_impact_ratio(1.0, sigma, 0.0, first + second, volume) * (first + second)
    start = average_impact_ratio(1.0, sigma, 0.0, first, volume)
    rest = average_impact_ratio(1.0, sigma, first, second, volume)
    assert start * first + rest * second == pytest.approx(whole, rel=1e-12)
    assert rest > start


@settings(deadline=None)
@given(sigmas, sizes, some, volumes)
def test_the_marginal_is_at_least_the_average(sigma, before, qty, volume):
    """No unit pays less than those before it."""
    average = average_impact_ratio(1.0, sigma, before, qty, volume)
    last = impact_ratio(1.0, sigma, before + qty, volume)
    first = impact_ratio(1.0, sigma, before, volume)
    assert first * (1 - 1e-15) <= average <= last * (1 + 1e-15)


def test_a_small_order_after_a_large_one_loses_no_digits():
    """Where the difference of two powers would cancel, the form in roots does not."""
    before, qty = 1e12, 1e-3
    exact = float(Fraction(before) + Fraction(qty) / 2) ** 0.5
    assert average_impact_ratio(1.0, 1.0, before, qty, 1.0) == pytest.approx(exact, rel=1e-15)


@pytest.mark.parametrize(
    ("sigma", "volume"),
    [(0.0, 1e6), (math.nan, 1e6), (0.01, 0.0), (0.01, math.nan), (math.nan, math.nan), (-1.0, 1e6)],
)
def test_without_sigma_or_volume_nothing_is_known(sigma, volume):
    """NaN and 0 give no impact, neither marginal nor mean."""
    assert impact_ratio(1.0, sigma, 100.0, volume) == 0.0
    assert average_impact_ratio(1.0, sigma, 0.0, 100.0, volume) == 0.0
