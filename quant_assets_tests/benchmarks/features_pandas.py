"""Features of a session as one would write them with pandas and TA-Lib: the reference's side.

It imports nothing of quant_assets, and no Python loop runs over rows. `compute` is the usual form:
groupby by symbol and apply, with TA-Lib and rolling windows inside. `compute_at_once` is tuned: it
rolls the columns of all symbols in one call and hands TA-Lib slices of whole columns. Each TA-Lib
column starts at its own look-back before the session: recursive ones depend on where they start.
What several columns need, such as the lines of MACD, is made once.

Left out are regimes, which are fitted elsewhere and only copied, and features of longer bars.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd  # noqa: TID253  a script of its own
import talib  # noqa: TID253

Arrays = dict[str, np.ndarray]
Columns = tuple[np.ndarray, ...]
Grouping = Callable[[pd.DataFrame], Any]
"""Returns a frame by symbol, or as it is where it is one symbol's."""


def _off(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return how far values stand off a mean, as a share of it."""
    return values / mean - 1.0


def _macd(close: np.ndarray) -> Columns:
    """Return line, signal and histogram as shares of the close."""
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    return line / close, signal / close, histogram / close


def _bollinger(close: np.ndarray) -> Columns:
    """Return where the close stands between its bands, and how wide they are."""
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    return (close - lower) / (upper - lower), (upper - lower) / middle


def _slow_stochastic(x: Arrays, signal: int) -> Columns:
    """Return slow %K and its mean of so many values."""
    return talib.STOCH(  # type: ignore[no-any-return]
        *_hlc(x), fastk_period=14, slowk_period=3, slowd_period=signal
    )


def _relative_return(x: Arrays) -> np.ndarray:
    """Return the change of the close less that of the reference."""
    return talib.ROCP(x["close"], 20) - talib.ROCP(x["reference_close"], 20)  # type: ignore[no-any-return]


def _trends(x: Arrays) -> Columns:
    """Return the slopes of the close and of cumulative delta."""
    delta = np.cumsum(x["buy_volume"] - x["sell_volume"])
    return talib.LINEARREG_SLOPE(x["close"], 20), talib.LINEARREG_SLOPE(delta, 20)


def _hlc(x: Arrays) -> Columns:
    """Return high, low and close."""
    return x["high"], x["low"], x["close"]


_TALIB: dict[tuple[str, ...], tuple[int, Callable[[Arrays], Columns]]] = {
    ("sma_distance_20",): (19, lambda x: (_off(x["close"], talib.SMA(x["close"], 20)),)),
    ("sma_distance_50",): (49, lambda x: (_off(x["close"], talib.SMA(x["close"], 50)),)),
    ("ema_distance_20",): (160, lambda x: (_off(x["close"], talib.EMA(x["close"], 20)),)),
    ("macd_line", "macd_signal", "macd_histogram"): (280, lambda x: _macd(x["close"])),
    ("adx_14",): (224, lambda x: (talib.ADX(*_hlc(x), 14),)),
    ("plus_di_14",): (112, lambda x: (talib.PLUS_DI(*_hlc(x), 14),)),
    ("minus_di_14",): (112, lambda x: (talib.MINUS_DI(*_hlc(x), 14),)),
    ("slope_20",): (19, lambda x: (talib.LINEARREG_SLOPE(x["close"], 20) / x["close"],)),
    ("slope_50",): (49, lambda x: (talib.LINEARREG_SLOPE(x["close"], 50) / x["close"],)),
    ("rsi_14",): (112, lambda x: (talib.RSI(x["close"], 14),)),
    ("roc_1",): (1, lambda x: (talib.ROCP(x["close"], 1),)),
    ("roc_10",): (10, lambda x: (talib.ROCP(x["close"], 10),)),
    ("roc_50",): (50, lambda x: (talib.ROCP(x["close"], 50),)),
    ("stochastic_14",): (15, lambda x: _slow_stochastic(x, 1)[:1]),
    ("stochastic_d_14",): (17, lambda x: _slow_stochastic(x, 3)[1:]),
    ("cci_20",): (19, lambda x: (talib.CCI(*_hlc(x), 20),)),
    ("atr_ratio_14",): (112, lambda x: (talib.ATR(*_hlc(x), 14) / x["close"],)),
    ("bollinger_b_20", "bollinger_width_20"): (19, lambda x: _bollinger(x["close"])),
    ("reference_return_20",): (20, lambda x: (talib.ROCP(x["reference_close"], 20),)),
    ("relative_return_20",): (20, lambda x: (_relative_return(x),)),
    ("close_slope", "delta_slope"): (0, _trends),
}
"""Columns to their look-back in bars and what TA-Lib makes of a symbol's arrays from there."""

_SLOPES = ("close_slope", "delta_slope")
"""Columns of TA-Lib that become trends, once they are divided by rolling deviations."""

BY_TALIB = tuple(name for names in _TALIB for name in names if name not in _SLOPES)
"""Features that TA-Lib makes, to the bit."""

LEVELS = (
    "session_vwap", "week_vwap", "anchored_vwap", "session_poc", "session_vah", "session_val",
    "week_poc", "contract_poc", "previous_day_high", "previous_day_low", "previous_day_close",
    "previous_week_high", "previous_week_low", "opening_range_high", "opening_range_low",
    "session_open",
)  # fmt: skip

BY_PANDAS = (
    "parkinson_20",
    "garman_klass_20",
    "realized_volatility_20",
    "volume_z_20",
    "delta_ratio",
    "delta_ratio_20",
    "session_vwap_distance",
    "delta_divergence_20",
    "footprint_imbalance",
    "stacked_imbalance",
    "poc_distance",
    "minute_of_day_sin",
    "minute_of_day_cos",
    "bars_since_session_start",
    "session_phase",
    "minutes_to_close",
    "days_to_expiry",
    *(f"{level}_distance_atr" for level in LEVELS),
    "reference_correlation_50",
    "reference_beta_50",
)
"""Features that pandas makes of all symbols at once."""

_TALIB_INPUTS = ("high", "low", "close", "buy_volume", "sell_volume", "reference_close")
_LN2 = np.log(2.0)


def compute(bars: pd.DataFrame, session: object) -> pd.DataFrame:
    """Return symbol, bar_start and the columns above for the bars of one session.

    Parameters
    ----------
    bars
        Bars of all symbols by symbol and bar_start: the session's and those before it.
    """
    by_symbol = bars.groupby("symbol", sort=False, observed=True)
    columns = [name for name in bars.columns if name != "symbol"]
    features = by_symbol[columns].apply(lambda own: _of_symbol(own, session))
    return features.reset_index(level="symbol").reset_index(drop=True)


def _of_symbol(bars: pd.DataFrame, session: object) -> pd.DataFrame:
    """Return the features of one symbol."""
    is_inside = (bars["session"] == session).to_numpy()
    arrays = {name: bars[name].to_numpy() for name in _TALIB_INPUTS}
    return _together(bars, is_inside, _talib_columns(arrays, int(is_inside.sum())), lambda x: x)


def compute_at_once(bars: pd.DataFrame, session: object) -> pd.DataFrame:
    """Return the same as `compute`, of all symbols together."""
    is_inside = (bars["session"] == session).to_numpy()
    whole = {name: bars[name].to_numpy() for name in _TALIB_INPUTS}
    parts = []
    for rows in bars.groupby("symbol", sort=False, observed=True).indices.values():
        arrays = {name: values[rows[0] : rows[-1] + 1] for name, values in whole.items()}
        parts.append(_talib_columns(arrays, int(is_inside[rows].sum())))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    symbol = bars["symbol"]
    return _together(
        bars,
        is_inside,
        columns,
        lambda rows: rows.groupby(symbol.loc[rows.index], sort=False, observed=True),
    ).assign(symbol=symbol[is_inside].to_numpy())


def _talib_columns(arrays: Arrays, n_inside: int) -> dict[str, np.ndarray]:
    """Return TA-Lib's columns of a symbol, each from its own look-back on."""
    found = {}
    for names, (look_back, compute_one) in _TALIB.items():
        tail = {key: values[-n_inside - look_back :] for key, values in arrays.items()}
        for name, values in zip(names, compute_one(tail), strict=True):
            found[name] = values[-n_inside:]
    return found


def _together(
    bars: pd.DataFrame, is_inside: np.ndarray, by_talib: dict[str, np.ndarray], grouped: Grouping
) -> pd.DataFrame:
    """Return the session's rows with all columns."""
    inside = bars[is_inside]
    slopes = [by_talib.pop(name) for name in _SLOPES]
    rolled = _rolled(bars, grouped) | _against_reference(bars, grouped)
    return pd.DataFrame(
        {"bar_start": inside["bar_start"].to_numpy()}
        | by_talib
        | {name: values[is_inside] for name, values in rolled.items()}
        | {"delta_divergence_20": _divergence(inside, slopes, grouped)}
        | _anchored(inside, grouped)
        | _of_rows(inside)
    )


def _rolled(bars: pd.DataFrame, grouped: Grouping) -> dict[str, np.ndarray]:
    """Return the columns of rolling means and deviations."""
    spread, body = np.log(bars["high"] / bars["low"]), np.log(bars["close"] / bars["open"])
    before = grouped(bars[["close"]]).shift(1)["close"]
    terms = pd.DataFrame(
        {
            "parkinson": spread**2 / (4.0 * _LN2),
            "garman_klass": 0.5 * spread**2 - (2.0 * _LN2 - 1.0) * body**2,
            "squared_return": np.log(bars["close"] / before) ** 2,
            "delta": bars["buy_volume"] - bars["sell_volume"],
            "sided": bars["buy_volume"] + bars["sell_volume"],
            "volume": bars["volume"],
        }
    )
    means = grouped(terms).rolling(20).mean()
    mean = {name: values.to_numpy() for name, values in means.items()}
    deviation = grouped(bars[["volume"]]).rolling(20).std()["volume"].to_numpy()
    return {
        "parkinson_20": np.sqrt(mean["parkinson"]),
        "garman_klass_20": np.sqrt(mean["garman_klass"]),
        "realized_volatility_20": np.sqrt(mean["squared_return"]),
        "volume_z_20": (bars["volume"].to_numpy() - mean["volume"]) / deviation,
        "delta_ratio": (terms["delta"] / terms["sided"]).to_numpy(),
        "delta_ratio_20": mean["delta"] / mean["sided"],
    }


def _against_reference(bars: pd.DataFrame, grouped: Grouping) -> dict[str, np.ndarray]:
    """Return correlation and slope of log returns, from rolling means of their products."""
    closes = bars[["close", "reference_close"]]
    returns = np.log(closes / grouped(closes).shift(1))
    own, reference = returns["close"], returns["reference_close"]
    terms = pd.DataFrame(
        {"x": reference, "y": own, "xx": reference**2, "yy": own**2, "xy": reference * own}
    )
    means = grouped(terms).rolling(50).mean()
    x, y, xx, yy, xy = (means[name].to_numpy() for name in terms)
    covariance, variance = xy - x * y, xx - x * x
    return {
        "reference_correlation_50": covariance / np.sqrt(variance * (yy - y * y)),
        "reference_beta_50": covariance / variance,
    }


def _divergence(inside: pd.DataFrame, slopes: list[np.ndarray], grouped: Grouping) -> np.ndarray:
    """Return the trend of the close less that of cumulative delta: slopes of standard scores."""
    # Moves added up stand in for the close: its rolling deviation would lose digits to its size.
    moves = grouped(inside[["close"]]).diff()["close"].fillna(0.0)
    steps = pd.DataFrame({"close": moves, "delta": inside["buy_volume"] - inside["sell_volume"]})
    series = grouped(steps).cumsum()
    deviations = grouped(series).rolling(20).std()
    close, flow = (
        slope / deviations[name].to_numpy() for slope, name in zip(slopes, series, strict=True)
    )
    return np.arange(20).std(ddof=1) * (close - flow)


def _anchored(inside: pd.DataFrame, grouped: Grouping) -> dict[str, np.ndarray]:
    """Return the columns that begin with the session."""
    typical = (inside["high"] + inside["low"] + inside["close"]) / 3.0
    value = inside["vwap"].fillna(typical) * inside["volume"]
    counted = pd.DataFrame({"value": value, "volume": inside["volume"], "bars": 1.0})
    sums = grouped(counted).cumsum()
    vwap = sums["value"] / sums["volume"]
    return {
        "session_vwap_distance": (inside["close"] / vwap - 1.0).to_numpy(),
        "bars_since_session_start": sums["bars"].to_numpy() - 1.0,
    }


def _of_rows(inside: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the columns that need no other row."""
    start = inside["bar_start"].dt
    angle = (2.0 * np.pi * (start.hour * 60 + start.minute) / (24 * 60)).to_numpy()
    row = {name: inside[name].to_numpy() for name in inside.columns if name != "session"}
    phase = row["minutes_since_open"] / row["session_minutes"]
    buy, sell = row["footprint_imbalance_buy"], row["footprint_imbalance_sell"]
    distances = {
        f"{level}_distance_atr": (row["close"] - row["level_" + level]) / row["level_atr"]
        for level in LEVELS
    }
    return distances | {
        "minute_of_day_sin": np.sin(angle),
        "minute_of_day_cos": np.cos(angle),
        "session_phase": np.where((phase > 0.0) & (phase <= 1.0), phase, np.nan),
        "minutes_to_close": row["minutes_to_close"],
        "days_to_expiry": row["days_to_expiry"],
        "footprint_imbalance": (buy - sell) / np.maximum(buy + sell, 1.0),
        "stacked_imbalance": row["footprint_stacked_buy"] - row["footprint_stacked_sell"],
        "poc_distance": _off(row["close"], row["footprint_poc"]),
    }
