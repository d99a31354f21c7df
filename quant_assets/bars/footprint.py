"""Footprints from cleaned ticks: volume by bar, price and aggressor, and what it shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.bars import cell_kernels as cells
from quant_assets.bars.footprint_schema import FOOTPRINT, FOOTPRINT_BARS
from quant_assets.bars.footprint_tables import (
    FootprintRules,
    Ints,
    Written,
    bars_table,
    rows_table,
)
from quant_assets.market.bar_spec import BarKind, BarSpec
from quant_assets.market.columns import SIDES
from quant_assets.market.errors import InputError
from quant_assets.market.sessions import SessionCalendar

RULES = FootprintRules()
"""The usual ones."""

_FIRST_CELLS = 256
_CHUNK_ROWS = 1 << 20

_KINDS = {
    BarKind.TIME: cells.TIME,
    BarKind.VOLUME: cells.VOLUME,
    BarKind.TRADES: cells.TRADES,
}


@dataclass(frozen=True)
class Footprints:
    """Bars that are complete, and their rows.

    Parameters
    ----------
    rows
        Table `footprint`.
    bars
        Table `footprint_bars`, one row a bar.
    """

    rows: pl.DataFrame
    bars: pl.DataFrame


class FootprintBuilder:
    """Builds footprints from ticks that come in chunks; any chunking gives the same bits.

    Parameters
    ----------
    bars
        What makes a bar. A bar never spans two sessions.
    bucket
        Width of a price row in 1e-9; a price belongs to the row at or below it.
    tick
        Tick size in 1e-9, the unit of range bars; needed for these alone.
    calendar
        Tells when a session ends: then its `1d` bar is known, and whatever other bar it cuts.
        Needed for `1d`; without it a bar that is cut counts as known at its last trade.

    Raises
    ------
    InputError
        Where tick or calendar are needed and not given, or the bucket is below 1e-9.
    """

    def __init__(
        self,
        bars: BarSpec,
        *,
        bucket: int,
        tick: int | None = None,
        calendar: SessionCalendar | None = None,
        rules: FootprintRules = RULES,
    ) -> None:
        self._kind, self._size = _kind_and_size(bars, tick=tick, calendar=calendar)
        if bucket < 1:
            raise InputError(
                asked=f"a footprint with price rows of {bucket}e-9",
                found="a width below the finest price step, 1e-9",
                remedy="Give a wider one.",
            )
        self._bucket, self._calendar, self._rules = bucket, calendar, rules
        self._ints = np.zeros(cells.N_INTS, dtype=np.int64)
        self._ints[[cells.START, cells.LAST_TS]] = np.iinfo(np.int64).min
        self._ints[cells.SESSION] = np.iinfo(np.int32).min
        self._reals = np.zeros(cells.N_REALS, dtype=np.float64)
        self._cells = cells.empty_cells(_FIRST_CELLS)

    def add(self, ticks: pl.DataFrame) -> Footprints:
        """Add ticks in order of (ts, seq), later than all before; return the bars they complete.

        Parameters
        ----------
        ticks
            Columns session, ts, price, qty and side of table `clean_ticks`. Trades of quantity
            zero are passed over, as in bars.

        Raises
        ------
        InputError
            If they are not in time order.
        """
        arrays = _arrays(ticks)
        self._check_order(arrays[0])
        starts = range(0, ticks.height, _CHUNK_ROWS)
        return self._tables([self._add(*(a[n : n + _CHUNK_ROWS] for a in arrays)) for n in starts])

    def finish(self) -> Footprints:
        """Return the bar that is still open, if there is one."""
        if not self._ints[cells.IS_OPEN]:
            return self._tables([])
        room = Written.room(1, int(self._ints[cells.N_CELLS]))
        n_rows = cells.close_bar(self._ints, self._reals, *self._cells, *room.arrays, 0, 0)
        return self._tables([room.cut(1, n_rows)])

    def _check_order(self, stamps: Ints) -> None:
        """Refuse stamps that go back, or lie before those of an earlier chunk."""
        is_later = not stamps.size or stamps[0] >= self._ints[cells.LAST_TS]
        if not is_later or not cells.is_ascending(stamps):
            raise InputError(
                asked="a footprint of ticks",
                found="rows that are not in time order",
                remedy="Sort them by ts and seq first.",
            )

    def _add(self, *arrays: npt.NDArray[Any]) -> Written:
        """Add one chunk of trades."""
        n_trades = arrays[0].shape[0]
        room = Written.room(n_trades + 1, n_trades + int(self._ints[cells.N_CELLS]))
        *table, n_bars, n_rows = cells.add_trades(
            *arrays,
            self._kind,
            self._size,
            self._bucket,
            self._ints,
            self._reals,
            *self._cells,
            *room.arrays,
        )
        self._cells = tuple(table)
        return room.cut(n_bars, n_rows)

    def _tables(self, parts: list[Written]) -> Footprints:
        """Return what was written as tables."""
        filled = [part for part in parts if part.bar_ints.shape[0]]
        if not filled:
            return Footprints(FOOTPRINT.empty(), FOOTPRINT_BARS.empty())
        bars = [
            bars_table(one, bucket=self._bucket, rules=self._rules, ends=self._ends)
            for one in filled
        ]
        rows = [rows_table(one, bucket=self._bucket) for one in filled]
        return Footprints(pl.concat(rows), pl.concat(bars))

    def _ends(self, bar_ints: Ints) -> Ints:
        """Return when each bar is known; never before its start, which may have been moved."""
        ends = bar_ints[:, cells.END].copy()
        is_cut = ends == cells.UNTIL_SESSION_ENDS
        ends[is_cut] = self._session_ends(bar_ints[is_cut])
        return np.maximum(ends, bar_ints[:, cells.START])

    def _session_ends(self, bar_ints: Ints) -> Ints:
        """Return the ends of some bars' sessions; without a calendar their last trades."""
        if self._calendar is None:
            return bar_ints[:, cells.LAST_TS]
        days = bar_ints[:, cells.SESSION].astype("datetime64[D]").tolist()
        ends = [self._calendar.bounds(day).next_start_ns for day in days]
        return np.array(ends, dtype=np.int64)


