"""What orders take from a market's quotes, as frames around `quote_kernels`.

Contract: only execution reads quotes after a decision. A strategy learns of a fill at its
`known_ns` and not before.
"""

import math
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.execution.consumption_kernels import LEVELS
from quant_assets.execution.costs import Realism
from quant_assets.execution.halts import span_arrays
from quant_assets.execution.latency import arrivals
from quant_assets.execution.quote_kernels import (
    ARRIVAL,
    DIRECTION,
    EXPIRY,
    FILLS,
    HALT,
    LEFT,
    LIMIT,
    N_REALS,
    N_WORDS,
    REASON,
    ROW,
    TRIED,
    TTL,
    TakerRun,
    work_orders,
)
from quant_assets.execution.quote_spec import QuoteSpec, quote_rules
from quant_assets.execution.reasons import NO_QUOTE, REASONS
from quant_assets.market.errors import InputError
from quant_assets.signals.execution_spec import LatencySpec

Number = TypeVar("Number", np.int64, np.float64)

_REMEMBERED_LEVELS = 64
_REASON_WORDS = pl.Enum(REASONS)
_SIDES = ("ask", "bid")


@dataclass(frozen=True)
class QuoteMemory:
    """What own fills leave behind in a market, at the quote last seen; a session starts anew.

    Parameters
    ----------
    taken : float64 array of shape (2, LEVELS + n_levels)
        Own consumption of asks and bids, and own impact.
    marks : int64 array of shape (2, 2)
        Touch last seen, and time of the last own fill.
    row
        Row of the stream last seen, -1 before the first.
    """

    taken: npt.NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((2, LEVELS + _REMEMBERED_LEVELS))
    )
    marks: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 2), dtype=np.int64))
    row: int = -1


@dataclass(frozen=True)
class Taking:
    """Everything that decides how orders take from quotes, beside quotes and orders.

    Parameters
    ----------
    sigma_day, volume_day
        Daily volatility as a ratio, and daily volume, of sessions before; NaN: no impact.
    halts
        In the columns of HALT_SPANS; only realism `full` minds them. Also the session's end.
    seed
        Seed of the latency's draws.
    """

    spec: QuoteSpec = field(default_factory=QuoteSpec)
    realism: Realism = Realism.FULL
    latency: LatencySpec = field(default_factory=LatencySpec)
    sigma_day: float = math.nan
    volume_day: float = math.nan
    qty_step: float = 1.0
    halts: pl.DataFrame | None = None
    seed: int = 7

    @property
    def way(self) -> LatencySpec | None:
        """Latency at the level of realism; None below `latency`."""
        return None if self.realism in {Realism.IDEAL, Realism.SPREAD} else self.latency

    @property
    def spans(self) -> npt.NDArray[np.int64]:
        """Starts, ends and codes of the halts that are minded, of shape (3, n_spans)."""
        return np.array(span_arrays(self.halts if self.realism is Realism.FULL else None))


@dataclass(frozen=True)
class Taken:
    """What became of orders.

    Parameters
    ----------
    fills
        One row a fill, in order of time: number, ts_ns, known_ns, quote_row, qty, price and
        last_price in ticks.
    orders
        One row an order, as they were given: number, arrival_ns, filled, left, price (mean in
        ticks, null where nothing was filled) and reason.
    memory
        What a later call over the same stream goes on with.
    """

    fills: pl.DataFrame
    orders: pl.DataFrame
    memory: QuoteMemory


@dataclass(frozen=True)
class QuoteStream:
    """Quotes of one market in order of time; `quote_stream` makes it.

    Parameters
    ----------
    ts_ns : int64 array of shape (n_quotes,)
    touch : int64 array of shape (2, n_quotes)
        Asks and bids in ticks.
    size, level_size : float64 arrays of shape (2, n_quotes)
        Offered at the touch, and at each level beyond it; 0 is no offer.
    """

    ts_ns: npt.NDArray[np.int64]
    touch: npt.NDArray[np.int64]
    size: npt.NDArray[np.float64]
    level_size: npt.NDArray[np.float64]


