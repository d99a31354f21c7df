"""Vectorized path: thousands of parameter sets of a rule on one symbol, in one numba call.

It trades as `engine.run_backtest` does at realism `ideal` and `spread`, trade by trade to the bit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from quant_assets.backtests import columns as col
from quant_assets.backtests.daily_figures import sessions_a_year
from quant_assets.backtests.grid_kernels import (
    LAST_EXIT,
    N_TRADES,
    NET,
    random_grid,
    sma_grid,
    walk_set,
)
from quant_assets.backtests.history import SymbolHistory
from quant_assets.backtests.ledger import trades_frame
from quant_assets.backtests.market_arrays import cost_array, market_arrays, rule_array
from quant_assets.backtests.metrics import returns_of_levels, sharpe_ratio
from quant_assets.backtests.side_kernels import write_random_sides, write_sma_sides
from quant_assets.backtests.timeline import Timeline, build_timeline
from quant_assets.execution.bar_kernels import leave_between
from quant_assets.execution.costs import Costs, Realism, costs_of
from quant_assets.execution.kernels import SIGNAL
from quant_assets.market.errors import StrategyError
from quant_assets.market.instruments import Instrument
from quant_assets.market.timeframes import Timeframe, crosses_sessions
from quant_assets.signals.build import fixed_prices, segment_starts
from quant_assets.signals.kernels import running_sums
from quant_assets.signals.sizing import FixedSize
from quant_assets.signals.sources import RandomSignal, SmaCross
from quant_assets.signals.strategy import Strategy

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_FAST_LEVELS = (Realism.IDEAL, Realism.SPREAD)


@dataclass(frozen=True)
class _Ground:
    """What all sets share: rows, costs, rules, and which rows may ask for a trade."""

    timeline: Timeline
    market: col.Market
    session_end: Ints
    is_asked: npt.NDArray[np.bool_]
    cost: Floats
    rules: Floats
    costs: Costs
    strategy: Strategy
    instrument: Instrument
    realism: Realism

    @cached_property
    def walked(self) -> tuple[np.ndarray, ...]:
        """Bars, marks, sessions' ends, costs and rules, as the kernels take them."""
        bars, marks = self.market[col.BARS], self.market[col.MARKS]
        high, low = bars[:, col.HIGH].copy(), bars[:, col.LOW].copy()
        last = np.flatnonzero(marks[:, col.IS_LAST])
        next_last = last[np.searchsorted(last, np.arange(len(bars)))]
        return bars, high, low, marks, next_last, self.session_end, self.cost, self.rules


@dataclass(frozen=True)
class GridResult:
    """What the sets gave.

    Parameters
    ----------
    n_trades : int64 array of shape (n_sets,)
    net : float64 array of shape (n_sets,)
        Sum of the trades' net, in the account's currency.
    equity : float64 array of shape (n_sets, n_sessions)
        The account at each session's last bar.
    n_sessions : int64 array of shape (n_sets,)
        How many of them the event path knows: up to the last signal, or the last exit after it.
    sessions_per_year
        Turns figures a session into figures a year.
    """

    n_trades: Ints
    net: Floats
    equity: Floats
    n_sessions: Ints
    sessions_per_year: float
    _ground: _Ground
    _sides_of: Callable[[int], npt.NDArray[np.int8]]

    @cached_property
    def session_returns(self) -> Floats:
        """Simple returns by session of each set, of shape (n_sets, n_sessions); 0 after its last.

        The first is of the capital.
        """
        returns = returns_of_levels(self.equity, capital=self._ground.strategy.capital)
        is_known = np.arange(self.equity.shape[1]) < self.n_sessions[:, None]
        return np.where(is_known, returns, 0.0)

    def sharpe(self) -> list[float | None]:
        """Return each set's Sharpe ratio a year, None where it is not defined."""
        return [
            sharpe_ratio(row[:n], periods_per_year=self.sessions_per_year)
            for row, n in zip(self.session_returns, self.n_sessions, strict=True)
        ]

    def trades_of(self, number: int, *, run_hash: str = "0" * 64) -> pl.DataFrame:
        """Return the trades of one set, in the columns of TRADES."""
        ground, n = self._ground, int(self.n_trades[number])
        at, of = np.empty((n, 5), dtype=np.int64), np.empty((n, 3))
        walk_set(
            self._sides_of(number), *ground.walked, np.empty(self.equity.shape[1]), np.empty(3),
            at, of,
        )  # fmt: skip
        symbol = ground.timeline.symbols[0]
        return trades_frame(
            ground.timeline,
            *_as_of_the_walk(ground, at, of),
            timeframe=Timeframe.parse(ground.strategy.timeframe),
            costs={symbol: ground.costs},
            multipliers={symbol: ground.instrument.multiplier},
            run_hash=run_hash,
            realism=ground.realism,
        )


