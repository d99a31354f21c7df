"""Features of a session as one would write them with pandas and TA-Lib: the reference's side.

It imports nothing of quant_assets, and no Python loop runs over rows. `compute` is the usual form:
groupby by symbol and apply, with TA-Lib and rolling windows inside. `compute_at_once` is tuned: it
rolls the columns of all symbols in one call and hands TA-Lib slices of whole columns. Each TA-Lib
column starts at its own look-back before the session: recursive ones depend on where they start.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd  # noqa: TID253  a script of its own
import talib  # noqa: TID253

Arrays = dict[str, np.ndarray]
Grouping = Callable[[pd.DataFrame], Any]
"""Returns a frame by symbol, or as it is where it is one symbol's."""

BY_TALIB: dict[str, tuple[int, Callable[[Arrays], np.ndarray]]] = {
    "sma_distance_20": (19, lambda x: x["close"] / talib.SMA(x["close"], 20) - 1.0),
    "sma_distance_50": (49, lambda x: x["close"] / talib.SMA(x["close"], 50) - 1.0),
    "ema_distance_20": (160, lambda x: x["close"] / talib.EMA(x["close"], 20) - 1.0),
    "macd_histogram": (280, lambda x: talib.MACD(x["close"], 12, 26, 9)[2] / x["close"]),
    "adx_14": (224, lambda x: talib.ADX(x["high"], x["low"], x["close"], 14)),
    "slope_20": (19, lambda x: talib.LINEARREG_SLOPE(x["close"], 20) / x["close"]),
    "rsi_14": (112, lambda x: talib.RSI(x["close"], 14)),
    "roc_1": (1, lambda x: talib.ROCP(x["close"], 1)),
    "roc_10": (10, lambda x: talib.ROCP(x["close"], 10)),
    "stochastic_14": (
        15,
        lambda x: talib.STOCH(
            x["high"], x["low"], x["close"], fastk_period=14, slowk_period=3, slowd_period=1
        )[0],
    ),
    "cci_20": (19, lambda x: talib.CCI(x["high"], x["low"], x["close"], 20)),
    "atr_ratio_14": (112, lambda x: talib.ATR(x["high"], x["low"], x["close"], 14) / x["close"]),
    "bollinger_b_20": (
        19,
        lambda x: _position(x["close"], *talib.BBANDS(x["close"], 20, 2.0, 2.0)),
    ),
}
"""Column to its look-back in bars and what TA-Lib makes of a symbol's arrays from there."""

BY_ROLLING = (
    "parkinson_20",
    "garman_klass_20",
    "realized_volatility_20",
    "volume_z_20",
    "delta_ratio",
    "delta_ratio_20",
    "session_vwap_distance",
    "minute_of_day_sin",
    "minute_of_day_cos",
    "bars_since_session_start",
)
"""Columns that pandas makes of all symbols at once."""

_PRICES = ["high", "low", "close"]
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
    arrays = {name: bars[name].to_numpy() for name in _PRICES}
    return _together(bars, is_inside, _talib_columns(arrays, int(is_inside.sum())), lambda x: x)


def compute_at_once(bars: pd.DataFrame, session: object) -> pd.DataFrame:
    """Return the same as `compute`, of all symbols together."""
    is_inside = (bars["session"] == session).to_numpy()
    whole = {name: bars[name].to_numpy() for name in _PRICES}
    parts = []
    for rows in bars.groupby("symbol", sort=False, observed=True).indices.values():
        arrays = {name: values[rows[0] : rows[-1] + 1] for name, values in whole.items()}
        parts.append(_talib_columns(arrays, int(is_inside[rows].sum())))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in BY_TALIB}
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
    for name, (look_back, compute_one) in BY_TALIB.items():
        tail = {key: values[-n_inside - look_back :] for key, values in arrays.items()}
        found[name] = compute_one(tail)[-n_inside:]
    return found


def _together(
    bars: pd.DataFrame, is_inside: np.ndarray, by_talib: dict[str, np.ndarray], grouped: Grouping
) -> pd.DataFrame:
    """Return the session's rows with all columns."""
    inside = bars[is_inside]
    rolled = {name: values[is_inside] for name, values in _rolled(bars, grouped).items()}
    keys = {"bar_start": inside["bar_start"].to_numpy()}
    return pd.DataFrame(keys | by_talib | rolled | _anchored(inside, grouped))


def _position(close: np.ndarray, upper: np.ndarray, _: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Return where the close stands between its bands."""
    return (close - lower) / (upper - lower)


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


def _anchored(inside: pd.DataFrame, grouped: Grouping) -> dict[str, np.ndarray]:
    """Return the columns that begin with the session."""
    typical = (inside["high"] + inside["low"] + inside["close"]) / 3.0
    value = inside["vwap"].fillna(typical) * inside["volume"]
    counted = pd.DataFrame({"value": value, "volume": inside["volume"], "bars": 1.0})
    sums = grouped(counted).cumsum()
    start = inside["bar_start"].dt
    angle = 2.0 * np.pi * (start.hour * 60 + start.minute) / (24 * 60)
    vwap = sums["value"] / sums["volume"]
    return {
        "session_vwap_distance": (inside["close"] / vwap - 1.0).to_numpy(),
        "minute_of_day_sin": np.sin(angle).to_numpy(),
        "minute_of_day_cos": np.cos(angle).to_numpy(),
        "bars_since_session_start": sums["bars"].to_numpy() - 1.0,
    }
