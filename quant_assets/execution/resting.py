"""When limit orders at rest are filled by a market's trades, as frames around the kernels.

A limit that crosses the touch when it arrives is given to `quotes.take_liquidity` first; what is
left of it rests here. Fills are at the limit: a trade beyond it is no gift.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.execution import resting_kernels as place
from quant_assets.execution.costs import Realism
from quant_assets.execution.latency import arrivals
from quant_assets.execution.quotes import QuoteStream, Taking, read_only
from quant_assets.execution.reasons import BAD_PRICE, EXPIRED, REASONS
from quant_assets.market.columns import SIDES
from quant_assets.market.errors import InputError

_POWER = 3.0
_AGGRESSORS = {"buy": 1, "sell": -1, "unknown": 0}


class QueueRule(StrEnum):
    """What is assumed of the place in a queue that nobody sees; of falling caution."""

    RISK_AVERSE = "risk_averse"
    """Only trades advance it; all who cancel stood behind."""
    PROBABILISTIC = "probabilistic"
    """Who cancels stood before or behind by the sizes there."""
    OPTIMISTIC = "optimistic"
    """First in the queue from the start."""


_RULES = {
    QueueRule.RISK_AVERSE: place.RISK_AVERSE,
    QueueRule.PROBABILISTIC: place.PROBABILISTIC,
    QueueRule.OPTIMISTIC: place.OPTIMISTIC,
}


@dataclass(frozen=True)
class Rested:
    """What became of resting orders.

    Parameters
    ----------
    fills
        One row a fill, in order of time: number, ts_ns, known_ns, trade_row, qty, price in ticks.
    orders
        One row an order, as they were given: number, arrival_ns, filled, left and reason.
    """

    fills: pl.DataFrame
    orders: pl.DataFrame


def rest_limits(
    trades: pl.DataFrame,
    orders: pl.DataFrame,
    taking: Taking,
    *,
    queue: QueueRule = QueueRule.RISK_AVERSE,
    quotes: QuoteStream | None = None,
) -> Rested:
    """Let limit orders rest while a market trades.

    Below realism `full` a trade at or beyond the limit fills an order whole; at `full` the queue
    comes first, and no trade fills more than its own size.

    Parameters
    ----------
    trades
        ts_ns, price in ticks, qty, side of the aggressor (buy, sell, unknown), in order of time.
    orders
        number, decided_ns, side (1 buys), qty, limit in ticks and end_ns, the last time at which
        it may fill.
    quotes
        What the place in the queue is read from. Without it nobody is known to have left: but for
        `optimistic`, only a trade beyond the limit fills.

    Raises
    ------
    InputError
        If trades are not in order of time.
    """
    if not trades["ts_ns"].is_sorted():
        raise InputError(
            asked="read trades",
            found="their times go backwards",
            remedy="Sort them by ts_ns; equal times keep the order of the source.",
        )
    numbers = orders["number"].to_numpy()
    decided_ns = orders["decided_ns"].to_numpy()
    arrival_ns, back_ns = arrivals(decided_ns, numbers, taking.way, seed=taking.seed)
    words, reals, is_priced = _order_arrays(orders, arrival_ns)
    sequence = np.lexsort((numbers, arrival_ns))
    sequence = sequence[is_priced[sequence]]
    rules = np.array([_RULES[queue], _POWER])
    if taking.realism is not Realism.FULL:
        rules[place.QUEUE] = place.WHOLE
    room = 4 * len(words)
    run = _run(trades, quotes, words[sequence], reals[sequence], rules, taking, room=room)
    place.rest_orders(run)
    if run.counts[place.FILLS] > room:
        room = int(run.counts[place.FILLS])
        run = _run(trades, quotes, words[sequence], reals[sequence], rules, taking, room=room)
        place.rest_orders(run)
    words[sequence], reals[sequence] = run.words, run.reals
    return Rested(
        _fills(run, numbers[sequence], back_ns[sequence]),
        _outcomes(orders, words, reals[:, place.LEFT]),
    )


def _order_arrays(
    orders: pl.DataFrame, arrival_ns: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return orders as `RestingRun` has them, and which have a limit that is a whole tick."""
    limit = orders["limit"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    is_priced = np.isfinite(limit) & (limit == np.rint(limit))
    words = np.empty((orders.height, place.N_WORDS), dtype=np.int64)
    words[:, place.ARRIVAL] = arrival_ns
    words[:, place.DIRECTION] = orders["side"].to_numpy()
    words[:, place.LIMIT] = np.where(is_priced, limit, 0.0)
    words[:, place.END] = orders["end_ns"].to_numpy()
    words[:, place.REASON] = np.where(is_priced, EXPIRED, BAD_PRICE)
    reals = np.zeros((orders.height, place.N_REALS))
    reals[:, place.LEFT] = orders["qty"].cast(pl.Float64).to_numpy()
    return words, reals, is_priced


def _run(
    trades: pl.DataFrame,
    quotes: QuoteStream | None,
    words: npt.NDArray[np.int64],
    reals: npt.NDArray[np.float64],
    rules: npt.NDArray[np.float64],
    taking: Taking,
    *,
    room: int,
) -> place.RestingRun:
    """Return a run at its start; what it changes is its own."""
    aggressor = trades["side"].cast(pl.Enum(SIDES)).cast(pl.String)
    return place.RestingRun(
        trade_ns=read_only(trades["ts_ns"].to_numpy()),
        trade_price=read_only(trades["price"].to_numpy()),
        aggressor=read_only(
            aggressor.replace_strict(_AGGRESSORS, return_dtype=pl.Int64).to_numpy()
        ),
        trade_qty=read_only(trades["qty"].cast(pl.Float64).to_numpy()),
        quote_ns=quotes.ts_ns if quotes else read_only(np.empty(0, dtype=np.int64)),
        touch=quotes.touch if quotes else np.empty((2, 0), dtype=np.int64),
        size=quotes.size if quotes else np.empty((2, 0)),
        halts=taking.spans,
        words=words.copy(),
        reals=reals.copy(),
        rules=rules,
        working=np.empty(len(words), dtype=np.int64),
        fill_words=np.empty((room, 2), dtype=np.int64),
        fill_qty=np.empty(room),
        counts=np.zeros(place.N_COUNTS, dtype=np.int64),
    )


def _fills(
    run: place.RestingRun,
    numbers: npt.NDArray[np.int64],
    back_ns: npt.NDArray[np.int64],
) -> pl.DataFrame:
    """Return the fills of a finished run."""
    count = int(run.counts[place.FILLS])
    order, row = run.fill_words[:count].T
    at_ns = run.trade_ns[row]
    return pl.DataFrame(
        {
            "number": numbers[order],
            "ts_ns": at_ns,
            "known_ns": at_ns + back_ns[order],
            "trade_row": row,
            "qty": run.fill_qty[:count],
            "price": run.words[order, place.LIMIT],
        }
    )


def _outcomes(
    orders: pl.DataFrame, words: npt.NDArray[np.int64], left: npt.NDArray[np.float64]
) -> pl.DataFrame:
    """Return what became of each order."""
    reasons = [REASONS[code] for code in words[:, place.REASON]]
    qty = orders["qty"].cast(pl.Float64)
    return pl.DataFrame(
        {
            "number": orders["number"],
            "arrival_ns": words[:, place.ARRIVAL],
            "filled": (qty - pl.Series(left)).fill_nan(0.0),
            "left": left,
            "reason": pl.Series(reasons, dtype=pl.Enum(REASONS)),
        }
    )
