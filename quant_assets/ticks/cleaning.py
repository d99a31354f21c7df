"""Cleaning of landed trades: what is market stays, flagged; what is no trade is set aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.market.columns import PRICE_SCALE, SIDES
from quant_assets.market.instruments import AssetClass, Instrument
from quant_assets.ticks import cleaning_kernels as kernels
from quant_assets.ticks.rules import CLEAN_RULES, other_session
from quant_assets.ticks.schema import CLEAN_TICKS, SIDE_METHODS
from quant_assets.ticks.thresholds import Thresholds

_SIDE = pl.Enum(SIDES)
_METHOD = pl.Enum(SIDE_METHODS)
_DEFAULTS = Thresholds()

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cleaned:
    """Ticks of one session and contract, and what was set aside.

    Parameters
    ----------
    frame
        Table `clean_ticks`, in order of (ts, seq).
    set_aside
        Columns place, rule and raw, in order of (ts, seq).
    disorder
        How many rows stood after a later stamp in the source.
    sides
        Count of rows by the method that told their side; methods that told none are left out.
    broken
        Count of rows set aside by each rule.
    flagged
        Count of rows that stay by each flag: repeats, zero_quantity, no_spread, outside_hours.
    level_shifts
        How often trades that agreed with each other, and with none before, became the new level.
    """

    frame: pl.DataFrame
    set_aside: pl.DataFrame
    disorder: int
    sides: dict[str, int]
    broken: dict[str, int]
    flagged: dict[str, int]
    level_shifts: int


@dataclass(frozen=True)
class _Columns:
    """The columns of trades that kernels read, in order of (ts, seq)."""

    ts: _Ints
    price: _Ints
    qty: _Floats
    bid: _Ints
    ask: _Ints

    @classmethod
    def of(cls, ticks: pl.DataFrame) -> "_Columns":
        """Read them off a frame."""
        return cls(
            ts=_values(ticks["ts"].to_physical()),
            price=_values(ticks["price"]),
            qty=_values(ticks["qty"]),
            bid=_values(ticks["bid"], absent=kernels.NO_PRICE),
            ask=_values(ticks["ask"], absent=kernels.NO_PRICE),
        )


def clean_ticks(
    ticks: pl.DataFrame,
    *,
    contract: str | None,
    instrument: Instrument,
    thresholds: Thresholds = _DEFAULTS,
    span: Sequence[int] | None = None,
) -> Cleaned:
    """Clean the landed trades of one session and contract.

    Set aside are, in this order: stamps of another session; quantities that are not finite; prices
    of zero or below; prices off the tick grid, where the tick size is stated (not of equities: US
    venues match at the middle of the spread); prices away from the quote, and from the median of
    the trades before, which `mark_away` defines. What is said of a trade depends on it and on
    earlier trades of its session alone; what was set aside is no part of any median.

    All else is market and stays: equal rows, quotes without a spread, trades of quantity zero
    (spread legs, which no quote or median judges) and those outside the calendar's hours. They are
    flagged and counted. `tell_sides` defines the aggressor side; it starts anew in each session.

    Parameters
    ----------
    ticks
        Table `raw_ticks` of one session and contract, in any order.
    contract
        Written into each row; None where the symbol has none.
    instrument
        States the tick size; None where no list does.
    span
        The session's [start, next start) as ns; None where all rows are known to lie in it.
    """
    ordered = _ordered(ticks)
    disorder = 0 if ordered is ticks else _disorder(ticks)
    verdict, level_shifts = _judged(ordered, instrument, thresholds, span)
    n_by_rule = np.bincount(verdict, minlength=len(CLEAN_RULES) + 1)
    has_bad = n_by_rule[0] < ordered.height
    good = ordered.filter(pl.Series(verdict == kernels.GOOD)) if has_bad else ordered
    frame, n_by_method = _told(good, contract)
    return Cleaned(
        frame=frame,
        set_aside=_set_aside(ordered, verdict),
        disorder=disorder,
        sides={name: int(n) for name, n in zip(SIDE_METHODS, n_by_method, strict=True) if n},
        broken={name: int(n) for name, n in zip(CLEAN_RULES, n_by_rule[1:], strict=True)},
        flagged=_flagged(frame),
        level_shifts=level_shifts,
    )


def stated_step(instrument: Instrument) -> int | None:
    """Return the tick size that binds an instrument's prices, as a count of 1e-9, or None."""
    is_free = instrument.asset_class is AssetClass.EQUITY
    if is_free or not instrument.known or instrument.tick_size is None:
        return None
    return round(instrument.tick_size * PRICE_SCALE) or None


