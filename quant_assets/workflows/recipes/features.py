"""Features of a session: its bars and as many before as the longest look-back needs."""

from quant_assets.features.catalog import Catalog
from quant_assets.features.schema import features_table
from quant_assets.features.standard import standard_catalog
from quant_assets.features.window import compute_features, required_look_back_bars
from quant_assets.market.timeframes import Timeframe
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.recipes.neighbours import bars_before, research_bars, stacked
from quant_assets.workflows.view import LakeView, versions


class FeaturesRecipe:
    """The catalogue's features on the research timeframe."""

    asset = "features"
    upstream = ("bars",)
    tables = (features_table(),)
    modules = (__name__, "quant_assets.features.window", "quant_assets.features.standard")

    def __init__(self, catalog: Catalog | None = None) -> None:
        self.catalog = catalog or standard_catalog()

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Take the session's bars and those of the look-back."""
        here = research_bars(view, key.symbol, key.session)
        if here is None:
            return NotDue(Status.NOT_DUE, "no bars")
        names = view.workspace.settings.member(key.symbol).features
        timeframe = Timeframe.parse(here.levels["timeframe"])
        needed = required_look_back_bars(names, timeframe, catalog=self.catalog)
        before = bars_before(view, here, needed)
        return Plan(
            inputs=before.inputs | versions([here]),
            parameters={"timeframe": timeframe.name, "features": list(names) if names else None},
            needs=before.needs(key.symbol),
            payload=((*before.entries, here), timeframe, names),
            origin=here.origin,
        )

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Compute them on the session's window."""
        entries, timeframe, names = plan.payload
        frame = compute_features(
            stacked(view, entries),
            session=key.session,
            timeframe=timeframe,
            names=names,
            catalog=self.catalog,
        )
        levels = {"timeframe": timeframe.name, "symbol": key.symbol}
        table = features_table(names, catalog=self.catalog)
        nulls = sum(frame[name].null_count() for name in frame.columns[2:])
        cells = max(1, frame.height * (frame.width - 2))
        return Made(
            (MadeFile(table, levels, frame, {"null_share": nulls / cells}),),
            counts={"feature_cells": cells, "feature_nulls": nulls},
        )
