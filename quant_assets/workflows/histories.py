"""What a backtest reads of the lake: bars, finer bars, halts and closes beside the signals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from quant_assets.backtests.history import SymbolHistory
from quant_assets.execution.halts import halts_of_status
from quant_assets.execution.reasons import Reason
from quant_assets.lineage.fingerprint import content_version
from quant_assets.lineage.records import Origin
from quant_assets.market.errors import StrategyError
from quant_assets.market.timeframes import Timeframe
from quant_assets.signals.sizing import VolatilityTarget
from quant_assets.signals.strategy import Strategy
from quant_assets.storage.index import Entry
from quant_assets.ticks.schema import RAW_STATUS
from quant_assets.workflows.instrument_versions import instrument_versions
from quant_assets.workflows.recipes.neighbours import BARS, research_history
from quant_assets.workflows.session_closes import closes_versions
from quant_assets.workflows.view import LakeView, versions
from quant_assets.workflows.workspace import Workspace

LOOK_BACK_SESSIONS = 20
"""Sessions before the first one traded: daily deviation and volume are taken over as many."""


@dataclass(frozen=True)
class Histories:
    """What a strategy is traded on.

    Parameters
    ----------
    by_symbol
        What the engine is given.
    bars
        Research bars that it is traded on, by symbol.
    versions
        Names and versions of all that the result hangs on, beside strategy and code. Signals
        go by their content and not by the strategy's name: renamed, it is no new trial.
    """

    by_symbol: dict[str, SymbolHistory]
    bars: dict[str, list[Entry]]
    versions: dict[str, str]

    @property
    def origin(self) -> Origin:
        """Whether any of it is synthetic."""
        return Origin.of(entry.origin for entries in self.bars.values() for entry in entries)


def histories_of(
    view: LakeView, strategy: Strategy, signals: Mapping[str, pl.DataFrame]
) -> Histories:
    """Gather what a strategy is traded on, from the first session with signals to the last.

    Parameters
    ----------
    signals
        By symbol, in the columns of SIGNALS; symbols without a row are left out.

    Raises
    ------
    StrategyError
        If no symbol has signals, or one has no bars in those sessions.
    """
    told = {symbol: frame for symbol, frame in sorted(signals.items()) if frame.height}
    if not told:
        raise StrategyError(
            asked=f"trade {strategy.name}",
            found="no signals",
            remedy="Make them first: quant materialize signals",
        )
    bars = {symbol: bars_between(view, strategy, symbol, told[symbol]) for symbol in told}
    before = {symbol: _sessions_before(view, strategy, bars[symbol][0]) for symbol in told}
    known = versions(e for side in (before, bars) for entries in side.values() for e in entries)
    known |= closes_versions(view.workspace, known) | instrument_versions(view.workspace, told)
    by_symbol: dict[str, SymbolHistory] = {}
    for symbol, entries in bars.items():
        finer, halts = finer_entries(view, entries), status_entries(view, entries)
        known |= versions([*finer, *halts]) | signal_versions(symbol, told[symbol])
        by_symbol[symbol] = SymbolHistory(
            bars=pl.concat([view.read(entry) for entry in (*before[symbol], *entries)]),
            signals=told[symbol],
            finer=pl.concat([view.read(entry) for entry in finer]) if finer else None,
            halts=_halts(view, halts),
            closes=_closes(view.workspace, symbol, entries),
        )
    return Histories(by_symbol, bars, known)


def bars_between(
    view: LakeView, strategy: Strategy, symbol: str, signals: pl.DataFrame
) -> list[Entry]:
    """Return the research bars of a symbol from the first session with signals to the last."""
    first, last = signals["session"].min(), signals["session"].max()
    found = [
        entry
        for entry in research_history(view, symbol)
        if entry.levels["timeframe"] == strategy.timeframe and first <= entry.day <= last  # type: ignore[operator]
    ]
    if not found:
        raise StrategyError(
            asked=f"trade {symbol} at {strategy.timeframe}",
            found="there are signals, and no bars of their sessions",
            remedy=f"Make them: quant materialize bars --symbol {symbol}",
        )
    return found


def _sessions_before(view: LakeView, strategy: Strategy, first: Entry) -> list[Entry]:
    """Return the research bars of the sessions before one that sizes and impact look back on."""
    timeframe = first.levels["timeframe"]
    earlier = [
        entry
        for entry in research_history(view, first.symbol)
        if entry.day < first.day and entry.levels["timeframe"] == timeframe
    ]
    wanted = LOOK_BACK_SESSIONS
    if isinstance(strategy.risk, VolatilityTarget):
        wanted = max(wanted, strategy.risk.sessions)
    # A return takes the close before it.
    return earlier[-(wanted + 1) :]


def finer_entries(view: LakeView, bars: list[Entry]) -> list[Entry]:
    """Return bars of the same sessions that are shorter, the shortest of each."""
    found: list[Entry] = []
    for entry in bars:
        length = Timeframe.parse(entry.levels["timeframe"]).ns
        shorter = [
            one
            for one in view.at(BARS, entry.symbol, entry.day)
            if one.rows and Timeframe.parse(one.levels["timeframe"]).ns < length
        ]
        found += sorted(shorter, key=lambda one: Timeframe.parse(one.levels["timeframe"]).ns)[:1]
    return found


def status_entries(view: LakeView, bars: list[Entry]) -> list[Entry]:
    """Return the landed status records of the same sessions."""
    return [one for entry in bars for one in view.at(RAW_STATUS.name, entry.symbol, entry.day)]


def signal_versions(symbol: str, signals: pl.DataFrame) -> dict[str, str]:
    """Return the content versions of a symbol's signals, a session each."""
    return {
        f"signals/symbol={symbol}/{session}": content_version(rows)
        for (session,), rows in sorted(
            signals.partition_by("session", as_dict=True, maintain_order=True).items()
        )
    }


def stored_signal_versions(entries: Iterable[Entry]) -> dict[str, str]:
    """Return what `signal_versions` would say of the stored signals of one strategy."""
    return {
        f"signals/symbol={entry.symbol}/{entry.session}": entry.data_version
        for entry in entries
        if entry.rows
    }


def _halts(view: LakeView, entries: list[Entry]) -> pl.DataFrame | None:
    """Return the halts that status records tell, None where there are no records."""
    parts = []
    for entry in entries:
        bounds = view.workspace.calendar(entry.symbol).bounds(entry.day)
        parts.append(halts_of_status(view.read(entry), session_end_ns=bounds.next_start_ns))
    if not parts:
        return None
    # When a market is closed its calendar says; a halt takes the whole bar that it meets.
    return pl.concat(parts).filter(pl.col("reason") != Reason.SESSION_CLOSED.value)


def _closes(workspace: Workspace, symbol: str, entries: list[Entry]) -> dict[date, int]:
    """Return the official close of each session, ns."""
    calendar = workspace.calendar(symbol)
    return {entry.day: calendar.bounds(entry.day).close_ns for entry in entries}
