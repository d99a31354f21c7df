"""What a request materializes: assets in waves, partitions as ranges."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from quant_assets.defs.partitions import CONTRACTS, STRATEGIES, partition_key
from quant_assets.market.errors import InputError, StrategyError
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.recipes.bars import expected_bars
from quant_assets.workflows.recipes.neighbours import landed_sessions
from quant_assets.workflows.recipes.register import made_sessions
from quant_assets.workflows.strategies import strategies
from quant_assets.workflows.view import LakeView
from quant_assets.workflows.workspace import Workspace

NEAR = timedelta(days=4)
"""Landed sessions no farther apart than a long weekend belong to one range."""

LONGEST_RANGE = 250

BARS = "bars"

LOOKED_AT = (BARS, "footprint")
"""Assets whose partitions of other sessions are read by what lies below them."""

LOOKING_BACK = "regimes"
"""Asset that reads its own earlier partitions: ranges of a symbol run one after the other."""

Kind = Literal["ranges", "strategies", "contracts", "once"]


@dataclass(frozen=True)
class Wave:
    """Assets that run together: their partitions are the same, and nothing lies between them."""

    assets: tuple[str, ...]
    kind: Kind


@dataclass(frozen=True)
class SessionRange:
    """Sessions of one symbol from first to last, both included."""

    symbol: str
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Every calendar day of the range."""
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=n) for n in range(count)]

    @property
    def keys(self) -> list[Key]:
        """Every calendar day as a partition."""
        return [Key(self.symbol, day) for day in self.days]


def select_assets(graph: BaseAssetGraph, selection: str) -> list[dg.AssetKey]:
    """Return what a selection names and all that it needs, in the order of the graph.

    Parameters
    ----------
    selection
        In Dagster's syntax: `features`, `*`, `group:bars`, `key:"bars"+`.

    Raises
    ------
    InputError
        If it is no selection, or names nothing that can be made.
    """
    try:
        chosen = dg.AssetSelection.from_string(selection).upstream().resolve(graph)
    except (dg.DagsterError, ValueError) as error:
        raise _nothing(graph, selection, " ".join(str(error).split())[:200]) from error
    made = [key for key in graph.toposorted_asset_keys if key in chosen]
    made = [key for key in made if key in graph.materializable_asset_keys]
    if not made:
        raise _nothing(graph, selection, "no asset that can be made")
    return made


def _nothing(graph: BaseAssetGraph, selection: str, found: str) -> InputError:
    """Say which assets there are."""
    names = sorted(key.to_user_string() for key in graph.materializable_asset_keys)
    return InputError(
        asked=f"materialize {selection!r}",
        found=found,
        remedy=f"Assets are {', '.join(names)}; '*' is all of them.",
    )


def waves_of(graph: BaseAssetGraph, assets: Collection[dg.AssetKey]) -> list[Wave]:
    """Return assets grouped into waves: each needs only earlier waves, or its own."""
    level: dict[dg.AssetKey, int] = {}
    for key in graph.toposorted_asset_keys:
        if key not in assets:
            continue
        above = [
            level[parent] + (_kind(graph, parent) != _kind(graph, key))
            for parent in graph.get(key).parent_keys
            if parent in level
        ]
        level[key] = max(above, default=0)
    groups: dict[tuple[int, Kind], list[str]] = {}
    for key, number in level.items():
        groups.setdefault((number, _kind(graph, key)), []).append(key.to_user_string())
    return [Wave(tuple(names), kind) for (_, kind), names in sorted(groups.items())]


def parts_of(
    wave: Wave, ranges: Collection[SessionRange], *, is_compared: bool = False
) -> list[Wave]:
    """Return a wave cut behind bars and footprint, where a symbol has more than one range.

    What lies below looks on bars and profiles of neighbouring ranges: all of them must be there
    first, or the result would depend on which range ran before which. What reads its own earlier
    partitions stands alone: `turns_of`.

    Parameters
    ----------
    is_compared
        Whether a symbol's features read the bars of another one; then bars come first too.
    """
    symbols = [one.symbol for one in ranges]
    if wave.kind != "ranges" or (len(set(symbols)) == len(symbols) and not is_compared):
        return [wave]
    cuts = {wave.assets.index(name) + 1 for name in LOOKED_AT if name in wave.assets}
    if LOOKING_BACK in wave.assets:
        alone = wave.assets.index(LOOKING_BACK)
        cuts |= {alone, alone + 1}
    edges = pairwise(sorted({0, *cuts, len(wave.assets)}))
    return [Wave(wave.assets[a:b], wave.kind) for a, b in edges if a < b]


