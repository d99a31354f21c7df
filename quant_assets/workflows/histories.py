"""What a backtest reads of the lake: bars, finer bars, halts and closes beside the signals."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from quant_assets.backtests.history import SymbolHistory
from quant_assets.backtests.kept import Kept, made_anew
from quant_assets.execution.halts import halts_of_status
from quant_assets.execution.reasons import Reason
from quant_assets.lineage.fingerprint import digest_of
from quant_assets.lineage.part_fingerprints import content_versions
from quant_assets.lineage.records import Origin
from quant_assets.market.errors import StrategyError
from quant_assets.market.timeframes import Timeframe
from quant_assets.signals.schema import SIGNALS
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
    market
        Version of the same without the signals: what strategies share that ask for other trades.
    """

    by_symbol: dict[str, SymbolHistory]
    bars: dict[str, list[Entry]]
    versions: dict[str, str]
    market: str

    @property
    def origin(self) -> Origin:
        """Whether any of it is synthetic."""
        return Origin.of(entry.origin for entries in self.bars.values() for entry in entries)


@dataclass(frozen=True)
class SymbolReads:
    """What a symbol is traded on from one session to another, as entries of the lake.

    Parameters
    ----------
    before
        Bars of earlier sessions that sizes and impact look back on.
    versions
        Names and versions of all of it, of the closes and of the instrument.
    digest
        SHA-256 of those, and of which bars are traded on: a session that one strategy looks back
        on, another may trade.
    """

    before: list[Entry]
    bars: list[Entry]
    finer: list[Entry]
    halts: list[Entry]
    versions: dict[str, str]
    digest: str


def histories_of(
    view: LakeView,
    strategy: Strategy,
    signals: Mapping[str, pl.DataFrame],
    *,
    keep: Callable[[str], Kept] = lambda _: made_anew,
) -> Histories:
    """Gather what a strategy is traded on, from the first session with signals to the last.

    Parameters
    ----------
    signals
        By symbol, in the columns of SIGNALS; symbols without a row are left out.
    keep
        Returns what keeps things under a version that tells all that they hang on.

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
    reads = {
        symbol: _reads(view, strategy, symbol, frame, keep("reads"))
        for symbol, frame in told.items()
    }
    market = digest_of({symbol: found.digest for symbol, found in reads.items()})
    read = keep(market)(
        "histories",
        None,
        lambda: {symbol: _history(view, symbol, found) for symbol, found in reads.items()},
    )
    known: dict[str, str] = {}
    for symbol, found in reads.items():
        known |= found.versions | signal_versions(symbol, told[symbol])
    return Histories(
        by_symbol={symbol: replace(one, signals=told[symbol]) for symbol, one in read.items()},
        bars={symbol: found.bars for symbol, found in reads.items()},
        versions=known,
        market=market,
    )


def _reads(
    view: LakeView, strategy: Strategy, symbol: str, signals: pl.DataFrame, kept: Kept
) -> SymbolReads:
    """Return the entries that a symbol is traded on; those kept are good while the view stands."""
    first, last = signals["session"].min(), signals["session"].max()
    wanted = LOOK_BACK_SESSIONS
    if isinstance(strategy.risk, VolatilityTarget):
        wanted = max(wanted, strategy.risk.sessions)

    def look() -> SymbolReads:
        bars = bars_between(view, strategy, symbol, signals)
        before = _sessions_before(view, bars[0], wanted)
        finer, halts = finer_entries(view, bars), status_entries(view, bars)
        known = versions([*before, *bars])
        known |= closes_versions(view.workspace, known)
        known |= instrument_versions(view.workspace, [symbol]) | versions([*finer, *halts])
        digest = digest_of([known, [entry.name for entry in bars]])
        return SymbolReads(before, bars, finer, halts, known, digest)

    state = view.remembered("state of reads", (BARS, RAW_STATUS.name), symbol, object)
    return kept(f"reads/{symbol}", (state, strategy.timeframe, first, last, wanted), look)


def _history(view: LakeView, symbol: str, found: SymbolReads) -> SymbolHistory:
    """Return what a symbol is traded on, without a signal."""
    finer = [view.read(entry) for entry in found.finer]
    return SymbolHistory(
        bars=pl.concat([view.read(entry) for entry in (*found.before, *found.bars)]),
        signals=SIGNALS.empty(),
        finer=pl.concat(finer) if finer else None,
        halts=_halts(view, found.halts),
        closes=_closes(view.workspace, symbol, found.bars),
    )


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


def _sessions_before(view: LakeView, first: Entry, wanted: int) -> list[Entry]:
    """Return the research bars of the sessions before one that sizes and impact look back on."""
    timeframe = first.levels["timeframe"]
    earlier = [
        entry
        for entry in research_history(view, first.symbol)
        if entry.day < first.day and entry.levels["timeframe"] == timeframe
    ]
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
    """Return the content versions of a symbol's signals, a session each.

    Parameters
    ----------
    signals
        By session and bar, ascending.
    """
    days = signals["session"].cast(pl.Int32).to_numpy()
    ends = [*(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
    return {
        f"signals/symbol={symbol}/{session}": version
        for session, version in zip(
            signals["session"][np.subtract(ends, 1)].to_list(),
            content_versions(signals, ends),
            strict=True,
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
