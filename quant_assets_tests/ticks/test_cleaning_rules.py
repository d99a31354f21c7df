"""What cleaning sets aside, and what it only flags: each rule against a slow oracle."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.settings.model import CleaningSettings
from quant_assets.ticks.cleaning import Cleaned, clean_ticks
from quant_assets.ticks.rules import CLEAN_RULES
from quant_assets.ticks.thresholds import Thresholds
from quant_assets_tests.ticks import cleaning_oracle as oracle
from quant_assets_tests.ticks.rows import SESSION_NS, instrument, raw_ticks

SECOND = 10**9
STEADY = [{"ts": n * SECOND, "price": 100.0} for n in range(10)]


def cleaned(rows: list[dict], **changes) -> Cleaned:
    """Clean short rows of gold futures, one second after the other where they name no time."""
    timed = [{"ts": n * SECOND} | row for n, row in enumerate(rows)]
    return clean_ticks(raw_ticks(*timed), contract="GCZ13", instrument=instrument(**changes))


def rules_by_row(found: Cleaned) -> dict[int, str]:
    """Return the rule of each row set aside, by its place in the source."""
    rows = found.set_aside.select("place", "rule").iter_rows()
    return {int(place.removeprefix("row ")): rule for place, rule in rows}


PRICES = st.sampled_from([100.0, 100.1, 97.0, 104.0, 106.0, 89.0, 112.0, 115.0, 10.0, 1000.0])
ROWS = st.fixed_dictionaries(
    {
        "ts": st.sampled_from([0, 1, 40 * SECOND, 299 * SECOND, 300 * SECOND, 301 * SECOND]),
        "price": PRICES | st.sampled_from([0.0, -100.0, 100.05]),
        "qty": st.sampled_from([0.0, 1.0, 1.0, 2.0]),
        "bid": st.sampled_from([None, None, 99.9, 90.0, 104.9, 9.9, 0.0, -1.0]),
        "ask": st.sampled_from([None, 100.0, 105.0, 110.0, 999.0, 10.0]),
        "bid_qty": st.sampled_from([None, 1.0]),
        "ask_qty": st.sampled_from([None, 1.0]),
    }
)


def check_against_oracle(rows: list[dict]) -> None:
    """Compare rules, kept rows and repeats with the oracle's; times are steps from row to row."""
    clock = 0
    for row in rows:
        clock += row["ts"]
        row["ts"] = clock
    found = cleaned(rows)
    wanted = oracle.verdicts(rows)
    assert rules_by_row(found) == {n: rule for n, rule in enumerate(wanted) if rule}
    kept = [row for row, rule in zip(rows, wanted, strict=True) if rule is None]
    assert found.frame["seq"].to_list() == [n for n, rule in enumerate(wanted) if rule is None]
    assert found.frame["repeats"].to_list() == oracle.repeated(kept)
    assert found.broken == {rule: wanted.count(rule) for rule in CLEAN_RULES}


@settings(max_examples=300)
@given(st.lists(ROWS, max_size=40))
def test_what_is_set_aside_is_the_oracles(rows):
    """Each rule, alone and with the others, on short steps and across pauses."""
    check_against_oracle(rows)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(60, 400))
def test_long_sessions_are_judged_as_the_oracle_judges(seed, count):
    """A walk with jumps, bad prints, spread legs and old quotes, longer than the window."""
    rng = np.random.default_rng(seed)
    level = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    level *= np.where(np.cumsum(rng.random(count) < 0.01) % 2 == 0, 1.0, 1.3)
    slip = rng.choice([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0, 0.1, 1.12, 0.92], count)
    old = np.roll(level, 7)
    rows = [
        {
            "ts": int(rng.choice([0, 1, 9, 310]) * SECOND) if rng.random() < 0.3 else 0,
            "price": round(float(level[n] * slip[n]), 1),
            "qty": float(rng.integers(0, 4)),
            "bid": round(float(old[n]) - 0.1, 1) if rng.random() < 0.5 else None,
            "ask": round(float(old[n]) + float(rng.choice([-0.1, 0.1, 12.0])), 1),
            "bid_qty": None,
            "ask_qty": 1.0,
        }
        for n in range(count)
    ]
    check_against_oracle(rows)