def turns_of(wave: Wave, ranges: Sequence[SessionRange]) -> list[list[SessionRange]]:
    """Return which ranges of a wave may run beside each other, turn by turn.

    All of them, but of what reads its own earlier partitions one range a symbol, the oldest first.
    """
    if LOOKING_BACK not in wave.assets:
        return [list(ranges)]
    turns: dict[int, list[SessionRange]] = {}
    taken: Counter[str] = Counter()
    for one in sorted(ranges, key=lambda each: (each.symbol, each.first)):
        turns.setdefault(taken[one.symbol], []).append(one)
        taken[one.symbol] += 1
    return list(turns.values())


def _kind(graph: BaseAssetGraph, key: dg.AssetKey) -> Kind:
    """Return how an asset is partitioned."""
    partitions = graph.get(key).partitions_def
    if partitions is None:
        return "once"
    if partitions == CONTRACTS:
        return "contracts"
    return "strategies" if partitions == STRATEGIES else "ranges"


def ranges_of(
    workspace: Workspace,
    *,
    symbols: Collection[str] = (),
    first: date | None = None,
    last: date | None = None,
) -> list[SessionRange]:
    """Return the ranges of a request; without dates, those that hold landed data.

    Dates of which something was made and nothing is landed any more are among them: what is left
    over is taken away.

    Raises
    ------
    InputError
        If a symbol has no landed data, or the dates are in the wrong order.
    """
    view = LakeView(workspace)
    landed = {s: landed_sessions(view, s) for s in _known_symbols(workspace)}
    unknown = sorted(set(symbols) - set(landed))
    if unknown or not landed:
        raise InputError(
            asked=f"sessions of {', '.join(unknown) or 'any symbol'}",
            found=f"landed symbols are {', '.join(sorted(landed)) or 'none'}",
            remedy="Land its files first: quant ingest FILE",
        )
    if first and last and last < first:
        raise InputError(
            asked=f"sessions from {first} to {last}",
            found="the last lies before the first",
            remedy="Swap --from and --to.",
        )
    found: list[SessionRange] = []
    for symbol in sorted(symbols or landed):
        days = [
            day
            for day in sorted({*landed[symbol], *made_sessions(view, symbol)})
            if day >= workspace.settings.partitions.start
            and (first is None or day >= first)
            and (last is None or day <= last)
        ]
        found += clusters(symbol, days)
    return found


def symbols_of(workspace: Workspace, names: Collection[str]) -> list[str]:
    """Return the symbols that strategies trade, their bars made or still to be made.

    Raises
    ------
    StrategyError
        If there is no strategy of a name.
    """
    there = strategies(workspace, expected=expected_research(workspace))
    unknown = sorted(set(names) - set(there))
    if unknown:
        raise StrategyError(
            asked=f"strategy {', '.join(unknown)}",
            found=f"strategies with landed data are {', '.join(there) or 'none'}",
            remedy="Choose one of these, or write it under `strategies` of the data root.",
        )
    return sorted({symbol for name in names for symbol in there[name].symbols or ()})


def expected_research(workspace: Workspace) -> set[tuple[str, str]]:
    """Return symbol and timeframe of the research bars of what is landed, made or to be made."""
    view = LakeView(workspace)
    landed = [Key(s, day) for s in _known_symbols(workspace) for day in landed_sessions(view, s)]
    return expected_bars(view, landed)


def sessions_before_start(workspace: Workspace, symbols: Collection[str] = ()) -> int:
    """Return how many landed sessions lie before the first date partition."""
    view = LakeView(workspace)
    start = workspace.settings.partitions.start
    chosen = symbols or _known_symbols(workspace)
    return sum(day < start for symbol in chosen for day in landed_sessions(view, symbol))


def _known_symbols(workspace: Workspace) -> list[str]:
    """Return the symbols with landed trades or bars, or with bars that were made of them."""
    tables = ("raw_bars", "raw_ticks", BARS)
    return sorted({e.symbol for table in tables for e in workspace.lake.index.entries(table)})


def clusters(symbol: str, days: list[date]) -> list[SessionRange]:
    """Return runs of sessions that lie near each other, none longer than a run may be."""
    found: list[SessionRange] = []
    for day in days:
        last = found[-1] if found else None
        near = last is not None and day - last.last <= NEAR
        if last and near and (day - last.first).days < LONGEST_RANGE:
            found[-1] = SessionRange(symbol, last.first, day)
        else:
            found.append(SessionRange(symbol, day, day))
    return found


def edges(workspace: Workspace, wanted: SessionRange) -> tuple[str, str]:
    """Return the first and the last Dagster partition of a range."""
    grain = workspace.settings.partitions.grain
    first, last = Key(wanted.symbol, wanted.first), Key(wanted.symbol, wanted.last)
    return partition_key(first, grain), partition_key(last, grain)
