"""The roll map of a futures root: one row a session, from the volumes of what was landed."""

from datetime import date

import polars as pl

from quant_assets.lineage.records import ABSENT, Origin
from quant_assets.market.instruments import AssetClass
from quant_assets.storage.index import Entry
from quant_assets.ticks.expiries import BOOTSTRAP_SESSIONS
from quant_assets.ticks.roll_map import RESTS_ON
from quant_assets.ticks.roll_modes import Grounds, RollMode
from quant_assets.ticks.schema import ROLL_MAP
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import nothing_landed
from quant_assets.workflows.recipes.roll_history import (
    RollRule,
    interest_history,
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
        "quant_assets.ticks.open_interest",
    )

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the volumes of all sessions up to this one: a row depends on nothing later."""
        if view.workspace.instrument(key.symbol).asset_class is not AssetClass.FUTURE:
            return NotDue(Status.NOT_DUE, "no futures root")
        rule = RollRule.of(view)
        history = roll_history(view, key.symbol, rule.basis)
        version = history.versions.get(key.session)
        if version is None:
            return nothing_landed(view, key)
        landed = landed_by_contract(view, key.symbol, key.session)
        days = {} if rule.days is None else {"days": rule.days}
        return Plan(
            inputs={
                f"landed_volumes/root={key.symbol}/{key.session}": version,
                **_interest_version(view, key, rule),
            },
            parameters={
                "mode": rule.mode.value,
                "date_basis": rule.basis.value,
                **days,
                "sessions": _sessions_version(view, key, history.first, rule),
                "expiries": history.expiries_until(key.session),
            },
            payload=rule,
            origin=Origin.of(entry.origin for entry in landed.values()),
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Take the session's row of the map."""
        rule: RollRule = plan.payload
        row = roll_rows(view, key.symbol, rule).filter(pl.col("date") == key.session)
        levels = {"root": key.symbol, "mode": rule.mode.value, "date_basis": rule.basis.value}
        stats = {name: row[name].item() for name in ("contract", "rolled", RESTS_ON)}
        counts = {"rolls": int(stats["rolled"])}
        if rule.mode is RollMode.OPEN_INTEREST:
            counts["without_open_interest"] = int(stats[RESTS_ON] == Grounds.VOLUME)
        files = (MadeFile(ROLL_MAP, levels, row.drop(RESTS_ON), stats),)
        return Made(files, counts=counts)


def _interest_version(view: LakeView, key: Key, rule: RollRule) -> dict[str, str]:
    """Return the open interest as an input, where the mode goes by it."""
    if rule.mode is not RollMode.OPEN_INTEREST:
        return {}
    version = interest_history(view, key.symbol, rule.basis).versions[key.session]
    return {f"landed_open_interest/root={key.symbol}/{key.session}": version or ABSENT}


def _sessions_version(view: LakeView, key: Key, first: date, rule: RollRule) -> str:
    """Return the version of the sessions that a map up to a date, and its start, go by."""
    calendar = view.workspace.calendar(key.symbol)
    reach = BOOTSTRAP_SESSIONS if rule.days is None else rule.days
    after = calendar.next(key.session, reach)
    return calendar.version(first, [key.session, *after][-1])


def active_contract(view: LakeView, symbol: str, session: date) -> Entry | None:
    """Return the roll map's row for a session as its index entry; `stats` names the contract."""
    roll = view.workspace.settings.roll
    found = view.at(ROLL_MAP.name, symbol, session, mode=roll.mode, date_basis=roll.date_basis)
    return found[0] if found else None
