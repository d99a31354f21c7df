"""The roll map of a futures root: one row a session, from the volumes of what was landed."""

from datetime import date

import polars as pl

from quant_assets.lineage.records import Origin
from quant_assets.market.instruments import AssetClass
from quant_assets.storage.index import Entry
from quant_assets.ticks.roll_map import BOOTSTRAP_SESSIONS, DateBasis
from quant_assets.ticks.schema import ROLL_MAP
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import nothing_landed
from quant_assets.workflows.recipes.roll_history import (
    landed_by_contract,
    roll_history,
    roll_rows,
)
from quant_assets.workflows.view import LakeView


class RollMapRecipe:
    """Which contract is read on each session."""

    asset = "roll_map"
    upstream = ()
    tables = (ROLL_MAP,)
    modules = (
        __name__,
        "quant_assets.workflows.recipes.roll_history",
        "quant_assets.ticks.roll_map",
    )

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the volumes of all sessions up to this one: a row depends on nothing later."""
        if view.workspace.instrument(key.symbol).asset_class is not AssetClass.FUTURE:
            return NotDue(Status.NOT_DUE, "no futures root")
        roll = view.workspace.settings.roll
        history = roll_history(view, key.symbol, DateBasis(roll.date_basis))
        version = history.versions.get(key.session)
        if version is None:
            return nothing_landed(view, key)
        landed = landed_by_contract(view, key.symbol, key.session)
        return Plan(
            inputs={f"landed_volumes/root={key.symbol}/{key.session}": version},
            parameters={
                "mode": roll.mode,
                "date_basis": roll.date_basis,
                "sessions": _sessions_version(view, key, history.first),
                "expiries": history.expiries_until(key.session),
            },
            origin=Origin.of(entry.origin for entry in landed.values()),
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Take the session's row of the map."""
        mode, basis = plan.parameters["mode"], plan.parameters["date_basis"]
        rows = roll_rows(view, key.symbol, mode=mode, basis=DateBasis(basis))
        row = rows.filter(pl.col("date") == key.session)
        levels = {"root": key.symbol, "mode": mode, "date_basis": basis}
        stats = {"contract": row["contract"].item(), "rolled": row["rolled"].item()}
        return Made(
            (MadeFile(ROLL_MAP, levels, row, stats),), counts={"rolls": int(stats["rolled"])}
        )


def _sessions_version(view: LakeView, key: Key, first: date) -> str:
    """Return the version of the sessions that a map up to a date, and its start, go by."""
    calendar = view.workspace.calendar(key.symbol)
    after = calendar.next(key.session, BOOTSTRAP_SESSIONS)
    return calendar.version(first, [key.session, *after][-1])


def active_contract(view: LakeView, symbol: str, session: date) -> Entry | None:
    """Return the roll map's row for a session as its index entry; `stats` names the contract."""
    roll = view.workspace.settings.roll
    found = view.at(ROLL_MAP.name, symbol, session, mode=roll.mode, date_basis=roll.date_basis)
    return found[0] if found else None
