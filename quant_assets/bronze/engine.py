"""Every (stop, target) pair that would have won, for every candle and both directions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.bronze.kernels import (
    FIRST_STOP,
    RUN_FIELDS,
    TIE_DRILLS,
    TIE_LOSES,
    TIE_WINS,
    expand_runs,
    find_winning_trades_numba,
)
from quant_assets.bronze.presets import Grid
from quant_assets.bronze.schema import BRONZE_TRADES, OUTCOMES, TRADE_TYPES
from quant_assets.market.errors import InputError
from quant_assets.paths.kernels import next_records

Floats = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]
Runs = npt.NDArray[np.int32]

_TIES = {"loss": TIE_LOSES, "win": TIE_WINS, "drill_down": TIE_DRILLS}
_FIRST_CAPACITY = 1 << 18
"""Runs that a first try has room for; what is not filled takes no memory."""


@dataclass(frozen=True)
class Candles:
    """Candles as the kernels read them: made once, shared by all threads, never written to.

    Parameters
    ----------
    stamps_ns : int64 array of shape (n,)
        Start of each candle, UTC.
    high, close : float64 arrays of shape (n,)
    fallen : float64 array of shape (n,)
        The lows, each with its sign turned, so that falling is found as rising is.
    next_high, next_fallen : int32 arrays of shape (n,)
        The next higher high of each candle, and the next lower low; n where there is none.
    """

    stamps_ns: Stamps
    high: Floats
    fallen: Floats
    close: Floats
    next_high: Runs
    next_fallen: Runs

    @classmethod
    def of(cls, bars: pl.DataFrame) -> Self:
        """Take candles from columns bar_start, high, low and close, in time order.

        Null and NaN extremes reach nothing, and nothing is entered at such a close.
        """
        high, low, close = (_floats(bars[name]) for name in ("high", "low", "close"))
        fallen = -low
        stamps = bars["bar_start"].cast(pl.Datetime("ns", "UTC")).to_physical()
        arrays = (
            np.ascontiguousarray(stamps.to_numpy()),
            high,
            fallen,
            close,
            next_records(high),
            next_records(fallen),
        )
        return cls(*(_read_only(array) for array in arrays))

    @property
    def count(self) -> int:
        """How many candles there are."""
        return int(self.close.size)


@dataclass(frozen=True)
class FinePrices:
    """Prices within candles, by which the order of two levels in one candle is told.

    Parameters
    ----------
    high, fallen : float64 arrays of shape (n_fine,)
        Highs, and lows with their sign turned, of finer bars; of ticks both are the price.
    bounds : int64 array of shape (n + 1,)
        Candle i's finer prices are [bounds[i], bounds[i + 1]); none where the two are equal.
    """

    high: Floats
    fallen: Floats
    bounds: Stamps

    @classmethod
    def of(cls, candles: Candles, fine: pl.DataFrame, *, step_ns: int) -> Self:
        """Sort finer prices into candles of a length.

        Parameters
        ----------
        fine
            Columns ts, high and low in time order.
        step_ns
            Length of a candle: a price belongs to the candle [start, start + step).
        """
        stamps = fine["ts"].cast(pl.Datetime("ns", "UTC")).to_physical().to_numpy()
        first = np.searchsorted(stamps, candles.stamps_ns, side="left")
        end = np.searchsorted(stamps, candles.stamps_ns + step_ns, side="left")
        home = np.searchsorted(candles.stamps_ns, stamps, side="right") - 1
        inside = (home >= 0) & (stamps < candles.stamps_ns[home] + step_ns)
        bounds = np.zeros(candles.count + 1, dtype=np.int64)
        np.cumsum(end - first, out=bounds[1:])
        return cls(
            high=_floats(fine["high"])[inside],
            fallen=-_floats(fine["low"])[inside],
            bounds=bounds,
        )


_NO_FINE_PRICES = FinePrices(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))


@dataclass(frozen=True)
class Found:
    """What a search of some entries found.

    Parameters
    ----------
    runs : int32 array of shape (n_runs, 5)
        Runs of wins, as `kernels` explains them.
    wins
        Rows that the runs stand for.
    ambiguous
        Pairs of which one candle reached both levels.
    ambiguous_entries
        Entries with any such pair.
    entries
        Candles that were entered.
    """

    runs: Runs
    wins: int
    ambiguous: int
    ambiguous_entries: int
    entries: int


@dataclass(frozen=True)
class Search:
    """A grid on some candles, ready to be run over any block of entries, by any thread.

    Parameters
    ----------
    candles
        The entries, and what the look-forward may read behind them.
    spread
        Bid-ask spread in price. It is added to the move that a target needs (and, with
        `spread_on="both"`, brings the stop nearer); the stored `tp_price` is without it.
    fine
        Finer prices for `tie="drill_down"`; a candle without any decides as `tie="loss"`.

    Raises
    ------
    InputError
        If the spread is negative or no number.
    """

    candles: Candles
    grid: Grid
    spread: float
    fine: FinePrices | None = None
    sl_ratios: Floats = field(init=False)
    tp_ratios: Floats = field(init=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.spread < float("inf"):
            raise InputError(
                asked=f"winning trades at a spread of {self.spread}",
                found="no price",
                remedy="Give 0 or more, in the price's unit.",
            )
        object.__setattr__(self, "sl_ratios", np.array(self.grid.sl_ratios))
        object.__setattr__(self, "tp_ratios", np.array(self.grid.tp_ratios))

    def last_entry(self, n_entries: int) -> int:
        """Return the end of the entries: with `tail="drop"` none whose window is cut short."""
        n_bars = self.candles.count
        whole = n_bars - self.grid.max_lookforward if self.grid.tail == "drop" else n_bars
        return max(0, min(n_entries, whole))

    def count(self, first_entry: int, n_entries: int) -> Found:
        """Count the wins of entries [first_entry, n_entries) without keeping their runs."""
        return self._run(first_entry, n_entries, capacity=0)[1]

    def run(self, first_entry: int, n_entries: int) -> Found:
        """Find the runs of entries [first_entry, n_entries)."""
        needed, found = self._run(first_entry, n_entries, capacity=_FIRST_CAPACITY)
        if needed > _FIRST_CAPACITY:
            _, found = self._run(first_entry, n_entries, capacity=needed)
        return found

    def _run(self, first_entry: int, n_entries: int, *, capacity: int) -> tuple[int, Found]:
        """Run the kernel; return how many runs there are, and those that found room."""
        if first_entry < 0:
            raise InputError(
                asked=f"winning trades from candle {first_entry}",
                found="a place before the first candle",
                remedy="Candles are counted from 0.",
            )
        runs = np.empty((capacity, RUN_FIELDS), dtype=np.int32)
        totals = np.zeros(4, dtype=np.int64)
        end_entry = self.last_entry(n_entries)
        needed = self.call(find_winning_trades_numba, first_entry, end_entry, runs, totals)
        wins, ambiguous, ambiguous_entries, entries = totals.tolist()
        return needed, Found(runs[:needed], wins, ambiguous, ambiguous_entries, entries)

    def call(
        self, kernel: Callable[..., int], first_entry: int, end_entry: int, *results: object
    ) -> int:
        """Call a kernel with what all of them read, and the arrays that it fills."""
        candles, fine = self.candles, self.fine or _NO_FINE_PRICES
        can_drill = self.fine is not None or self.grid.tie != "drill_down"
        return kernel(
            candles.high,
            candles.fallen,
            candles.close,
            candles.next_high,
            candles.next_fallen,
            first_entry,
            end_entry,
            self.sl_ratios,
            self.tp_ratios,
            self.grid.max_lookforward,
            self.spread,
            self.spread if self.grid.spread_on == "both" else 0.0,
            _TIES[self.grid.tie] if can_drill else TIE_LOSES,
            fine.high,
            fine.fallen,
            fine.bounds,
            *results,
        )

    def rows(self, runs: Runs, count: int, *, skipped: int = 0) -> pl.DataFrame:
        """Return rows that runs stand for, in the published columns.

        Parameters
        ----------
        runs
            The first of them begins the rows.
        count
            Rows to give.
        skipped
            Rows of the first run that are left out.
        """
        kinds = (np.int64, np.uint8, *([np.float32] * 5), np.int64)
        columns = [np.empty(count, dtype=kind) for kind in kinds]
        candles = self.candles
        expand_runs(
            runs,
            skipped,
            candles.stamps_ns,
            candles.close,
            self.sl_ratios,
            self.tp_ratios,
            *columns,
        )
        return published_frame(columns)

    def wins_of_runs(self, runs: Runs) -> npt.NDArray[np.int64]:
        """Return how many rows each run stands for."""
        wins: npt.NDArray[np.int64] = self.sl_ratios.size - runs[:, FIRST_STOP].astype(np.int64)
        return wins


def count_winning_trades(
    bars: pl.DataFrame, *, n_entries: int, grid: Grid, spread: float, first_entry: int = 0
) -> int:
    """Return how many rows `find_winning_trades` would give, without making them."""
    return Search(Candles.of(bars), grid, spread).count(first_entry, n_entries).wins


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
        Bid-ask spread in price, see `Search`.
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
    search = Search(Candles.of(bars), grid, spread)
    found = search.run(first_entry, n_entries)
    return BRONZE_TRADES.check(search.rows(found.runs, found.wins))


def published_frame(columns: list[npt.NDArray[np.generic]]) -> pl.DataFrame:
    """Put the kernel's columns under their published names and types."""
    entry_time, trade_type, *numbers, exit_time = columns
    names = ("entry_price", "sl_price", "tp_price", "sl_ratio", "tp_ratio")
    outcome = pl.Series(OUTCOMES[:1], dtype=pl.Enum(OUTCOMES))
    return pl.DataFrame(
        [
            pl.Series("entry_time", entry_time).cast(pl.Datetime("ns")),
            pl.Series("trade_type", trade_type).cat.to(pl.Enum(TRADE_TYPES)),
            *(pl.Series(name, column) for name, column in zip(names, numbers, strict=True)),
            pl.Series("exit_time", exit_time).cast(pl.Datetime("ns")),
            outcome.new_from_index(0, len(entry_time)).alias("outcome"),
        ]
    )


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view of an array that nobody can write through."""
    view = array.view()
    view.flags.writeable = False
    return view


def _floats(column: pl.Series) -> Floats:
    """Return a column as contiguous float64, NaN for null."""
    return np.ascontiguousarray(column.cast(pl.Float64).to_numpy())
