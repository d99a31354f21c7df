"""Every (stop, target) pair that would have won, for every candle and both directions."""

import numpy as np
import polars as pl

from quant_assets.bronze.kernels import find_winning_trades_numba
from quant_assets.bronze.presets import Grid
from quant_assets.bronze.schema import BRONZE_TRADES, OUTCOMES, TRADE_TYPES

Array = np.ndarray


def count_winning_trades(
    bars: pl.DataFrame, *, n_entries: int, grid: Grid, spread: float
) -> int:
    """Return how many rows `find_winning_trades` would give, without making them."""
    return _search(_arrays(bars), _entries(bars, n_entries, grid), grid, spread, capacity=0)[0]


def find_winning_trades(
    bars: pl.DataFrame, *, n_entries: int, grid: Grid, spread: float
) -> pl.DataFrame:
    """Return the winning trades that enter at the close of the first candles.

    Parameters
    ----------
    bars
        Columns bar_start, high, low and close in time order: the entries first, then what the
        look-forward may read.
    n_entries
        How many of the first rows are entries.
    spread
        Bid-ask spread in price. It is added to the move that a target needs (and, with
        `spread_on="both"`, brings the stop nearer); the stored `tp_price` is without it.

    Returns
    -------
    DataFrame
        Table `bronze_trades`: prices computed in float64 and stored as float32.
    """
    arrays = _arrays(bars)
    entries = _entries(bars, n_entries, grid)
    count, _ = _search(arrays, entries, grid, spread, capacity=0)
    _, out = _search(arrays, entries, grid, spread, capacity=count)
    return _frame(bars, arrays[2], out, grid)


def _entries(bars: pl.DataFrame, n_entries: int, grid: Grid) -> int:
    """Return the entries that are tried: with `tail="drop"` none whose window is cut short."""
    if grid.tail == "drop":
        return max(0, min(n_entries, bars.height - grid.max_lookforward))
    return min(n_entries, bars.height)


def _arrays(bars: pl.DataFrame) -> tuple[Array, Array, Array]:
    """Return high, low and close as float64, NaN for null."""
    high, low, close = (
        np.ascontiguousarray(bars[name].cast(pl.Float64).to_numpy())
        for name in ("high", "low", "close")
    )
    return high, low, close


def _search(
    arrays: tuple[Array, Array, Array], n_entries: int, grid: Grid, spread: float, *, capacity: int
) -> tuple[int, Array]:
    """Run the kernel; return the count and the rows that found room."""
    out = np.empty((capacity, 5), dtype=np.int64)
    found = find_winning_trades_numba(
        *arrays,
        n_entries,
        np.array(grid.sl_ratios),
        np.array(grid.tp_ratios),
        grid.max_lookforward,
        spread,
        spread if grid.spread_on == "both" else 0.0,
        grid.tie == "win",
        out,
    )
    return int(found), out


def _frame(bars: pl.DataFrame, close: Array, out: Array, grid: Grid) -> pl.DataFrame:
    """Put the rows into the published columns."""
    entry, direction, tp, sl, leave = (out[:, column] for column in range(5))
    price = close[entry]
    sl_ratio = np.array(grid.sl_ratios)[sl]
    tp_ratio = np.array(grid.tp_ratios)[tp]
    sign = np.where(direction == 0, 1.0, -1.0)
    times = bars["bar_start"].dt.replace_time_zone(None).cast(pl.Datetime("ns"))
    kinds = pl.Series(direction).cast(pl.UInt32).replace_strict(
        dict(enumerate(TRADE_TYPES)), return_dtype=pl.Enum(TRADE_TYPES)
    )
    frame = pl.DataFrame(
        {
            "entry_time": times.gather(entry),
            "trade_type": kinds,
            "entry_price": price.astype(np.float32),
            "sl_price": (price * (1.0 - sign * sl_ratio)).astype(np.float32),
            "tp_price": (price * (1.0 + sign * tp_ratio)).astype(np.float32),
            "sl_ratio": sl_ratio.astype(np.float32),
            "tp_ratio": tp_ratio.astype(np.float32),
            "exit_time": times.gather(leave),
            "outcome": pl.Series([OUTCOMES[0]], dtype=pl.Enum(OUTCOMES)).new_from_index(
                0, out.shape[0]
            ),
        }
    )
    return BRONZE_TRADES.check(frame)
