"""Every (stop, target) pair that would have won, for every candle and both directions."""

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.bronze.kernels import find_winning_trades_numba
from quant_assets.bronze.presets import Grid
from quant_assets.bronze.schema import BRONZE_TRADES, OUTCOMES, TRADE_TYPES
from quant_assets.market.errors import InputError

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def count_winning_trades(
    bars: pl.DataFrame, *, n_entries: int, grid: Grid, spread: float, first_entry: int = 0
) -> int:
    """Return how many rows `find_winning_trades` would give, without making them."""
    search = _Search(bars, grid, spread)
    return search.run(first_entry, n_entries, capacity=0)[0]


def find_winning_trades(
    bars: pl.DataFrame, *, n_entries: int, grid: Grid, spread: float, first_entry: int = 0
) -> pl.DataFrame:
    """Return the winning trades that enter at the close of the first candles.

    Entry is at candle i's close, and levels are looked for from candle i+1 to
    i+max_lookforward, both included: candles are counted, not time. Bought at e, the target
    e x (1 + tp) is reached where high >= target + spread, and the stop e x (1 - sl) where
    low <= stop; sold is the mirror of it. A win reaches its target before its stop; `grid.tie`
    decides for a candle that reaches both. Levels are computed and compared in float64.

    Parameters
    ----------
    bars
        Columns bar_start, high, low and close in time order: the entries first, then what the
        look-forward may read. Null and NaN extremes reach nothing.
    n_entries
        How many of the first rows are entries.
    spread
        Bid-ask spread in price. It is added to the move that a target needs (and, with
        `spread_on="both"`, brings the stop nearer); the stored `tp_price` is without it.
    first_entry
        Where to begin: blocks of entries, one after another, give the rows of one call.

    Returns
    -------
    DataFrame
        Table `bronze_trades`: by entry_time, buy before sell, tp_ratio and sl_ratio ascending.

    Raises
    ------
    InputError
        If the spread is negative or no number, or `first_entry` is negative.
    """
    search = _Search(bars, grid, spread)
    count, _ = search.run(first_entry, n_entries, capacity=0)
    _, out = search.run(first_entry, n_entries, capacity=count)
    return _frame(bars, search.close, out, grid)


class _Search:
    """The kernel's arguments for some bars and a grid."""

    def __init__(self, bars: pl.DataFrame, grid: Grid, spread: float) -> None:
        if not 0.0 <= spread < float("inf"):
            raise InputError(
                asked=f"winning trades at a spread of {spread}",
                found="no price",
                remedy="Give 0 or more, in the price's unit.",
            )
        self.high, self.low, self.close = (_floats(bars[c]) for c in ("high", "low", "close"))
        self.grid = grid
        self.spread = spread

    def run(self, first_entry: int, n_entries: int, *, capacity: int) -> tuple[int, Rows]:
        """Run the kernel; return the count and the rows that found room."""
        if first_entry < 0:
            raise InputError(
                asked=f"winning trades from candle {first_entry}",
                found="a place before the first candle",
                remedy="Begin at 0 or later.",
            )
        out = np.empty((capacity, 5), dtype=np.int64)
        found = find_winning_trades_numba(
            self.high,
            self.low,
            self.close,
            first_entry,
            self._last_entry(n_entries),
            np.array(self.grid.sl_ratios),
            np.array(self.grid.tp_ratios),
            self.grid.max_lookforward,
            self.spread,
            self.spread if self.grid.spread_on == "both" else 0.0,
            self.grid.tie == "win",
            out,
        )
        return int(found), out

    def _last_entry(self, n_entries: int) -> int:
        """Return the end of the entries: with `tail="drop"` none whose window is cut short."""
        n_bars: int = self.close.shape[0]
        whole = n_bars - self.grid.max_lookforward if self.grid.tail == "drop" else n_bars
        return max(0, min(n_entries, whole))


def _floats(column: pl.Series) -> Floats:
    """Return a column as contiguous float64, NaN for null."""
    return np.ascontiguousarray(column.cast(pl.Float64).to_numpy())


def _frame(bars: pl.DataFrame, close: Floats, out: Rows, grid: Grid) -> pl.DataFrame:
    """Put the rows into the published columns."""
    entry, direction, tp, sl, leave = (np.ascontiguousarray(column) for column in out.T)
    price = close[entry]
    sl_ratio = np.array(grid.sl_ratios)[sl]
    tp_ratio = np.array(grid.tp_ratios)[tp]
    is_buy = direction == 0
    # Each level as the kernel computes it: the price times (1 + ratio) or (1 - ratio).
    sl_price = price * np.where(is_buy, 1.0 - sl_ratio, 1.0 + sl_ratio)
    tp_price = price * np.where(is_buy, 1.0 + tp_ratio, 1.0 - tp_ratio)
    times = bars["bar_start"].dt.replace_time_zone(None).cast(pl.Datetime("ns"))
    outcome = pl.Series(OUTCOMES[:1], dtype=pl.Enum(OUTCOMES))
    frame = pl.DataFrame(
        {
            "entry_time": times.gather(entry),
            "trade_type": pl.Series(TRADE_TYPES, dtype=pl.Enum(TRADE_TYPES)).gather(direction),
            "entry_price": price.astype(np.float32),
            "sl_price": sl_price.astype(np.float32),
            "tp_price": tp_price.astype(np.float32),
            "sl_ratio": sl_ratio.astype(np.float32),
            "tp_ratio": tp_ratio.astype(np.float32),
            "exit_time": times.gather(leave),
            "outcome": outcome.new_from_index(0, out.shape[0]),
        }
    )
    return BRONZE_TRADES.check(frame)
