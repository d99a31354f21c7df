"""Average true range and Bollinger bands: by hand, by the session's window, and as features."""

import math

import numpy as np
import polars as pl
import pytest

from quant_assets.features.window import compute_features
from quant_assets.levels.technical import (
    ATR_LOOK_BACK,
    ATR_PERIOD,
    BOLLINGER_LOOK_BACK,
    bollinger_bands,
    true_range_average,
)
from quant_assets_tests.features.markets import MINUTE, random_bars, session_of
from quant_assets_tests.levels import oracle

N_BARS = 90


@pytest.fixture(scope="module")
def market() -> pl.DataFrame:
    """Four sessions; another contract from the fourth on."""
    bars = random_bars(4, N_BARS, seed=3)
    rolled = pl.col("session") == session_of(3)
    return bars.with_columns(
        contract=pl.when(rolled).then(pl.lit("ESM24")).otherwise(pl.lit("ESH24"))
    )


def cut(market: pl.DataFrame, number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the bars before a session, and its own."""
    day = session_of(number)
    return market.filter(pl.col("session") < day), market.filter(pl.col("session") == day)


def test_average_true_range_is_wilders_on_the_window(market: pl.DataFrame):
    """Eight periods before the session, and the session; warm-up lies before it."""
    before, bars = cut(market, 2)
    window = pl.concat([before.tail(ATR_LOOK_BACK), bars])
    prices = list(window.select("high", "low", "close").iter_rows())
    expected = oracle.average_true_range(prices, ATR_PERIOD)[ATR_LOOK_BACK:]
    assert true_range_average(before, bars) == pytest.approx(expected, rel=1e-12)


def test_bollinger_bands_are_mean_and_deviation_of_twenty_closes(market: pl.DataFrame):
    """Nineteen closes before the session and its own."""
    before, bars = cut(market, 1)
    window = pl.concat([before.tail(BOLLINGER_LOOK_BACK), bars])
    expected = oracle.bollinger(window["close"].to_list(), 20)[BOLLINGER_LOOK_BACK:]
    bands = bollinger_bands(before, bars)
    for bar, found in enumerate(expected):
        assert found is not None
        mean, spread = found
        assert bands["bollinger_middle"][bar] == pytest.approx(mean, rel=1e-12)
        assert bands["bollinger_upper"][bar] == pytest.approx(mean + 2 * spread, rel=1e-9)
        assert bands["bollinger_lower"][bar] == pytest.approx(mean - 2 * spread, rel=1e-9)


def test_more_bars_before_change_no_bit(market: pl.DataFrame):
    """The look-back decides where a figure begins, not what happens to be there."""
    before, bars = cut(market, 2)
    for compute in (true_range_average, lambda *both: bollinger_bands(*both)["bollinger_upper"]):
        short = compute(before.tail(ATR_LOOK_BACK), bars)
        assert compute(before, bars).tobytes() == short.tobytes()


def test_a_new_contract_starts_anew(market: pl.DataFrame):
    """On the day of a roll the warm-up is null, as if nothing had been before."""
    before, bars = cut(market, 3)
    atr = true_range_average(before, bars)
    assert np.isnan(atr[:ATR_PERIOD]).all()
    assert np.isfinite(atr[ATR_PERIOD:]).all()
    assert atr.tobytes() == true_range_average(before[:0], bars).tobytes()
    middle = bollinger_bands(before, bars)["bollinger_middle"]
    assert [math.isnan(value) for value in middle[:20]] == [True] * 19 + [False]


def test_it_is_the_average_true_range_of_the_features_to_the_bit(market: pl.DataFrame):
    """Same window, same bits: the feature is this figure as a share of the close."""
    before, bars = cut(market, 2)
    feature = compute_features(
        pl.concat([before, bars]),
        session=session_of(2),
        timeframe=MINUTE,
        names=("atr_ratio_14",),
    )["atr_ratio_14"].to_numpy()
    atr = true_range_average(before, bars)
    assert (atr / bars["close"].to_numpy()).tobytes() == feature.tobytes()


def test_few_bars_have_no_figures(market: pl.DataFrame):
    """A first session of three bars is all warm-up."""
    bars = market.head(3)
    assert np.isnan(true_range_average(bars[:0], bars)).all()
    assert np.isnan(bollinger_bands(bars[:0], bars)["bollinger_lower"]).all()
