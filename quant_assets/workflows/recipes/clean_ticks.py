"""Cleaned ticks of a session: of the active contract alone."""

import polars as pl

from quant_assets.market.instruments import AssetClass
from quant_assets.market.tick_size import check_tick_size
from quant_assets.ticks.cleaning import Cleaned, clean_ticks, stated_step
from quant_assets.ticks.schema import CLEAN_TICKS, QUARANTINE, SIDE_METHODS
from quant_assets.ticks.thresholds import Thresholds
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
    modules = (
        __name__,
        "quant_assets.workflows.recipes.placement",
        "quant_assets.ticks.cleaning",
    )
    is_parallel = True
    """No session's ticks depend on another's, so that several may be cleaned at once."""
    shares = ("side_by_",)
    """Counts of which a run tells the shares too."""

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
        thresholds = thresholds_of(view)
        return Plan(
            inputs=inputs | versions(landed),
            parameters={
                "session": session_span(view, key),
                "cleaning": thresholds.to_json(),
                "price_step": stated_step(view.workspace.instrument(key.symbol)),
            },
            payload=(landed[0], contract, thresholds),
            origin=landed[0].origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Clean them; what breaks a rule goes to quarantine."""
        entry, contract, thresholds = plan.payload
        ticks = view.read(entry)
        span = plan.parameters["session"]
        check_placed(entry, ticks["ts"], span, tolerated=thresholds.misplaced_share)
        if step := plan.parameters["price_step"]:
            check_tick_size(ticks.filter(pl.col("qty") > 0)["price"].to_numpy(), step)
        cleaned = clean_ticks(
            ticks,
            contract=contract,
            instrument=view.workspace.instrument(key.symbol),
            thresholds=thresholds,
            span=span,
        )
        aside = cleaned.set_aside.with_columns(
            session=pl.lit(key.session), file_sha256=pl.lit(entry.data_version)
        )
        levels = {"table": self.asset, "symbol": key.symbol}
        volume = float(cleaned.frame["qty"].sum())
        return Made(
            (MadeFile(CLEAN_TICKS, {"symbol": key.symbol}, cleaned.frame, {"volume": volume}),),
            counts={"ticks_landed": float(entry.rows), **_counts(cleaned)},
            set_aside=(MadeFile(QUARANTINE, levels, aside),) if aside.height else (),
        )


def thresholds_of(view: LakeView) -> Thresholds:
    """Return the bounds of the cleaning rules, from the settings."""
    return Thresholds(**view.workspace.settings.cleaning.model_dump())


def _counts(cleaned: Cleaned) -> dict[str, float]:
    """Return what cleaning counted: set aside by rule, flagged, and sides by method."""
    counts = {
        "ticks_set_aside": cleaned.set_aside.height,
        "out_of_order": cleaned.disorder,
        "level_shifts": cleaned.level_shifts,
    }
    counts |= {f"set_aside_{rule}": n for rule, n in cleaned.broken.items()}
    counts |= cleaned.flagged
    counts |= {f"side_by_{name}": cleaned.sides.get(name, 0) for name in SIDE_METHODS}
    return {name: float(n) for name, n in counts.items()}
