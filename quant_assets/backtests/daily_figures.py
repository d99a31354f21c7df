"""What is known of a symbol before each session: how far a day moves, and how much it trades.

And how many sessions a year has.
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

_SESSIONS = 20


def daily_figures(bars: pl.DataFrame, *, target_sessions: int | None) -> pl.DataFrame:
    """Return each session's figures of the sessions before it.

    Parameters
    ----------
    bars
        Columns session, bar_start, close, volume, and contract where there is one.
    target_sessions
        How many daily returns `target_sigma` takes; None leaves it NaN.

    Returns
    -------
    DataFrame
        Columns session; sigma_day, the standard deviation (n - 1) of up to 20 daily log returns,
        close to close; volume_day, the mean of up to 20 sessions; target_sigma, as sigma_day but
        of exactly so many returns. NaN where there are too few: two returns, one volume. A return
        over a change of contract is none.
    """
    has_contract = "contract" in bars.columns
    contract = pl.col("contract") if has_contract else pl.lit(None)
    days = (
        bars.sort("bar_start")
        .group_by("session", maintain_order=True)
        .agg(
            pl.col("close").last(),
            pl.col("volume").fill_null(0.0).sum(),
            contract.last().cast(pl.String).alias("contract"),
        )
    )
    is_same = days["contract"].eq_missing(days["contract"].shift(1)).to_numpy()
    closes, volumes = days["close"].to_list(), days["volume"].to_list()
    returns: list[float] = []
    sigma, volume, target = [], [], []
    for place in range(days.height):
        sigma.append(_deviation(returns[-_SESSIONS:]))
        earlier = volumes[max(place - _SESSIONS, 0) : place]
        volume.append(math.fsum(earlier) / len(earlier) if earlier else math.nan)
        is_enough = target_sessions is not None and len(returns) >= target_sessions
        target.append(_deviation(returns[-(target_sessions or 1) :]) if is_enough else math.nan)
        # The return of a session is known from the next one on.
        if place > 0 and is_same[place]:
            returns.append(math.log(closes[place] / closes[place - 1]))
    return days.select(
        "session",
        sigma_day=pl.Series(sigma, dtype=pl.Float64),
        volume_day=pl.Series(volume, dtype=pl.Float64),
        target_sigma=pl.Series(target, dtype=pl.Float64),
    )


def sessions_a_year(asset_class: str) -> float:
    """Return sessions a year of a class's calendar: what turns figures a session into a year's.

    Currencies and spot metals open on Sunday evening, which is a session of its own; futures trade
    on most holidays of the stock exchange.
    """
    return {"crypto": 365.0, "fx": 311.0, "metal": 311.0, "future": 258.0}.get(asset_class, 252.0)


def _deviation(values: Sequence[float]) -> float:
    """Return the standard deviation (n - 1) by exact sums, NaN below two values."""
    n = len(values)
    if n < 2:
        return math.nan
    mean = math.fsum(values) / n
    return float(np.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1)))
