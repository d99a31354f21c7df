"""Planted: how a trade ended, on the row on which it was entered."""

import numpy as np
import polars as pl

from quant_assets.features.frame_feature import frame_feature

REACH, HORIZON = 0.002, 12


def barrier_outcomes(bars):
    """Return for each entry its outcome, 1, -1 or 0, and the row on which that was known."""
    high, low, close = (bars[name].to_numpy() for name in ("high", "low", "close"))
    outcome, end = np.zeros(len(close)), np.full(len(close), -1)
    for entry in range(len(close)):
        for at in range(entry + 1, min(entry + HORIZON, len(close) - 1) + 1):
            stopped = low[at] <= close[entry] * (1.0 - REACH)
            won = high[at] >= close[entry] * (1.0 + REACH)
            if stopped or won or at == entry + HORIZON:
                outcome[entry], end[entry] = (-1.0 if stopped else float(won)), at
                break
    return outcome, end


@frame_feature(name="last_outcome", inputs=("high", "low", "close"))
def last_outcome(bars):
    """Outcome of the triple barrier, joined to the labels' start."""
    outcome, end = barrier_outcomes(bars)
    labels = pl.DataFrame({"bar_start": bars["bar_start"], "label": outcome}).filter(
        pl.Series(end >= 0)
    )
    joined = bars.join_asof(labels, on="bar_start")
    return joined.select("bar_start", last_outcome="label")