def quote_stream(quotes: pl.DataFrame, *, level_window_s: int = 60) -> QuoteStream:
    """Return quotes as arrays, with the sizes of levels that they do not tell.

    Parameters
    ----------
    quotes
        ts_ns, bid and ask in ticks (Int64), bid_qty and ask_qty, in order of time. A side with a
        null is not offered.

    Raises
    ------
    InputError
        If quotes are not in order of time.
    """
    if not quotes["ts_ns"].is_sorted():
        raise InputError(
            asked="read quotes",
            found="their times go backwards",
            remedy="Sort them by ts_ns; equal times keep the order of the source.",
        )
    times = pl.from_epoch("ts_ns", time_unit="ns").alias("_at")
    sizes = quotes.select(times, *(_offered(side) for side in _SIDES))
    window = f"{level_window_s}s"
    medians = sizes.select(pl.col(side).rolling_median_by("_at", window) for side in _SIDES)
    return QuoteStream(
        ts_ns=read_only(_ints(quotes["ts_ns"])),
        touch=np.array([_ints(quotes[side]) for side in _SIDES]),
        size=np.array([_floats(sizes[side]) for side in _SIDES]),
        level_size=np.array([_floats(medians[side]) for side in _SIDES]),
    )


def _offered(side: str) -> pl.Expr:
    """Return the sizes of a side, null where it offers none."""
    qty = pl.col(f"{side}_qty").cast(pl.Float64)
    return pl.when(pl.col(side).is_not_null() & (qty > 0.0)).then(qty).alias(side)


def take_liquidity(
    stream: QuoteStream,
    orders: pl.DataFrame,
    taking: Taking,
    *,
    memory: QuoteMemory | None = None,
) -> Taken:
    """Work orders through quotes.

    Parameters
    ----------
    orders
        number (Int64, what latency is drawn by), decided_ns, side (1 buys, -1 sells), qty, and
        where wanted limit (ticks) and ttl_s; null takes none, and the spec's.
    memory
        What an earlier call over the same stream left; None starts anew.

    Raises
    ------
    InputError
        If an order arrives before the quote that the memory has last seen.
    """
    memory = memory or QuoteMemory()
    numbers = _ints(orders["number"])
    decided_ns = _ints(orders["decided_ns"])
    arrival_ns, back_ns = arrivals(decided_ns, numbers, taking.way, seed=taking.seed)
    sequence = np.lexsort((numbers, arrival_ns))
    _check_is_later(stream, arrival_ns, memory)
    words, reals = _order_arrays(orders, arrival_ns, taking.spec)
    run = _run(stream, words[sequence], reals[sequence], taking, memory)
    work_orders(run)
    if run.counts[FILLS] > len(run.fill_words):
        room = int(run.counts[FILLS])
        run = _run(stream, words[sequence], reals[sequence], taking, memory, room=room)
        work_orders(run)
    return _taken(run, orders, sequence, back_ns)


