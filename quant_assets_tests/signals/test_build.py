"""Signals: against slow oracles, to the bit whatever stands before, and filter by filter."""

from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.market.columns import UTC_NS
from quant_assets.market.errors import StrategyError
from quant_assets.signals.build import (
    allow_regimes,
    confirm,
    draw_sides,
    model_signals,
    rule_signals,
    sma_cross_sides,
)
from quant_assets.signals.filters import ConfirmSpec, RegimeFilter
from quant_assets.signals.kernels import uniform
from quant_assets.signals.python_rule import Bar, rule_sides, warm_up_of
from quant_assets.signals.sources import RandomSignal, SmaCross
from quant_assets.signals.strategy import DecisionSpec

DAY = date(2024, 3, 4)
START_NS = int(datetime(2024, 3, 4, 14, 30, tzinfo=UTC).timestamp()) * 10**9


def bars_of(closes: list[float], contracts: list[str] | None = None) -> pl.DataFrame:
    """Return bars of a minute of one session."""
    n = len(closes)
    return pl.DataFrame(
        {
            "session": [DAY] * n,
            "bar_start": pl.Series(START_NS + 60_000_000_000 * np.arange(n)).cast(UTC_NS),
            "contract": contracts or ["ESH24"] * n,
            "open": closes,
            "high": closes,
            "low": closes,
            "close": closes,
            "volume": [1.0] * n,
        }
    )


def slow_sides(closes: list[float], contracts: list[str], rule: SmaCross) -> list[int]:
    """Return what the means of exact fractions say, bar by bar."""
    ticks = [round(close * 10**9) for close in closes]
    sides = []
    for row in range(len(closes)):
        first = row
        while first and contracts[first - 1] == contracts[row]:
            first -= 1
        own = ticks[first : row + 1]
        if len(own) < rule.slow:
            sides.append(0)
            continue
        fast = Fraction(sum(own[-rule.fast :]), rule.fast)
        slow = Fraction(sum(own[-rule.slow :]), rule.slow)
        short = -1 if rule.side == "both" else 0
        sides.append(1 if fast > slow else short if fast < slow else 0)
    return sides


prices = st.lists(st.integers(50, 60).map(lambda n: n / 4), min_size=1, max_size=60)


@given(prices, st.integers(1, 5), st.integers(1, 6), st.sampled_from(["long", "both"]), st.data())
def test_a_cross_of_means_is_that_of_exact_fractions(closes, fast, more, side, data):
    """Both sides, ties, warm-up, and a contract that changes somewhere."""
    rule = SmaCross(kind="sma_cross", fast=fast, slow=fast + more, side=side)
    change = data.draw(st.integers(0, len(closes)))
    contracts = ["ESH24"] * change + ["ESM24"] * (len(closes) - change)
    bars = bars_of(closes, contracts)
    assert sma_cross_sides(bars, rule).tolist() == slow_sides(closes, contracts, rule)


@given(prices, st.integers(0, 40))
def test_a_cross_hangs_on_its_window_alone(closes, dropped):
    """With `slow - 1` bars before, a row says the same as with all of the history."""
    rule = SmaCross(kind="sma_cross", fast=2, slow=5)
    whole = sma_cross_sides(bars_of(closes), rule)
    cut = min(dropped, max(len(closes) - 5, 0))
    part = sma_cross_sides(bars_of(closes).slice(cut), rule)
    assert part[4:].tolist() == whole[cut + 4 :].tolist()


def test_sums_that_wrap_around_stay_exact():
    """Prices of a hundred million over many bars pass 64 bits; their means do not."""
    closes = [1e8 + (row % 7) for row in range(400)]
    rule = SmaCross(kind="sma_cross", fast=3, slow=10)
    assert sma_cross_sides(bars_of(closes), rule).tolist() == slow_sides(
        closes, ["ESH24"] * 400, rule
    )


