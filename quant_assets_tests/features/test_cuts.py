"""Where a frame is cut, and what the judge makes of columns that misbehave."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.features.cuts import choose_cuts, scramble
from quant_assets.features.frame_feature import frame_feature
from quant_assets.features.integrity import judge
from quant_assets.features.probe_market import probe_bars, with_inputs
from quant_assets.market.errors import InputError
from quant_assets_tests.features.markets import MINUTE, random_bars, with_breaks

BARS = random_bars(2, 150, seed=3)


@settings(max_examples=30)
@given(st.integers(2, 90), st.integers(1, 260), st.integers(0, 99))
def test_there_are_as_many_cuts_as_asked_for_and_none_at_the_last_row(n_bars, count, seed):
    """With fewer rows they come again, and each row is among them."""
    bars = with_breaks(random_bars(2, n_bars, seed=seed), seed=seed)
    cuts = choose_cuts(bars, count=count, seed=seed)
    starts = bars["bar_start"].to_list()[:-1]
    assert len(cuts) == count
    assert cuts == sorted(cuts)
    assert set(cuts) <= set(starts)
    if count >= len(starts):
        assert set(cuts) == set(starts)
    else:
        assert len(set(cuts)) == count
    assert cuts == choose_cuts(bars.sample(fraction=1.0, shuffle=True), count=count, seed=seed)


@pytest.mark.parametrize("seed", range(5))
def test_few_cuts_stand_around_what_breaks_the_rows(seed):
    """A null, a missing minute, another contract and a session's end, in a long calm frame."""
    place = pl.int_range(pl.len())
    broken = BARS.with_columns(
        close=pl.when(place != 40).then(pl.col("close")),
        contract=pl.when(place < 80).then(pl.lit("ESH24")).otherwise(pl.lit("ESM24")),
    ).filter(place != 120)
    cuts = choose_cuts(broken, count=60, seed=seed)
    starts = broken["bar_start"].to_list()
    for row in (39, 40, 79, 119, 148):
        assert starts[row] in cuts, row


def test_a_frame_of_one_row_has_no_cut():
    """Nothing comes after it."""
    assert choose_cuts(BARS[:1], count=200, seed=0) == []


def test_scrambling_makes_the_smaller_of_two_sums_the_larger_one():
    """Else a choice by a day's volume would never change."""
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({"bar_start": range(400), "front": [2.0] * 400, "back": [1.0] * 400})
    sums = [scramble(rows, rng=rng).sum().row(0)[1:] for _ in range(100)]
    assert 5 < sum(back > front for front, back in sums) < 95


def test_scrambling_leaves_nulls_and_types():
    """Whole numbers stay whole, and what is missing is missing elsewhere."""
    rows = with_breaks(BARS, seed=1)
    found = scramble(rows, rng=np.random.default_rng(0))
    assert found.schema == rows.schema
    assert found.null_count().equals(rows.null_count())


def test_a_column_with_many_leaks_is_not_looked_at_to_the_end():
    """Its neighbours are."""
    asked: list[tuple[str, ...]] = []

    def compute(bars, names):
        asked.append(tuple(names))
        made = {"early": pl.col("close").shift(-1), "honest": pl.col("close")}
        return bars.select("bar_start", **{name: made[name] for name in names})

    cuts = choose_cuts(BARS, count=200, seed=0)
    early, honest = judge(compute, ["early", "honest"], BARS, cuts)
    assert len(early.leaks) == 16
    assert not honest.leaks
    assert asked[-1] == ("honest",)
    assert len(asked) > 2 * 200


def test_a_column_of_zeros_with_another_sign_is_told_apart():
    """Bits are compared, not values."""

    def compute(bars, names):
        return bars.select(
            "bar_start", sign=pl.when(pl.len() == BARS.height).then(0.0).otherwise(-0.0)
        )

    (found,) = judge(compute, ["sign"], BARS, choose_cuts(BARS, count=20, seed=0))
    assert found.leaks


@pytest.mark.parametrize("broken", [False, True])
def test_the_seeded_market_has_all_that_it_is_asked_for(broken):
    """Every input has values; the same seed gives the same bars."""
    wanted = ["close", "footprint_delta", "level_atr", "minutes_to_close", "mixture_label", "mine"]
    bars = with_inputs(probe_bars(6, MINUTE, broken=broken, seed=4), wanted, seed=4)
    again = with_inputs(probe_bars(6, MINUTE, broken=broken, seed=4), wanted, seed=4)
    assert bars.equals(again)
    assert bars["bar_start"].is_sorted()
    assert bars["bar_start"].n_unique() == bars.height
    for name in wanted:
        assert bars[name].drop_nulls().n_unique() > 1, name
    assert (bars["close"].null_count() > 5) == broken
    assert (bars["contract"].n_unique() == 3) == broken
    # Rolls and gaps lie in the sessions that are cut, a leak across them shows there.
    sessions = bars["session"].unique().sort()[-3:-1]
    rolled = [bars.filter(session=day)["contract"].n_unique() for day in sessions]
    assert rolled == ([2, 2] if broken else [1, 1])


def test_a_frame_feature_gives_a_value_a_bar_in_any_of_its_forms():
    """A series, an array, an expression or a keyed frame, whatever the order of its rows."""
    forms = {
        "series": lambda bars: bars["close"] * 2,
        "array": lambda bars: bars["close"].to_numpy() * 2,
        "expression": lambda _: pl.col("close") * 2,
        "frame": lambda bars: bars.select("bar_start", x=pl.col("close") * 2).reverse(),
    }
    for name, form in forms.items():
        made = frame_feature(name="x", inputs=("close",))(form)(BARS)
        assert made.name == "x", name
        assert made.equals((BARS["close"] * 2).alias("x")), name


def test_a_frame_feature_of_another_length_is_refused():
    """Its values would stand at other bars than their own."""
    short = frame_feature(name="x", inputs=("close",))(lambda bars: bars["close"][1:])
    with pytest.raises(InputError, match="returned 299 values"):
        short(BARS)
    doubled = frame_feature(name="x", inputs=("close",))(
        lambda bars: pl.concat([bars, bars]).select("bar_start", x="close")
    )
    with pytest.raises(InputError, match="returned 600 values"):
        doubled(BARS)


def test_a_scramble_keeps_null_apart_from_nan_and_whole_numbers_whole():
    """A column of one kind does not become one of another; times stand still."""
    rows = pl.DataFrame(
        {
            "bar_start": random_bars(1, 60, seed=1)["bar_start"],
            "nulls": [None, 1.0, 2.0] * 20,
            "nans": [None, float("nan"), 2.0] * 20,
            "counts": pl.Series([None, 7, 9] * 20, dtype=pl.UInt32),
            "text": ["a", "b", None] * 20,
        }
    )
    found = scramble(rows, rng=np.random.default_rng(1))
    assert found.schema == rows.schema
    assert found["bar_start"].equals(rows["bar_start"])
    assert found.null_count().equals(rows.null_count())
    assert found["nans"].is_nan().sum() == 20
    assert found["nulls"].is_nan().sum() == 0
    assert sorted(found["text"].drop_nulls()) == sorted(rows["text"].drop_nulls())
    again = scramble(rows, rng=np.random.default_rng(1))
    assert found["nulls"].equals(again["nulls"])
