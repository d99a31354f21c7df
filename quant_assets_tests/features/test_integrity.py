"""The detector: planted leaks are caught, clean columns raise no alarm."""

import numpy as np
import polars as pl
import pytest

from quant_assets.features.cuts import scramble
from quant_assets.features.integrity import Leak, find_leaks
from quant_assets_tests.features.markets import cuts_of, random_bars, session_of

BARS = random_bars(1, 300, seed=31)
CUTS = cuts_of(BARS, session=session_of(0), count=200, seed=32)


def column(expression: pl.Expr):
    """Return a function of bars that computes one column."""
    return lambda bars: bars.sort("bar_start").select("bar_start", value=expression)


GAPPED = pl.when(pl.int_range(pl.len()) % 7 == 0).then(None).otherwise(pl.col("close"))

LEAKS = {
    "centred_window": pl.col("close").rolling_mean(5, center=True),
    "whole_frame_z_score": (pl.col("close") - pl.col("close").mean()) / pl.col("close").std(),
    "shift_back": pl.col("close").shift(-1),
    "same_day_high": pl.col("high").max().over(pl.col("bar_start").dt.date()),
    "interpolated_gap": GAPPED.interpolate(),
    "filled_backward": GAPPED.backward_fill(),
    "count_of_all_rows": pl.len().cast(pl.Float64) + 0.0 * pl.col("close"),
    "rank_in_frame": pl.col("volume").rank().cast(pl.Float64),
    "sign_of_zero_only": pl.when(pl.len() == BARS.height).then(0.0).otherwise(-0.0),
    "text_of_tomorrow": pl.col("trades").shift(-1).cast(pl.String),
}

CLEAN = {
    "close": pl.col("close"),
    "return": pl.col("close") / pl.col("close").shift(1) - 1.0,
    "rolling_mean": pl.col("close").rolling_mean(20),
    "expanding_high": pl.col("high").cum_max(),
    "gap_filled_forward": GAPPED.forward_fill(),
    "row_number": pl.int_range(pl.len()),
    "hour": pl.col("bar_start").dt.hour(),
    "text": pl.col("contract"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_planted_leak_is_caught(name):
    """The report names a time at or before its cut."""
    found = find_leaks(column(LEAKS[name]), BARS, CUTS)
    assert found
    assert all(leak.feature == "value" and leak.time <= leak.cut for leak in found)


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_column_raises_no_alarm(name):
    """Two hundred cuts, both kinds of change."""
    assert find_leaks(column(CLEAN[name]), BARS, CUTS) == []


OTHER = {
    "a_zero_with_another_sign": (0.0, -0.0),
    "a_null_that_is_nan": (None, float("nan")),
    "a_nan_that_is_null": (float("nan"), None),
    "a_null_that_is_a_number": (None, 1.0),
    "the_next_number": (1.0, float(np.nextafter(1.0, 2.0))),
}


@pytest.mark.parametrize(("before", "after"), OTHER.values(), ids=OTHER)
@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32])
def test_one_value_of_other_bits_is_seen_beside_nulls_and_nans(before, after, dtype):
    """It is named by its time; all else, null or NaN or a zero, is as it was."""
    place = 50
    if after is not None and after > 1.0 and dtype == pl.Float32:
        after = float(np.nextafter(np.float32(1.0), np.float32(2.0)))

    def compute(bars: pl.DataFrame) -> pl.DataFrame:
        values = [None, float("nan"), 0.0, -0.0, 2.5] * 60
        values[place] = before if bars.height == BARS.height else after
        column = pl.Series("value", values[: bars.height], dtype=dtype, strict=False)
        return bars.select("bar_start", column, same=pl.Series([None, 0.0] * 150)[: bars.height])

    found = find_leaks(compute, BARS, [BARS["bar_start"][120]], changes=("removed",))
    assert [(leak.feature, leak.time) for leak in found] == [("value", BARS["bar_start"][place])]
    assert find_leaks(compute, BARS, [BARS["bar_start"][place - 1]], changes=("removed",)) == []


def test_rows_that_vanish_count_as_a_leak():
    """A function that drops bars because of later ones knows the future, even without values."""

    def until_the_high(bars: pl.DataFrame) -> pl.DataFrame:
        top = bars["high"].arg_max() or 0
        return bars[: top + 1].select("bar_start", value=pl.lit(None, pl.Float64))

    assert find_leaks(until_the_high, BARS, CUTS)


def test_a_leak_names_feature_cut_and_first_time():
    """A value that is one bar early differs at the cut itself."""
    cut = BARS["bar_start"][100]
    found = find_leaks(column(pl.col("close").shift(-1)), BARS, [cut])
    assert found == [
        Leak(feature="value", cut=cut, time=cut, change="removed"),
        Leak(feature="value", cut=cut, time=cut, change="scrambled"),
    ]


def test_scrambling_keeps_times_and_changes_every_number():
    """Also where a single row is left: a shuffle alone would leave it as it was."""
    rng = np.random.default_rng(0)
    for n_rows in (1, 300):
        rows = BARS[:n_rows]
        found = scramble(rows, rng=rng)
        assert found.schema == rows.schema
        assert found.select("session", "bar_start").equals(rows.select("session", "bar_start"))
        for name in ("open", "high", "low", "close", "volume"):
            assert (found[name] != rows[name]).all(), name


def test_the_same_seed_gives_the_same_report_whatever_the_other_cuts():
    """A cut that is found once is found again when it is looked at alone."""
    compute = column(LEAKS["interpolated_gap"])
    found = find_leaks(compute, BARS, CUTS, seed=5)
    again = [leak for cut in CUTS for leak in find_leaks(compute, BARS, [cut], seed=5)]
    assert found == again
