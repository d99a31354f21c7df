"""Contracts of the lake as objects: whole in one call, or a day at a time."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from quant_assets.bars.footprint_schema import FOOTPRINT
from quant_assets.contracts.model import Contract, ContractHead, Day
from quant_assets.contracts.objects import DayRows, day_of
from quant_assets.contracts.schema import CONTRACT_TABLE
from quant_assets.lineage.records import Origin
from quant_assets.market.errors import TableMissingError
from quant_assets.market.periods import week_of
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key
from quant_assets.workflows.view import versions
from quant_assets.workflows.workspace import Workspace


@dataclass(frozen=True)
class ContractParts:
    """What a contract is put together from, by the index.

    Parameters
    ----------
    tables
        Sessions of the flat table that have bars, ascending.
    footprints
        Their footprints by session; of those that have none nothing.
    other_timeframes
        Sessions of the period that are at another timeframe, and left out.
    """

    head: ContractHead
    tables: tuple[Entry, ...]
    footprints: dict[str, Entry]
    other_timeframes: int

    @property
    def inputs(self) -> dict[str, str]:
        """Names and versions of all that it is made from."""
        return versions([*self.tables, *self.footprints.values()])

    @property
    def origin(self) -> Origin:
        """Whether any of it comes from a seed."""
        return Origin.of(entry.origin for entry in self.tables)

    @property
    def rows(self) -> int:
        """How many bars it has."""
        return sum(entry.rows for entry in self.tables)

    @property
    def weeks(self) -> int:
        """How many weeks it has bars of."""
        return len({week_of(entry.day) for entry in self.tables})


def build_contract(workspace: Workspace, name: str, timeframe: str | None = None) -> Contract:
    """Return a contract period with every figure of its bars, in one call.

    Parameters
    ----------
    name
        `GCZ13`, or `EURUSD-2014Q2` of a symbol that has no contracts.
    timeframe
        None is the one that most of its sessions have, of two the shorter.

    Raises
    ------
    TableMissingError
        If the flat table holds no session of it; it says which contracts there are.
    """
    parts = find_contract(workspace, name, timeframe)
    return Contract.of(parts.head, iter_days(workspace, parts))


def stream_contract(
    workspace: Workspace, name: str, timeframe: str | None = None
) -> tuple[ContractHead, Iterator[Day]]:
    """Return what a contract period is, and its days one at a time; as `build_contract`."""
    parts = find_contract(workspace, name, timeframe)
    return parts.head, iter_days(workspace, parts)


def iter_days(workspace: Workspace, parts: ContractParts) -> Iterator[Day]:
    """Yield the days of a contract; the files of one day are read at a time."""
    return (day_of(*day) for day in iter_day_rows(workspace, parts))


def iter_day_rows(workspace: Workspace, parts: ContractParts) -> Iterator[DayRows]:
    """Yield the days of a contract as columns; the files of one day are read at a time."""
    for entry in parts.tables:
        footprint = parts.footprints.get(entry.session)
        rows = workspace.lake.read(entry)
        yield DayRows(rows, workspace.lake.read(footprint) if footprint else None)


def contract_sessions(workspace: Workspace) -> dict[str, list[Key]]:
    """Return the contracts of which the flat table holds bars, each with its sessions.

    A quarter of a symbol without contracts is among them where any of it has order flow: files of
    all symbols that have bars alone would outgrow the lake. `build_contract` takes those too.
    """
    return {
        name: [Key(entry.symbol, entry.day) for entry in entries]
        for name, entries in sorted(_by_period(workspace).items())
        if any(entry.stats["contract"] or entry.stats["bucket"] for entry in entries)
    }


def find_contract(workspace: Workspace, name: str, timeframe: str | None = None) -> ContractParts:
    """Return what a contract is put together from; parameters and errors of `build_contract`."""
    there = _by_period(workspace)
    found = there.get(name, [])
    chosen = timeframe or _usual_timeframe(found)
    tables = [entry for entry in found if entry.levels["timeframe"] == chosen]
    if not tables:
        raise _missing(name, timeframe, sorted(there), found)
    newest = tables[-1]
    buckets = [entry.stats["bucket"] for entry in tables if entry.stats["bucket"]]
    return ContractParts(
        head=ContractHead(
            symbol=newest.symbol,
            name=name,
            contract=newest.stats["contract"],
            timeframe=newest.levels["timeframe"],
            bucket=buckets[-1] if buckets else None,
        ),
        tables=tuple(tables),
        footprints=_footprints(workspace, tables),
        other_timeframes=len(found) - len(tables),
    )


def _by_period(workspace: Workspace) -> dict[str, list[Entry]]:
    """Return the sessions of the flat table that have bars by period, ascending."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in workspace.lake.index.entries(CONTRACT_TABLE.name):
        if entry.rows and workspace.calendar(entry.symbol).is_session(entry.day):
            found[entry.stats["period"]].append(entry)
    return {name: sorted(some, key=lambda one: one.session) for name, some in found.items()}


def _usual_timeframe(entries: list[Entry]) -> str | None:
    """Return the timeframe of most sessions, of two the shorter; None of no session."""
    counts = Counter(entry.levels["timeframe"] for entry in entries)
    ranked = sorted(counts, key=lambda name: (-counts[name], Timeframe.parse(name)))
    return ranked[0] if ranked else None


def _footprints(workspace: Workspace, tables: list[Entry]) -> dict[str, Entry]:
    """Return the footprint that each session's order flow comes from."""
    there = {
        (one.session, one.levels["timeframe"], one.levels["bucket"]): one
        for one in workspace.lake.index.entries(FOOTPRINT.name, symbol=tables[0].symbol)
    }
    wanted = {
        one.session: (one.session, one.levels["timeframe"], one.stats["bucket"]) for one in tables
    }
    return {session: there[key] for session, key in wanted.items() if key in there}


def _missing(
    name: str, timeframe: str | None, there: list[str], found: list[Entry]
) -> TableMissingError:
    """Say which contracts there are."""
    lengths = ", ".join(sorted({entry.levels["timeframe"] for entry in found}))
    return TableMissingError(
        asked=f"contract {name[:60]!r}" + (f" at {timeframe}" if timeframe else ""),
        found=f"it is there at {lengths}" if found else f"there are {', '.join(there) or 'none'}",
        remedy=f"Make its sessions first: quant materialize {CONTRACT_TABLE.name}",
    )
