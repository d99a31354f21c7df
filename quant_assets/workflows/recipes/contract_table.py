"""The flat table of a session: bars, order flow and levels side by side, and their context."""

from dataclasses import asdict

from quant_assets.bars.footprint_schema import FOOTPRINT_BARS
from quant_assets.contracts.flatten import flatten_session
from quant_assets.contracts.schema import CONTRACT_TABLE, LEVEL_COLUMNS
from quant_assets.levels.schema import LEVELS
from quant_assets.market.tick_size import price_name
from quant_assets.market.timeframes import Timeframe
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.contract_sessions import period_of, sessions_before
from quant_assets.workflows.recipes.footprint import footprint_of, tick_units
from quant_assets.workflows.recipes.neighbours import research_bars
from quant_assets.workflows.view import LakeView, versions, versions_or_absent


class ContractTableRecipe:
    """One row a bar of the research timeframe, with all that is known at its end."""

    asset = "contract_table"
    upstream = ("bars", "footprint", "levels")
    tables = (CONTRACT_TABLE,)
    modules = (
        __name__,
        "quant_assets.workflows.recipes.contract_sessions",
        "quant_assets.contracts.flatten",
    )

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's three tables, and the totals of its week's and contract's sessions."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        before = sessions_before(view, here)
        if before is None:
            return NotDue(Status.MISSING, "bars of the contract tell no totals: make them anew")
        tick = tick_units(view, key.symbol)
        flow = footprint_of(view, FOOTPRINT_BARS.name, here, tick)
        levels = _levels_of(view, here)
        sides = {FOOTPRINT_BARS.name: flow, LEVELS.name: levels}
        inputs = before.inputs | versions([here])
        for table, entry in sides.items():
            found = [entry] if entry else []
            inputs |= versions_or_absent(table, key.symbol, key.session, found)
        return Plan(
            inputs=inputs,
            parameters={
                "timeframe": here.levels["timeframe"],
                "period": period_of(here),
                "next_start": view.workspace.calendar(key.symbol).bounds(key.session).next_start_ns,
                "bucket": price_name(tick) if flow else None,
                # A data version covers a file's rows, but not the statistics beside it.
                "week": asdict(before.week),
                "contract": asdict(before.contract),
            },
            needs=before.needs,
            payload=(here, flow, levels, before),
            origin=here.origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Join them, and run the context on."""
        here, flow, levels, before = plan.payload
        frame = flatten_session(
            view.read(here),
            timeframe=Timeframe.parse(plan.parameters["timeframe"]),
            next_start_ns=plan.parameters["next_start"],
            order_flow=view.read(flow) if flow else None,
            levels=view.read(levels) if levels else None,
            week=before.week,
            contract=before.contract,
        )
        stats = {
            "contract": here.stats["contract"],
            "period": plan.parameters["period"],
            "bucket": plan.parameters["bucket"],
        }
        hive = {"timeframe": here.levels["timeframe"], "symbol": key.symbol}
        return Made(
            (MadeFile(CONTRACT_TABLE, hive, frame, stats),),
            counts={
                "bars": frame.height,
                "bars_without_order_flow": frame["delta"].null_count(),
                "level_cells_null": sum(frame[name].null_count() for name in LEVEL_COLUMNS),
            },
        )


def _levels_of(view: LakeView, here: Entry) -> Entry | None:
    """Return the levels of a session's research bars, or None where they are not made."""
    found = view.at(LEVELS.name, here.symbol, here.day, timeframe=here.levels["timeframe"])
    return found[0] if found else None
