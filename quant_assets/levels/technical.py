"""Average true range and Bollinger bands behind the session-window rule.

Each runs on its own look-back before the session and on the session, starts anew where the
contract changes, and is NaN in its warm-up: the same window gives the same bits.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from quant_assets.indicators.arrays import FloatArray
from quant_assets.indicators.columns import changes_of
from quant_assets.indicators.segments import unbroken_runs
from quant_assets.indicators.volatility import average_true_range

ATR_PERIOD = 14
ATR_LOOK_BACK = 8 * ATR_PERIOD
"""Bars before the session; a recursive figure has forgotten where it began after 8 periods."""

BOLLINGER_PERIOD = 20
BOLLINGER_LOOK_BACK = BOLLINGER_PERIOD - 1
BOLLINGER_DEVIATIONS = 2.0

LOOK_BACK_BARS = max(ATR_LOOK_BACK, BOLLINGER_LOOK_BACK)
"""Bars before the session that the levels of a session need at most."""

Figures = tuple[FloatArray, ...]


def true_range_average(before: pl.DataFrame, bars: pl.DataFrame) -> FloatArray:
    """Return the average true range at each bar of a session, in units of price.

    Parameters
    ----------
    before
        Table `bars`: those before the session, of which the last ones are used.
    bars
        Those of the session.
    """
    names = ("high", "low", "close")
    average = partial(_windowed, before, bars, ATR_LOOK_BACK, names, n_figures=1)
    return average(lambda *prices: (average_true_range(*prices, period=ATR_PERIOD),))[0]


def bollinger_bands(before: pl.DataFrame, bars: pl.DataFrame) -> dict[str, FloatArray]:
    """Return the Bollinger bands at each bar of a session (TA-Lib BBANDS, simple mean).

    Parameters
    ----------
    before, bars
        As in `true_range_average`.
    """
    upper, middle, lower = _windowed(
        before, bars, BOLLINGER_LOOK_BACK, ("close",), _bands, n_figures=3
    )
    return {"bollinger_middle": middle, "bollinger_upper": upper, "bollinger_lower": lower}


def _bands(close: FloatArray) -> Figures:
    """Return upper, middle and lower band."""
    import talib

    upper, middle, lower = talib.BBANDS(
        close,
        timeperiod=BOLLINGER_PERIOD,
        nbdevup=BOLLINGER_DEVIATIONS,
        nbdevdn=BOLLINGER_DEVIATIONS,
    )
    return upper, middle, lower


def _windowed(
    before: pl.DataFrame,
    bars: pl.DataFrame,
    look_back: int,
    names: tuple[str, ...],
    compute: Callable[..., Figures],
    *,
    n_figures: int,
) -> Figures:
    """Return figures of a session's bars, computed run by run on the look-back and the session."""
    history = before.tail(look_back)
    window = history[[*names, "contract"]].vstack(bars[[*names, "contract"]])
    changes = changes_of(window["contract"])
    columns = [np.ascontiguousarray(window[name].to_numpy()) for name in names]
    figures = tuple(np.full(window.height, np.nan) for _ in range(n_figures))
    for start, stop in unbroken_runs(np.zeros(window.height, dtype=np.bool_), changes):
        made = compute(*(column[start:stop] for column in columns))
        for figure, values in zip(figures, made, strict=True):
            figure[start:stop] = values
    return tuple(figure[history.height :] for figure in figures)
