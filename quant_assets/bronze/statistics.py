"""Wins, losses and timeouts of every (stop, target) pair, counted without making a row of any."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.bronze.engine import Search
from quant_assets.bronze.outcome_kernels import collect_outcomes, finish_outcomes
from quant_assets.bronze.schema import TRADE_TYPES
from quant_assets.market.errors import InputError
from quant_assets.market.timeframes import NS_PER_DAY, NS_PER_HOUR

HOURS_IN_WEEK = 168
_THURSDAY = 3
"""1970-01-01, counted from Monday as 0."""
_BYTES_A_CELL = 4 + 8 + 4 + 4 + 8
"""What one pair, direction and hour of the week takes while outcomes are added up."""

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Sums:
    """What the kernel adds up, by direction, stop, target and bucket."""

    win_steps: npt.NDArray[np.int32]
    bar_steps: npt.NDArray[np.int64]
    tie_steps: npt.NDArray[np.int32]
    corners: npt.NDArray[np.int32]
    corner_returns: Floats
    entered: Counts
    inverse_price: Floats

    @classmethod
    def empty(cls, n_buckets: int, n_tp: int, n_sl: int) -> "_Sums":
        steps = (2, n_sl + 1, n_tp, n_buckets)
        corners = (2, n_sl + 1, n_tp + 1, n_buckets)
        return cls(
            np.zeros(steps, np.int32),
            np.zeros(steps, np.int64),
            np.zeros(steps, np.int32),
            np.zeros(corners, np.int32),
            np.zeros(corners, np.float64),
            np.zeros(n_buckets, np.int64),
            np.zeros(n_buckets, np.float64),
        )


def count_outcomes(
    search: Search, n_entries: int, *, first_entry: int = 0, memory_bytes: int = 1 << 30
) -> pl.DataFrame:
    """Return what became of every pair, by direction and by the entry's hour of the week.

    Each entry of a pair is a win, a loss or, where its window reaches neither level, a timeout;
    so wins + losses + timeouts is the number of entries. An ambiguous pair, of which one candle
    reaches both levels, is among wins or losses by the grid's rule, and counted besides.
    Expectancy is the mean return of an entry as a share of its price, after spread:

        (wins x tp - losses x (sl + c') + sum of timeouts' returns - timeouts x c) / entries

    with c the spread as a share of the price, mean over the entries, and c' the same, or 0 with
    `spread_on="both"`, where the stop has it in its level already. A target has it in its level
    always. A timeout ends at the close of its window's last candle.

    Parameters
    ----------
    search
        Grid, candles and spread.
    n_entries, first_entry
        Entries [first_entry, n_entries).
    memory_bytes
        Most that may be taken while outcomes are added up.

    Returns
    -------
    DataFrame
        Table `bronze_stats` without its session: by direction, sl, tp, weekday and hour, UTC.

    Raises
    ------
    InputError
        If the grid is larger than the memory allows.
    """
    end = search.last_entry(n_entries)
    hours, bucket = _hours_of_week(search.candles.stamps_ns, first_entry, end)
    n_tp, n_sl = search.tp_ratios.size, search.sl_ratios.size
    _check_memory(hours.size, n_tp, n_sl, memory_bytes)
    sums = _Sums.empty(max(hours.size, 1), n_tp, n_sl)
    search.call(collect_outcomes, first_entry, end, bucket, *vars(sums).values())
    return _table(search, hours, sums)


def summarize_outcomes(stats: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return the statistics of several sessions, hours or directions together.

    Parameters
    ----------
    stats
        Rows of `bronze_stats`.
    by
        Columns that are kept apart, for example `("sl", "tp")`; rows are sorted by them.
    """
    entries = pl.col("wins") + pl.col("losses") + pl.col("timeouts")
    sums = ("wins", "losses", "timeouts", "ambiguous", "sum_bars_to_win")
    return (
        stats.group_by(by)
        .agg(
            pl.col(*sums).sum(),
            expectancy=(pl.col("expectancy") * entries).sum() / entries.sum(),
        )
        .with_columns(
            win_rate=pl.col("wins") / entries,
            bars_to_win=pl.when(pl.col("wins") > 0).then(
                pl.col("sum_bars_to_win") / pl.col("wins")
            ),
        )
        .sort(by)
    )


def _hours_of_week(
    stamps_ns: npt.NDArray[np.int64], first: int, end: int
) -> tuple[Counts, npt.NDArray[np.int32]]:
    """Return the hours of the week that entries fall into, and the place of each candle's."""
    hour = (stamps_ns // NS_PER_HOUR) % 24
    weekday = (stamps_ns // NS_PER_DAY + _THURSDAY) % 7
    of_week = weekday * 24 + hour
    present = np.unique(of_week[first:end])
    place = np.zeros(HOURS_IN_WEEK, dtype=np.int32)
    place[present] = np.arange(present.size, dtype=np.int32)
    return present, place[of_week]


def _check_memory(n_hours: int, n_tp: int, n_sl: int, memory_bytes: int) -> None:
    needed = n_hours * 2 * (n_tp + 1) * (n_sl + 1) * _BYTES_A_CELL
    if needed > memory_bytes:
        raise InputError(
            asked=f"statistics of {n_sl} stops and {n_tp} targets in {n_hours} hours of the week",
            found=f"{needed / 2**20:,.0f} MiB are needed, {memory_bytes / 2**20:,.0f} are allowed",
            remedy="Take fewer levels, or raise bronze.statistics_memory_mb.",
        )


def _table(search: Search, hours: Counts, sums: _Sums) -> pl.DataFrame:
    """Turn steps into counts, and counts into rows, which stand in the table's order at once."""
    entered = np.flatnonzero(sums.entered[: hours.size])
    hours = hours[entered]
    shape = (2, search.sl_ratios.size, search.tp_ratios.size, hours.size)
    counts = [np.empty(shape, dtype=np.int64) for _ in _COUNTS]
    expectancy = np.empty(shape, dtype=np.float64)
    finish_outcomes(
        *(_of_buckets(steps, entered) for steps in list(vars(sums).values())[:6]),
        search.spread * sums.inverse_price[entered] / sums.entered[entered],
        search.sl_ratios,
        search.tp_ratios,
        search.grid.spread_on == "both",
        *counts,
        expectancy,
    )
    codes = np.repeat(np.arange(2, dtype=np.uint8), expectancy.size // 2)
    keys = {
        "direction": pl.Series(codes).cat.to(pl.Enum(TRADE_TYPES)),
        "sl": np.broadcast_to(search.sl_ratios[:, None, None], shape).ravel(),
        "tp": np.broadcast_to(search.tp_ratios[:, None], shape).ravel(),
        "weekday": np.broadcast_to((hours // 24 + 1).astype(np.uint8), shape).ravel(),
        "hour": np.broadcast_to((hours % 24).astype(np.uint8), shape).ravel(),
    }
    values = {name: count.ravel() for name, count in zip(_COUNTS, counts, strict=True)}
    return pl.DataFrame({**keys, **values, "expectancy": expectancy.ravel()})


_COUNTS = ("wins", "losses", "timeouts", "ambiguous", "sum_bars_to_win")


def _of_buckets(steps: npt.NDArray[Any], entered: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    """Return the sums of some buckets; all of them as they are."""
    if entered.size == steps.shape[-1]:
        return steps
    return np.ascontiguousarray(steps[..., entered])
