"""Signals on all sessions of a symbol at once: those that each session alone would have."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from quant_assets.backtests.kept import Kept
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.signals.build import draw_sides, fixed_prices, rule_signals, segment_starts
from quant_assets.signals.kernels import cross_sides, running_sums
from quant_assets.signals.sources import PythonSignal, RandomSignal, SmaCross
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipes.neighbours import BARS, research_history
from quant_assets.workflows.view import LakeView, versions


@dataclass(frozen=True)
class RuleBars:
    """What rules read of a symbol's bars, whatever their parameters.

    Parameters
    ----------
    own
        Columns of SIGNALS on the research bars, with no side asked for.
    rows : int64 array of shape (n_own,)
        Their places among all bars that a rule may look back on.
    sums : int64 array of shape (n + 1,)
        Running sums of all closes.
    segments : int64 array of shape (n,)
        First row of each row's contract.
    """

    own: pl.DataFrame
    rows: np.ndarray
    sums: np.ndarray
    segments: np.ndarray


@dataclass(frozen=True)
class _Chain:
    """All bars of a symbol and timeframe in sessions of its calendar, oldest first.

    `own` are the days of those that research is done on.
    """

    entries: list[Entry]
    own: frozenset[date]
    digest: str


def is_of_whole_history(strategy: Strategy) -> bool:
    """Whether signals, of a rule or a model, may be made on all sessions at once.

    A user's class is asked session by session, and so is what others confirm or regimes allow.
    """
    is_plain = strategy.confirm is None and strategy.regimes is None
    return is_plain and not isinstance(strategy.signal, PythonSignal)


def whole_rule_signals(
    view: LakeView, strategy: Strategy, kept: Kept
) -> Mapping[str, pl.DataFrame]:
    """Return the signals of a rule by symbol, on all of its research bars.

    A cross looks back on as many bars as there are before a session, until its slow mean is full;
    sums of prices are exact. So where they begin changes no side.
    """
    timeframe, signal = strategy.timeframe, strategy.signal
    chains = {symbol: _chain(view, symbol, timeframe) for symbol in strategy.symbols or ()}
    there = {symbol: chain for symbol, chain in chains.items() if chain.own}
    bars = kept(
        "rule bars",
        tuple((symbol, chain.digest) for symbol, chain in there.items()),
        lambda: {symbol: _rule_bars(view, chain) for symbol, chain in there.items()},
    )
    return {symbol: _asking(one.own, _sides(one, signal)) for symbol, one in bars.items()}


def _chain(view: LakeView, symbol: str, timeframe: str) -> _Chain:
    """Return the entries of a symbol's bars, looked up once while the view stands."""

    def look() -> _Chain:
        calendar = view.workspace.calendar(symbol)
        entries = [
            entry
            for day in view.sessions(BARS, symbol)
            if calendar.is_session(day)
            for entry in view.at(BARS, symbol, day, timeframe=timeframe)
        ]
        of_research = research_history(view, symbol)
        own = sorted(one.day for one in of_research if one.levels["timeframe"] == timeframe)
        digest = digest_of([versions(entries), [str(day) for day in own]])
        return _Chain(entries, frozenset(own), digest)

    return view.remembered(("chain", timeframe), (BARS,), symbol, look)


def _rule_bars(view: LakeView, chain: _Chain) -> RuleBars:
    """Return what rules read of a chain."""
    frames = [view.read(entry) for entry in chain.entries]
    is_own = np.repeat(
        [entry.day in chain.own for entry in chain.entries], [frame.height for frame in frames]
    )
    bars = pl.concat(frames)
    rows = np.flatnonzero(is_own)
    return RuleBars(
        own=rule_signals(bars[rows], np.zeros(len(rows), dtype=np.int8)),
        rows=rows,
        sums=running_sums(fixed_prices(bars["close"])),
        segments=segment_starts(bars),
    )


def _sides(bars: RuleBars, signal: object) -> np.ndarray:
    """Return what a rule wants after each research bar, int8 of shape (n_own,)."""
    if isinstance(signal, SmaCross):
        is_both = signal.side == "both"
        sides = cross_sides(bars.sums, bars.segments, signal.fast, signal.slow, is_both)
        return np.asarray(sides[bars.rows])
    assert isinstance(signal, RandomSignal)  # noqa: S101 `is_of_whole_history` lets no other pass
    return draw_sides(bars.own, signal)


def _asking(own: pl.DataFrame, sides: np.ndarray) -> pl.DataFrame:
    """Return signals that ask for some sides; the rest is that of every rule, and checked."""
    wanted = {name: pl.Series(name, sides) for name in ("side", "asked")}
    return pl.DataFrame([wanted.get(column.name, column) for column in own.iter_columns()])
