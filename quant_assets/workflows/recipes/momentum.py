"""The momentum index: one row a session from its bars, its halts and twenty sessions before."""

from quant_assets.market.instruments import AssetClass
from quant_assets.market.timeframes import Timeframe
from quant_assets.momentum.days import scan_day
from quant_assets.momentum.halts import count_halts
from quant_assets.momentum.schema import MOMENTUM_DAYS
from quant_assets.storage.index import Entry
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import BARS, LANDED_TABLES, research_bars
from quant_assets.workflows.view import LakeView, versions, versions_or_absent

LOOK_BACK_SESSIONS = 20


class MomentumDaysRecipe:
    """Range, volume against its average, halts and class of each day."""

    asset = "momentum_days"
    upstream = ("bars",)
    tables = (MOMENTUM_DAYS,)
    modules = (__name__, "quant_assets.momentum.days", "quant_assets.momentum.halts")

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's bars and status records, and the volumes of the sessions before."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        calendar = view.workspace.calendar(key.symbol)
        previous: list[Entry] = []
        inputs: dict[str, str] = {}
        days = calendar.previous(key.session, LOOK_BACK_SESSIONS)
        for session in days:
            entry = research_bars(view, key.symbol, session)
            previous += [entry] if entry else []
            inputs |= versions_or_absent(BARS, key.symbol, session, [entry] if entry else [])
        status = view.at("raw_status", key.symbol, key.session)
        inputs |= versions_or_absent("raw_status", key.symbol, key.session, status)
        landed = [e for t in LANDED_TABLES for e in view.at(t, key.symbol, key.session)]
        return Plan(
            inputs=inputs | versions([here]),
            parameters={
                "landed": sorted(entry.path for entry in landed),
                "regular_hours": self._regular_hours(view, key),
            },
            needs=tuple((BARS, Key(key.symbol, session)) for session in days),
            payload=(here, previous, status),
            origin=here.origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Scan the day."""
        here, previous, status = plan.payload
        halts = sum(count_halts(view.read(entry)) for entry in status)
        row = scan_day(
            view.read(here),
            timeframe=Timeframe.parse(here.levels["timeframe"]),
            previous_volumes=[float(entry.stats["volume"]) for entry in previous],
            halts=halts,
            landed_paths=plan.parameters["landed"],
            previous_close=self._previous_close(view, here, previous),
            regular_hours=plan.parameters["regular_hours"],
        )
        momentum = float(row["day_class"].item() != "ordinary")
        stats = {"range_pct": row["range_pct"].item(), "day_class": row["day_class"].item()}
        return Made(
            (MadeFile(MOMENTUM_DAYS, {"symbol": key.symbol}, row, stats),),
            counts={"momentum_days": momentum, "halts": float(halts)},
        )

    def _regular_hours(self, view: LakeView, key: Key) -> tuple[int, int] | None:
        """Return the regular hours of a market that has some inside its session, as ns."""
        if view.workspace.instrument(key.symbol).asset_class is not AssetClass.EQUITY:
            return None
        bounds = view.workspace.calendar(key.symbol).bounds(key.session)
        return bounds.open_ns, bounds.close_ns

    def _previous_close(self, view: LakeView, here: Entry, previous: list[Entry]) -> float | None:
        """Return the close before, unless another contract's: a roll is no gap."""
        if not previous or previous[-1].stats["contract"] != here.stats["contract"]:
            return None
        return float(view.read(previous[-1])["close"][-1])
