"""Indicators against their textbook recursions, to 1e-9, and at the edges of markets."""

import numpy as np
import pytest

from quant_assets.indicators import cross_asset, order_flow, oscillators, trend, volatility


@pytest.fixture(scope="module")
def market() -> dict[str, np.ndarray]:
    """Four hundred seeded bars."""
    rng = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, 400)))
    high = close * (1.0 + rng.uniform(0.0, 1e-3, 400))
    low = close * (1.0 - rng.uniform(0.0, 1e-3, 400))
    return {"close": close, "high": high, "low": low}


def ema(values: list[float], period: int, *, weight: float | None = None) -> list[float]:
    """Return an exponential mean that starts at the simple mean of its first window."""
    weight = 2.0 / (period + 1) if weight is None else weight
    out = [float("nan")] * (period - 1) + [sum(values[:period]) / period]
    for value in values[period:]:
        out.append(out[-1] + weight * (value - out[-1]))
    return out


def test_an_exponential_mean_follows_its_recursion(market):
    """It starts at the simple mean of the first 20."""
    expected = ema(market["close"].tolist(), 20)
    found = trend.exponential_mean(market["close"], period=20)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_simple_mean_is_the_mean_of_its_window(market):
    """Warm-up is NaN for 19 bars."""
    expected = np.convolve(market["close"], np.ones(20) / 20, mode="valid")
    found = trend.simple_mean(market["close"], period=20)
    assert np.isnan(found[:19]).all()
    np.testing.assert_allclose(found[19:], expected, rtol=1e-9)


def test_relative_strength_follows_wilders_recursion(market):
    """Rises and falls are smoothed with weight 1/14."""
    moves = np.diff(market["close"])
    rises = ema(np.maximum(moves, 0.0).tolist(), 14, weight=1 / 14)
    falls = ema(np.maximum(-moves, 0.0).tolist(), 14, weight=1 / 14)
    expected = [100.0 * up / (up + down) for up, down in zip(rises, falls, strict=True)]
    found = oscillators.relative_strength(market["close"], period=14)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-9)


def test_the_macd_histogram_is_the_line_less_its_signal(market):
    """TA-Lib starts both means at the slow one's first bar."""
    close = market["close"].tolist()
    slow = ema(close, 26)[25:]
    fast = ema(close[14:], 12)[11:]
    line = [one - other for one, other in zip(fast, slow, strict=True)]
    expected = np.array(line) - np.array(ema(line, 9))
    _, _, found = trend.macd(market["close"], fast=12, slow=26, signal=9)
    np.testing.assert_allclose(found[33:], expected[8:], rtol=1e-9, atol=1e-12)
    assert np.isnan(found[:33]).all()


def test_a_slope_is_the_least_squares_line(market):
    """Compared with a fit of a polynomial of degree one."""
    found = trend.regression_slope(market["close"], period=20)
    expected = np.polyfit(np.arange(20), market["close"][-20:], 1)[0]
    assert found[-1] == pytest.approx(expected, rel=1e-7)


def test_a_stochastic_is_the_mean_place_in_the_range(market):
    """The mean of three fast %K over 14 bars."""
    fast = []
    for at in (397, 398, 399):
        window = slice(at - 13, at + 1)
        low, high = market["low"][window].min(), market["high"][window].max()
        fast.append(100.0 * (market["close"][at] - low) / (high - low))
    found, _ = oscillators.stochastic(**market, period=14, smoothing=3, signal=1)
    assert found[-1] == pytest.approx(sum(fast) / 3)


def test_an_average_true_range_follows_wilders_recursion(market):
    """The first bar has no true range."""
    before = market["close"][:-1]
    true_range = np.maximum(market["high"][1:], before) - np.minimum(market["low"][1:], before)
    expected = ema(true_range.tolist(), 14, weight=1 / 14)
    found = volatility.average_true_range(**market, period=14)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-9)


def test_the_close_stands_in_the_bollinger_bands_where_its_deviation_says(market):
    """Position one half is the mean; the bands lie two population deviations off."""
    window = market["close"][-20:]
    expected = 0.5 + (window[-1] - window.mean()) / (4.0 * window.std())
    bands = volatility.bollinger_bands(market["close"], period=20, deviations=2.0)
    found = volatility.band_position(market["close"], bands)
    assert found[-1] == pytest.approx(expected, rel=1e-6)


def test_a_flat_market_has_no_place_in_its_bands():
    """After a move, too, the bands of a flat price have no width."""
    close = np.concatenate([np.linspace(50_000.0, 61_234.567, 50), np.full(60, 61_234.567)])
    bands = volatility.bollinger_bands(close, period=20, deviations=2.0)
    position = volatility.band_position(close, bands)
    assert np.isnan(position[-30:]).all()
    assert not np.isnan(position[19:50]).any()


