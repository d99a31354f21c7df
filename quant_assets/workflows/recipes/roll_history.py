"""What a root's roll map goes by: landed volumes, open interest and expiries, read once."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import fsum

import polars as pl

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.market.contracts import expiry_date, parse_contract
from quant_assets.storage.index import Entry
from quant_assets.ticks.open_interest import STATISTICS, daily_open_interest
from quant_assets.ticks.roll_dates import DateBasis, date_bounds, dates_of
from quant_assets.ticks.roll_map import decide_rolls
from quant_assets.ticks.roll_modes import RollMode
from quant_assets.ticks.schema import RAW_DEFINITIONS
from quant_assets.workflows.recipes.neighbours import LANDED_TABLES, bar_length, landed_sessions
from quant_assets.workflows.view import LakeView

_TABLES = (*LANDED_TABLES, RAW_DEFINITIONS.name)

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


@dataclass(frozen=True)
class RollRule:
    """The settings that a row of the map depends on."""

    mode: RollMode
    basis: DateBasis
    days: int | None
    """Sessions before expiry; None in modes that take no number."""

    @classmethod
    def of(cls, view: LakeView) -> "RollRule":
        """Return the rule of the settings."""
        roll = view.workspace.settings.roll
        mode = RollMode(roll.mode)
        days = roll.days_before_expiry if mode is RollMode.DAYS_BEFORE_EXPIRY else None
        return cls(mode, DateBasis(roll.date_basis), days)


def roll_rows(view: LakeView, root: str, rule: RollRule) -> pl.DataFrame:
    """Return `decide_rolls` of all dates of a root, anew only where its history has changed.

    A row depends on nothing later than its date, so it is that of a map up to its date.
    """

    def build() -> pl.DataFrame:
        calendar = view.workspace.calendar(root)
        by_interest = rule.mode is RollMode.OPEN_INTEREST
        return decide_rolls(
            roll_history(view, root, rule.basis).volumes,
            mode=rule.mode,
            bounds=date_bounds(rule.basis, bounds=calendar.bounds),
            sessions_after=calendar.next,
            business_days=view.workspace.calendars[BUSINESS_DAYS],
            days=rule.days,
            open_interest=interest_history(view, root, rule.basis).rows if by_interest else None,
        )

    return view.remembered(("roll_rows", rule), _TABLES, root, build)


@dataclass(frozen=True)
class InterestHistory:
    """The open interest of a root on the dates of its map.

    Parameters
    ----------
    rows
        Columns contract, date and open_interest, by date and contract.
    versions
        Date of the map to the version of the open interest of all dates before it.
    """

    rows: pl.DataFrame
    versions: dict[date, str]


def interest_history(view: LakeView, root: str, basis: DateBasis) -> InterestHistory:
    """Return the open interest of a root, read anew only where its landed data has changed.

    It opens the landed statistics, which the index knows by no figure: once for a range, and only
    in the mode that goes by them.
    """

    def read() -> InterestHistory:
        days = roll_history(view, root, basis).versions
        rows = landed_open_interest(view, root, basis).filter(pl.col("date").is_in(list(days)))
        return InterestHistory(rows, dict(_versions_before(list(days), rows)))

    return view.remembered(("interest_history", basis), _TABLES, root, read)


def landed_open_interest(view: LakeView, root: str, basis: DateBasis) -> pl.DataFrame:
    """Return the last open interest of each contract on each date, by date and contract."""
    columns = ("ts", "raw_symbol", "kind", "payload")
    frames = []
    for session in view.sessions(RAW_DEFINITIONS.name, root):
        for entry in view.at(RAW_DEFINITIONS.name, root, session):
            rows = view.read(entry, columns).filter(pl.col("kind") == STATISTICS)
            if basis is DateBasis.SESSION:
                dates = pl.repeat(session, rows.height, dtype=pl.Date, eager=True)
            else:
                dates = dates_of(rows["ts"], basis, assign=view.workspace.calendar(root).assign)
            frames.append(rows.with_columns(dates.alias("date")))
    empty = RAW_DEFINITIONS.empty().select(pl.col("session").alias("date"), *columns)
    return daily_open_interest(pl.concat([empty.select(*columns, "date"), *frames]))


def _versions_before(days: list[date], rows: pl.DataFrame) -> Iterator[tuple[date, str]]:
    """Yield each date with the version of the open interest of all dates before it."""
    by_day = {day: own for (day,), own in rows.group_by("date")}
    version = ""
    for day in days:
        yield day, version
        if day in by_day:
            own = by_day[day].select("contract", "open_interest").rows()
            version = digest_of([version, str(day), own])


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
    bars = sorted(view.at("raw_bars", root, session), key=bar_length, reverse=True)
    landed = (*bars, *view.at("raw_ticks", root, session))
    by_contract = ((entry.levels.get("contract"), entry) for entry in landed)
    return {contract: entry for contract, entry in by_contract if contract}


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
