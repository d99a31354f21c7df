"""Every threshold of the scan, and the classes that follow from them."""

from dataclasses import dataclass

from quant_assets.momentum.patterns import Reversals
from quant_assets.momentum.quality import Factors
from quant_assets.momentum.schema import DayClass


@dataclass(frozen=True)
class MomentumRules:
    """Thresholds; ratios are shares of one, not percent.

    Parameters
    ----------
    band_low, band_high
        Range of a momentum day, as the scanner's filter; the index keeps every day.
    prime_quality, prime_range
        A prime day lies above this quality and at or above this range.
    secondary_quality
        A secondary day lies at or above it.
    risk_gap
        Jump from one bar's close to the next open that makes a day with a halt a risk.
    mixed_range
        Range from which a day is no longer ordinary.
    risk_failed_breakouts
        Failed breakouts that make a day with such a range a risk; one flush that is bought back
        is enough.
    move_threshold
        Least five-minute move of a flush or breakout: 0.4 % fits equities, crypto wants 1 %.
    full_window, least_window
        Sessions whose mean volume is the yardstick, and below how many it is unknown.
    print_tolerance
        A bar's extreme further than this from its neighbours' and its own body is a bad print.
    """

    band_low: float = 0.10
    band_high: float = 0.30
    prime_quality: float = 0.8
    prime_range: float = 0.20
    secondary_quality: float = 0.6
    risk_gap: float = 0.02
    mixed_range: float = 0.05
    risk_failed_breakouts: int = 2
    move_threshold: float = 0.004
    full_window: int = 20
    least_window: int = 5
    print_tolerance: float = 0.03

    def is_momentum_day(self, range_ratio: float) -> bool:
        """Whether a range lies in the scanner's band, both ends included."""
        return self.band_low <= range_ratio <= self.band_high


DEFAULT_RULES = MomentumRules()


@dataclass(frozen=True)
class DayFacts:
    """What the class of a day is decided by.

    Parameters
    ----------
    quality
        Score, or None where it is unknown.
    range_ratio
        Range without bad prints, as a share of the open.
    is_fine
        Whether the bars are of one minute or less.
    gap
        Largest jump from a bar's close to the next open, as a share; 0 where there is none.
    reversals
        Breakouts that came back, and flushes that were bought back.
    """

    quality: float | None
    factors: Factors
    range_ratio: float
    is_fine: bool
    halts: int
    gap: float
    reversals: Reversals


def classify(facts: DayFacts, *, rules: MomentumRules = DEFAULT_RULES) -> DayClass:
    """Return the day's one class: prime, secondary, risk, mixed or ordinary, first match wins.

    A prime day must have earned its score: move, volume and clarity known, from fine bars.
    """
    quality = facts.quality if facts.quality is not None else 0.0
    if quality > rules.prime_quality and _may_be_prime(facts, rules):
        return DayClass.PRIME
    if quality >= rules.secondary_quality:
        return DayClass.SECONDARY
    if _is_risk(facts, rules):
        return DayClass.RISK
    if facts.range_ratio >= rules.mixed_range:
        return DayClass.MIXED
    return DayClass.ORDINARY


def _may_be_prime(facts: DayFacts, rules: MomentumRules) -> bool:
    """Whether the range is large enough and the score rests on what was seen."""
    seen = (facts.factors.move, facts.factors.volume, facts.factors.clarity)
    return facts.is_fine and None not in seen and facts.range_ratio >= rules.prime_range


def _is_risk(facts: DayFacts, rules: MomentumRules) -> bool:
    """Whether the day stopped and jumped, or moved far and turned on those who followed."""
    jumped = facts.halts >= 1 and facts.gap >= rules.risk_gap
    turned = _turned(facts.reversals, rules)
    return jumped or (turned and facts.range_ratio >= rules.mixed_range)


def _turned(reversals: Reversals, rules: MomentumRules) -> bool:
    """Whether enough breakouts failed, or a flush was bought back."""
    return reversals.failed_breakouts >= rules.risk_failed_breakouts or reversals.bounces >= 1