def run_sma_grid(
    history: SymbolHistory,
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
    fast: Ints,
    slow: Ints,
) -> GridResult:
    """Trade a cross of means for pairs of windows, one set a pair.

    Parameters
    ----------
    history
        Bars, and signals that tell which of them may ask for a trade: those out of sample.
    strategy
        Its exits, costs, size and capital; its signal gives the sides, or else both.
    instruments
        The one symbol's.
    fast, slow : int64 arrays of shape (n_sets,)
        Windows in bars, `fast` below `slow`.

    Raises
    ------
    StrategyError
        If the realism or the size needs the event path, if there are finer bars or several
        symbols, or if a pair is none.
    """
    pairs = np.asarray(fast, dtype=np.int64), np.asarray(slow, dtype=np.int64)
    if pairs[0].shape != pairs[1].shape or not (pairs[0] > 0).all() or (pairs[0] >= pairs[1]).any():
        raise StrategyError(
            asked=f"{pairs[0].size} pairs of windows",
            found="a fast window that is not above 0 and below its slow one",
            remedy="Give as many fast as slow windows, each fast one the shorter.",
        )
    ground = _prepare(history, strategy, instruments)
    is_both = np.bool_(_side_of(strategy) == "both")
    bars = history.bars.sort("bar_start")
    first_row = bars.height - ground.timeline.rows.height
    closes = fixed_prices(bars["close"])
    ticks = _tick_sums(closes, longest=int(pairs[1].max(initial=1)))
    means = running_sums(closes), ticks, segment_starts(bars), first_row
    made = sma_grid(*means, ground.is_asked, *pairs, is_both, *ground.walked)

    def sides_of(number: int) -> npt.NDArray[np.int8]:
        sides = np.empty(ground.is_asked.shape[0], dtype=np.int8)
        one = pairs[0][number], pairs[1][number]
        write_sma_sides(*means, ground.is_asked, *one, is_both, sides)
        return sides

    return _result(ground, made, sides_of)


def run_random_grid(
    history: SymbolHistory,
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
    seeds: Ints,
    *,
    chance: float,
) -> GridResult:
    """Trade at random, one set a seed; the rest is as of `run_sma_grid`."""
    ground = _prepare(history, strategy, instruments)
    is_both = np.bool_(_side_of(strategy) == "both")
    drawn, starts = (
        np.asarray(seeds, dtype=np.int64),
        ground.market[col.STAMPS][:, col.START].copy(),
    )
    made = random_grid(starts, ground.is_asked, drawn, chance, is_both, *ground.walked)

    def sides_of(number: int) -> npt.NDArray[np.int8]:
        sides = np.empty(ground.is_asked.shape[0], dtype=np.int8)
        write_random_sides(starts, ground.is_asked, drawn[number], chance, is_both, sides)
        return sides

    return _result(ground, made, sides_of)