def build_footprint(
    ticks: pl.DataFrame,
    *,
    bars: BarSpec,
    bucket: int,
    tick: int | None = None,
    calendar: SessionCalendar | None = None,
    rules: FootprintRules = RULES,
) -> Footprints:
    """Return the footprints of ticks that are all there; see `FootprintBuilder`."""
    builder = FootprintBuilder(bars, bucket=bucket, tick=tick, calendar=calendar, rules=rules)
    done, last = builder.add(ticks), builder.finish()
    return Footprints(pl.concat([done.rows, last.rows]), pl.concat([done.bars, last.bars]))


def _kind_and_size(
    bars: BarSpec, *, tick: int | None, calendar: SessionCalendar | None
) -> tuple[int, float]:
    """Return the kernels' kind and size of some bars."""
    if bars.kind is BarKind.RANGE:
        if tick is None:
            raise InputError(
                asked=f"bars {bars}",
                found="no tick size, which a range counts",
                remedy="Give the tick size of the symbol.",
            )
        return cells.RANGE, float(bars.size * tick)
    timeframe = bars.timeframe
    if timeframe is None or not timeframe.is_daily:
        return _KINDS[bars.kind], float(bars.size)
    if calendar is None:
        raise InputError(
            asked="a footprint of 1d bars",
            found="no calendar that tells when a session ends",
            remedy="Give the calendar of the symbol.",
        )
    return cells.DAILY, float(bars.size)


def _arrays(ticks: pl.DataFrame) -> tuple[npt.NDArray[Any], ...]:
    """Return stamps, sessions, prices, quantities and sides as the kernel takes them."""
    # The physical numbers of an Enum are the places of its words, and so the kernels' codes.
    sides = ticks["side"].cast(pl.Enum(SIDES)).to_physical().to_numpy()
    return (
        np.ascontiguousarray(ticks["ts"].to_physical().to_numpy()),
        np.ascontiguousarray(ticks["session"].to_physical().to_numpy()),
        np.ascontiguousarray(ticks["price"].to_numpy()),
        np.ascontiguousarray(ticks["qty"].to_numpy()),
        np.ascontiguousarray(sides.astype(np.uint8, copy=False)),
    )