def _order_arrays(
    orders: pl.DataFrame, arrival_ns: npt.NDArray[np.int64], spec: QuoteSpec
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return orders as `TakerRun` has them; a column that the frame does not have is null."""
    words = np.empty((orders.height, N_WORDS), dtype=np.int64)
    words[:, ARRIVAL] = words[:, EXPIRY] = words[:, TRIED] = arrival_ns
    words[:, DIRECTION] = _ints(orders["side"])
    words[:, TTL] = np.rint(_column(orders, "ttl_s", spec.ttl_s) * 1e9)
    words[:, HALT], words[:, REASON] = -1, NO_QUOTE
    reals = np.full((orders.height, N_REALS), np.nan)
    reals[:, LEFT] = _column(orders, "qty", 0.0)
    reals[:, LIMIT] = _column(orders, "limit", math.nan)
    return words, reals


def _column(orders: pl.DataFrame, name: str, default: float) -> npt.NDArray[np.float64]:
    """Return a column, with a default where it is null or missing."""
    if name not in orders.columns:
        return np.full(orders.height, default)
    return orders[name].cast(pl.Float64).fill_null(default).to_numpy()


def _check_is_later(
    stream: QuoteStream, arrival_ns: npt.NDArray[np.int64], memory: QuoteMemory
) -> None:
    """Refuse orders that arrive before the quote last seen: they would take from the future."""
    if memory.row >= 0 and len(arrival_ns) and arrival_ns.min() < stream.ts_ns[memory.row]:
        raise InputError(
            asked=f"work an order that arrives at {arrival_ns.min()}",
            found=f"quotes until {stream.ts_ns[memory.row]} are passed",
            remedy="Give orders that overlap in one call.",
        )


def _run(
    stream: QuoteStream,
    words: npt.NDArray[np.int64],
    reals: npt.NDArray[np.float64],
    taking: Taking,
    memory: QuoteMemory,
    *,
    room: int = 0,
) -> TakerRun:
    """Return a run at its start, with room for some fills; what it changes is its own."""
    room = max(room, 4 * len(words))
    counts = np.zeros(4, dtype=np.int64)
    counts[ROW] = memory.row
    return TakerRun(
        ts_ns=stream.ts_ns,
        touch=stream.touch,
        size=stream.size,
        level_size=stream.level_size,
        halts=taking.spans,
        words=words.copy(),
        reals=reals.copy(),
        rules=quote_rules(
            taking.spec,
            realism=taking.realism,
            sigma_day=taking.sigma_day,
            volume_day=taking.volume_day,
            qty_step=taking.qty_step,
        ),
        memory=memory.taken.copy(),
        marks=memory.marks.copy(),
        working=np.empty(len(words), dtype=np.int64),
        fill_words=np.empty((room, 3), dtype=np.int64),
        fill_reals=np.empty((room, 3), dtype=np.float64),
        counts=counts,
    )


def _taken(
    run: TakerRun,
    orders: pl.DataFrame,
    sequence: npt.NDArray[np.int64],
    back_ns: npt.NDArray[np.int64],
) -> Taken:
    """Return a finished run as frames, orders in the order that they were given in."""
    count = int(run.counts[FILLS])
    order, row, at_ns = run.fill_words[:count].T
    qty, price, last_price = run.fill_reals[:count].T
    number = _ints(orders["number"])[sequence]
    fills = pl.DataFrame(
        {
            "number": number[order],
            "ts_ns": at_ns,
            "known_ns": at_ns + back_ns[sequence][order],
            "quote_row": row,
            "qty": qty,
            "price": price,
            "last_price": last_price,
        }
    )
    filled, paid = np.zeros(len(number)), np.zeros(len(number))
    np.add.at(filled, order, qty)
    np.add.at(paid, order, qty * price)
    mean = np.divide(paid, filled, out=np.full(len(number), math.nan), where=filled > 0.0)
    reasons = [REASONS[code] for code in run.words[:, REASON]]
    told = pl.DataFrame(
        {
            "number": number,
            "arrival_ns": run.words[:, ARRIVAL],
            "filled": filled,
            "left": run.reals[:, LEFT],
            "price": pl.Series(mean, nan_to_null=True),
            "reason": pl.Series(reasons, dtype=_REASON_WORDS),
        }
    )[np.argsort(sequence)]
    return Taken(fills, told, QuoteMemory(run.memory, run.marks, int(run.counts[ROW])))


def read_only(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return a view that nothing is written to.

    Polars gives such a view of a column, but an array of its own where the column is empty or is
    cast. Kernels are compiled for one form or the other, which costs seconds: they see this one.
    """
    view = values.view()
    view.flags.writeable = False
    return view


def _ints(values: pl.Series) -> npt.NDArray[np.int64]:
    return values.cast(pl.Int64).fill_null(0).to_numpy()


def _floats(values: pl.Series) -> npt.NDArray[np.float64]:
    return values.cast(pl.Float64).fill_null(0.0).to_numpy()