def _tick_sums(closes: Ints, *, longest: int) -> Floats:
    """Return running sums of prices in their greatest common step, empty where they are too large.

    Below 2^50, products of sums and windows that differ at all differ by more than what rounding
    does to the means themselves.
    """
    step = int(np.gcd.reduce(closes))
    highest = int(np.abs(closes).max()) // step
    if max(highest * len(closes), highest * longest * longest) >= 2**50:
        return np.empty(0)
    return np.append(0, np.cumsum(closes // step)).astype(np.float64)


def _side_of(strategy: Strategy) -> str:
    """Return the sides of a rule, both where the strategy's signal is none."""
    signal = strategy.signal
    return signal.side if isinstance(signal, SmaCross | RandomSignal) else "both"


def _prepare(
    history: SymbolHistory, strategy: Strategy, instruments: Mapping[str, Instrument]
) -> _Ground:
    """Return what all sets share; refuse what only the event path can do."""
    realism = Realism(strategy.execution.realism)
    faults = {
        f"realism {realism.value}": realism not in _FAST_LEVELS,
        f"risk {strategy.risk.kind}": not isinstance(strategy.risk, FixedSize),
        "finer bars": history.finer is not None,
        f"{len(instruments)} symbols": len(instruments) != 1,
    }
    if found := [fault for fault, is_there in faults.items() if is_there]:
        raise StrategyError(
            asked="many parameter sets in one call",
            found=", ".join(found),
            remedy="Give one symbol, a fixed size and realism ideal or spread; or run a sweep.",
        )
    [(symbol, instrument)] = instruments.items()
    timeframe = Timeframe.parse(strategy.timeframe)
    histories = {symbol: history}
    crosses = {symbol: crosses_sessions(instrument.asset_class, timeframe)}
    timeline = build_timeline(histories, timeframe=timeframe, crosses=crosses)
    closes = history.bars["close"].to_numpy()
    costs = costs_of(instrument, strategy.execution, closes=closes, realism=realism)
    session = timeline.rows["session"].rle_id().to_numpy()
    return _Ground(
        timeline=timeline,
        market=market_arrays(
            timeline,
            histories,
            strategy,
            realism=realism,
            sessions_per_year={symbol: sessions_a_year(instrument.asset_class)},
        ),
        session_end=np.append(np.flatnonzero(np.diff(session) != 0), len(session) - 1),
        is_asked=timeline.rows["is_oos"].to_numpy(),
        cost=cost_array([symbol], {symbol: costs}, instruments)[0],
        rules=rule_array(strategy, realism),
        costs=costs,
        strategy=strategy,
        instrument=instrument,
        realism=realism,
    )


def _result(
    ground: _Ground,
    made: tuple[Floats, Floats],
    sides_of: Callable[[int], npt.NDArray[np.int8]],
) -> GridResult:
    """Return the sets' figures."""
    equity, totals = made
    last_row = np.maximum(totals[:, LAST_EXIT].astype(np.int64), ground.timeline.last_oos_group)
    return GridResult(
        n_trades=totals[:, N_TRADES].astype(np.int64),
        net=totals[:, NET].copy(),
        equity=equity,
        n_sessions=np.searchsorted(ground.session_end, last_row) + 1,
        sessions_per_year=sessions_a_year(ground.instrument.asset_class),
        _ground=ground,
        _sides_of=sides_of,
    )


def _as_of_the_walk(ground: _Ground, at: Ints, of: Floats) -> tuple[Ints, Floats]:
    """Return trades in the columns of the event path's walk."""
    bars, stamps = ground.market[col.BARS], ground.market[col.STAMPS]
    full_at = np.zeros((len(at), col.N_AT), dtype=np.int64)
    full_of = np.zeros((len(at), col.N_OF))
    places = (col.SIGNAL_ROW, col.ENTRY_ROW, col.EXIT_ROW, col.SIDE, col.CODE)
    for place, column in enumerate(places):
        full_at[:, column] = at[:, place]
    full_at[:, col.ENTRY_NS] = stamps[at[:, 1], col.START]
    by_signal = at[:, 4] == SIGNAL
    ends = np.where(by_signal, stamps[at[:, 2], col.START], stamps[at[:, 2], col.END])
    full_at[:, col.EXIT_NS] = ends
    full_of[:, (col.QTY, col.ENTRY, col.EXIT)] = of
    units = of[:, 0] * ground.instrument.multiplier
    for place, (_, begin, end, side, code) in enumerate(at.tolist()):
        _, entry, price = of[place].tolist()
        _, _, worst, best = leave_between(
            bars, begin, end + (code != SIGNAL), bars[begin, col.OPEN], side, entry,
            entry * (1.0 - side * ground.rules[col.STOP_RATIO]),
            entry * (1.0 + side * ground.rules[col.TARGET_RATIO]), ground.cost[col.HALF],
        )  # fmt: skip
        full_of[place, col.MAE] = units[place] * min(worst, side * (price - entry))
        full_of[place, col.MFE] = units[place] * max(best, side * (price - entry))
    return full_at, full_of
