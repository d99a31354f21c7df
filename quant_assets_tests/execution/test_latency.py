"""Latency: bounds by construction, one distribution a kind, and draws without a memory."""

from statistics import NormalDist, quantiles

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.execution.latency import latency_rules
from quant_assets.execution.latency_kernels import normal_quantile, order_latency
from quant_assets.signals.execution_spec import LatencySpec

MS = 1_000_000
MASK = (1 << 64) - 1


def splitmix(value: int) -> int:
    """Return the finalizer of splitmix64, in whole numbers."""
    z = (value + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def draw(seed: int, number: int, place: int) -> float:
    """Return the draw that hangs on three counters."""
    state = splitmix(splitmix(splitmix(seed) ^ number) ^ place)
    return (state >> 11) / 2**53


def slow_uniform(seed: int, number: int) -> tuple[int, int]:
    """Return the ways there and back as section D.8 of the rules states them, in ns."""
    network = 10 * MS + int(draw(seed, number, 0) * 40 * MS)
    exchange = 20 * MS + int(draw(seed, number, 1) * 80 * MS)
    least = max(0, 50 * MS - network - exchange)
    most = min(50 * MS, 200 * MS - network - exchange)
    client = least + int(draw(seed, number, 2) * (most - least))
    return client + network + exchange, 10 * MS + int(draw(seed, number, 3) * 40 * MS)


def ways(spec: LatencySpec, *, count: int, seed: int = 7) -> list[tuple[int, int]]:
    """Return the ways of the first orders."""
    rules, samples = latency_rules(spec)
    return [order_latency(rules, samples, seed, number) for number in range(count)]


seeds = st.integers(0, 2**63 - 1)
numbers = st.integers(0, 2**40)


@settings(deadline=None)
@given(seeds, numbers)
def test_uniform_ways_are_those_of_the_rule(seed, number):
    """Network, exchange and client as stated, to the nanosecond; 50 to 200 ms in all."""
    rules, samples = latency_rules(LatencySpec())
    arrival, known = order_latency(rules, samples, seed, number)
    assert (arrival, known) == slow_uniform(seed, number)
    assert 50 * MS <= arrival < 200 * MS
    assert 10 * MS <= known < 50 * MS


def test_uniform_ways_spread_as_measured():
    """A mean of 115 ms, and 5, 50 and 95 of a hundred below 67, 115 and 164."""
    arrivals = [arrival / MS for arrival, _ in ways(LatencySpec(), count=20_000)]
    cuts = quantiles(arrivals, n=20)
    assert np.mean(arrivals) == pytest.approx(115.2, abs=1.5)
    assert (cuts[0], cuts[9], cuts[18]) == pytest.approx((67, 115, 164), abs=2.5)


@settings(deadline=None)
@given(seeds, st.permutations(range(8)))
def test_a_draw_hangs_on_its_order_alone(seed, order):
    """Whatever is drawn before, an order's way is the same."""
    rules, samples = latency_rules(LatencySpec())
    straight = [order_latency(rules, samples, seed, number) for number in range(8)]
    shuffled = {number: order_latency(rules, samples, seed, number) for number in order}
    assert straight == [shuffled[number] for number in range(8)]


def test_a_constant_way_is_constant():
    """Each way, there and back, takes what the spec says."""
    assert set(ways(LatencySpec(kind="constant", arrival_ms=1.5), count=5)) == {
        (1_500_000, 1_500_000)
    }


def test_a_lognormal_way_has_its_median_and_its_cut():
    """Half of the uncut ways lie below the median; the law of their logarithms is the normal's."""
    spec = LatencySpec(kind="lognormal_truncated", arrival_ms=100, spread=0.3, most_ms=60_000)
    logs = np.log([arrival / MS / 100 for arrival, _ in ways(spec, count=20_000)]) / 0.3
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.quantile(logs, share) == pytest.approx(NormalDist().inv_cdf(share), abs=0.06)


@settings(deadline=None)
@given(seeds, numbers, st.floats(0.01, 3), st.floats(0.01, 1000), st.floats(0.01, 1000))
def test_a_lognormal_way_never_takes_longer_than_its_cut(seed, number, spread, median, most):
    """Even where the cut lies far below the median."""
    spec = LatencySpec(kind="lognormal_truncated", arrival_ms=median, spread=spread, most_ms=most)
    rules, samples = latency_rules(spec)
    for way in order_latency(rules, samples, seed, number):
        assert 0 <= way <= most * MS


def test_empirical_ways_lie_between_neighbouring_samples():
    """Interpolated over the sorted samples, so their quantiles are the samples' own."""
    spec = LatencySpec(kind="empirical", samples_ms=(300.0, 10.0, 20.0))
    arrivals = [arrival / MS for arrival, _ in ways(spec, count=20_000)]
    assert min(arrivals) >= 10.0
    assert max(arrivals) <= 300.0
    assert np.quantile(arrivals, 0.25) == pytest.approx(15.0, abs=0.3)
    assert np.quantile(arrivals, 0.75) == pytest.approx(160.0, abs=8.0)
    alone = LatencySpec(kind="empirical", samples_ms=(12.0,))
    assert set(ways(alone, count=3)) == {(12 * MS, 12 * MS)}


@settings(deadline=None)
@given(st.floats(1e-300, 1.0, exclude_max=True))
def test_the_normal_quantile_is_the_normals(probability):
    """To the digits of an independent one."""
    expected = NormalDist().inv_cdf(probability)
    assert normal_quantile(probability) == pytest.approx(expected, rel=1e-12, abs=1e-14)
