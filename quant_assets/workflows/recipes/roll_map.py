"""The roll map of a futures root: one row a session, from the volumes of what was landed."""

from collections import defaultdict
from datetime import date
from math import fsum

import polars as pl

from quant_assets.lineage.fingerprint import digest_of
from quant_assets.lineage.records import Origin
from quant_assets.market.instruments import AssetClass
from quant_assets.storage.index import Entry
from quant_assets.ticks.roll_map import DateBasis, build_roll_map, date_bounds
from quant_assets.ticks.schema import ROLL_MAP
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import nothing_landed
from quant_assets.workflows.view import LakeView


class RollMapRecipe:
    """Which contract is read on each session."""

    asset = "roll_map"
    upstream = ()
    tables = (ROLL_MAP,)
    modules = (__name__, "quant_assets.ticks.roll_map")

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the volumes of all sessions up to this one: a row depends on nothing later."""
        if view.workspace.instrument(key.symbol).asset_class is not AssetClass.FUTURE:
            return NotDue(Status.NOT_DUE, "no futures root")
        roll = view.workspace.settings.roll
        volumes = landed_volumes(view, key.symbol, DateBasis(roll.date_basis))
        until = volumes.filter(pl.col("date") <= key.session)
        if not (until["date"] == key.session).any():
            return nothing_landed(view, key)
        rows = until.select(pl.col("date").cast(pl.String), "contract", "volume").rows()
        landed = landed_by_contract(view, key.symbol, key.session)
        return Plan(
            inputs={f"landed_volumes/root={key.symbol}/{key.session}": digest_of(rows)},
            parameters={"mode": roll.mode, "date_basis": roll.date_basis},
            payload=until,
            origin=Origin.of(entry.origin for entry in landed.values()),
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Build the map up to the session and keep its row."""
        mode, basis = plan.parameters["mode"], plan.parameters["date_basis"]
        calendar = view.workspace.calendar(key.symbol)
        roll_map = build_roll_map(
            plan.payload,
            mode=mode,
            bounds=date_bounds(DateBasis(basis), bounds=calendar.bounds),
            sessions_after=calendar.next,
            business_days=view.workspace.calendars["XNYS"],
        )
        row = roll_map.filter(pl.col("date") == key.session)
        levels = {"root": key.symbol, "mode": mode, "date_basis": basis}
        stats = {"contract": row["contract"].item(), "rolled": row["rolled"].item()}
        return Made(
            (MadeFile(ROLL_MAP, levels, row, stats),), counts={"rolls": int(stats["rolled"])}
        )


def active_contract(view: LakeView, symbol: str, session: date) -> Entry | None:
    """Return the roll map's row for a session as its index entry; `stats` names the contract."""
    roll = view.workspace.settings.roll
    found = view.at(ROLL_MAP.name, symbol, session, mode=roll.mode, date_basis=roll.date_basis)
    return found[0] if found else None


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
    sessions = sorted({*view.sessions("raw_bars", root), *view.sessions("raw_ticks", root)})
    parts: dict[tuple[date, str], list[float]] = defaultdict(list)
    for session in sessions:
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
