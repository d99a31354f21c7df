"""Cleaned ticks of a session: of the active contract alone."""

import polars as pl

from quant_assets.market.instruments import AssetClass
from quant_assets.ticks.cleaning import clean_ticks
from quant_assets.ticks.schema import CLEAN_TICKS, QUARANTINE
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import nothing_landed
from quant_assets.workflows.recipes.placement import check_placed, session_span
from quant_assets.workflows.recipes.roll_map import active_contract
from quant_assets.workflows.view import LakeView, versions


class CleanTicksRecipe:
    """Landed trades after the cleaning rules, in time order, with the aggressor side told."""

    asset = "clean_ticks"
    upstream = ("roll_map",)
    tables = (CLEAN_TICKS,)
    modules = (__name__, "quant_assets.ticks.cleaning")

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the landed ticks of the contract that the roll map names."""
        if not view.of_symbol("raw_ticks", key.symbol):
            return NotDue(Status.NOT_DUE, "no ticks were landed")
        landed = view.at("raw_ticks", key.symbol, key.session)
        if not landed:
            if view.at("raw_bars", key.symbol, key.session):
                return NotDue(Status.NOT_DUE, "bars were landed for this session, no ticks")
            return nothing_landed(view, key)
        inputs: dict[str, str] = {}
        contract = None
        if view.workspace.instrument(key.symbol).asset_class is AssetClass.FUTURE:
            decided = active_contract(view, key.symbol, key.session)
            if decided is None:
                return NotDue(Status.MISSING, "the roll map holds no row for this session")
            contract = decided.stats["contract"]
            inputs = versions([decided])
            landed = [entry for entry in landed if entry.levels.get("contract") == contract]
        if not landed:
            return NotDue(Status.MISSING, f"no ticks of the active contract {contract}")
        return Plan(
            inputs=inputs | versions(landed),
            parameters={"session": session_span(view, key)},
            payload=(landed[0], contract),
            origin=landed[0].origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Clean them; what breaks a rule goes to quarantine."""
        entry, contract = plan.payload
        ticks = view.read(entry)
        check_placed(entry, ticks["ts"], plan.parameters["session"])
        cleaned = clean_ticks(
            ticks, contract=contract, instrument=view.workspace.instrument(key.symbol)
        )
        aside = cleaned.set_aside.with_columns(
            session=pl.lit(key.session), file_sha256=pl.lit(entry.data_version)
        )
        levels = {"table": self.asset, "symbol": key.symbol}
        volume = float(cleaned.frame["qty"].sum())
        counts = {"ticks_landed": float(entry.rows), "ticks_set_aside": float(aside.height)}
        counts |= {f"side_by_{method}": float(n) for method, n in sorted(cleaned.sides.items())}
        return Made(
            (MadeFile(CLEAN_TICKS, {"symbol": key.symbol}, cleaned.frame, {"volume": volume}),),
            counts=counts | {"out_of_order": float(cleaned.disorder)},
            set_aside=(MadeFile(QUARANTINE, levels, aside),) if aside.height else (),
        )
