"""Every day has exactly one class, by the first rule that matches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.momentum.patterns import Reversals
from quant_assets.momentum.quality import Factors
from quant_assets.momentum.rules import DEFAULT_RULES, DayFacts, classify
from quant_assets.momentum.schema import DayClass

KNOWN = Factors(move=1.0, volume=1.0, clarity=1.0)
CALM = Reversals(failed_breakouts=0, bounces=0)


def facts(
    quality: float | None,
    range_ratio: float,
    *,
    halts: int = 0,
    gap: float = 0.0,
    reversals: Reversals = CALM,
    factors: Factors = KNOWN,
    is_fine: bool = True,
) -> DayFacts:
    """Return a day's facts."""
    return DayFacts(
        quality=quality,
        factors=factors,
        range_ratio=range_ratio,
        is_fine=is_fine,
        halts=halts,
        gap=gap,
        reversals=reversals,
    )


FAILED_TWICE = Reversals(failed_breakouts=2, bounces=0)
FAILED_ONCE = Reversals(failed_breakouts=1, bounces=0)
BOUNCED = Reversals(failed_breakouts=0, bounces=1)

CASES = [
    pytest.param(facts(0.81, 0.20), DayClass.PRIME, id="prime_at_20_percent"),
    pytest.param(facts(0.80, 0.40), DayClass.SECONDARY, id="prime_needs_more_than_0.8"),
    pytest.param(facts(0.95, 0.19), DayClass.SECONDARY, id="high_quality_small_range"),
    pytest.param(facts(0.60, 0.01), DayClass.SECONDARY, id="secondary_from_0.6_on"),
    pytest.param(
        facts(0.95, 0.5, is_fine=False), DayClass.SECONDARY, id="coarse_bars_are_never_prime"
    ),
    pytest.param(
        facts(0.95, 0.5, factors=Factors(move=1.0, clarity=1.0)),
        DayClass.SECONDARY,
        id="unknown_volume_is_never_prime",
    ),
    pytest.param(facts(0.59, 0.01, halts=1, gap=0.02), DayClass.RISK, id="halt_and_gap"),
    pytest.param(facts(0.59, 0.01, halts=1, gap=0.019), DayClass.ORDINARY, id="halt_without_gap"),
    pytest.param(facts(0.59, 0.01, gap=0.5), DayClass.ORDINARY, id="gap_without_halt"),
    pytest.param(facts(0.5, 0.05, reversals=FAILED_TWICE), DayClass.RISK, id="two_failures"),
    pytest.param(facts(0.5, 0.05, reversals=FAILED_ONCE), DayClass.MIXED, id="one_failure"),
    pytest.param(facts(0.5, 0.05, reversals=BOUNCED), DayClass.RISK, id="a_flush_bought_back"),
    pytest.param(facts(0.5, 0.049, reversals=BOUNCED), DayClass.ORDINARY, id="small_reversal"),
    pytest.param(facts(0.5, 0.05), DayClass.MIXED, id="mixed_from_5_percent"),
    pytest.param(facts(0.5, 0.6), DayClass.MIXED, id="large_but_unclear"),
    pytest.param(facts(None, 0.6), DayClass.MIXED, id="no_quality"),
    pytest.param(facts(0.0, 0.0), DayClass.ORDINARY, id="nothing_happened"),
]


@pytest.mark.parametrize(("day", "expected"), CASES)
def test_the_first_rule_that_matches_names_the_day(day, expected):
    """At the edges of each rule."""
    assert classify(day) is expected


counts = st.integers(0, 3)
shares = st.floats(0.0, 1.0)


@given(
    quality=st.none() | shares,
    range_ratio=shares,
    halts=counts,
    gap=shares,
    reversals=st.builds(Reversals, failed_breakouts=counts, bounces=counts),
    is_fine=st.booleans(),
)
def test_a_day_has_one_class_and_never_a_better_one_for_less_quality(quality, range_ratio, **rest):
    """Prime and secondary rest on quality alone among equal facts."""
    found = classify(facts(quality, range_ratio, **rest))
    assert found in DayClass
    lower = classify(facts(None if quality is None else quality / 2, range_ratio, **rest))
    order = list(DayClass)
    assert order.index(lower) >= order.index(found)


def test_a_momentum_day_moves_ten_to_thirty_percent():
    """Both ends included, as the scanner's filter says."""
    inside = [DEFAULT_RULES.is_momentum_day(one) for one in (0.099, 0.10, 0.30, 0.301)]
    assert inside == [False, True, True, False]