def _ordered(ticks: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in order of (ts, seq); the frame itself where it is so already."""
    if ticks["seq"].is_sorted() and ticks["ts"].is_sorted():
        return ticks
    return ticks.sort("ts", "seq", maintain_order=True)


def _disorder(ticks: pl.DataFrame) -> int:
    """Count the rows whose stamp lies before an earlier row's."""
    stamps = ticks.sort("seq")["ts"].to_physical()
    return int((stamps < stamps.cum_max()).sum())


def _values(column: pl.Series, *, absent: float = 0) -> npt.NDArray[Any]:
    """Return a column as an array, with a value where there is none.

    It is read-only always: kernels are compiled for each kind of array that they meet.
    """
    filled = column.fill_null(absent) if column.null_count() else column
    array = np.ascontiguousarray(filled.to_numpy()).view()
    array.flags.writeable = False
    return array


def _judged(
    ticks: pl.DataFrame,
    instrument: Instrument,
    thresholds: Thresholds,
    span: Sequence[int] | None,
) -> tuple[npt.NDArray[np.uint8], int]:
    """Return for each row 0, or the place of the rule that it breaks from 1; and level shifts."""
    columns = _Columns.of(ticks)
    verdict = np.zeros(ticks.height, dtype=np.uint8)
    if span is not None:
        is_other = other_session(columns.ts, start_ns=span[0], next_start_ns=span[1])
        verdict[is_other] = kernels.OTHER_SESSION
    sizes = [_values(ticks[name]) for name in ("bid_qty", "ask_qty")]
    step = stated_step(instrument) or 0
    kernels.mark_unsound(verdict, columns.price, columns.qty, *sizes, step)
    level_shifts = kernels.mark_away(
        verdict,
        columns.ts,
        columns.price,
        columns.qty,
        columns.bid,
        columns.ask,
        thresholds.quote_reach,
        thresholds.widest_quote,
        thresholds.median_reach,
        thresholds.window_trades,
        thresholds.least_trades,
        thresholds.window_ns,
        thresholds.shift_trades,
    )
    return verdict, int(level_shifts)


def _told(ticks: pl.DataFrame, contract: str | None) -> tuple[pl.DataFrame, _Ints]:
    """Add contract, side and flags; and return how many sides each method told."""
    columns = _Columns.of(ticks)
    feed = _values(ticks["side"].to_physical())
    sides, methods, n_by_method = kernels.tell_sides(
        columns.price, columns.qty, columns.bid, columns.ask, feed
    )
    has_ask = columns.ask != kernels.NO_PRICE
    told = ticks.with_columns(
        pl.lit(contract, dtype=pl.String).alias("contract"),
        pl.Series("side", sides).cat.to(_SIDE),
        pl.Series("side_method", methods).cat.to(_METHOD),
        pl.Series("repeats", _repeats(ticks, columns, feed)),
        pl.Series("no_spread", has_ask & (columns.bid >= columns.ask)),
    )
    return told.select(CLEAN_TICKS.schema.column_names()), n_by_method


def _repeats(
    ticks: pl.DataFrame, columns: _Columns, feed: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Return which rows equal an earlier row of the same stamp in all values."""
    if not np.any(columns.ts[1:] == columns.ts[:-1]):
        return np.zeros(ticks.height, dtype=np.bool_)
    sizes = [_values(ticks[name], absent=np.nan) for name in ("bid_qty", "ask_qty")]
    received = _values(ticks["ts_recv"].to_physical(), absent=kernels.NO_PRICE)
    feed_bits = feed.astype(np.int64)
    feed_bits.flags.writeable = False
    floats = [array.view(np.int64) for array in (columns.qty, *sizes)]
    values = (columns.price, columns.bid, columns.ask, *floats, received, feed_bits)
    return np.asarray(kernels.mark_repeats(columns.ts, values))


def _flagged(frame: pl.DataFrame) -> dict[str, int]:
    """Count the rows that stay, flagged."""
    zero = int(np.count_nonzero(frame["qty"].to_numpy() == 0.0))
    flags = {name: int(frame[name].sum()) for name in ("repeats", "no_spread", "outside_hours")}
    return flags | {"zero_quantity": zero}


def _set_aside(ordered: pl.DataFrame, verdict: npt.NDArray[np.uint8]) -> pl.DataFrame:
    """Return the bad rows as place, rule and raw."""
    values = ("ts", "price", "qty", "bid", "ask")
    places = np.flatnonzero(verdict != kernels.GOOD)
    rules = [CLEAN_RULES[code - 1] for code in verdict[places].tolist()]
    return ordered[places].select(
        place=pl.format("row {}", pl.col("seq")),
        rule=pl.Series(rules, dtype=pl.String),
        raw=pl.struct(*values).struct.json_encode(),
    )