def test_volatilities_agree_on_a_market_without_drift_or_gaps():
    """On a fine walk regrouped into bars, three estimators see the same volatility."""
    rng = np.random.default_rng(3)
    walk = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-5, 400 * 2000))).reshape(400, 2000)
    close, high, low = walk[:, -1], walk.max(axis=1), walk.min(axis=1)
    open_ = np.concatenate([[100.0], close[:-1]])
    truth = 1e-5 * np.sqrt(2000)
    assert volatility.realized(close, period=380)[-1] == pytest.approx(truth, rel=0.1)
    assert volatility.parkinson(high, low, period=380)[-1] == pytest.approx(truth, rel=0.1)
    found = volatility.garman_klass(open_, high, low, close, period=380)[-1]
    assert found == pytest.approx(truth, rel=0.1)


def test_delta_is_one_where_all_buy_and_none_where_no_side_is_known():
    """Volume of unknown side counts on neither hand."""
    buys, sells = np.array([5.0, 0.0, 3.0]), np.array([0.0, 0.0, 1.0])
    found = order_flow.delta_ratio(buys, sells, period=1)
    np.testing.assert_array_equal(found, [1.0, np.nan, 0.5])


def test_a_vwap_takes_the_bars_own_where_it_is_known():
    """Else a bar stands at its typical price."""
    high, low, close = np.array([4.0, 9.0]), np.array([1.0, 3.0]), np.array([1.0, 6.0])
    found = order_flow.vwap_from_start(
        high, low, close, np.array([3.0, np.nan]), np.array([1.0, 3.0])
    )
    assert found.tolist() == [3.0, (3.0 + 3 * 6.0) / 4]


def test_directional_indicators_tell_the_way():
    """In a market that only rises, moves up have the whole share."""
    close = np.linspace(100.0, 130.0, 200)
    rising = {"high": close + 0.1, "low": close - 0.1, "close": close}
    assert trend.minus_directional(**rising, period=14)[-1] == 0.0
    assert trend.plus_directional(**rising, period=14)[-1] > 40.0


def test_a_stochastic_signal_is_the_mean_of_three(market):
    """%D of the last bar is the mean of the last three %K."""
    slow_k, slow_d = oscillators.stochastic(**market, period=14, smoothing=3, signal=3)
    assert slow_d[-1] == pytest.approx(slow_k[-3:].mean())


def test_bands_are_four_deviations_apart(market):
    """As a share of their middle."""
    window = market["close"][-20:]
    bands = volatility.bollinger_bands(market["close"], period=20, deviations=2.0)
    expected = 4.0 * window.std() / window.mean()
    assert volatility.band_width(bands)[-1] == pytest.approx(expected, rel=1e-6)


def test_delta_diverges_where_the_price_rises_on_sales():
    """Two trends of opposite sign are 2 apart; where they agree, nothing is."""
    n = 40
    rising, volume = np.linspace(100.0, 110.0, n), np.full(n, 50.0)
    none = np.zeros(n)
    on_sales = order_flow.delta_divergence(rising, none, volume, period=20)
    on_purchases = order_flow.delta_divergence(rising, volume, none, period=20)
    np.testing.assert_allclose(on_sales[19:], 2.0)
    np.testing.assert_allclose(on_purchases[19:], 0.0, atol=1e-9)
    assert np.isnan(on_sales[:19]).all()


def test_delta_diverges_by_the_difference_of_two_trends(market):
    """Correlations with time, of the close and of cumulative delta."""
    rng = np.random.default_rng(9)
    buys, sells = rng.uniform(0, 9, 400), rng.uniform(0, 9, 400)
    found = order_flow.delta_divergence(market["close"], buys, sells, period=20)
    delta = np.cumsum(buys - sells)
    time = np.arange(20)
    expected = np.corrcoef(time, market["close"][-20:])[0, 1] - np.corrcoef(time, delta[-20:])[0, 1]
    assert found[-1] == pytest.approx(expected, rel=1e-9)


def test_imbalances_are_a_share_and_none_are_even():
    """Counts of both sides; a bar without any leans to neither."""
    found = order_flow.imbalance_share(np.array([3.0, 0.0, 0.0]), np.array([1.0, 2.0, 0.0]))
    assert found.tolist() == [0.5, -1.0, 0.0]


def test_beta_and_correlation_are_those_of_log_returns(market):
    """A symbol that moves twice as its reference, with noise of its own."""
    rng = np.random.default_rng(4)
    returns = np.diff(np.log(market["close"]), prepend=np.log(market["close"][0]))
    own = np.exp(np.cumsum(2.0 * returns + rng.normal(0.0, 1e-4, 400)))
    moments = cross_asset.return_moments(own, market["close"], period=50)
    x, y = np.diff(np.log(market["close"]))[-50:], np.diff(np.log(own))[-50:]
    assert cross_asset.correlation(moments)[-1] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert cross_asset.beta(moments)[-1] == pytest.approx(np.polyfit(x, y, 1)[0])
    assert np.isnan(cross_asset.beta(moments)[:50]).all()
    assert not np.isnan(cross_asset.beta(moments)[50:]).any()


def test_a_reference_that_stands_still_has_no_beta(market):
    """A closed market's last price repeats."""
    moments = cross_asset.return_moments(market["close"], np.full(400, 61.7), period=50)
    assert np.isnan(cross_asset.beta(moments)).all()
    assert np.isnan(cross_asset.correlation(moments)).all()
