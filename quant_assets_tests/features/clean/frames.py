"""Features of frames that know nothing later than their own bar."""

import numpy as np
import polars as pl

from quant_assets.features.frame_feature import frame_feature

REACH, HORIZON = 0.002, 12
CLOSE = pl.col("close")


@frame_feature(name="trailing_mean_frame", inputs=("close",))
def trailing_mean_frame(bars):
    """Mean of the last five closes."""
    return bars["close"].rolling_mean(5)


@frame_feature(name="expanding_z_score_frame", inputs=("volume",))
def expanding_z_score_frame(bars):
    """Volume in deviations of the volume so far."""
    volume = pl.col("volume")
    count = volume.cum_count()
    mean = volume.cum_sum() / count
    return (volume - mean) / ((volume**2).cum_sum() / count - mean**2).sqrt()


@frame_feature(name="return_frame", inputs=("close",))
def return_frame(bars):
    """Close over the close before, less 1."""
    return CLOSE / CLOSE.shift(1) - 1.0


@frame_feature(
    name="rolled_close", inputs=("front_close", "back_close", "front_volume", "back_volume")
)
def rolled_close(bars):
    """Close of the contract with more volume on the session before."""
    days = (
        bars.group_by("session", maintain_order=True)
        .agg(is_rolled=pl.col("back_volume").sum() > pl.col("front_volume").sum())
        .with_columns(pl.col("is_rolled").shift(1, fill_value=False))
    )
    rows = bars.join(days, on="session", maintain_order="left")
    return rows.select(
        "bar_start",
        rolled_close=pl.when("is_rolled").then("back_close").otherwise("front_close"),
    )


@frame_feature(name="last_outcome", inputs=("high", "low", "close"))
def last_outcome(bars):
    """Outcome of the triple barrier, joined to the labels' end."""
    high, low, close = (bars[name].to_numpy() for name in ("high", "low", "close"))
    known: list[tuple[int, int, float]] = []
    for entry in range(len(close)):
        for at in range(entry + 1, min(entry + HORIZON, len(close) - 1) + 1):
            stopped = low[at] <= close[entry] * (1.0 - REACH)
            won = high[at] >= close[entry] * (1.0 + REACH)
            if stopped or won or at == entry + HORIZON:
                known.append((at, entry, -1.0 if stopped else float(won)))
                break
    labels = np.full(len(close), np.nan)
    for at, _, outcome in sorted(known):
        labels[at] = outcome
    return pl.Series(labels).fill_nan(None).forward_fill()


@frame_feature(name="gap_filled_forward_frame", inputs=("close",))
def gap_filled_forward_frame(bars):
    """Close, where there is none the last one."""
    return CLOSE.forward_fill()


@frame_feature(name="session_high_so_far", inputs=("high",))
def session_high_so_far(bars):
    """Highest price of the session so far."""
    return pl.col("high").cum_max().over("session")


@frame_feature(name="yesterdays_close", inputs=("close",))
def yesterdays_close(bars):
    """Last close of the session before."""
    days = bars.group_by("session", maintain_order=True).agg(pl.col("close").drop_nulls().last())
    days = days.with_columns(pl.col("close").shift(1))
    rows = bars.select("session", "bar_start").join(days, on="session", maintain_order="left")
    return rows["close"]


@frame_feature(name="minutes_since_last_bar", inputs=())
def minutes_since_last_bar(bars):
    """Time since the bar before began."""
    return bars["bar_start"].diff().dt.total_minutes()


@frame_feature(name="contract_age", inputs=("contract",))
def contract_age(bars):
    """Bars since the contract changed."""
    run = (pl.col("contract") != pl.col("contract").shift(1)).fill_null(value=False).cum_sum()
    return pl.int_range(pl.len()).over(run)


@frame_feature(name="hourly_close", inputs=("close",))
def hourly_close(bars):
    """Close of the last hour that has ended when the bar begins."""
    hours = bars.group_by_dynamic("bar_start", every="1h").agg(pl.col("close").last())
    known = hours.with_columns(pl.col("bar_start").dt.offset_by("1h"))
    return bars.select("bar_start").join_asof(known, on="bar_start")["close"]


@frame_feature(name="correlation_20", inputs=("close", "volume"))
def correlation_20(bars):
    """Correlation of close and volume over the last twenty bars."""
    return pl.rolling_corr(CLOSE, pl.col("volume"), window_size=20)


@frame_feature(name="weekday", inputs=())
def weekday(bars):
    """Day of the week of the session."""
    return bars["session"].dt.weekday()


@frame_feature(name="rank_of_last_20", inputs=("close",))
def rank_of_last_20(bars):
    """Share of the last twenty closes below the last one."""
    below = [(CLOSE.shift(n) < CLOSE).cast(pl.Float64) for n in range(1, 20)]
    return pl.sum_horizontal(below) / 19.0


@frame_feature(name="is_null_so_far", inputs=("close",))
def is_null_so_far(bars):
    """How many bars had no close so far."""
    return CLOSE.is_null().cum_sum()
