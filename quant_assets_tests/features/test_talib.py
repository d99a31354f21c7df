"""What TA-Lib has equals a direct call of it on the same window, to the last bit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import talib  # noqa: TID253  the oracle

from quant_assets.features.standard import standard_catalog
from quant_assets.features.window import compute_features
from quant_assets.market.columns import UTC_NS
from quant_assets_tests.features.markets import MINUTE, joined_bars, session_of, with_joined

N_SESSIONS, N_BARS = 8, 240
LAST = session_of(N_SESSIONS - 1)
Window = dict[str, np.ndarray]


def share(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return values over positive prices."""
    return values / of


def range_of(window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what many of its functions read."""
    return window["high"], window["low"], window["close"]


def bands(window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return upper, middle and lower Bollinger band."""
    return talib.BBANDS(window["close"], timeperiod=20, nbdevup=2.0, nbdevdn=2.0)


def macd(window: Window, at: int) -> np.ndarray:
    """Return line, signal or histogram as a share of the close."""
    return share(talib.MACD(window["close"], 12, 26, 9)[at], window["close"])


def stochastic(window: Window, slowd_period: int) -> tuple[np.ndarray, np.ndarray]:
    """Return slow %K and %D."""
    return talib.STOCH(
        *range_of(window), fastk_period=14, slowk_period=3, slowd_period=slowd_period
    )


def rocp(window: Window, name: str, period: int) -> np.ndarray:
    """Return the change over some bars."""
    return talib.ROCP(window[name], period)


DIRECT: dict[str, Callable[[Window], np.ndarray]] = {
    "sma_distance_20": lambda w: w["close"] / talib.SMA(w["close"], 20) - 1.0,
    "sma_distance_50": lambda w: w["close"] / talib.SMA(w["close"], 50) - 1.0,
    "ema_distance_20": lambda w: w["close"] / talib.EMA(w["close"], 20) - 1.0,
    "macd_line": lambda w: macd(w, 0),
    "macd_signal": lambda w: macd(w, 1),
    "macd_histogram": lambda w: macd(w, 2),
    "adx_14": lambda w: talib.ADX(*range_of(w), 14),
    "plus_di_14": lambda w: talib.PLUS_DI(*range_of(w), 14),
    "minus_di_14": lambda w: talib.MINUS_DI(*range_of(w), 14),
    "slope_20": lambda w: share(talib.LINEARREG_SLOPE(w["close"], 20), w["close"]),
    "slope_50": lambda w: share(talib.LINEARREG_SLOPE(w["close"], 50), w["close"]),
    "rsi_14": lambda w: talib.RSI(w["close"], 14),
    "roc_1": lambda w: rocp(w, "close", 1),
    "roc_10": lambda w: rocp(w, "close", 10),
    "roc_50": lambda w: rocp(w, "close", 50),
    "stochastic_14": lambda w: stochastic(w, 1)[0],
    "stochastic_d_14": lambda w: stochastic(w, 3)[1],
    "cci_20": lambda w: talib.CCI(*range_of(w), 20),
    "atr_ratio_14": lambda w: share(talib.ATR(*range_of(w), 14), w["close"]),
    "bollinger_b_20": lambda w: (w["close"] - bands(w)[2]) / (bands(w)[0] - bands(w)[2]),
    "bollinger_width_20": lambda w: (bands(w)[0] - bands(w)[2]) / bands(w)[1],
    "reference_return_20": lambda w: rocp(w, "reference_close", 20),
    "relative_return_20": lambda w: rocp(w, "close", 20) - rocp(w, "reference_close", 20),
    "rsi_14_x4": lambda w: talib.RSI(w["close"], 14),
    "rsi_14_x12": lambda w: talib.RSI(w["close"], 14),
    "ema_distance_20_x4": lambda w: w["close"] / talib.EMA(w["close"], 20) - 1.0,
    "ema_distance_14_x12": lambda w: w["close"] / talib.EMA(w["close"], 14) - 1.0,
    "atr_ratio_14_x4": lambda w: share(talib.ATR(*range_of(w), 14), w["close"]),
    "atr_ratio_14_x12": lambda w: share(talib.ATR(*range_of(w), 14), w["close"]),
}

OWN = {one.name: one for one in standard_catalog().features}


def window_of(bars: pl.DataFrame, look_back: int) -> pl.DataFrame:
    """Return the last session behind the bars of a look-back."""
    return bars[-(look_back + N_BARS) :]


def own_values(rows: pl.DataFrame, name: str) -> np.ndarray:
    """Call TA-Lib on the rows of a window, and keep those of the session."""
    columns = {
        column: rows[column].to_numpy() for column in ("high", "low", "close", "reference_close")
    }
    return DIRECT[name](columns)[-N_BARS:]


def longer_values(rows: pl.DataFrame, name: str, multiple: int) -> np.ndarray:
    """Call TA-Lib on the complete longer bars of a window, and show them when they are over."""
    minute = rows["bar_start"].dt.epoch("s") // 60
    longer = rows.with_columns(longer=minute // multiple, minute=minute)
    sides = pl.col("longer").first(), pl.col("minute").first() % multiple == 0
    bars = (
        longer.group_by("longer", maintain_order=True)
        .agg(pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), sides[1])
        .with_row_index()
        .filter((pl.col("index") > 0) | pl.col("minute"))
    )
    columns = {column: bars[column].to_numpy() for column in ("high", "low", "close")}
    values = bars.select(
        is_over=(pl.col("longer") + 1) * multiple, value=pl.Series(DIRECT[name](columns))
    )
    ends = longer.select(is_over=pl.col("minute") + 1)
    seen = ends.join_asof(values, on="is_over", strategy="backward")
    return seen["value"].fill_null(float("nan")).to_numpy()[-N_BARS:]


def assert_equals_talib(bars: pl.DataFrame) -> None:
    """Compare every feature that TA-Lib has, bit by bit."""
    found = compute_features(bars, session=LAST, timeframe=MINUTE, names=list(DIRECT))
    for name in DIRECT:
        one = OWN[name]
        rows = window_of(bars, one.look_back_bars(MINUTE))
        longer = one.multiple > 1
        expected = longer_values(rows, name, one.multiple) if longer else own_values(rows, name)
        values = found[name].to_numpy()
        assert found[name].null_count() == 0, name
        assert values.tobytes() == expected.tobytes(), name


def test_every_feature_whose_source_is_talib_is_compared():
    """None is left out when one is added."""
    assert {name for name, one in OWN.items() if "TA-Lib" in one.source} == set(DIRECT)


@pytest.mark.parametrize("seed", range(5))
def test_on_random_bars_they_are_those_of_talib(seed):
    """The window is the look-back and the session."""
    bars = joined_bars(N_SESSIONS, N_BARS, seed=seed)
    assert_equals_talib(bars.with_columns(reference_close=pl.col("close").reverse()))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["EURUSD1", "GBPUSD1", "BTCUSD1"])
def test_on_real_minutes_they_are_those_of_talib(shared_data: Path, name):
    """Minutes of a currency as the vendor has them, in stretches of four hours."""
    names = ["day", "minute", "open", "high", "low", "close", "volume"]
    raw = pl.read_csv(
        shared_data / "ohlcv" / f"{name}.csv",
        has_header=False,
        new_columns=names,
        n_rows=N_SESSIONS * N_BARS,
        schema_overrides=dict.fromkeys(names[2:], pl.Float64),
    )
    stamp = pl.concat_str("day", "minute").str.to_datetime("%Y.%m.%d%H:%M")
    bars = raw.select(
        stamp.dt.replace_time_zone("UTC").cast(UTC_NS).alias("bar_start"),
        *names[2:],
        session=pl.Series([session_of(at // N_BARS) for at in range(raw.height)]),
    )
    joined = with_joined(bars, seed=1)
    assert_equals_talib(joined.with_columns(reference_close=pl.col("close").reverse()))
