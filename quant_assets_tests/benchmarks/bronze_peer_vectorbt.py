"""Winning trades by vectorbt: a script for an environment of its own, which `bronze_peer` starts.

`python bronze_peer_vectorbt.py CANDLES.npz WINS.npz ROUNDS` prints JSON: what each way of asking
vectorbt took. Every candle is an entry and trades overlap, while a column of vectorbt holds one
position: so a column is one (entry, direction, target, stop), on a window of candles that begins
with the entry's own. Windows and columns are laid out before the clock runs: timed is the call, and
reading wins out of what it returns.
"""

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import vectorbt as vbt

Hits = tuple[np.ndarray, np.ndarray]
"""Rows and columns at which a target was reached before its stop."""

TARGET_REACHED = vbt.signals.enums.StopType.TakeProfit


@dataclass(frozen=True)
class Task:
    """Candles, and what is asked of them; every array is one of the file's."""

    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    sl_ratios: np.ndarray
    tp_ratios: np.ndarray
    lookforward: np.ndarray
    entries: np.ndarray


class Batch:
    """Some entries as windows of candles: all combinations of one entry, then of the next."""

    def __init__(self, task: Task, entries: np.ndarray) -> None:
        shape = (entries.size, 2, task.tp_ratios.size, task.sl_ratios.size)
        place, self.direction, self.target, self.stop = np.indices(shape).reshape(4, -1)
        self.entry = entries[place]
        candles = np.arange(int(task.lookforward) + 1)[:, None] + self.entry
        self.high, self.low, self.close = task.high[candles], task.low[candles], task.close[candles]
        self.is_entry = np.zeros(candles.shape, dtype=bool)
        self.is_entry[0] = True
        self.sl_ratio, self.tp_ratio = task.sl_ratios[self.stop], task.tp_ratios[self.target]
        self.is_sale = self.direction == 1

    def trades(self, hits: Hits) -> np.ndarray:
        """Return wins as entry, direction, target, stop and exit candle."""
        row, column = hits
        entry = self.entry[column]
        names = (self.direction, self.target, self.stop)
        return np.stack([entry, *(name[column] for name in names), entry + row], axis=1)


def portfolio(batch: Batch, engine: str) -> Callable[[], Hits]:
    """Simulate orders: `Portfolio.from_signals`."""
    how = {
        "high": batch.high,
        "low": batch.low,
        "sl_stop": batch.sl_ratio[None],
        "tp_stop": batch.tp_ratio[None],
        "direction": batch.direction[None],
        "max_orders": 2 * batch.entry.size,
        "attach_call_seq": False,
        "engine": engine,
    }
    at_entry, signal = batch.close[0], batch.is_entry[:, :1].copy()

    def run() -> Hits:
        held = vbt.Portfolio.from_signals(batch.close, signal, exits=False, **how)
        exits = held.order_records[held.order_records["idx"] > 0]
        column, price = exits["col"], exits["price"]
        paid = at_entry[column]
        won = np.where(batch.is_sale[column], price < paid, price > paid)
        return exits["idx"][won], column[won]

    return run


def indicator(batch: Batch, engine: str, *, raw: bool) -> Callable[[], Hits]:
    """Look for exits: `OHLCSTX.run`; raw, it does not wrap its results into an object."""
    prices = (batch.is_entry, batch.close, batch.high, batch.low, batch.close)
    how = {
        "sl_stop": [batch.sl_ratio],
        "tp_stop": [batch.tp_ratio],
        "reverse": [batch.is_sale],
        "engine": engine,
    }

    def run() -> Hits:
        if raw:
            (_, kind, is_exit), *_ = vbt.OHLCSTX.run(*prices, return_raw=True, **how)
        else:
            found = vbt.OHLCSTX.run(*prices, **how)
            kind, is_exit = found.stop_type.to_numpy(), found.exits.to_numpy()
        row, column = np.nonzero(is_exit)
        won = kind[row, column] == TARGET_REACHED
        return row[won], column[won]

    return run


def loop(batch: Batch, engine: str) -> Callable[[], Hits]:
    """Call the compiled loop that is under `OHLCSTX`, with prices of one entry, not repeated."""
    del engine
    high, low, close = (
        np.ascontiguousarray(prices[:, :1]) for prices in (batch.high, batch.low, batch.close)
    )
    ratios = (batch.sl_ratio[None], np.zeros((1, 1), dtype=bool), batch.tp_ratio[None])
    flags = {"is_open_safe": True, "wait": 1, "until_next": True, "skip_until_exit": False}

    def run() -> Hits:
        price = np.full(batch.is_entry.shape, np.nan)
        kind = np.full(batch.is_entry.shape, -1)
        prices = (batch.is_entry, close, high, low, close, price, kind)
        is_exit = vbt.signals.nb.generate_ohlc_stop_ex_nb(
            *prices, *ratios, batch.is_sale[None], **flags, pick_first=True, flex_2d=True
        )
        row, column = np.nonzero(is_exit)
        won = kind[row, column] == TARGET_REACHED
        return row[won], column[won]

    return run


@dataclass(frozen=True)
class Way:
    """One way of asking vectorbt: what is called, by which engine, with how many entries.

    The loop under an interface is none that users call: it is told beside them.
    """

    name: str
    prepare: Callable[[Batch, str], Callable[[], Hits]]
    engine: str
    entries: int
    is_interface: bool = True

    def run(self, task: Task) -> tuple[np.ndarray, float]:
        """Return the wins of all entries, and the CPU seconds of all threads."""
        spent, trades = 0.0, []
        for first in range(0, task.entries.size, self.entries):
            batch = Batch(task, task.entries[first : first + self.entries])
            call = self.prepare(batch, self.engine)
            began = time.process_time()
            hits = call()
            spent += time.process_time() - began
            trades.append(batch.trades(hits))
        return np.concatenate(trades), spent


def ways() -> list[Way]:
    """Return all ways, with the engines that are there."""
    engines = ["numba", "rust"] if importlib.util.find_spec("vectorbt_rust") else ["numba"]
    calls = {
        "Portfolio.from_signals": portfolio,
        "OHLCSTX.run": partial(indicator, raw=False),
        "OHLCSTX.run, return_raw": partial(indicator, raw=True),
    }
    found = [
        Way(name, prepare, engine, entries)
        for name, prepare in calls.items()
        for engine in engines
        for entries in (1, 6)
    ]
    return [*found, Way("its loop, called directly", loop, "numba", 1, is_interface=False)]


def main(candles: str, wins: str, rounds: str) -> None:
    """Run every way once for its wins and for compiling, then by the clock."""
    with np.load(candles) as stored:
        task = Task(**stored)
    found, told = {}, []
    for way in ways():
        found[f"way{len(told)}"], _ = way.run(task)
        spent = [way.run(task)[1] for _ in range(int(rounds))]
        kept = {name: value for name, value in vars(way).items() if name != "prepare"}
        told.append({**kept, "seconds": spent})
    np.savez(wins, **found)
    sys.stdout.write(json.dumps({"version": vbt.__version__, "ways": told}))


if __name__ == "__main__":
    main(*sys.argv[1:])