def test_random_trades_come_as_often_as_asked_and_hang_on_the_bar_alone():
    """About a tenth of the bars, half of them short; a part of the bars draws the same."""
    rule = RandomSignal(kind="random", chance=0.1, seed=5)
    bars = bars_of([100.0] * 20_000)
    sides = draw_sides(bars, rule)
    asked = np.abs(sides).mean()
    assert abs(asked - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 20_000)
    assert abs((sides < 0).sum() / np.abs(sides).sum() - 0.5) < 4 * np.sqrt(0.25 / 2000)
    assert draw_sides(bars.slice(777, 100), rule).tolist() == sides[777:877].tolist()
    other = draw_sides(bars, RandomSignal(kind="random", chance=0.1, seed=6))
    assert other.tolist() != sides.tolist()
    assert set(draw_sides(bars, RandomSignal(kind="random", chance=0.5, seed=1, side="long"))) == {
        0,
        1,
    }


def slow_uniform(seed: int, first: int, second: int) -> float:
    """Return the draw in plain Python integers."""
    mask = 2**64 - 1

    def mixed(value: int) -> int:
        z = (value + 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    state = mixed(mixed(mixed(seed & mask) ^ (first & mask)) ^ (second & mask))
    return (state >> 11) / 2**53


@given(st.integers(0, 2**63 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(0, 1000))
def test_a_draw_is_that_of_plain_integers(seed, first, second):
    """Splitmix64 by counters, for any of them."""
    assert uniform(seed, first, second) == slow_uniform(seed, first, second)


def predictions(proba: list[float], **columns: object) -> pl.DataFrame:
    """Return predictions of one session, long and out of sample unless said."""
    n = len(proba)
    values = {"fold": [0] * n, "side": [1] * n, "is_oos": [True] * n} | columns
    return bars_of([1.0] * n).select(
        "session",
        "bar_start",
        fold=pl.Series(values["fold"], dtype=pl.Int16),
        proba=pl.Series(proba),
        side=pl.Series(values["side"], dtype=pl.Int8),
        is_oos=pl.Series(values["is_oos"]),
        model_version=pl.lit("ab" * 32),
    )


def test_a_model_asks_where_it_passes_the_threshold():
    """The chance is that of the asked side; what is in sample asks for nothing."""
    told = predictions([0.7, 0.5, 0.2, 0.9], is_oos=[True, True, True, False])
    made = model_signals(told, DecisionSpec(threshold=0.6, side="both"))
    assert made["side"].to_list() == [1, 0, -1, 0]
    assert made["chance"].to_list() == pytest.approx([0.7, 0.5, 0.8, 0.9])
    assert made["is_oos"].to_list() == [True, True, True, False]
    meta = model_signals(predictions([0.7, 0.7], side=[-1, 1]), DecisionSpec(threshold=0.6))
    assert meta["side"].to_list() == [-1, 1]
    assert meta["chance"].to_list() == [0.7, 0.7]


def test_a_second_model_must_agree():
    """On the side, by its threshold, out of sample; a bar that it says nothing of is not it."""
    asked = rule_signals(bars_of([1.0] * 6), np.array([1, 1, -1, 1, 1, 0], dtype=np.int8))
    second = predictions([0.6, 0.59, 0.9, 0.9, 0.9], is_oos=[True, True, True, True, False])
    second = second.filter(pl.Series([True, True, True, False, True]))
    made = confirm(asked, second, ConfirmSpec(name="bot", threshold=0.6))
    assert made["side"].to_list() == [1, 0, 0, 0, 0, 0]
    assert made["asked"].to_list() == [1, 1, -1, 1, 1, 0]
    none = "unconfirmed"
    assert made["blocked"].to_list() == [None, none, none, none, none, None]


def test_a_second_strategy_must_ask_for_the_same():
    """Confirmation by signals: the same side at the same bar."""
    bars = bars_of([1.0] * 4)
    asked = rule_signals(bars, np.array([1, -1, 1, -1], dtype=np.int8))
    second = rule_signals(bars, np.array([1, -1, -1, 0], dtype=np.int8))
    made = confirm(asked, second, ConfirmSpec(name="bot", table="signals"))
    assert made["side"].to_list() == [1, -1, 0, 0]


def test_a_regime_that_is_not_allowed_blocks():
    """By the label of the signal's own bar; a bar without one allows nothing."""
    bars = bars_of([1.0] * 4)
    asked = rule_signals(bars, np.array([1, 1, -1, 1], dtype=np.int8))
    labels = bars.select(
        "bar_start", volatility_label=pl.Series([0, 2, 1, None], dtype=pl.Int8)
    ).head(4)
    made = allow_regimes(asked, labels, RegimeFilter(allowed=(0, 1)))
    assert made["side"].to_list() == [1, 0, -1, 0]
    assert made["blocked"].to_list() == [None, "regime", None, "regime"]


def test_what_is_unconfirmed_stays_so_behind_the_regime():
    """The first reason stands."""
    bars = bars_of([1.0])
    asked = rule_signals(bars, np.array([1], dtype=np.int8))
    blocked = confirm(asked, asked.clear(), ConfirmSpec(name="bot", table="signals"))
    labels = bars.select("bar_start", volatility_label=pl.Series([9], dtype=pl.Int8))
    made = allow_regimes(blocked, labels, RegimeFilter(allowed=(0,)))
    assert made["blocked"].to_list() == ["unconfirmed"]


class Rising:
    """Long after two closes that rose, by more than a margin."""

    warm_up_bars = 2

    def __init__(self, margin: float = 0.0) -> None:
        self.margin = margin
        self.closes: list[float] = []

    def decide(self, bar: Bar) -> int:
        """Compare with the two closes before."""
        self.closes.append(bar.close)
        last = self.closes[-3:]
        rises = all(b > a + self.margin for a, b in pairwise(last))
        return int(rises and len(last) == 3)


def test_a_class_of_the_users_is_asked_bar_by_bar():
    """After the warm-up its word counts; parameters reach it."""
    bars = bars_of([1.0, 2.0, 3.0, 2.0, 3.0, 4.0])
    sides = rule_sides(Rising, bars, n_before=2, params={})
    assert sides.tolist() == [1, 0, 0, 1]
    assert rule_sides(Rising, bars, n_before=2, params={"margin": 1.5}).tolist() == [0] * 4
    assert warm_up_of(Rising) == 2


FAILING = object()


def asks(side: object):
    """Return a class that always says the same."""

    class Broken:
        warm_up_bars = 0

        def decide(self, bar: Bar) -> object:
            """Say it, or fail on a bar that costs nothing."""
            return 1 // int(bar.close - 1.0) if side is FAILING else side

    return Broken


class Wanting:
    """Cannot be made without a size."""

    warm_up_bars = 0

    def __init__(self, size: float) -> None:
        self.size = size


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (asks(2), "Broken.*2"),
        (asks(True), "Broken.*True"),
        (asks(FAILING), "Broken at the bar.*ZeroDivisionError"),
        (Wanting, "Wanting when it is made.*size"),
    ],
    ids=["no_side", "a_truth", "it_fails", "it_wants_more"],
)
def test_a_class_that_fails_is_told(made, says):
    """With its name, and the session of the bar."""
    with pytest.raises(StrategyError, match=says):
        rule_sides(made, bars_of([1.0]), n_before=0, params={})


@pytest.mark.parametrize("count", [-1, True, 2.5, None])
def test_a_warm_up_is_a_count(count):
    """Anything else is refused, with the class."""
    with pytest.raises(StrategyError, match="warm_up_bars"):
        warm_up_of(type("Mine", (), {"warm_up_bars": count}))


def test_signals_know_no_later_bar():
    """Whatever follows, what was said stays: two hundred cuts of a rule's prices."""
    rng = np.random.default_rng(7)
    closes = (100 + np.cumsum(rng.normal(size=300))).round(2).tolist()
    rule = SmaCross(kind="sma_cross", fast=4, slow=11)
    whole = sma_cross_sides(bars_of(closes), rule)
    for cut in rng.integers(1, 300, size=200):
        scrambled = [*closes[:cut], *(rng.normal(100, 30, size=300 - cut)).tolist()]
        assert sma_cross_sides(bars_of(scrambled), rule)[:cut].tolist() == whole[:cut].tolist()