@pytest.mark.parametrize("factor", [10.0, 0.1, 100.0, 1.2, 0.8])
@pytest.mark.parametrize("quote", [{}, {"bid": 99.9, "ask": 100.1}])
def test_a_planted_bad_print_is_caught(factor, quote):
    """A lost digit, a shifted point: by the quote where there is one, else by the median."""
    rows = [one | quote for one in STEADY]
    rows[7]["price"] = 100.0 * factor
    rule = "away_from_quote" if quote else "away_from_median"
    assert rules_by_row(cleaned(rows)) == {7: rule}


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"price": -100.0}, "non_positive_price"),
        ({"price": 0.0}, "non_positive_price"),
        ({"price": 100.05}, "off_tick_grid"),
        ({"price": 0.0, "qty": 0.0}, "non_positive_price"),
        ({"price": 106.0, "bid": 99.9, "ask": 100.1}, "away_from_quote"),
        ({"price": 94.0, "bid": 99.9, "ask": 100.1}, "away_from_quote"),
    ],
)
def test_a_planted_slip_is_told_by_its_rule(row, rule):
    """A sign, a zero, a price between two ticks, one far from the quote."""
    rows = [*STEADY, row, *STEADY[:1]]
    rows[-1] = {"price": 100.0}
    assert rules_by_row(cleaned(rows)) == {10: rule}


@pytest.mark.parametrize("column", ["qty", "bid_qty", "ask_qty"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_set_aside(column, value):
    """Landing lets none through; cleaning does not rely on it."""
    rows = raw_ticks({}, {}).with_columns(
        pl.when(pl.col("seq") == 1).then(value).otherwise(pl.col(column)).alias(column)
    )
    found = clean_ticks(rows, contract=None, instrument=instrument())
    assert rules_by_row(found) == {1: "not_finite"}


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"price": 109.0}, id="within_reach_of_the_median"),
        pytest.param({"price": 130.0, "qty": 0.0}, id="a_spread_leg"),
        pytest.param({"price": 130.0, "bid": 129.0, "ask": 131.0}, id="its_quote_vouches_for_it"),
        pytest.param({"price": 100.0, "bid": 129.0, "ask": 131.0}, id="the_quote_is_old"),
        pytest.param({"price": 100.0, "bid": 101.0, "ask": 99.0}, id="a_crossed_quote"),
        pytest.param({"price": 130.0, "ts": 310 * SECOND}, id="after_a_halt"),
        pytest.param({"price": 105.0, "bid": 0.1, "ask": 999.0}, id="a_stub_quote"),
    ],
)
def test_what_is_market_stays(row):
    """Far out is only what no witness stands for."""
    assert cleaned([*STEADY, row]).set_aside.is_empty()


def test_a_wide_quote_vouches_for_nothing():
    """Between a bid of 0.1 and an ask of 999 any slip would lie."""
    found = cleaned([*STEADY, {"price": 130.0, "bid": 0.1, "ask": 999.0}])
    assert rules_by_row(found) == {10: "away_from_median"}


def test_a_fast_market_stays_however_far_it_goes():
    """Steps of four per cent up to three times the price, within one second."""
    rows = [{"ts": 5, "price": round(100 * 1.04**n, 1)} for n in range(30)]
    assert cleaned([*({"ts": 1} for _ in range(60)), *rows]).set_aside.is_empty()


@pytest.mark.parametrize(("level", "slip"), [(110.0, 98.0), (91.0, 101.0)])
def test_a_slip_back_to_where_the_market_came_from_is_told(level, slip):
    """The median has moved on, though the first trades are near the slip."""
    walk = [{"price": 100 + (level - 100) * n / 10} for n in range(10)]
    found = cleaned([*walk, *({"price": level} for _ in range(30)), {"price": slip}])
    assert rules_by_row(found) == {40: "away_from_median"}


