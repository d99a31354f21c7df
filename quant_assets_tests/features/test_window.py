"""The session-window rule: which bars count, and where an indicator starts anew."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.features.schema import FEATURES
from quant_assets.features.standard import standard_catalog
from quant_assets.features.window import compute_features, required_look_back_bars
from quant_assets.indicators.trend import exponential_mean
from quant_assets.market.errors import InputError
from quant_assets_tests.features.markets import (
    MINUTE,
    PRICE_INPUTS,
    joined_bars,
    session_of,
    with_breaks,
)

N_SESSIONS, N_BARS = 8, 60
LAST = session_of(N_SESSIONS - 1)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """Eight sessions of an hour, with null rows and contract changes."""
    return with_breaks(joined_bars(N_SESSIONS, N_BARS, seed=11), seed=12)


def features(bars: pl.DataFrame, names=None, session=LAST) -> pl.DataFrame:
    """Compute features of the last session."""
    return compute_features(bars, session=session, timeframe=MINUTE, names=names)


def bits(frame: pl.DataFrame, name: str) -> list[int | None]:
    """Return a column as bits, null where it is null; labels as they are."""
    column = frame[name]
    is_real = column.dtype == pl.Float64
    return (column.reinterpret(dtype=pl.UInt64) if is_real else column).to_list()


def assert_same_bits(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """Assert that two results agree to the last bit."""
    assert one.columns == other.columns
    assert one.select("session", "bar_start").equals(other.select("session", "bar_start"))
    for name in one.columns[2:]:
        assert bits(one, name) == bits(other, name), name


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_more_bars_than_needed_change_no_bit(data):
    """Neither more history, nor later sessions, nor another order of rows."""
    seed = data.draw(st.integers(0, 2**16))
    bars = with_breaks(joined_bars(N_SESSIONS, 300, seed=seed), seed=seed + 1)
    session = session_of(6)
    needed = required_look_back_bars(None, MINUTE)
    first = bars["session"].to_list().index(session)
    least = bars[first - needed : first + 300]
    start = data.draw(st.integers(0, first - needed))
    more = bars[start:].sample(fraction=1.0, shuffle=True, seed=seed)
    assert_same_bits(features(least, session=session), features(more, session=session))


def test_a_feature_does_not_depend_on_what_else_is_computed(bars):
    """Each has its own window, however far the others look back."""
    together = features(bars)
    for name in standard_catalog().names:
        assert bits(features(bars, names=[name]), name) == bits(together, name), name


def test_a_feature_starts_at_its_own_look_back():
    """One bar less of history gives other bits, one more gives the same."""
    bars = joined_bars(N_SESSIONS, N_BARS, seed=2)
    first = (N_SESSIONS - 1) * N_BARS
    close = bars["close"].to_numpy()
    found = bits(features(bars, names=["ema_distance_20"]), "ema_distance_20")

    def expected(look_back: int) -> list[int]:
        mean = exponential_mean(close[first - look_back :], period=20)[look_back:]
        return pl.Series(close[first:] / mean - 1.0).reinterpret(dtype=pl.UInt64).to_list()

    assert found == expected(160)
    assert found != expected(159)


def test_the_bits_of_a_day_are_those_of_a_stream():
    """The bars so far give what the finished session gives, bar by bar."""
    bars = with_breaks(joined_bars(7, 20, seed=5), seed=6)
    session = session_of(6)
    whole = features(bars, session=session)
    for n_rows in range(6 * 20 + 1, 7 * 20 + 1):
        so_far = features(bars[:n_rows], session=session)
        assert_same_bits(so_far, whole[: n_rows - 6 * 20])


def test_warm_up_is_null_and_ends_when_the_look_back_is_there():
    """A first session has its first mean of 20 at its 20th bar."""
    found = features(joined_bars(1, 30, seed=0), ["sma_distance_20"], session_of(0))
    assert found["sma_distance_20"].is_null().to_list() == [True] * 19 + [False] * 11


def test_a_null_bar_restarts_the_indicator():
    """Its own value is null, and the warm-up begins again behind it."""
    bars = joined_bars(1, 40, seed=0)
    gap = pl.when(pl.int_range(pl.len()) == 25).then(None).otherwise(pl.col("close"))
    found = features(bars.with_columns(close=gap), ["sma_distance_20", "roc_1"], session_of(0))
    has_mean = [19 <= at < 25 for at in range(40)]
    assert found["sma_distance_20"].is_not_null().to_list() == has_mean
    assert found["roc_1"].is_not_null().to_list() == [at not in {0, 25, 26} for at in range(40)]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_bar_that_is_no_number_counts_as_null(bad):
    """It cannot poison the values behind it."""
    bars = joined_bars(1, 40, seed=0)

    def with_value(value: float | None) -> pl.DataFrame:
        at = pl.int_range(pl.len()) == 10
        return bars.with_columns(close=pl.when(at).then(pl.lit(value)).otherwise(pl.col("close")))

    one, other = (features(with_value(value), session=session_of(0)) for value in (bad, None))
    assert_same_bits(one, other)


def test_a_gap_restarts_only_what_reads_it():
    """A bar without sides breaks the delta, not the mean."""
    bars = joined_bars(1, 40, seed=0)
    gap = pl.when(pl.int_range(pl.len()) == 25).then(None).otherwise(pl.col("buy_volume"))
    names = ["sma_distance_20", "delta_ratio_20"]
    found = features(bars.with_columns(buy_volume=gap), names, session_of(0))
    assert found["sma_distance_20"].null_count() == 19
    assert found["delta_ratio_20"].null_count() == 34


def test_another_contract_restarts_the_indicator():
    """No return is taken from the old contract's price to the new one's."""
    bars = joined_bars(2, 10, seed=0)
    rolled = bars.with_columns(contract=pl.Series(["ESH24"] * 10 + ["ESM24"] * 10))
    assert features(bars, ["roc_1"], session_of(1))["roc_1"].null_count() == 0
    found = features(rolled, ["roc_1"], session_of(1))["roc_1"]
    assert found.is_null().to_list() == [True] + [False] * 9


def test_symbols_without_a_contract_never_restart_for_it():
    """Equities and currencies have null there, or no such column."""
    bars = joined_bars(2, 10, seed=0)
    nulls = features(bars.with_columns(contract=pl.lit(None, pl.String)), session=session_of(1))
    assert_same_bits(nulls, features(bars, session=session_of(1)))
    assert_same_bits(nulls, features(bars.drop("contract"), session=session_of(1)))


def test_the_session_vwap_is_anchored_at_the_session():
    """Nothing of the day before counts, and a null bar is passed over."""
    bars = joined_bars(2, 30, seed=4)
    gap = pl.int_range(pl.len()) == 40
    columns = ["open", "high", "low", "close", "volume", "vwap"]
    bars = bars.with_columns(
        pl.when(gap).then(None).otherwise(pl.col(name)).alias(name) for name in columns
    )
    found = features(bars, ["session_vwap_distance"], session_of(1))["session_vwap_distance"]
    today = bars[30:]
    mean = (today["vwap"] * today["volume"]).cum_sum() / today["volume"].cum_sum()
    expected = (today["close"] / mean - 1.0).to_numpy()
    assert found.is_null().to_list() == [at == 10 for at in range(30)]
    np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-9, atol=1e-12)


def test_bars_without_sides_have_no_delta():
    """Vendor bars do not tell who crossed the spread."""
    bars = joined_bars(1, 30, seed=0)
    none = bars.with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in ("buy_volume", "sell_volume", "vwap")
    )
    found = features(none, session=session_of(0))
    assert found["delta_ratio"].null_count() == found["delta_ratio_20"].null_count() == 30
    assert found["session_vwap_distance"].null_count() == 0


def test_values_do_not_scale_with_price_or_volume():
    """A share at 20,000 and one at 2 have the same features."""
    bars = joined_bars(6, 60, seed=9)
    prices = ["open", "high", "low", "close", "vwap"]
    scaled = bars.with_columns(pl.col(prices) * 1024.0).with_columns(
        pl.col("volume", "buy_volume", "sell_volume") * 8.0,
        pl.col([name for name in PRICE_INPUTS if name in bars.columns]) * 1024.0,
    )
    one, other = features(bars, session=session_of(5)), features(scaled, session=session_of(5))
    for name in one.columns[2:]:
        expected, found = one[name].to_numpy(), other[name].to_numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9, err_msg=name)


def test_the_clock_tells_minute_and_bar():
    """14:30 is 217.5 degrees of the day; the first bar of a session is bar 0."""
    found = features(joined_bars(2, 3, seed=0), session=session_of(1))
    angle = 2.0 * np.pi * (14 * 60 + 30) / (24 * 60)
    assert found["minute_of_day_sin"][0] == pytest.approx(np.sin(angle))
    assert found["minute_of_day_cos"][0] == pytest.approx(np.cos(angle))
    assert found["bars_since_session_start"].to_list() == [0.0, 1.0, 2.0]


def test_a_session_without_bars_has_no_rows(bars):
    """The columns are there all the same."""
    found = features(bars, session=session_of(300))
    assert found.is_empty()
    assert found.schema == FEATURES.empty().schema


def test_a_missing_bar_column_is_named(bars):
    """The error says who asked for it."""
    with pytest.raises(InputError, match=r"feature 'volume_z_20'.*volume are missing"):
        features(bars.drop("volume"))
    with pytest.raises(InputError, match=r"the session-window rule.*session are missing"):
        features(bars.drop("session"), names=["roc_1"])


def test_two_bars_at_one_time_are_refused(bars):
    """Bars of two symbols in one frame would mix silently."""
    with pytest.raises(InputError, match="two bars share a start"):
        features(pl.concat([bars, bars[-1:]]))
