"""What a root's roll map goes by: landed volumes and expiries, read once for all its sessions."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import fsum

import polars as pl

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.contracts import expiry_date, parse_contract
from quant_assets.storage.index import Entry
from quant_assets.ticks.roll_map import DateBasis, build_roll_map, date_bounds
from quant_assets.workflows.recipes.neighbours import LANDED_TABLES, landed_sessions
from quant_assets.workflows.view import LakeView

BUSINESS_DAYS = "XNYS"
"""Calendar by which contracts expire: CME also holds short sessions on US holidays."""


@dataclass(frozen=True)
class RollHistory:
    """The volumes of a root by date and contract, and what a map up to a date goes by.

    Parameters
    ----------
    volumes
        Columns contract, date and volume, by date and contract.
    versions
        Date to the version of all volumes up to it.
    expiries
        Contract to the first date with volume, and to its expiry; in the order of the codes.
    """

    volumes: pl.DataFrame
    versions: dict[date, str]
    expiries: dict[str, tuple[date, str]]

    @property
    def first(self) -> date:
        """First date with volume."""
        return next(iter(self.versions))

    def expiries_until(self, day: date) -> dict[str, str]:
        """Return when each contract expires that has traded up to a date."""
        return {code: expiry for code, (first, expiry) in self.expiries.items() if first <= day}


def roll_history(view: LakeView, root: str, basis: DateBasis) -> RollHistory:
    """Return the history of a root, read anew only where its landed data has changed."""

    def read() -> RollHistory:
        volumes = landed_volumes(view, root, basis)
        first = volumes.group_by("contract").agg(pl.col("date").min()).sort("contract")
        return RollHistory(volumes, dict(_versions(volumes)), _expiries(view, dict(first.rows())))

    return view.remembered(("roll_history", basis), LANDED_TABLES, root, read)


def roll_rows(view: LakeView, root: str, *, mode: str, basis: DateBasis) -> pl.DataFrame:
    """Return the roll map of all dates of a root, built anew only where its history has changed.

    A row depends on nothing later than its date, so it is that of a map up to its date.
    """

    def build() -> pl.DataFrame:
        calendar = view.workspace.calendar(root)
        return build_roll_map(
            roll_history(view, root, basis).volumes,
            mode=mode,
            bounds=date_bounds(basis, bounds=calendar.bounds),
            sessions_after=calendar.next,
            business_days=view.workspace.calendars[BUSINESS_DAYS],
        )

    return view.remembered(("roll_rows", mode, basis), LANDED_TABLES, root, build)


def _versions(volumes: pl.DataFrame) -> Iterator[tuple[date, str]]:
    """Yield each date with the version of the volumes up to it: of those before, and its own."""
    version = ""
    for (day,), rows in volumes.group_by("date", maintain_order=True):
        version = digest_of([version, str(day), rows.select("contract", "volume").rows()])
        yield day, version


def _expiries(view: LakeView, first: dict[str, date]) -> dict[str, tuple[date, str]]:
    """Return each contract with its first date and its expiry."""
    days = view.workspace.calendars[BUSINESS_DAYS]
    return {
        code: (day, expiry_date(parse_contract(code), business_days=days).isoformat())
        for code, day in first.items()
    }


def landed_by_contract(view: LakeView, root: str, session: date) -> dict[str, Entry]:
    """Return what speaks for each contract's volume: its ticks, else its finest bars."""
    chosen: dict[str, Entry] = {}
    for table in ("raw_bars", "raw_ticks"):
        for entry in reversed(view.at(table, root, session)):
            if contract := entry.levels.get("contract"):
                chosen[contract] = entry
    return chosen


def landed_volumes(view: LakeView, root: str, basis: DateBasis) -> pl.DataFrame:
    """Return contract, date and volume of all landed sessions of a root, by date and contract.

    A session's volume is the sum of its rows; by another basis its rows fall on several dates.
    Contracts that did not trade on a date have no row.
    """
    parts: dict[tuple[date, str], list[float]] = defaultdict(list)
    for session in landed_sessions(view, root):
        for contract, entry in landed_by_contract(view, root, session).items():
            for day, volume in _volumes_of(entry, basis):
                parts[day, contract].append(volume)
    rows = [(contract, day, fsum(found)) for (day, contract), found in sorted(parts.items())]
    schema = {"contract": pl.String, "date": pl.Date, "volume": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col("volume") > 0)


def _volumes_of(entry: Entry, basis: DateBasis) -> list[tuple[date, float]]:
    """Return the volume of one landed file by date."""
    if basis is DateBasis.SESSION:
        return [(entry.day, float(entry.stats["volume"]))]
    by_date = entry.stats["volume_by_date"][basis.value]
    return [(date.fromisoformat(text), float(volume)) for text, volume in sorted(by_date.items())]