def test_after_a_true_shift_of_level_cleaning_recovers():
    """Four trades at the new level are set aside, the fifth is kept, and so is all that follows."""
    found = cleaned([*STEADY, *({"price": 150.0 + n / 10} for n in range(20))])
    assert rules_by_row(found) == dict.fromkeys(range(10, 14), "away_from_median")
    assert found.level_shifts == 1
    old = {"bid": 99.9, "ask": 100.1}
    found = cleaned([one | old for one in [*STEADY, *({"price": 150.0} for _ in range(20))]])
    assert rules_by_row(found) == dict.fromkeys(range(10, 14), "away_from_quote")


def test_bad_prints_that_do_not_agree_never_become_the_level():
    """Nor do those between which the market goes on."""
    slips = [{"price": 1000.0 if n % 2 else 10.0} for n in range(20)]
    found = cleaned([*STEADY, *slips, {"price": 100.0}])
    assert (found.set_aside.height, found.level_shifts) == (20, 0)
    mixed = [{"price": 1000.0 if n % 3 else 100.0} for n in range(30)]
    found = cleaned([*STEADY, *mixed])
    assert (found.set_aside.height, found.level_shifts) == (20, 0)


def test_an_inferred_tick_size_is_no_rule():
    """Only a list states one: what prices seem to step by does not forbid a price."""
    assert cleaned([{"price": 100.05}], known=False).set_aside.is_empty()
    assert not cleaned([{"price": 100.05}], known=True).set_aside.is_empty()


def test_stamps_of_another_session_are_set_aside():
    """The session holds [start, next start): its first instant, and not the next one's."""
    rows = raw_ticks(*({"ts": ts} for ts in (-1, 0, 99, 100)))
    span = [SESSION_NS, SESSION_NS + 100]
    found = clean_ticks(rows, contract=None, instrument=instrument(), span=span)
    assert rules_by_row(found) == dict.fromkeys((0, 3), "other_session")
    assert found.frame["seq"].to_list() == [1, 2]


def test_what_stays_is_flagged_and_counted():
    """A repeated row, a spread leg, a locked and a crossed quote, a trade outside hours."""
    rows = [
        {"ts": 1},
        {"ts": 1},
        {"ts": 2},
        {"ts": 3, "qty": 0.0, "outside_hours": True},
        {"ts": 4, "bid": 100.0, "ask": 100.0},
        {"ts": 5, "bid": 100.1, "ask": 100.0},
        {"ts": 6, "bid": 99.9, "ask": 100.1},
        {"ts": 7, "ask": 100.0},
        {"ts": 8, "bid": 100.0},
    ]
    found = cleaned(rows)
    assert found.frame["repeats"].to_list() == [False, True, *[False] * 7]
    assert found.frame["no_spread"].to_list() == [*[False] * 4, True, True, *[False] * 3]
    assert found.flagged == {"repeats": 1, "no_spread": 2, "outside_hours": 1, "zero_quantity": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"price": 100.1},
        {"qty": 2.0},
        {"bid": 99.9},
        {"ask": 100.1},
        {"bid_qty": 0.0},
        {"ask_qty": 5.0},
        {"side": "buy"},
        {"ts": 2},
    ],
)
def test_one_other_value_makes_no_repeat(change):
    """All values count, and no value is none but nothing."""
    assert cleaned([{"ts": 1}, {"ts": 1} | change]).flagged["repeats"] == 0


@settings(max_examples=20)
@given(st.lists(st.integers(0, 12), min_size=17, max_size=300))
def test_many_rows_of_one_stamp_are_compared_too(prices):
    """Feeds of whole seconds put hundreds of rows under one stamp."""
    rows = [{"ts": 1, "price": 100.0 + price / 10} for price in prices]
    assert cleaned(rows).frame["repeats"].to_list() == oracle.repeated(rows)


def test_the_settings_say_what_the_rules_default_to():
    """Both stand once, in their own layer; they must not drift apart."""
    assert Thresholds(**CleaningSettings().model_dump()) == Thresholds()
    assert all(rule.replace("_", "").isalpha() and rule.islower() for rule in CLEAN_RULES)
